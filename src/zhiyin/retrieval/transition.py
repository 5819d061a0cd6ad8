"""transition: what tends to come soon after what, counted item to item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Floats, Ints
from zhiyin.data.dataset import Dataset
from zhiyin.data.followers import followers
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import Followed, decayed
from zhiyin.stages import Scorer


@part
class Transition(Scorer):
    """Counts i before j, weighted by 1 / gap, and follows them from the newest events: simple, and hard to beat.

    T[i, j] = Σ over users of 1 / gap for i before j within the window, the smallest gap each of them had, plus `reverse`
    times the same for j before i; divided by the square root of its row's sum and by (its column's sum) ^ popularity. The score
    of j is Σ over the history, newest first (h = 0, 1, …), of decay^h · T[item, j]. See "An Embarrassingly Simple Graph
    Heuristic", arXiv 2605.07125.
    """

    window: int = setting(10, least=1, most=1000, tune=(5, 10, 20))
    """How many steps apart two events may be."""
    decay: float = setting(0.8, above=0, most=1, tune=(0.3, 0.5, 0.7, 0.8, 0.9), at_request=True)
    """How much less each earlier event of the history counts."""
    reverse: float = setting(0.0, least=0, most=1, tune=(0.0, 0.5))
    """How much coming before counts, beside coming after: 1 makes the order of two items count nothing."""
    popularity: float = setting(0.0, least=0, most=1, tune=(0.0, 0.5))
    """How much what follows everything is held back: the power of its column's sum that divides it."""

    table: sparse.csr_matrix = learned()

    def __post_init__(self) -> None:
        self._reader: Followed | None = None

    def fit(self, dataset: Dataset) -> Transition:
        """See Retriever."""
        table = followers(dataset, self.window)
        if self.reverse:
            table = sparse.csr_matrix(table + self.reverse * table.T)
        sums = np.asarray(table.sum(1)).ravel()
        scale = np.divide(1, np.sqrt(sums), out=np.zeros_like(sums), where=sums > 0)
        columns = np.maximum(np.asarray(table.sum(0)).ravel(), 1e-12) ** -self.popularity
        table = sparse.diags_array(scale.astype(np.float32)) @ table @ sparse.diags_array(columns.astype(np.float32))
        self.table = sparse.csr_matrix(table, dtype=np.float32)
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        rows = self._followed().scores(queries, self.decay)
        return np.where(rows > 0, rows, NEVER).astype(np.float32)

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing."""
        return self._followed().contributions(query, items, decayed(query.profile.history, self.decay))

    def _followed(self) -> Followed:
        """The table as requests read it, made on first use after a fit or a load."""
        if self._reader is None or self._reader.table is not self.table:
            self._reader = Followed(self.table)
        return self._reader
