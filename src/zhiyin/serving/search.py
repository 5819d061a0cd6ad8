"""Search: words (BM25), meaning (vectors) and the topics a text names, united by the reciprocal of their ranks."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from threading import Lock

import numpy as np

from zhiyin.arrays import NEVER, Floats, Ints, top_n
from zhiyin.candidates import Candidates, Reason
from zhiyin.errors import ZhiyinError
from zhiyin.explanation.templates import Templates
from zhiyin.item import Items
from zhiyin.query import Query
from zhiyin.retrieval.bm25 import BM25
from zhiyin.retrieval.terms import words_of
from zhiyin.stages import Encoder
from zhiyin.understanding.matching import choices_met

TOPICS = 4.0
"""How much the topics that a text names count, against its words and its meaning."""


class Search:
    """The words and the vectors of one live catalogue. Read and changed under the owner's lock."""

    def __init__(self, items: Items, encoders: dict[str, Encoder]) -> None:
        self.items = items
        self.encoders = encoders
        self._words = BM25().read(items)
        self._changed: set[int] = set()
        self._vectors: OrderedDict[tuple[str, str], Floats] = OrderedDict()
        self._lock = Lock()

    def put(self, changed: Iterable[int]) -> None:
        """Items that are new or different; their words are read when somebody searches next."""
        with self._lock:
            self._changed.update(changed)

    def by_words(self, text: str) -> Floats:
        """What the words of a text alone say of every item, NEVER for one that has none of them. [items]"""
        with self._lock:  # searches share the owner's lock, so one of them takes in the changes
            if self._changed:
                self._words.extend(self.items, sorted(self._changed))
                self._changed = set()
        found: Floats = self._words.scores([Query(text=text)])[0]
        return found

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
        lists = {"words": top_n(self.by_words(text), depth)}
        named = choices_met(text, self.items)
        for space, vector in vectors.items():
            matrix = self.items.vectors.get(space)
            if matrix is not None and matrix.shape[1] == len(vector):
                likeness = matrix @ vector
                lists[space] = top_n(np.where(likeness > 0, likeness, NEVER).astype(np.float32), depth)
                named = (
                    named[: len(likeness)] + 0.5 * likeness[: len(named)]
                )  # of items with as many topics, the nearer ones
        if np.isfinite(named).any():
            lists["topics"] = top_n(named, depth)
        return united(lists, {"topics": TOPICS})


def reasons(query: Query, found: Candidates, items: Items) -> tuple[tuple[Reason, ...], ...]:
    """Why each item was found: all of the words, some of them, or the meaning alone."""
    wanted, say = list(dict.fromkeys(words_of(query.text))), Templates()
    told = []
    for item in found.items.tolist():
        having = set(words_of(items[item].content()))
        met = [word for word in wanted if word in having]
        if met and len(met) == len(wanted):
            reason = Reason("text", share=1.0, source="words")
        elif met:
            reason = Reason("words", topic=("words", ", ".join(met)), share=1.0, source="words")
        else:
            reason = Reason("meaning", share=1.0, source="meaning")
        told.append((reason.said(say.sentence(reason, query, items)),))
    return tuple(told)


def united(lists: dict[str, Ints], weights: Mapping[str, float] | None = None, k: int = 60) -> Candidates:
    """Σ weight / (k + rank) over the lists that hold an item (Cormack 2009); a list without a weight has 1."""
    union = np.unique(np.concatenate(list(lists.values()))).astype(np.int32)
    ranks = np.zeros((len(union), len(lists)), np.int32)
    for column, found in enumerate(lists.values()):
        ranks[np.searchsorted(union, found), column] = np.arange(1, len(found) + 1)
    counts = np.array([(weights or {}).get(name, 1.0) for name in lists])
    fused = (np.where(ranks > 0, 1 / (k + np.maximum(ranks, 1)), 0.0) @ counts).astype(np.float32)
    both = Candidates(union, fused, tuple(lists), source_ranks=ranks)
    return both.take(np.argsort(-fused, kind="stable").astype(np.int32))
