"""How item-to-item parts read a history: newest first, each earlier event counting less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Doubles, Floats, Ints
from zhiyin.profile import History
from zhiyin.query import Query


def decayed(history: History, decay: float) -> Floats:
    """decay^h for the h-th newest liked event, 0 for events that are not liked. [events], in the history's order."""
    liked = history.weights > 0
    newer = np.cumsum(liked[::-1])[::-1] - 1
    return np.where(liked, decay ** np.maximum(newer, 0), 0).astype(np.float32)


def known_events(query: Query, size: int, decay: float) -> tuple[Ints, Floats]:
    """Items and decayed weights of the liked events whose items were fitted (position < size). Each [events]."""
    weights = decayed(query.profile.history, decay)
    use = (weights > 0) & (query.profile.history.items < size)
    return query.profile.history.items[use], weights[use]


def follow(table: sparse.csr_matrix, rows: Array, weights: Array) -> Doubles:
    """Σ weights[h] · table[rows[h], ·], without the overhead a sparse product has on one short history. [columns]"""
    starts = table.indptr[rows].astype(np.int64)
    counts = table.indptr[np.asarray(rows) + 1] - starts
    total = int(counts.sum())
    if not total:
        return np.zeros(table.shape[1])
    at = np.repeat(starts - (np.cumsum(counts) - counts), counts) + np.arange(total)
    values = table.data[at] * np.repeat(weights, counts)
    return np.asarray(np.bincount(table.indices[at], values, minlength=table.shape[1]), np.float64)


def followed(table: sparse.csr_matrix, queries: Sequence[Query], decay: float) -> Floats:
    """Every query's history followed through an item-to-item table; a query alone gets the same numbers. [queries, items]"""
    rows = np.empty((len(queries), table.shape[1]), np.float32)
    for row, query in enumerate(queries):
        rows[row] = follow(table, *known_events(query, table.shape[0], decay))
    return rows


def contributions_from_rows(table: sparse.csr_matrix, query: Query, items: Ints, weights: Floats) -> Floats:
    """weights[h] · table[history[h], item] for every item and event. [items, events]"""
    history = query.profile.history.items
    size = table.shape[0]
    result = np.zeros((len(items), len(history)), np.float32)
    events, known = np.flatnonzero((weights > 0) & (history < size)), np.flatnonzero(items < size)
    if len(events) and len(known):
        block = table[history[events]][:, items[known]].toarray()
        result[np.ix_(known, events)] = (block * weights[events][:, None]).T
    return result
