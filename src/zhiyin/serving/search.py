"""Search: words (BM25) and meaning (vectors), united by the reciprocal of their ranks."""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Iterable
from threading import Lock

import numpy as np

from zhiyin.arrays import NEVER, Floats, Ints, top_n
from zhiyin.candidates import Candidates
from zhiyin.errors import ZhiyinError
from zhiyin.item import Items
from zhiyin.retrieval.terms import words_of
from zhiyin.stages import Encoder

K1, B = 1.2, 0.75


class WordIndex:
    """BM25 over the items' content, one item changed at a time (Robertson 2009; k1 1.2, b .75)."""

    def __init__(self) -> None:
        self.postings: dict[str, dict[int, int]] = {}
        self.lengths: dict[int, int] = {}
        self._words: dict[int, Counter[str]] = {}
        self._total = 0

    def put(self, position: int, text: str) -> None:
        """Index an item, or index it again."""
        for word in self._words.pop(position, ()):
            self.postings[word].pop(position, None)
        self._total -= self.lengths.get(position, 0)
        counts = Counter(words_of(text))
        for word, count in counts.items():
            self.postings.setdefault(word, {})[position] = count
        self._words[position] = counts
        self.lengths[position] = counts.total()
        self._total += counts.total()

    def scores(self, text: str, size: int) -> Floats:
        """[size], NEVER for an item that has none of the words."""
        result = np.zeros(size, np.float64)
        count = max(len(self.lengths), 1)
        average = max(self._total / count, 1e-9)
        for word in dict.fromkeys(words_of(text)):
            having = self.postings.get(word)
            if not having:
                continue
            rarity = math.log(1 + (count - len(having) + 0.5) / (len(having) + 0.5))
            for position, times in having.items():
                length = 1 - B + B * self.lengths[position] / average
                result[position] += rarity * times * (K1 + 1) / (times + K1 * length)
        return np.where(result > 0, result, NEVER).astype(np.float32)


class Search:
    """The words and the vectors of one live catalogue. Read and changed under the owner's lock."""

    def __init__(self, items: Items, encoders: dict[str, Encoder]) -> None:
        self.items = items
        self.encoders = encoders
        self.index = WordIndex()
        self._vectors: OrderedDict[tuple[str, str], Floats] = OrderedDict()
        self._lock = Lock()
        self.put(range(len(items)))

    def put(self, changed: Iterable[int]) -> None:
        """Index items that are new or different."""
        for position in changed:
            self.index.put(position, self.items[position].content())

    def vectors(self, text: str) -> dict[str, Floats]:
        """A text by space, the last thousand kept; a space whose encoder fails is left out."""
        found = {}
        for space, encoder in self.encoders.items():
            key = (space, text)
            with self._lock:
                vector = self._vectors.get(key)
            if vector is None:
                try:
                    vector = encoder.encode_query(text)
                except ZhiyinError:
                    continue
            with self._lock:
                self._vectors[key] = vector
                while len(self._vectors) > 1000:
                    self._vectors.popitem(last=False)
            found[space] = vector
        return found

    def find(self, text: str, vectors: dict[str, Floats], depth: int = 200) -> Candidates:
        """The items nearest a text, best first, with the rank each source gave them."""
        lists = {"words": top_n(self.index.scores(text, len(self.items)), depth)}
        for space, vector in vectors.items():
            matrix = self.items.vectors.get(space)
            if matrix is not None and matrix.shape[1] == len(vector):
                likeness = matrix @ vector
                lists[space] = top_n(np.where(likeness > 0, likeness, NEVER).astype(np.float32), depth)
        return united(lists)


def united(lists: dict[str, Ints], k: int = 60) -> Candidates:
    """Σ 1 / (k + rank) over the lists that hold an item (Cormack 2009)."""
    union = np.unique(np.concatenate(list(lists.values()))).astype(np.int32)
    ranks = np.zeros((len(union), len(lists)), np.int32)
    for column, found in enumerate(lists.values()):
        ranks[np.searchsorted(union, found), column] = np.arange(1, len(found) + 1)
    fused = np.where(ranks > 0, 1 / (k + np.maximum(ranks, 1)), 0.0).sum(1).astype(np.float32)
    both = Candidates(union, fused, tuple(lists), source_ranks=ranks)
    return both.take(np.argsort(-fused, kind="stable").astype(np.int32))
