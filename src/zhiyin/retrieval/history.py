"""How item-to-item parts read a history: newest first, each earlier event counting less."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import Floats, Ints
from zhiyin.profile import History
from zhiyin.query import Query


def decayed(history: History, decay: float) -> Floats:
    """decay^h for the h-th newest liked event, 0 for events that are not liked. [events], in the history's order."""
    liked = history.weights > 0
    newer = np.cumsum(liked[::-1])[::-1] - 1
    return np.where(liked, decay ** np.maximum(newer, 0), 0).astype(np.float32)


def spread(queries: Sequence[Query], size: int, decay: float) -> sparse.csr_matrix:
    """The histories as rows of weights over the fitted items; repeats add up, later items are left out. [queries, size]"""
    rows, columns, values = [], [], []
    for row, query in enumerate(queries):
        weights = decayed(query.profile.history, decay)
        use = (weights > 0) & (query.profile.history.items < size)
        rows.append(np.full(int(use.sum()), row, np.int32))
        columns.append(query.profile.history.items[use])
        values.append(weights[use])
    coordinates = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.concatenate(values), coordinates), shape=(len(queries), size), dtype=np.float32)


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
