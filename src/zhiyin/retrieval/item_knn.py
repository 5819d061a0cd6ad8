"""item_knn: items liked by the same people as the items of the history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Floats, Ints
from zhiyin.data.dataset import Dataset
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import Followed, decayed
from zhiyin.stages import Scorer

BLOCK = 2048
"""Rows of the item-to-item product made at a time, which bounds the memory before pruning."""


@part
class ItemKNN(Scorer):
    """Cosine of the items' columns of users, shrunk where few people are in common, followed from the newest events.

    S[i, j] = |U_i ∩ U_j| / (√(|U_i| · |U_j|) + shrinkage), diagonal 0. The score of j is Σ over the history, newest
    first (h = 0, 1, …), of decay^h · S[item, j]. See Sarwar et al. 2001 and, for the shrinkage, Bell and Koren 2007.
    """

    shrinkage: float = setting(10.0, least=0, tune=(0.0, 10.0, 50.0))
    """Added to the denominator, so that a likeness seen in few people counts less."""
    decay: float = setting(0.8, above=0, most=1, tune=(0.5, 0.7, 0.8, 0.9, 1.0), at_request=True)
    """How much less each earlier event of the history counts."""
    neighbours: int = setting(0, least=0)
    """How many of each item's nearest items are kept; 0 keeps all. A large catalogue needs a limit (500) for memory."""

    table: sparse.csr_matrix = learned()

    def __post_init__(self) -> None:
        self._reader: Followed | None = None

    def fit(self, dataset: Dataset) -> ItemKNN:
        """See Retriever."""
        users = dataset.binary()
        items = users.T.tocsr()
        lengths = np.sqrt(np.diff(items.indptr))
        blocks = [
            self._likeness(items[start : start + BLOCK], users, lengths, start)
            for start in range(0, items.shape[0], BLOCK)
        ]
        shape = (items.shape[0], items.shape[0])
        self.table = sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix(shape, dtype=np.float32)
        return self

    def _likeness(
        self, block: sparse.csr_matrix, users: sparse.csr_matrix, lengths: Floats, start: int
    ) -> sparse.csr_matrix:
        product = sparse.csr_matrix(block @ users)
        rows = np.repeat(np.arange(product.shape[0]), np.diff(product.indptr)) + start
        product.data /= (lengths[rows] * lengths[product.indices] + self.shrinkage).astype(np.float32)
        product.data[rows == product.indices] = 0
        product.eliminate_zeros()
        return nearest(product, self.neighbours) if self.neighbours else product

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


def nearest(table: sparse.csr_matrix, count: int) -> sparse.csr_matrix:
    """The table with only the `count` highest values of each row; equal values in order of column."""
    kept = []
    for start, end in zip(table.indptr[:-1].tolist(), table.indptr[1:].tolist(), strict=True):
        places = np.arange(start, end)
        if end - start > count:
            values = table.data[start:end]
            edge = np.partition(values, len(values) - count)[len(values) - count]
            above, level = places[values > edge], places[values == edge]
            level = level[np.argsort(table.indices[level], kind="stable")][: count - len(above)]
            places = np.sort(np.concatenate([above, level]))
        kept.append(places)
    at = np.concatenate([np.empty(0, np.int64), *kept]).astype(np.int64)
    ends = np.cumsum([0, *(len(one) for one in kept)])
    return sparse.csr_matrix((table.data[at], table.indices[at], ends), table.shape, dtype=np.float32)
