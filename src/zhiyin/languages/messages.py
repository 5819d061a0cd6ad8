"""Messages: one language's table of sentences, TABLE.toml beside this file. A new language is a new table and nothing else.

A message is a text with {holes}, or one text per plural form: {one = "{count} event", other = "{count} events"}. Which counts
take the form `one` is said by the table itself, under [language]. Languages with more than two forms have no rule here yet.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from zhiyin.errors import SettingError

ENGLISH = "en"
"""The language that stands in, as a whole, where the one asked for has no table."""

FORMS = frozenset(("one", "other"))

_HOLE = re.compile(r"\{(\w+)\}")

Message = str | Mapping[str, str]


@dataclass(frozen=True)
class Messages:
    """The sentences of one language.

    code: the table's name, e.g. "en". tag: the language for HTML and Intl. ones: the counts that take the form `one`.
    script: letters that only this language of ours is written in, as a regular expression; "" for none. texts: by key.
    """

    code: str
    tag: str
    ones: frozenset[int]
    script: str
    texts: Mapping[str, Message]

    def __call__(self, key: str, **values: object) -> str:
        """A message with its holes filled; `count` picks the plural form. Whole numbers are grouped as the language does.

        Raises SettingError for a key or a value that the table has no place for.
        """
        message = self.texts.get(key)
        if message is None:
            raise SettingError(f"languages/{self.code}.toml has no message '{key}': add it to every table")
        text = message if isinstance(message, str) else message["one" if values.get("count") in self.ones else "other"]
        plain, *rest = _pieces(text)  # a request says a hundred messages: none is taken apart twice
        if not rest:
            return plain
        if missing := set(rest[::2]) - values.keys():
            raise SettingError(
                f"message '{key}' of languages/{self.code}.toml has holes nobody fills: {sorted(missing)}"
            )
        rest[::2] = [self.whole(one) if type(one := values[name]) is int else str(one) for name in rest[::2]]
        return plain + "".join(rest)

    def whole(self, number: int) -> str:
        """A whole number, its thousands apart."""
        return f"{number:,}".replace(",", str(self.texts["text.thousands"]))

    def number(self, number: float) -> str:
        """A number as it is written: up to six places, no grouping (it may be a year)."""
        return f"{round(number, 6):g}".replace(".", str(self.texts["text.decimal"]))

    def label(self, attribute: str, *own: Mapping[str, str]) -> str:
        """What an attribute is called: as the first table says that does, by "language.name" or name; else as usual ones are.

        own: e.g. of the recipe and of the pack. A name that nobody knows is made readable.
        """
        for table in own:
            if said := table.get(f"{self.code}.{attribute}") or table.get(attribute):
                return said
        usual = self.texts.get(f"label.{attribute.casefold()}")
        return usual if isinstance(usual, str) else " ".join(attribute.replace("_", " ").split()) or attribute

    def listed(self, values: Sequence[str]) -> str:
        """Several things in a row: "a, b, c"."""
        return self("text.comma").join(values)

    def named(self, values: Sequence[str]) -> str:
        """Several things of which all are meant: "a, b and c"."""
        return values[0] if len(values) == 1 else f"{self.listed(values[:-1])}{self('text.and')}{values[-1]}"

    def sentences(self, texts: Sequence[str]) -> str:
        """Whole sentences one after the other."""
        return self("text.gap").join(text for text in texts if text)


@cache
def _pieces(text: str) -> tuple[str, ...]:
    """Plain text, a hole's name, plain text, … of one of our own messages."""
    return tuple(_HOLE.split(text))


@cache
def language_codes() -> tuple[str, ...]:
    """The languages there are tables for, English first."""
    names = (one.name for one in (resources.files("zhiyin") / "languages").iterdir())
    codes = sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))
    return (ENGLISH, *(code for code in codes if code != ENGLISH))


@lru_cache(256)
def language_of(asked: str) -> str:
    """The code of the table for a language as people and browsers write it ("zh-CN"); English where there is none."""
    code = re.split(r"[-_]", asked.casefold(), maxsplit=1)[0]
    return code if code in language_codes() else ENGLISH


def spoken_in(text: str, asked: str | None = None) -> str:
    """The language asked for, else the one whose script the text has letters of, else English."""
    if asked:
        return language_of(asked)
    for code in language_codes():
        script = messages(code).script
        if script and re.search(script, text):
            return code
    return ENGLISH


def messages(language: str) -> Messages:
    """The table of a language, see language_of."""
    return _read(language_of(language))


@cache
def _read(code: str) -> Messages:
    table: dict[str, Any] = tomllib.loads((resources.files("zhiyin") / "languages" / f"{code}.toml").read_text("utf-8"))
    about = table.pop("language")
    return Messages(code, about["tag"], frozenset(about["one"]), about["script"], dict(_flat(table)))


def _flat(table: Mapping[str, Any], before: str = "") -> list[tuple[str, Message]]:
    """The messages of nested tables by dotted key."""
    found: list[tuple[str, Message]] = []
    for name, value in table.items():
        key = f"{before}{name}"
        if isinstance(value, str) or "other" in value:
            found.append((key, value))
        else:
            found += _flat(value, f"{key}.")
    return found
