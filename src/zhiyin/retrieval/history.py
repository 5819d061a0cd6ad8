"""How item-to-item parts read a history: newest first, each earlier event counting less."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Doubles, Floats, Ints, row_entries
from zhiyin.profile import History
from zhiyin.query import Query

SMALL = 2048
"""Items up to which a table is read as a full matrix: 16 MB."""

MEDIUM = 4096
"""Items up to which a table is read so where an eighth of its pairs have been met: 64 MB."""

FAINT = 1e-6
"""Part of the newest event's weight below which an event says nothing: no sum of float32 would notice it."""


def decayed(history: History, decay: float) -> Floats:
    """decay^h for the h-th newest liked event, 0 for events that are not liked. [events], in the history's order."""
    newer = history.newer
    heard = (newer >= 0) & (newer <= reach(decay))
    return np.where(heard, decay ** np.maximum(newer, 0), 0).astype(np.float32)


def reach(decay: float) -> float:
    """How many liked events may be newer than one that still counts."""
    return math.log(FAINT) / math.log(decay) if decay < 1 else math.inf


def histories(queries: Sequence[Query], size: int, decay: float, places: Ints | None = None) -> sparse.csr_matrix:
    """The liked, fitted events of many queries: csr of their decayed weights [queries, size], oldest first, repeats kept.

    places: where each fitted item's row stands, -1 for nowhere; its own position when None. What a product with a table
    gives for a query does not depend on the others: each row is added up by itself, event by event.
    """
    told = [query.profile.history for query in queries]
    # One request waits for this: a batch of one is not put together first.
    items = told[0].items if len(told) == 1 else np.concatenate([np.empty(0, np.int32), *(one.items for one in told)])
    newer = told[0].newer if len(told) == 1 else np.concatenate([np.empty(0, np.int32), *(one.newer for one in told)])
    known = (newer >= 0) & (newer <= reach(decay)) & (items < (size if places is None else len(places)))
    if places is not None and len(places):
        items = places[np.where(known, items, 0)]
        known &= items >= 0
    ends = np.concatenate([[0], np.cumsum(known)])[np.cumsum([0, *(len(one) for one in told)])]
    weights = (decay ** newer[known]).astype(np.float32)
    return sparse.csr_matrix((weights, items[known], ends), shape=(len(told), size))


def known_events(query: Query, size: int, decay: float) -> tuple[Ints, Floats]:
    """Items and decayed weights of the liked events whose items were fitted (position < size). Each [events]."""
    weights = decayed(query.profile.history, decay)
    use = (weights > 0) & (query.profile.history.items < size)
    return query.profile.history.items[use], weights[use]


def follow(table: sparse.csr_matrix, rows: Array, weights: Array) -> Doubles:
    """Σ weights[h] · table[rows[h], ·], without the overhead a sparse product has on one short history. [columns]"""
    places, owners = row_entries(table.indptr, rows)
    values = table.data[places] * np.asarray(weights)[owners]
    return np.asarray(np.bincount(table.indices[places], values, minlength=table.shape[1]), np.float64)


class Followed:
    """An item-to-item table as requests read it: a full matrix where that is small, else its rows.

    table: csr float32 [items, items]; what a part learned. A request waits for this, and where nearly every pair has
    been met a sparse row is only a slower full one.
    """

    def __init__(self, table: sparse.csr_matrix) -> None:
        self.table = table
        size = table.shape[0]
        full = size <= SMALL or (size <= MEDIUM and 8 * table.nnz >= size**2)
        self._full: Floats | None = table.toarray() if full else None

    def scores(self, queries: Sequence[Query], decay: float) -> Floats:
        """Every query's history followed through the table; a query alone gets the same numbers. [queries, items]"""
        met = histories(queries, self.table.shape[0], decay)
        return np.asarray((met @ self.table).toarray() if self._full is None else met @ self._full, np.float32)

    def contributions(self, query: Query, items: Ints, weights: Floats) -> Floats:
        """weights[h] · table[history[h], item] for every item and event. [items, events]"""
        history = query.profile.history.items
        size = self.table.shape[0]
        result = np.zeros((len(items), len(history)), np.float32)
        events, known = np.flatnonzero((weights > 0) & (history < size)), np.flatnonzero(items < size)
        if len(events) and len(known):
            block = self._block(history[events], items[known])
            result[np.ix_(known, events)] = (block * weights[events][:, None]).T
        return result

    def _block(self, rows: Ints, columns: Ints) -> Floats:
        """table[rows][:, columns] as a full matrix; the columns are distinct."""
        if self._full is not None:
            return self._full[np.ix_(rows, columns)]
        places, owners = row_entries(self.table.indptr, rows)
        column_of = np.full(self.table.shape[1], -1, np.int32)
        column_of[columns] = np.arange(len(columns))
        found = column_of[self.table.indices[places]]
        block = np.zeros((len(rows), len(columns)), np.float32)
        block[owners[found >= 0], found[found >= 0]] = self.table.data[places[found >= 0]]
        return block
