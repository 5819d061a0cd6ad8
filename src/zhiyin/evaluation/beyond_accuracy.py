"""What accuracy does not say: how much of the catalogue is shown, how new, different, surprising and fitting the lists are.

lists: [users, depth] item positions, best first, -1 pads a short list. Every function takes lists cut to the depth it
should speak of.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Bools, Doubles, Floats, Ints, unit_rows
from zhiyin.evaluation.ranking_metrics import Targets, hits

HEAD = 0.2
"""The share of the items that people met, most popular first, that is not the tail."""


def exposure(lists: Ints, size: int) -> Doubles:
    """How many lists show each item. [size]"""
    return np.bincount(lists[lists >= 0], minlength=size).astype(np.float64)


def coverage(lists: Ints, size: int) -> float:
    """The share of the catalogue that at least one list shows."""
    return float((exposure(lists, size) > 0).mean()) if size else 0.0


def gini(lists: Ints, size: int) -> float:
    """How unevenly the catalogue is shown: 0 for all items alike, near 1 for few items in every list."""
    shown = np.sort(exposure(lists, size))
    if not shown.sum():
        return 0.0
    ranks = np.arange(1, size + 1)
    return float(((2 * ranks - size - 1) * shown).sum() / (size * shown.sum()))


def novelty(lists: Ints, popularity: Array, users: int) -> float:
    """Mean of -log2(share of users who met the item), in bits; an item nobody met counts as met by one.

    popularity: users per item in what was fitted on. [items]
    """
    shown = lists[lists >= 0]
    return float(-np.log2(np.maximum(popularity[shown], 1) / max(users, 1)).mean()) if len(shown) else 0.0


def tail_items(popularity: Array) -> Bools:
    """Which items are not among the fifth that most people met. [items]"""
    met = np.sort(popularity[popularity > 0])[::-1]
    least = met[int(len(met) * HEAD)] if len(met) else 0
    return np.asarray(popularity <= least)


def tail_share(lists: Ints, popularity: Array) -> float:
    """The share of what is shown that lies in the tail."""
    shown = lists[lists >= 0]
    return float(tail_items(popularity)[shown].mean()) if len(shown) else 0.0


def intra_list_distance(lists: Ints, vectors: Array | sparse.csr_matrix) -> float:
    """Mean over lists of the mean of 1 - cosine over all pairs of a list. Items with a row of zeros take no part.

    vectors: [items, width] texts as dense rows, or tags as a multi-hot csr.
    """
    pick = _picked(lists, vectors.shape[0])
    if not isinstance(vectors, np.ndarray):
        lengths = np.sqrt(np.asarray(vectors.multiply(vectors).sum(1)).ravel())
        scale = np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        sums = (pick @ (sparse.diags_array(scale) @ vectors)).tocsr()
        together = np.asarray(sums.multiply(sums).sum(1)).ravel()
    else:
        lengths = np.linalg.norm(vectors, axis=1)
        together = np.square(pick @ unit_rows(vectors)).sum(1)
    # |sum of unit vectors|^2 is the count plus all ordered pairs' cosines.
    count = np.asarray(pick @ (lengths > 0).astype(np.float64)).ravel()
    enough = count >= 2
    if not enough.any():
        return 0.0
    pairs = count[enough] * (count[enough] - 1)
    return float(1 - ((together[enough] - count[enough]) / pairs).mean())


def serendipity(lists: Ints, targets: Targets, popularity: Array) -> float:
    """Hits that popularity would not have made: mean over positions of hit * max(p_list - p_popular, 0).

    p = (items + 1 - rank) / items, the rank taken from the list and from the order by popularity.
    """
    size, depth = len(popularity), lists.shape[1]
    rank = np.empty(size, np.int64)
    rank[np.argsort(-popularity, kind="stable")] = np.arange(1, size + 1)
    gained = np.maximum(rank[lists] - np.arange(1, depth + 1), 0) / size
    return float((hits(lists, targets) * gained).sum(1).mean() / depth)


def calibration(lists: Ints, histories: sparse.csr_matrix, tags: sparse.csr_matrix, alpha: float = 0.01) -> float:
    """Mean KL(p || (1 - alpha) q + alpha p) in nats: how far a list's mix of tags is from the history's (Steck 2018).

    p from the history, q from the list; an item's tags share its weight. Users without tags in their history are left
    out. histories: csr [users, items], weights of liked items. tags: multi-hot csr [items, tags].
    """
    counts = np.asarray(tags.sum(1)).ravel()
    shared = sparse.diags_array(np.divide(1.0, counts, out=np.zeros(len(counts)), where=counts > 0)) @ tags
    liked, shown = _shares(histories @ shared), _shares(_picked(lists, tags.shape[0]) @ shared)
    width = np.int64(max(tags.shape[1], 1))
    rows = np.repeat(np.arange(liked.shape[0]), np.diff(liked.indptr))
    found = np.repeat(np.arange(shown.shape[0]), np.diff(shown.indptr)) * width + shown.indices
    wanted = rows * width + liked.indices
    at = np.minimum(np.searchsorted(found, wanted), max(len(found) - 1, 0))
    q = np.where(found[at] == wanted, shown.data[at], 0.0) if len(found) else np.zeros(len(wanted))
    p = liked.data
    terms = p * np.log(p / ((1 - alpha) * q + alpha * p))
    known = np.diff(liked.indptr) > 0
    return float(np.bincount(rows, terms, minlength=liked.shape[0])[known].mean()) if known.any() else 0.0


def debiased_hit_rate(lists: Ints, targets: Targets, popularity: Array, beta: float = 0.5) -> float:
    """The share of targets found when each counts popularity^-beta: what popular items cannot buy (Steck 2011)."""
    rows, columns = np.nonzero(hits(lists, targets))
    weight = np.maximum(popularity, 1).astype(np.float64) ** -beta
    return float(weight[lists[rows, columns]].sum() / weight[targets.items].sum())


def _picked(lists: Ints, size: int) -> sparse.csr_matrix:
    """Which items a list shows: ones [users, size]."""
    there = lists >= 0
    indptr = np.concatenate([[0], np.cumsum(there.sum(1))])
    chosen: Ints = lists[there]
    ones: Floats = np.ones(len(chosen), np.float32)
    return sparse.csr_matrix((ones, chosen, indptr), shape=(len(lists), size))


def _shares(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    """Rows scaled to sum 1, without zeros, columns in order."""
    matrix = sparse.csr_matrix(matrix, dtype=np.float64)
    sums = np.asarray(matrix.sum(1)).ravel()
    scaled = sparse.csr_matrix(
        sparse.diags_array(np.divide(1.0, sums, out=np.zeros(len(sums)), where=sums > 0)) @ matrix
    )
    scaled.eliminate_zeros()
    scaled.sort_indices()
    return scaled
