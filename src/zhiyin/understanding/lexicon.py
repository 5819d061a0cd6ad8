"""Lexicon: the topics of a catalogue as people write them, in English and Chinese, found in any text."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from weakref import WeakKeyDictionary

import numpy as np

from zhiyin.arrays import Doubles
from zhiyin.item import Items, Tags
from zhiyin.packs.pack import Number, Pack
from zhiyin.text.remembered import remembered
from zhiyin.understanding.numbers import Numbers

Topic = tuple[str, str]


LONGEST = 4_000
"""Signs of a text that are read."""

CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
_SPACE = re.compile(r"[\s\-_–—/·,.;:!?()\[\]\"“”'’`，。；：！？（）《》「」、]+")
_CJK = re.compile(f"[{CJK}]")
_BLANKS = re.compile(r"[^\S\n]+")


@remembered(50_000, letters=128)
def fold(text: str) -> str:
    """A text for comparing: compatible signs made one, small letters, no accents, punctuation as single spaces."""
    decomposed = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text[:LONGEST]).casefold())
    plain = "".join(sign for sign in decomposed if not unicodedata.combining(sign) or "\u3040" <= sign <= "\u30ff")
    return _SPACE.sub(" ", unicodedata.normalize("NFC", plain)).strip()


def squeezed(text: str) -> str:
    """A text with one space for every run of blanks, so that no pattern after it meets a long one; lines stay."""
    return _BLANKS.sub(" ", text[:LONGEST])


@dataclass(frozen=True, slots=True)
class Mention:
    """A topic that a text names. start, end: of the words in the folded text. attribute, values: any of them is meant.

    exact: the text has a value's own name; False for an alias.
    """

    start: int
    end: int
    attribute: str
    values: tuple[str, ...]
    exact: bool = True

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The values with their attribute."""
        return tuple((self.attribute, value) for value in self.values)


@dataclass
class Lexicon:
    """What the topics of one catalogue are called.

    terms: names -> attribute, values, and whether the name is a value's own. counts: items by topic. several: attributes of
    which an item may have more than one value. numbers: numeric attributes by what they are about. columns: every numeric
    attribute, nan where an item has none. [items]. pack: the words of the domain. grammar: how
    numbers are said, those of the pack and of the catalogue's own columns.
    """

    terms: dict[str, tuple[str, tuple[str, ...], bool]]
    counts: Mapping[Topic, int]
    several: frozenset[str]
    numbers: dict[str, str]
    columns: dict[str, Doubles]
    pack: Pack
    grammar: Numbers
    _pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        longest_first = sorted(self.terms, key=lambda term: (-len(term), term))
        words = [term for term in longest_first if not _CJK.search(term)]
        signs = [term for term in longest_first if _CJK.search(term)]
        parts = []
        if signs:
            parts.append("|".join(map(re.escape, signs)))
        if words:
            parts.append(f"(?<![^\\W{CJK}])(?:{'|'.join(map(re.escape, words))})(?:e?s)?(?![^\\W{CJK}])")
        self._pattern = re.compile("|".join(parts) if parts else "(?!)")

    @classmethod
    def of(cls, items: Items) -> Lexicon:
        """The lexicon of a catalogue, made once per state of its tags."""
        tags = items.tags
        kept = _LEXICONS.get(tags)
        if kept is None or kept.pack is not items.pack:
            kept = _LEXICONS[tags] = cls._made(items)
        return kept

    @classmethod
    def _made(cls, items: Items) -> Lexicon:
        tags, pack = items.tags, items.pack
        having = np.bincount(tags.matrix.indices, minlength=len(tags.names)).tolist()
        counts = dict(zip(tags.names, having, strict=True))
        by_term: dict[str, dict[str, list[str]]] = {}
        for attribute, value in counts:
            for term in names_of(value, attribute, pack):
                by_term.setdefault(term, {}).setdefault(attribute, []).append(value)
        own = {term: (*_foremost(table, counts), True) for term, table in by_term.items()}
        aliases = _aliases(by_term, counts, pack)
        terms = {
            **aliases,
            **{term: one for term, one in own.items() if term not in words_in("common")},
        }
        # A value that an alias widens ("fish" for lean and rich fish) is read as widely as people mean it.
        terms |= {term: one for term, one in aliases.items() if len(one[1]) > len(terms[term][1])}
        columns = _columns(items)
        numbers = {
            about: next(name for name in number.columns if name in columns)
            for about, number in pack.numbers.items()
            if any(name in columns for name in number.columns)
        }
        own_columns = _own_columns(columns, pack)
        numbers |= {name: name for name in own_columns}
        terms = {**{plural: one for term, one in terms.items() if (plural := _plural(term))}, **terms}
        several = frozenset(
            name for row in items.rows for name, v in row.attributes.items() if isinstance(v, tuple) and len(v) > 1
        )
        return cls(terms, counts, several, numbers, columns, pack, Numbers({**pack.numbers, **own_columns}))

    def mentions(self, text: str) -> list[Mention]:
        """The topics that a folded text names, longest names first, none inside another; in order of place."""
        found = []
        for match in self._pattern.finditer(text):
            term = match.group()
            meant = (
                self.terms.get(term)
                or self.terms.get(term.removesuffix("s"))
                or self.terms.get(term.removesuffix("es"))
            )
            if meant is not None:
                found.append(Mention(match.start(), match.end(), *meant))
        return found

    def topics(self, text: str) -> list[Topic]:
        """Every topic that a text (not folded) names, most specific first: what fewer items have comes first."""
        named = dict.fromkeys(topic for one in self.mentions(fold(text)) for topic in one.topics)
        return sorted(named, key=lambda topic: self.counts.get(topic, 0))

    def value(self, attribute: str, text: str) -> str | None:
        """The catalogue's own spelling of a value, None when no item has it."""
        wanted = fold(text)
        meant = self.terms.get(wanted)
        if meant is not None and meant[0] == attribute and len(meant[1]) == 1:
            return meant[1][0]
        return next((value for name, value in self.counts if name == attribute and fold(value) == wanted), None)

    def scale(self, attribute: str) -> tuple[str, ...]:
        """The catalogue's values of an attribute in their order, lowest first; empty where they have none."""
        folded = {fold(value): value for name, value in self.counts if name == attribute}
        return tuple(folded[one] for one in self.pack.scales.get(attribute, ()) if one in folded)

    def attribute_named(self, word: str) -> str | None:
        """The attribute that a word names: its own name, or a label of it."""
        names = {name for name, _ in self.counts} | set(self.columns)
        if word in names:
            return word
        return next((name for name, words in self.pack.called.items() if name in names and word in words), None)


_LEXICONS: WeakKeyDictionary[Tags, Lexicon] = WeakKeyDictionary()


@lru_cache(maxsize=8)
def words_in(name: str) -> frozenset[str]:
    """A set of words of word_sets.toml."""
    text = (resources.files("zhiyin") / "understanding" / "word_sets.toml").read_text("utf-8")
    return frozenset(tomllib.loads(text)[name].split())


def names_of(value: str, attribute: str, pack: Pack) -> list[str]:
    """How a value may be written: itself, without what is in brackets, and each half of "Sofa/Couch"."""
    whole = fold(value)
    if whole in words_in("generic"):
        labels = dict.fromkeys((fold(attribute), *(one for one in pack.called.get(attribute, ()) if one.isascii())))
        return [term for label in labels for term in (f"{whole} {label}", f"{label} {whole}")]
    short = fold(re.sub(r"[(（].{0,200}?[)）]", " ", value))
    halves = [fold(half) for half in value.split("/")] if value.count("/") == 1 else []
    return [one for one in dict.fromkeys((whole, short, *halves)) if _is_name(one)]


def _is_name(term: str) -> bool:
    if term in words_in("common") or not any(sign.isalpha() for sign in term):
        return False
    return len(term) >= (1 if _CJK.search(term) else 3)


def _plural(term: str) -> str:
    """ "comedy" -> "comedies"; other plurals only add letters and are found by the pattern."""
    return (
        f"{term[:-1]}ies" if len(term) > 3 and term.isascii() and term.endswith("y") and term[-2] not in "aeiou" else ""
    )


def _aliases(
    by_term: Mapping[str, Mapping[str, Sequence[str]]], counts: Mapping[Topic, int], pack: Pack
) -> dict[str, tuple[str, tuple[str, ...], bool]]:
    found = {}
    for alias, targets in pack.words.items():
        meant: dict[str, list[str]] = {}
        for target in targets:
            for attribute, values in by_term.get(fold(target), {}).items():
                meant.setdefault(attribute, []).extend(one for one in values if one not in meant.get(attribute, ()))
        if meant:
            found[fold(alias)] = (*_foremost(meant, counts), False)
    return found


def _foremost(named: Mapping[str, Iterable[str]], counts: Mapping[Topic, int]) -> tuple[str, tuple[str, ...]]:
    """Of the attributes that have a name, the one by which most items are meant."""
    values = {attribute: tuple(dict.fromkeys(them)) for attribute, them in named.items()}
    best = max(values, key=lambda attribute: sum(counts[attribute, one] for one in values[attribute]))
    return best, values[best]


def _own_columns(columns: Iterable[str], pack: Pack) -> dict[str, Number]:
    """Numeric attributes that the pack says nothing of: whoever wants a range of one calls it by its name."""
    known = {*pack.numbers, *(name for number in pack.numbers.values() for name in number.columns)}
    readable = {name: fold(name) for name in columns if name not in known}
    return {name: Number((name,), words=(said,)) for name, said in readable.items() if _is_name(said)}


def _columns(items: Items) -> dict[str, Doubles]:
    found: dict[str, Doubles] = {}
    for position, row in enumerate(items.rows):
        for name, value in row.attributes.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.setdefault(name, np.full(len(items), np.nan))[position] = value
    return found
