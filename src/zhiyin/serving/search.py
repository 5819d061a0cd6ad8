"""Search: words (BM25), meaning (vectors) and the topics a text names, weighed into one score."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace
from threading import Lock

import numpy as np

from zhiyin.arrays import NEVER, Floats, top_n
from zhiyin.candidates import Candidates, Reason
from zhiyin.errors import ZhiyinError
from zhiyin.explanation.templates import Templates
from zhiyin.item import Items
from zhiyin.query import Query
from zhiyin.ranking.cross_encoder import CrossEncoder, best
from zhiyin.retrieval.bm25 import BM25
from zhiyin.retrieval.terms import words_of
from zhiyin.serving.fusion import DEPTH, fused
from zhiyin.stages import Encoder
from zhiyin.understanding.matching import choices_met

WORDS, MEANING, TOPICS = 0.4, 0.6, 2.0
"""How much the words of a text, its meaning and the topics it names count. Chosen by benchmarks/quality/semantic.py."""


class Search:
    """The words and the vectors of one catalogue; `taking` makes that of the next."""

    def __init__(self, items: Items, encoders: dict[str, Encoder], judge: CrossEncoder | None = None) -> None:
        self.items = items
        self.encoders = encoders
        self.judge = judge
        self._words: tuple[BM25, frozenset[int]] = (BM25().read(items), frozenset())
        """The index of words, and the positions it has still to read."""
        self._vectors: OrderedDict[tuple[str, str], Floats] = OrderedDict()
        self._lock = Lock()

    def taking(self, items: Items, changed: Iterable[int]) -> Search:
        """The search of a catalogue that moved; the words of what changed are read when somebody searches next."""
        made, (words, waiting) = copy(self), self._words
        made.items, made._words = items, (words, waiting.union(changed))
        return made

    def by_words(self, text: str) -> Floats:
        """What the words of a text alone say of every item, NEVER for one that has none of them. [items]"""
        words, waiting = self._words
        if waiting:  # two searches at once may both read them, and read the same
            words = copy(words)
            words.extend(self.items, sorted(waiting))
            self._words = (words, frozenset())
        found: Floats = words.scores([Query(text=text)])[0]
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

    def encoded(self, text: str) -> bool:
        """Whether a text's vectors are all at hand."""
        with self._lock:
            return all((space, text) in self._vectors for space in self.encoders)

    def find(self, text: str, vectors: dict[str, Floats]) -> Candidates:
        """The items nearest a text, best first, with the rank each source gave them."""
        scores = {"words": self.by_words(text), "topics": choices_met(text, self.items)}
        for space, vector in vectors.items():
            matrix = self.items.vectors.get(space)
            if matrix is not None and matrix.shape[1] == len(vector):
                likeness = _with_words(matrix @ vector, scores["words"])
                scores[space] = np.where(likeness > 0, likeness, NEVER).astype(np.float32)
        spaces = frozenset(scores) - {"words", "topics"}
        weights = {"words": WORDS, "topics": TOPICS, **dict.fromkeys(spaces, MEANING / max(len(spaces), 1))}
        return fused(scores, weights, spaces)

    def reading(self, found: Candidates) -> Callable[[str], Candidates]:
        """What asks the cross-encoder, where there is one, for another order of what was found.

        It takes its time; the items' texts are read off now.
        """
        judge = self.judge
        if judge is None:
            return lambda text: found
        top = best(found, judge.candidates)
        texts = [self.items[int(found.items[row])].content() for row in top]

        def judged(text: str) -> Candidates:
            scores = judge.judged(text, found.scores, top, texts)
            return replace(found, scores=scores).take(np.argsort(-scores, kind="stable").astype(np.int32))

        return judged


def _with_words(likeness: Floats, words: Floats) -> Floats:
    """The likeness of items by meaning; one that has no vector yet is as near as its words are, so that a new item is
    not outdone by whatever else is somewhat like the text. Both [items]"""
    told = (likeness == 0) & np.isfinite(words)
    known = np.flatnonzero(likeness > 0)
    if not told.any() or not len(known):
        return likeness
    near = likeness[top_n(likeness, DEPTH)]
    least, best = max(float(near[-1]), 0.0), float(near[0])
    share = np.where(told, words, 0) / float(words[np.isfinite(words)].max())
    return np.where(told, least + share * (best - least), likeness).astype(np.float32)


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
