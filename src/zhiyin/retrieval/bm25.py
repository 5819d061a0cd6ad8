"""bm25: items whose words are those of the wish, or of what the person liked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Array, Doubles, Floats, replaced
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import follow, known_events
from zhiyin.retrieval.terms import Terms, asked_words, grown, inverse_frequency, title_and_tags, unused, words_of
from zhiyin.stages import Scorer


@part
class BM25(Scorer):
    """Okapi BM25 over title, attributes and text. See Robertson and Zaragoza 2009.

    A wish in words (query.text) is searched for; without one, the titles and tags of the newest liked items are, each
    earlier item counting less. Chinese, Japanese and Korean are read as pairs of signs. Items that share no word never
    come. How rare a word is, and how long a text usually is, stays what it was at fit, so that later items change nothing
    of what is said of others; a word that came later is as rare as today.
    """

    k1: float = setting(1.2, least=0, tune=(0.9, 1.2, 1.6))
    """How fast a term that occurs again stops counting."""
    b: float = setting(0.75, least=0, most=1, tune=(0.3, 0.75))
    """How much a long text is held against an item, 0 to 1."""
    decay: float = setting(0.5, above=0, most=1, tune=(0.3, 0.5, 0.8), at_request=True)
    """How much less each earlier event of the history counts."""
    recent: int = setting(10, least=1, most=200, at_request=True)
    """How many of the newest liked events lend their words."""

    repeats: float = setting(3.0, least=1, at_request=True)
    """How often a term of an item counts at most: a word said more often is said for the search."""

    counts: sparse.csr_matrix = learned()
    profiles: sparse.csr_matrix = learned()
    names: Array = learned()
    rarity: Doubles = learned()
    average: float = learned()

    def __post_init__(self) -> None:
        self._terms: Terms | None = None
        self._postings: sparse.csr_matrix | None = None

    def fit(self, dataset: Dataset) -> BM25:
        """See Retriever."""
        return self.read(dataset.items)

    def read(self, items: Items) -> BM25:
        """All it learns is the catalogue's words, so the catalogue is enough. Returns itself."""
        self._terms = Terms(words_of)
        self.counts = self._terms.count(item.content() for item in items.rows)
        self.profiles = self._terms.count(title_and_tags(item) for item in items.rows)
        self.rarity = inverse_frequency(self.counts)
        lengths = np.asarray(self.counts.sum(1)).ravel()
        self.average = max(float(lengths[lengths > 0].mean()) if (lengths > 0).any() else 1.0, 1e-9)
        self._settle()
        return self

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable."""
        need_fitted(self)
        rows, size = np.array(changed, np.int64), max(len(items), self.counts.shape[0])
        fresh = [items[position] for position in changed]
        self._terms = self._vocabulary().copy()
        counts = self._terms.count(item.content() for item in fresh)
        profiles = self._terms.count(title_and_tags(item) for item in fresh)
        self.counts = replaced(self.counts, rows, counts, size)
        self.profiles = replaced(self.profiles, rows, profiles, size)
        self._settle()

    def drop_words(self) -> None:
        """See Worded."""
        self._terms = self._vocabulary().without(unused(self.counts, self.profiles))
        self._settle()

    def _settle(self) -> None:
        """After a change: one width for all, and the postings made anew when next needed."""
        width = len(self._vocabulary().positions)
        self.counts, self.profiles = (_wide(one, width) for one in (self.counts, self.profiles))
        self.names = self._vocabulary().packed()
        self._postings = None

    def _vocabulary(self) -> Terms:
        if self._terms is None:
            self._terms = Terms.unpacked(words_of, self.names)
        return self._terms

    def _weighted(self) -> sparse.csr_matrix:
        """What each term adds to the score of each item. [terms, items]"""
        if self._postings is None:
            counts = self.counts
            lengths = np.asarray(counts.sum(1)).ravel()
            rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
            often = np.minimum(counts.data, self.repeats)
            damped = often + self.k1 * (1 - self.b + self.b * lengths[rows] / self.average)
            rarity = grown(self.rarity, inverse_frequency(counts))
            values = often * (self.k1 + 1) / damped * rarity[counts.indices]
            made = (values.astype(np.float32), counts.indices, counts.indptr)
            self._postings = sparse.csr_matrix(made, counts.shape).T.tocsr()
        return self._postings

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        rows = np.empty((len(queries), self.counts.shape[0]), np.float32)
        for row, query in enumerate(queries):
            terms, weights = self._asked(query)
            rows[row] = follow(self._weighted(), terms, weights)
        return np.where(rows > 0, rows, NEVER).astype(np.float32)

    def _asked(self, query: Query) -> tuple[Array, Array]:
        """The terms looked for and the weight of each."""
        if query.text:
            found: Counter[int] = self._vocabulary().known(asked_words(query.text))
            return np.fromiter(found, np.int64, len(found)), np.fromiter(found.values(), np.float64, len(found))
        items, weights = known_events(query, self.profiles.shape[0], self.decay)
        wanted = follow(self.profiles, items[-self.recent :], weights[-self.recent :])
        terms = np.flatnonzero(wanted)
        return terms, wanted[terms]


def _wide(counts: sparse.csr_matrix, width: int) -> sparse.csr_matrix:
    return sparse.csr_matrix((counts.data, counts.indices, counts.indptr), (counts.shape[0], width))
