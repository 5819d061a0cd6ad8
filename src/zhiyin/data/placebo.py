"""Placebos: data with one meaning taken out and everything else left as it was. A gain that is real is lost on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.data.moments import DAY

SWAPS = 10
"""Swaps tried per tie; after about that many, ties are as good as random given the degrees."""


def rewired(ties: sparse.csr_matrix, seed: int = 0) -> sparse.csr_matrix:
    """Ties between users dealt out anew, so that everyone keeps the number of friends but not who they are.

    Two ties a-b and c-d become a-d and c-b, unless that would tie someone to themselves or to a friend twice. ties:
    csr [users, users]; a tie one way is taken as a tie both ways. Returns csr of ones.
    """
    both = sparse.coo_matrix(sparse.triu(ties + ties.T, 1))
    ends = np.stack([both.row, both.col], 1).astype(np.int64).tolist()
    known = {(a, b) for a, b in ends} | {(b, a) for a, b in ends}
    rng = np.random.default_rng(seed)
    tried = rng.integers(0, max(len(ends), 1), (SWAPS * len(ends), 2)).tolist()
    turned = (rng.random(len(tried)) < 0.5).tolist()
    for (one, other), turn in zip(tried, turned, strict=True):
        (a, b), (c, d) = ends[one], ends[other][:: -1 if turn else 1]
        if a == d or c == b or (a, d) in known or (c, b) in known:
            continue
        known -= {(a, b), (b, a), (c, d), (d, c)}
        known |= {(a, d), (d, a), (c, b), (b, c)}
        ends[one], ends[other] = [a, d], [c, b]
    rows, columns = np.array(ends, np.int64).reshape(-1, 2).T
    half = sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), ties.shape)
    return sparse.csr_matrix(half + half.T)


def dealt_out(dataset: Dataset, seed: int = 0) -> Dataset:
    """Circumstances dealt out anew among all interactions: devices, places and surfaces together, and hours of the day
    apart, so that how common each is stays as it was."""
    rng, table = np.random.default_rng(seed), dataset.interactions
    contexts, times = rng.permutation(table.contexts), table.times
    if dataset.has_clock:
        within = rng.permutation(times % DAY)
        times = np.minimum(np.floor(times / DAY) * DAY + within, dataset.as_of)
    columns = (table.users, table.items, times, table.weights, table.kinds, table.values, contexts)
    return replace(dataset, interactions=Interactions.sort(*columns))


def exchanged(dataset: Dataset, seed: int = 0) -> Dataset:
    """What people registered with dealt out anew among those who registered anything: nobody's goes with what they like."""
    names = [user for user, told in dataset.user_attributes.items() if told]
    order = np.random.default_rng(seed).permutation(len(names)).tolist()
    dealt = {user: dataset.user_attributes[names[other]] for user, other in zip(names, order, strict=True)}
    return replace(dataset, user_attributes={**dataset.user_attributes, **dealt})
