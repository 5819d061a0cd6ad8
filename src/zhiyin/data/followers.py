"""Followers: which item came soon after which, counted over people."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zhiyin.arrays import Bools, Ints, Longs
from zhiyin.data.dataset import Dataset, Interactions

BLOCK = 200_000
"""Events read at a time, which bounds the memory: every gap makes a pair of each."""


def followers(dataset: Dataset, window: int) -> sparse.csr_matrix:
    """T[i, j] = Σ over people of 1 / the smallest gap at which they liked i before j; csr float32 [items, items].

    window: the largest gap counted, in events of Dataset.sequence. Who goes from i to j a thousand times is one person.
    """
    liked, size = dataset.sequence, len(dataset.items)
    again = _met_again(liked, size)
    table = sparse.csr_matrix((size, size), dtype=np.float32)
    ends = np.searchsorted(liked.users, np.unique(liked.users), side="right")
    start = 0
    while start < len(liked):
        stop = int(ends[min(int(np.searchsorted(ends, start + BLOCK)), len(ends) - 1)])  # whole people
        first, then, gaps = _pairs(liked.users[start:stop], liked.items[start:stop], window)
        # Only somebody who met one of the two more than once can go from the one to the other again.
        twice = np.flatnonzero(again[start:stop][first] | again[start:stop][then])
        who, items = liked.users[start:stop].astype(np.int64) - int(liked.users[start]), liked.items[start:stop]
        keys = (who[first[twice]] * size + items[first[twice]]) * size + items[then[twice]]
        kept = np.ones(len(first), np.bool_)
        kept[twice] = False
        kept[twice[np.unique(keys, return_index=True)[1]]] = True  # pairs come by gap: the first is the closest
        values = (1 / gaps[kept]).astype(np.float32)
        table = table + sparse.csr_matrix((values, (items[first[kept]], items[then[kept]])), (size, size))
        start = stop
    return table


def _pairs(users: Ints, items: Ints, window: int) -> tuple[Longs, Longs, Longs]:
    """Rows of two different items of one person, and how far apart they are, the closest first. Each [pairs]"""
    firsts, gaps = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for gap in range(1, min(window, len(users) - 1) + 1):
        found = np.flatnonzero((users[:-gap] == users[gap:]) & (items[:-gap] != items[gap:]))
        firsts.append(found)
        gaps.append(np.full(len(found), gap, np.int64))
    first, apart = np.concatenate(firsts), np.concatenate(gaps)
    return first, first + apart, apart


def _met_again(liked: Interactions, size: int) -> Bools:
    """Which rows are of an item that the same person liked more than once. [rows]"""
    _, of, counts = np.unique(
        liked.users.astype(np.int64) * size + liked.items, return_inverse=True, return_counts=True
    )
    return np.asarray(counts[of] > 1)
