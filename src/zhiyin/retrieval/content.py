"""content: items whose title and attributes are like those of the history, by words alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Array, Doubles, Floats, Ints, replaced
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import decayed, follow, known_events
from zhiyin.retrieval.terms import Terms, grown, phrases_of, title_and_tags, unused
from zhiyin.stages import Scorer


@part
class Content(Scorer):
    """TF-IDF of words and pairs of words over title and attributes, compared by cosine.

    A term in n of N items weighs (1 + ln count) · (ln((1 + N) / (1 + n)) + 1), rows have length 1. The score of j is Σ over
    the history, newest first (h = 0, 1, …), of decay^h · cos(item, j). It needs no interactions with j, so it serves new
    items from the moment they are put. N and n are those of the fit, so that later items change no likeness of others; a
    term that came later has those of today. See Salton and Buckley 1988.
    """

    decay: float = setting(0.5, above=0, most=1, tune=(0.3, 0.5, 0.7, 0.9), at_request=True)
    """How much less each earlier event of the history counts."""

    counts: sparse.csr_matrix = learned()
    names: Array = learned()
    rarity: Doubles = learned()

    def __post_init__(self) -> None:
        self._terms: Terms | None = None
        self._rows: sparse.csr_matrix | None = None
        self._postings: sparse.csr_matrix | None = None

    def fit(self, dataset: Dataset) -> Content:
        """See Retriever."""
        self._terms = Terms(phrases_of)
        self.counts = self._terms.count(title_and_tags(item) for item in dataset.items.rows)
        self.rarity = _rarity(self.counts)
        self._settle()
        return self

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable."""
        need_fitted(self)
        self._terms = self._vocabulary().copy()
        counts = self._terms.count(title_and_tags(items[position]) for position in changed)
        size = max(len(items), self.counts.shape[0])
        self.counts = replaced(self.counts, np.array(changed, np.int64), counts, size)
        self._settle()

    def drop_words(self) -> None:
        """See Worded."""
        self._terms = self._vocabulary().without(unused(self.counts))
        self._settle()

    def _settle(self) -> None:
        self.names = self._vocabulary().packed()
        self._rows = self._postings = None

    def _vocabulary(self) -> Terms:
        if self._terms is None:
            self._terms = Terms.unpacked(phrases_of, self.names)
        return self._terms

    def _weighted(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Unit rows [items, terms] and their transpose."""
        if self._rows is None or self._postings is None:
            counts = self.counts
            rarity = grown(self.rarity, _rarity(counts))
            values = (1 + np.log(counts.data)) * rarity[counts.indices]
            owner = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
            lengths = np.sqrt(np.bincount(owner, values**2, minlength=counts.shape[0]))
            made = ((values / lengths[owner]).astype(np.float32), counts.indices, counts.indptr)
            self._rows = sparse.csr_matrix(made, counts.shape)
            self._postings = self._rows.T.tocsr()
        return self._rows, self._postings

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        size = self.counts.shape[0]
        rows = np.empty((len(queries), size), np.float32)
        for row, query in enumerate(queries):
            rows[row] = self.followed(*known_events(query, size, self.decay))
        return np.where(rows > 0, rows, NEVER).astype(np.float32)

    def rows(self) -> sparse.csr_matrix:
        """Every item's weighted terms, of length 1. [items, terms]"""
        return self._weighted()[0]

    def followed(self, events: Ints, weights: Floats) -> Doubles:
        """Σ weights[h] · cos(events[h], ·). events: items, each with its weight. [items]"""
        items, postings = self._weighted()
        wanted = follow(items, events, weights)
        terms = np.flatnonzero(wanted)
        return follow(postings, terms, wanted[terms])

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing."""
        rows = self._weighted()[0]
        history = query.profile.history.items
        result = np.zeros((len(items), len(history)), np.float32)
        events = np.flatnonzero((query.profile.history.weights > 0) & (history < rows.shape[0]))
        known = np.flatnonzero(items < rows.shape[0])
        if len(events) and len(known):
            likeness = (rows[items[known]] @ rows[history[events]].T).toarray()
            result[np.ix_(known, events)] = likeness * decayed(query.profile.history, self.decay)[events]
        return result


def _rarity(counts: sparse.csr_matrix) -> Doubles:
    having = np.bincount(counts.indices, minlength=counts.shape[1])
    return np.asarray(np.log((1 + counts.shape[0]) / (1 + having)) + 1, np.float64)
