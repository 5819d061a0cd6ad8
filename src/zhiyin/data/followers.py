"""Followers: which item came soon after which, counted over people."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Bools
from zhiyin.data.dataset import Dataset, Interactions


def followers(dataset: Dataset, window: int) -> sparse.csr_matrix:
    """T[i, j] = Σ over people of 1 / the smallest gap at which they liked i before j; csr float32 [items, items].

    window: the largest gap counted, in liked events. Somebody who goes from i to j a thousand times is one person.
    """
    liked, size = dataset.liked, len(dataset.items)
    again = _met_again(liked, size)
    table = sparse.csr_matrix((size, size), dtype=np.float32)
    told = np.empty(0, np.int64)
    for gap in range(1, min(window, len(liked) - 1) + 1):
        apart = (liked.users[:-gap] == liked.users[gap:]) & (liked.items[:-gap] != liked.items[gap:])
        if not apart.any():  # no sequence is longer than this gap
            continue
        first, then = np.flatnonzero(apart), np.flatnonzero(apart) + gap
        # Only somebody who met one of the two more than once can go from the one to the other again.
        twice = again[first] | again[then]
        if twice.any():
            keys = _keys(liked, first[twice], then[twice], size)
            keys, rows = np.unique(keys, return_index=True)
            new = np.isin(keys, told, invert=True)
            told = np.concatenate([told, keys[new]])
            kept = np.sort(np.concatenate([np.flatnonzero(~twice), np.flatnonzero(twice)[rows[new]]]))
            first, then = first[kept], then[kept]
        pairs = (liked.items[first], liked.items[then])
        table = table + sparse.csr_matrix((np.full(len(first), 1 / gap, np.float32), pairs), (size, size))
    return table


def _met_again(liked: Interactions, size: int) -> Bools:
    """Which rows are of an item that the same person liked more than once. [rows]"""
    _, of, counts = np.unique(
        liked.users.astype(np.int64) * size + liked.items, return_inverse=True, return_counts=True
    )
    return np.asarray(counts[of] > 1)


def _keys(liked: Interactions, first: Array, then: Array, size: int) -> Array:
    """One number for each person and pair of items."""
    pairs = liked.items[first].astype(np.int64) * size + liked.items[then]
    return liked.users[first].astype(np.int64) * size * size + pairs
