"""Pack: the words of one domain, TOML beside the data. `general.toml`, the words of any shop, stands under every other.

A workspace names its pack in zhiyin.toml, `pack = "NAME"` for a built-in one, or a path to a file or folder of its own
(`pack.toml` in it). It travels with the catalogue (`Items.pack`), so that whoever reads a text has the words for it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from zhiyin.errors import SettingError

Words = tuple[str, ...]

GENERAL = "general"
"""The pack under every other one."""
INKS = ("garnet", "straw", "rose", "silver", "amber", "jade", "indigo", "plum", "slate")
"""The colours that the page draws labels in."""
PLACES = ("search", "chat")
"""Fields of the page that an example may stand in."""


@dataclass(frozen=True)
class Number:
    """What one kind of number is. columns: names that a catalogue may give it; the first that is there is meant.

    units: what stands behind the number ("%"). words: beginnings of words that stand near it ("alcohol"). near: how far
    "about 13" reaches on both sides, None for 15 % of it.
    """

    columns: Words = ()
    units: Words = ()
    words: Words = ()
    near: float | None = None

    def over(self, below: Number) -> Number:
        """This one, with what the one below it has besides."""
        return Number(
            _both(self.columns, below.columns), _both(self.units, below.units), _both(self.words, below.words),
            below.near if self.near is None else self.near,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Pack:
    """The words of one domain. Folded words (small letters, no accents) are compared with folded ones.

    name: of the pack, "" without one. currency: of prices that name none (ISO 4217), "" where it is unknown.
    nouns: what items are called, in any language ("book", "books"): no wish of their own. counted: other words that a
    count stands before ("two reads"). words: aliases, each with the values of the catalogue it stands for. labels: what
    attributes are called, by "language.attribute". called: words by which people name an attribute. scales: values that
    stand in an order, lowest first. relative: by attribute or number, words for less and words for more. numbers: what
    numbers may be about. telling: attributes that tell most of an item, most first. inks: the colour of the drawn label
    by a word of an item, of INKS. examples: what stands in an empty field of the page, by "language.field", of PLACES.
    """

    name: str = ""
    currency: str = ""
    nouns: Words = ()
    counted: Words = ()
    words: Mapping[str, Words] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    called: Mapping[str, Words] = field(default_factory=dict)
    scales: Mapping[str, Words] = field(default_factory=dict)
    relative: Mapping[str, tuple[Words, Words]] = field(default_factory=dict)
    numbers: Mapping[str, Number] = field(default_factory=dict)
    telling: Words = ()
    inks: Mapping[str, str] = field(default_factory=dict)
    examples: Mapping[str, str] = field(default_factory=dict)

    def over(self, below: Pack) -> Pack:
        """This pack, with what the one below it has besides; where both speak of the same, this one first or alone."""
        called, relative = dict(below.called), dict(below.relative)
        for name, words in self.called.items():
            called[name] = _both(words, called.get(name, ()))
        for name, (less, more) in self.relative.items():
            old = relative.get(name, ((), ()))
            relative[name] = _both(less, old[0]), _both(more, old[1])
        numbers = {**below.numbers, **{n: one.over(below.numbers.get(n, Number())) for n, one in self.numbers.items()}}
        return Pack(
            self.name, self.currency or below.currency,
            _both(self.nouns, below.nouns), _both(self.counted, below.counted),
            {**below.words, **self.words}, {**below.labels, **self.labels}, called, {**below.scales, **self.scales},
            relative, numbers, _both(self.telling, below.telling), {**below.inks, **self.inks},
            {**below.examples, **self.examples},
        )  # fmt: skip


def _both(first: Words, more: Words) -> Words:
    return tuple(dict.fromkeys((*first, *more)))


@cache
def general() -> Pack:
    """The words of any shop, which a catalogue has that no pack was named for."""
    return read_pack(_built_in(GENERAL), f"packs/{GENERAL}.toml")


def _built_in(name: str) -> str:
    return (resources.files("zhiyin") / "packs" / f"{name}.toml").read_text("utf-8")


def pack_names() -> list[str]:
    """The built-in packs that can be named."""
    files = (one.name for one in (resources.files("zhiyin") / "packs").iterdir())
    return sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml") and name != f"{GENERAL}.toml")


def load_pack(said: str, folder: Path) -> Pack:
    """A pack by what a workspace says of it, over the general one; the general one alone for "".

    said: the name of a built-in pack, or a path, from the folder of the workspace if it is relative, to a .toml file or
    to a folder with a pack.toml in it. Raises SettingError.
    """
    if not said:
        return general()
    if said in pack_names():
        return read_pack(_built_in(said), f"packs/{said}.toml", said).over(general())
    path = folder / said
    path = path / "pack.toml" if path.is_dir() else path
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingError(
            f"pack = {said!r}: {path} cannot be read ({type(error).__name__}); "
            f"it must be one of {', '.join(pack_names())} or a path to a .toml file, or to a folder with a pack.toml in it"
        ) from error
    return read_pack(text, str(path), path.parent.name if path.name == "pack.toml" else path.stem).over(general())


def read_pack(text: str, source: str, name: str = "") -> Pack:
    """The pack a TOML text says. source: where it stands, for errors. Raises SettingError by key, with what it may be."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingError(f"{source}: not valid TOML: {error}") from error
    known = {one.name for one in fields(Pack)} - {"name"}
    if unknown := sorted(set(table) - known):
        raise SettingError(f"{source}: unknown key {unknown[0]!r}; there are {', '.join(sorted(known))}")
    return Pack(name, **{key: _READ[key](value, f"{source}: {key}") for key, value in table.items()})


# -- values, each checked; `where` is the file and the key --------------------------------------------------


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise SettingError(f"{where} = {value!r}: must be a text that is not empty")
    return value


def _listed(value: Any, where: str) -> Words:
    if not isinstance(value, list):
        raise SettingError(f"{where} = {value!r}: must be a list of texts")
    return tuple(_text(one, f"{where}[{place}]") for place, one in enumerate(value))


def _table(each: Callable[[Any, str], Any]) -> Callable[[Any, str], dict[str, Any]]:
    def read(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise SettingError(f"{where} = {value!r}: must be a table, [{where.rsplit(': ', 1)[-1]}]")
        return {name: each(one, f"{where}.{name}") for name, one in value.items()}

    return read


def _by_language(value: Any, where: str) -> dict[str, str]:
    """{language: {name: text}} as {"language.name": text}."""
    read = _table(_table(_text))(value, where)
    return {f"{language}.{name}": text for language, table in read.items() for name, text in table.items()}


def _examples(value: Any, where: str) -> dict[str, str]:
    read = _by_language(value, where)
    for key in read:
        if key.split(".", 1)[1] not in PLACES:
            raise SettingError(f"{where}.{key}: no such field of the page; there are {', '.join(PLACES)}")
    return read


def _less_more(value: Any, where: str) -> tuple[Words, Words]:
    if not isinstance(value, list) or len(value) != 2:
        raise SettingError(f"{where} = {value!r}: must be two lists, words for less and words for more")
    return _listed(value[0], f"{where}[0]"), _listed(value[1], f"{where}[1]")


def _number(value: Any, where: str) -> Number:
    known = [one.name for one in fields(Number)]
    if not isinstance(value, dict) or set(value) - set(known):
        raise SettingError(f"{where} = {value!r}: must be a table with some of {', '.join(known)}")
    near = value.get("near")
    if near is not None and (isinstance(near, bool) or not isinstance(near, int | float) or not 0 <= near < 1e15):
        raise SettingError(f"{where}.near = {near!r}: must be a number of 0 or more")
    columns, units, words = (_listed(value.get(name, []), f"{where}.{name}") for name in ("columns", "units", "words"))
    return Number(columns, units, words, near)


def _currency(value: Any, where: str) -> str:
    if not isinstance(value, str) or not re.fullmatch("[A-Z]{3}", value):
        raise SettingError(f'{where} = {value!r}: must be three capital letters (ISO 4217), e.g. "EUR"')
    return value


def _ink(value: Any, where: str) -> str:
    if value not in INKS:
        raise SettingError(f"{where} = {value!r}: must be one of {', '.join(INKS)}")
    return str(value)


_READ: dict[str, Callable[[Any, str], Any]] = {
    "currency": _currency, "nouns": _listed, "counted": _listed, "words": _table(_listed), "labels": _by_language,
    "called": _table(_listed), "scales": _table(_listed), "relative": _table(_less_more), "numbers": _table(_number),
    "telling": _listed, "inks": _table(_ink), "examples": _examples,
}  # fmt: skip
