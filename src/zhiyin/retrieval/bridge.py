"""bridge: what goes with items of like content: how an item that nobody met gets the company of its nearest relatives."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Array, Doubles, Floats, Ints
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.content import Content
from zhiyin.retrieval.history import decayed, follow, known_events
from zhiyin.retrieval.item_knn import ItemKNN, nearest
from zhiyin.stages import Scorer

ASKED = 300
"""People whose histories say how high scores usually are."""

BLOCK = 1024
"""Items whose relatives are looked for at a time, which bounds the memory."""


@part
class Bridge(Scorer):
    """Likeness of content plus, over a bridge of content, likeness of behaviour.

    Every item has relatives: the nearest met items by the words of title and attributes. If people who liked h also
    like an item's relatives, the item gets their score: the score of j is C(h, j) + balance · Σ over relatives r of j of
    w(j, r) · K(h, r), the mean over the history, newer events counting more; C is the cosine of `content`, K that of
    `item_knn`, each divided by the highest value that people's histories usually gave at fit. Relatives are met items as
    they were at fit. Words say what an item is, behaviour what it goes with; a new item has only the first, and this lends
    it the second. It takes seconds, and beats either alone on items that nobody met.
    """

    relatives: int = setting(5, least=1, most=1000, tune=(5, 10, 20))
    """How many met items of like content an item gets its company from."""
    sharpness: float = setting(1.0, above=0, most=10, tune=(1.0, 3.0))
    """The power of the cosine by which relatives count: more listens to the nearest only."""
    balance: float = setting(1.0, least=0, tune=(0.5, 1.0, 2.0), at_request=True)
    """How much behaviour counts beside content."""
    shrinkage: float = setting(5.0, least=0)
    """As in item_knn."""
    decay: float = setting(0.9, above=0, most=1, tune=(0.5, 0.7, 0.9, 1.0), at_request=True)
    """How much less each earlier event of the history counts."""

    behaviour: sparse.csr_matrix = learned()
    lent: sparse.csr_matrix = learned()
    counts: sparse.csr_matrix = learned()
    names: Array = learned()
    rarity: Doubles = learned()
    met: Ints = learned()
    kin: sparse.csr_matrix = learned()
    usual: Doubles = learned()

    def __post_init__(self) -> None:
        self._content: Content | None = None

    def fit(self, dataset: Dataset) -> Bridge:
        """See Retriever."""
        self.behaviour = ItemKNN(shrinkage=self.shrinkage).fit(dataset).table
        self.met = np.flatnonzero(dataset.popularity() > 0).astype(np.int32)
        self._keep(Content().fit(dataset))
        self.kin = self._words().rows()[self.met]
        self.lent = self._relatives(np.arange(len(dataset.items)))
        self.usual = self._usual(dataset)
        return self

    def _usual(self, dataset: Dataset) -> Doubles:
        """The highest values of C and of the lent K outside a history, in the mean over people. [2]"""
        people = np.flatnonzero(np.diff(dataset.offsets))
        some = np.sort(np.random.default_rng(0).permutation(people)[:ASKED])
        highest = np.zeros(2)
        for user in some.tolist():
            query = Query(dataset.profile(user))
            for place, values in enumerate(self._both(query)):
                values[query.profile.history.items] = 0
                highest[place] += values.max(initial=0)
        mean = highest / max(len(some), 1)
        return np.asarray(np.where(mean > 0, mean, 1.0), np.float64)

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable."""
        need_fitted(self)
        content = copy.copy(self._words())
        content.extend(items, changed)
        self._keep(content)
        rows = np.asarray(changed, np.int64)
        grown = sparse.csr_matrix(
            (self.lent.data, self.lent.indices, np.pad(self.lent.indptr, (0, len(items) - self.lent.shape[0]), "edge")),
            (len(items), self.lent.shape[1]),
        )  # fmt: skip
        stacked = sparse.vstack([grown, self._relatives(rows)], format="csr")
        taken = np.arange(len(items))
        taken[rows] = len(items) + np.arange(len(rows))
        self.lent = stacked[taken]

    def drop_words(self) -> None:
        """See Worded."""
        content = copy.copy(self._words())
        content.drop_words()
        self._keep(content)

    def _keep(self, content: Content) -> None:
        self._content = content
        self.counts, self.names, self.rarity = content.counts, content.names, content.rarity

    def _words(self) -> Content:
        if self._content is None:
            self._content = Content()
            self._content.counts, self._content.names, self._content.rarity = self.counts, self.names, self.rarity
        return self._content

    def _relatives(self, rows: Array) -> sparse.csr_matrix:
        """The nearest met items of some items, each row summing to 1. [rows, fitted items]"""
        words = self._words().rows()
        met = sparse.csr_matrix(self.kin.T)
        met.resize(words.shape[1], met.shape[1])
        found = []
        for start in range(0, len(rows), BLOCK):
            likeness = sparse.csr_matrix(words[rows[start : start + BLOCK]] @ met)
            likeness.data = np.round(likeness.data, 5)  # so that equal items are equal in whatever order they came
            found.append(nearest(likeness, self.relatives))
        size = self.behaviour.shape[0]
        near = sparse.vstack(found, format="csr") if found else sparse.csr_matrix((0, len(self.met)), dtype=np.float32)
        near.data **= np.float32(self.sharpness)
        sums = np.asarray(near.sum(1)).ravel()
        near.data /= np.repeat(np.maximum(sums, 1e-12), np.diff(near.indptr)).astype(np.float32)
        return sparse.csr_matrix((near.data, self.met[near.indices], near.indptr), (len(rows), size), dtype=np.float32)

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        rows = np.empty((len(queries), self.lent.shape[0]), np.float32)
        for row, query in enumerate(queries):
            alike, company = self._both(query)
            rows[row] = alike / self.usual[0] + company * (self.balance / self.usual[1])
        return np.where(rows > 0, rows, NEVER).astype(np.float32)

    def _both(self, query: Query) -> tuple[Doubles, Doubles]:
        """C and the lent K of every item, the mean over the history. Each [items]"""
        items, weights = known_events(query, self.lent.shape[0], self.decay)
        weights = weights / max(float(weights.sum()), 1e-12)
        fitted = items < self.behaviour.shape[0]
        alike = self._words().followed(items, weights)
        company = np.asarray(self.lent @ follow(self.behaviour, items[fitted], weights[fitted]), np.float64)
        return alike, company

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing."""
        history = query.profile.history
        result = np.zeros((len(items), len(history)), np.float32)
        known = np.flatnonzero(items < self.lent.shape[0])
        weights = decayed(history, self.decay)
        weights[history.items >= self.lent.shape[0]] = 0
        weights /= max(float(weights.sum()), 1e-12)
        scales = 1 / self.usual[0], self.balance / self.usual[1]
        words = self._words().rows()
        for event in np.flatnonzero((weights > 0) & (history.items < self.lent.shape[0])):
            item = int(history.items[event])
            carried = (words[items[known]] @ words[item].T).toarray().ravel() * scales[0]
            if item < self.behaviour.shape[0]:
                carried = carried + (self.lent[items[known]] @ self.behaviour[item].T).toarray().ravel() * scales[1]
            result[known, event] = carried * weights[event]
        return result
