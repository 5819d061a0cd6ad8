"""Texts as weighted terms: what bm25 and content are made of."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Doubles
from zhiyin.item import Item
from zhiyin.text.function_words import FUNCTION_WORDS, PARTICLES

WORDS = re.compile(r"[぀-ヿ㐀-鿿가-힯]+|[^\W_]+")
"""A run of Chinese, Japanese or Korean signs, or a word or number of any other script."""


def words_of(text: str) -> list[str]:
    """Words, folded; Chinese, Japanese and Korean runs as pairs of signs."""
    found: list[str] = []
    for word in WORDS.findall(unicodedata.normalize("NFKC", text).casefold()):
        if ord(word[0]) >= 0x3040 and len(word) > 1:
            found.extend(word[at : at + 2] for at in range(len(word) - 1))
        else:
            found.append(word)
    return found


def asked_words(text: str) -> list[str]:
    """The words of a wish that say what it is about; all of them where none does ("The Who").

    In a catalogue of short titles "the" is rare, and would speak for whoever wrote sentences.
    """
    words = words_of(text)
    return [one for one in words if one not in FUNCTION_WORDS and not PARTICLES.search(one)] or words


def phrases_of(text: str) -> list[str]:
    """The words and every two that stand side by side."""
    words = words_of(text)
    return words + [f"{first} {second}" for first, second in pairwise(words)]


def title_and_tags(item: Item) -> str:
    """Title and textual attributes, each value a phrase of its own; the title alone where there are none."""
    return " | ".join([item.title, *(value for _, value in item.tags())])


class Terms:
    """Counts of terms per document that can grow: the vocabulary of terms, and csr counts [documents, terms]."""

    def __init__(self, split: Callable[[str], Sequence[str]], names: Iterable[str] = ()) -> None:
        self.split = split
        self.positions = {name: position for position, name in enumerate(names)}

    def count(self, texts: Iterable[str]) -> sparse.csr_matrix:
        """Counts per text; terms met for the first time are added. [texts, terms]"""
        indices: list[int] = []
        data: list[int] = []
        indptr = [0]
        for text in texts:
            counts = Counter(self.split(text))
            indices.extend(self.positions.setdefault(term, len(self.positions)) for term in counts)
            data.extend(counts.values())
            indptr.append(len(indices))
        shape = (len(indptr) - 1, len(self.positions))
        return sparse.csr_matrix((np.array(data, np.float32), indices, indptr), shape, dtype=np.float32)

    def copy(self) -> Terms:
        """A vocabulary of its own with the same terms."""
        made = Terms(self.split)
        made.positions = self.positions.copy()
        return made

    def known(self, terms: Iterable[str]) -> Counter[int]:
        """How often each known term occurs, by its position."""
        return Counter(at for term in terms if (at := self.positions.get(term, -1)) >= 0)

    def without(self, unused: Iterable[int]) -> Terms:
        """The same places, with names that nobody can write in those of some terms: their words are erased."""
        names = list(self.positions)
        for place in unused:
            names[place] = f"\x00{place}"
        return Terms(self.split, names)

    def packed(self) -> Array:
        """The names as the bytes of lines of UTF-8: a vocabulary of a million terms has no place in JSON."""
        return np.frombuffer("\n".join(self.positions).encode(), np.uint8).copy()

    @classmethod
    def unpacked(cls, split: Callable[[str], Sequence[str]], packed: Array) -> Terms:
        """The vocabulary from its bytes."""
        return cls(split, packed.tobytes().decode().split("\n") if len(packed) else ())


def unused(*counts: sparse.csr_matrix) -> Array:
    """The terms that no document has in any of the tables."""
    width = max(one.shape[1] for one in counts)
    having = np.zeros(width, np.int64)
    for one in counts:
        having += np.bincount(one.indices[one.data != 0], minlength=width)
    return np.flatnonzero(having == 0)


def inverse_frequency(counts: sparse.csr_matrix) -> Doubles:
    """ln(1 + (N - n + 0.5) / (n + 0.5)) for every term in n of N documents that have any text. [terms]"""
    documents = int((np.diff(counts.indptr) > 0).sum())
    having = np.bincount(counts.indices, minlength=counts.shape[1])
    return np.asarray(np.log1p((documents - having + 0.5) / (having + 0.5)), np.float64)


def grown(fitted: Doubles, live: Doubles) -> Doubles:
    """What was learned of the terms there were at fit, and what is known today of those that came since. [terms]

    Weights that followed the catalogue would move everybody's lists with every new item.
    """
    return np.concatenate([fitted, live[len(fitted) :]])
