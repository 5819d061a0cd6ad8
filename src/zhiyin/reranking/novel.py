"""novel: for the shelf of surprises: still liked, less known, further from the history."""

from __future__ import annotations

import numpy as np

from zhiyin.arrays import Floats, top_n
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.reranking.likeness import first_then_rest, relevance, rows_for
from zhiyin.stages import Selection


@part
class Novel:
    """Orders the pool by relevance + novelty · rarity + distance · (1 - likeness to the nearest liked item).

    Rarity is -log2(share of users who met the item), the self-information of novelty research, divided by that of an
    item that nobody met, so that it runs from 0 to 1. The pool is cut by score first, so that a surprise is still a recommendation.
    """

    novelty: float = setting(0.5, least=0, most=10, tune=(0.0, 0.25, 0.5, 1.0))
    """What being little known is worth, against the whole span of scores in the pool."""
    distance: float = setting(0.5, least=0, most=10, tune=(0.0, 0.25, 0.5, 1.0))
    """What being unlike everything liked is worth."""
    space: str = setting("tags")
    """Where likeness is measured: a vector space such as "text", or "tags"."""
    pool: int = setting(50, least=1, most=5000)
    """How many of the best candidates may come up."""

    popularity: Floats = learned()

    def fit(self, dataset: Dataset) -> Novel:
        """See Fittable."""
        self.popularity = dataset.popularity()
        return self

    def select(self, query: Query, candidates: Candidates, items: Items, n: int) -> Selection:
        """See Reranker. Keeps every row; the pool is put in its new order, the rest follow as they came."""
        need_fitted(self)
        size = min(len(candidates), max(self.pool, n))
        if size < 2:
            return Selection(np.arange(len(candidates), dtype=np.int32))
        found = candidates.items[:size]
        known = found < len(self.popularity)
        met = np.where(known, self.popularity[np.where(known, found, 0)], 0)
        value = relevance(candidates, size) + self.novelty * self._rarity(met)
        value = value + self.distance * (1 - self._likeness(query, candidates, items, size))
        order = top_n(np.asarray(value, np.float32), size)
        return Selection(first_then_rest(order.tolist(), len(candidates)))

    def _rarity(self, met: Floats) -> Floats:
        """1 for an item that nobody met, 0 for the one most met. [candidates]"""
        most = np.log2(float(self.popularity.max(initial=0)) + 1)
        return np.asarray(1 - np.log2(met + 1) / max(most, 1e-9), np.float32)

    def _likeness(self, query: Query, candidates: Candidates, items: Items, size: int) -> Floats:
        liked = np.unique(query.profile.history.newest_first[:100])
        liked = liked[liked < len(items)]
        if not len(liked):
            return np.zeros(size, np.float32)
        rows = rows_for(items, np.concatenate([candidates.items[:size], liked]).astype(np.int32), self.space)
        return np.asarray(np.maximum((rows[:size] @ rows[size:].T).max(1), 0), np.float32)
