"""Recipe: a TOML file -> a Recommender. A wrong key is refused by name, with its line."""

from __future__ import annotations

import dataclasses
import difflib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from zhiyin.errors import SettingError
from zhiyin.part import settings_of
from zhiyin.parts import class_of, stage_of
from zhiyin.recommender import Recommender, Shelf
from zhiyin.stages import Encoder

TOP = (
    "name",
    "requests",
    "events",
    "encode",
    "retrieve",
    "filter",
    "rank",
    "value",
    "rerank",
    "explain",
    "shelf",
    "seen",
)


GONE = {
    "minutes": " Training no longer stops by the clock: say steps, how many batches are learned from at most.",
    "unobserved": " It was the weight of one pair as a zero; say zeros, the weight of all items together: unobserved · items.",
}
"""Keys that recipes of earlier days may hold, and what to say now."""


@dataclass(frozen=True)
class Recipe:
    """What to build: event weights, encoders by vector space, and the recommender with its parts.

    text is the TOML it was read from; a saved version keeps it.
    """

    name: str
    recommender: Recommender
    events: Mapping[str, Any] = field(default_factory=dict)
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    text: str = ""


def load_recipe(which: str, allowed: Sequence[str] | None = None) -> Recipe:
    """A recipe by name (one of ours), by file, or a single retriever's name alone. allowed: see parts.class_of.

    Raises SettingError.
    """
    path = Path(which)
    if path.suffix == ".toml":
        if not path.is_file():
            raise SettingError(f"recipe {which}: no such file")
        return read_recipe(path.read_text(), str(path), allowed)
    ours = resources.files("zhiyin") / "recipes" / f"{which}.toml"
    if ours.is_file():
        return read_recipe(ours.read_text(), f"recipe '{which}'")
    if stage_of(which) == "retrieve":
        return read_recipe(f'name = "{which}"\n[[retrieve]]\nuse = "{which}"\n', f"part '{which}'")
    raise SettingError(
        f"no recipe or retriever is called '{which}'; recipes: {', '.join(recipe_names())}; or give a .toml file"
    )


def recipe_names() -> list[str]:
    """The names of the recipes that ship with Zhiyin."""
    folder = resources.files("zhiyin") / "recipes"
    return sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml"))


def read_recipe(text: str, where: str = "recipe", allowed: Sequence[str] | None = None) -> Recipe:
    """A recipe from TOML text. allowed: see parts.class_of.

    Raises SettingError that names the key, its line and the nearest known key.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{where}: not valid TOML: {error}") from error
    reader = _Reader(text, where, allowed)
    reader.check_keys(document, TOP, "")
    retrieve, per_source = reader.sources(document.get("retrieve", []))
    encoders = {
        space: reader.part(table, f"encode.{space}", "encode") for space, table in document.get("encode", {}).items()
    }
    rank = reader.parts(document.get("rank", []), "rank")
    hides = {"hides": document["seen"]} if "seen" in document else {}
    recommender = Recommender(
        retrieve=retrieve,
        filter=reader.part({"use": "allowed", **document.get("filter", {}), **hides}, "filter", "filter"),
        rank=rank,
        rerank=reader.parts(document.get("rerank", []), "rerank"),
        explain=reader.parts(document.get("explain", []), "explain"),
        shelves={name: reader.shelf(name, table) for name, table in document.get("shelf", {}).items()},
        encoders=encoders,
        per_source=per_source,
        requests=reader.requests(document.get("requests", 8_000)),
        value=reader.value(document.get("value", {}), rank),
    )
    return Recipe(document.get("name", where), recommender, document.get("events", {}), encoders, text)


class _Reader:
    """Builds parts from tables and says where a wrong key stands."""

    def __init__(self, text: str, where: str, allowed: Sequence[str] | None = None) -> None:
        self.lines = text.splitlines()
        self.where = where
        self.allowed = allowed

    def line_of(self, key: str, value: Any = None) -> str:
        """The line a key stands on, searched in the text since tomllib keeps no positions."""
        numbers = [number for number, line in enumerate(self.lines, 1) if _names(line.strip(), key)]
        return f", line {numbers[0]}" if numbers else ""

    def requests(self, value: Any) -> int:
        """How many requests rankers learn from."""
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise SettingError(
                f"{self.where}{self.line_of('requests')}: requests = {value!r}: must be a whole number ≥ 1"
            )
        return value

    def value(self, table: Mapping[str, Any], rank: list[Any]) -> dict[str, float]:
        """Weights of what the last ranker predicts, or may predict once the data show it."""
        last = rank[-1:]
        self.check_keys(
            table, tuple(name for one in last for name in (*one.actions, *getattr(one, "heads", ()))), "value"
        )
        for name, weight in table.items():
            if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
                raise SettingError(f"{self.where}{self.line_of(name)}: [value] {name} = {weight!r}: must be a number")
        return {name: float(weight) for name, weight in table.items()}

    def check_keys(self, table: Mapping[str, Any], allowed: tuple[str, ...], table_name: str) -> None:
        """Refuse keys that are not allowed."""
        for key in table:
            if key not in allowed:
                near = difflib.get_close_matches(key, allowed, 1)
                hint = GONE.get(key) or (f" Did you mean '{near[0]}'?" if near else "")
                inside = f" in [{table_name}]" if table_name else ""
                raise SettingError(
                    f"{self.where}{self.line_of(key)}: unknown key '{key}'{inside}. Allowed: {', '.join(allowed)}.{hint}"
                )

    def part(self, table: Mapping[str, Any], where: str, stage: str, extra: tuple[str, ...] = ()) -> Any:
        """A part from its table."""
        if "use" not in table:
            raise SettingError(f'{self.where}: [{where}] needs use = "a part\'s name"')
        use = table["use"]
        if stage_of(use) not in (None, stage):
            raise SettingError(
                f"{self.where}{self.line_of('use')}: '{use}' belongs to [{stage_of(use)}], not to [{stage}]"
            )
        cls = class_of(use, self.allowed)
        if not dataclasses.is_dataclass(cls):
            raise SettingError(f"{self.where}: '{use}' is not a part: decorate its class with zhiyin.part.part")
        names = tuple(one.name for one in settings_of(cls))
        self.check_keys(table, ("use", *extra, *names), f"{where}: {use}")
        try:
            return cls(**{key: value for key, value in table.items() if key in names})
        except SettingError as error:
            key = str(error).split(" ")[0].rpartition(".")[2]
            raise SettingError(f"{self.where}{self.line_of(key)}: {error}") from error

    def parts(self, tables: list[Mapping[str, Any]], stage: str) -> list[Any]:
        """Parts from an array of tables."""
        return [self.part(table, stage, stage) for table in tables]

    def sources(self, tables: list[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, int]]:
        """Named retrievers, and how many candidates each gives."""
        found: dict[str, Any] = {}
        counts: dict[str, int] = {}
        for table in tables:
            part = self.part(table, "retrieve", "retrieve", extra=("name", "n"))
            name = table.get("name", table["use"])
            # The name becomes a folder of a saved version.
            if (
                not isinstance(name, str)
                or not re.fullmatch(r"[a-zA-Z0-9_:.-]+", name)
                or name[-1] in ":.-"
                or ".." in name
            ):
                raise SettingError(
                    f"{self.where}{self.line_of('name')}: name = {name!r}: use letters, digits, '_' and '-'"
                )
            count = table.get("n", 100)
            if not isinstance(count, int) or isinstance(count, bool) or count < 1:
                raise SettingError(
                    f"{self.where}{self.line_of('n')}: n = {count!r}: must be a whole number of at least 1"
                )
            if name in found:
                raise SettingError(f"{self.where}: two sources are called '{name}': give one of them name = \"…\"")
            found[name] = part
            counts[name] = count
        return found, counts

    def shelf(self, name: str, table: Mapping[str, Any]) -> Shelf:
        """A shelf from its table."""
        self.check_keys(table, ("sources", "rank", "rerank"), f"shelf.{name}")
        rerank = tuple(self.parts(table["rerank"], "rerank")) if "rerank" in table else None
        return Shelf(tuple(table.get("sources", ())), table.get("rank", True), rerank)


def _names(line: str, key: str) -> bool:
    """Whether a line of TOML sets a key, or opens a table whose name has it."""
    if line.startswith("["):
        return key in re.findall(r"[\w-]+", line.partition("]")[0])
    return line.partition("=")[0].strip(' "') == key
