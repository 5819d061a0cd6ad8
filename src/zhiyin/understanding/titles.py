"""Titles: which item of the catalogue a text speaks of, by the words of its title."""

from __future__ import annotations

import re
from collections.abc import Sequence
from weakref import WeakKeyDictionary

from zhiyin.item import Items, Tags
from zhiyin.understanding.lexicon import fold, words_in

LEAST = 0.6
"""The share of a phrase, by how rare its words are, that a title must have to be meant."""

_BRACKETS = re.compile(r"[(（][^()（）]*[)）]")


class Titles:
    """The words of every title. postings: positions by word. It keeps no catalogue: it is itself kept as long as that."""

    def __init__(self, items: Items) -> None:
        self.folded: list[str] = ["" if row.hidden else fold(row.title) for row in items.rows]
        self._names: list[str] = ["" if row.hidden else fold(_BRACKETS.sub(" ", row.title)) for row in items.rows]
        self._fillers = words_in("fillers").union(items.pack.nouns)
        self.pack = items.pack
        self.postings: dict[str, list[int]] = {}
        for position, title in enumerate(self.folded):
            for word in dict.fromkeys(_words(title)):
                self.postings.setdefault(word, []).append(position)

    @classmethod
    def of(cls, items: Items) -> Titles:
        """The titles of a catalogue, read once per state of it."""
        tags = items.tags
        kept = _TITLES.get(tags)
        if kept is None or kept.pack is not items.pack or len(kept.folded) != len(items):
            kept = _TITLES[tags] = cls(items)
        return kept

    def find(self, phrase: str) -> int:
        """The item whose title a phrase names, -1 when none is near enough; of equals the first in the catalogue.

        What most of the phrase's weight agrees on is meant, and among such titles the one with the least besides.
        """
        words = [word for word in dict.fromkeys(_words(fold(phrase))) if word not in self._fillers]
        weights = {word: 1 / len(self.postings[word]) ** 0.5 for word in words if word in self.postings}
        if not weights:
            return -1
        unknown = sum(word not in weights for word in words)
        total = sum(weights.values()) + unknown * max(weights.values())
        scores: dict[int, float] = {}
        for word, weight in weights.items():
            for position in self.postings[word]:
                scores[position] = scores.get(position, 0.0) + weight / total
        best = min(scores, key=lambda at: (-round(scores[at], 6), len(self.folded[at]), at))
        return best if scores[best] >= LEAST else -1

    def named(self, text: str, least: int = 2) -> list[tuple[int, int, int]]:
        """Titles that a folded text has whole (what is in brackets may be left out), as (position, start, end), longest first; of at least so many words."""
        found = []
        words = set(_words(text))
        near = {at for word in words for at in self.postings.get(word, ()) if len(self.postings[word]) <= 200}
        for position in near:
            title = self._names[position]
            if len(_words(title)) >= least and (start := _whole(text, title)) >= 0:
                found.append((position, start, start + len(title)))
        return sorted(found, key=lambda one: (one[1] - one[2], one[0]))


_TITLES: WeakKeyDictionary[Tags, Titles] = WeakKeyDictionary()


def _words(text: str) -> Sequence[str]:
    """Words; of Chinese and its like, pairs of signs (as in retrieval), so that a part of a title is found."""
    found: list[str] = []
    for word in text.split():
        if ord(word[0]) >= 0x3040 and len(word) > 1:
            found.extend(word[at : at + 2] for at in range(len(word) - 1))
        else:
            found.append(word)
    return found


def _whole(text: str, title: str) -> int:
    at = text.find(title)
    while at >= 0:
        before, after = text[at - 1 : at], text[at + len(title) : at + len(title) + 1]
        if not (before.isalnum() and before.isascii()) and not (after.isalnum() and after.isascii()):
            return at
        at = text.find(title, at + 1)
    return -1
