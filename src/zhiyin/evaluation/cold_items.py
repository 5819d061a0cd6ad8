"""Cold items: a share of the catalogue loses all of its events, and content alone must find who would have wanted them.

For every user with a liked held-out item and a liked other one: rank the held-out items, and nothing else, by what is known
from the others. Recall@k is the share of the user's held-out items among the first k.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from zhiyin.arrays import Bools, Doubles, Floats, Ints, top_n
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError
from zhiyin.evaluation.ranking_metrics import Targets, per_user


@dataclass(frozen=True)
class ColdItems:
    """Users, what is known of them, and which held-out items they liked.

    items: positions of the held-out items. users: rows asked about. targets: places in `items`, per user. known: the
    others' items per user as csr of ones [users asked, items].
    """

    items: Ints
    users: Ints
    targets: tuple[Ints, ...]
    known: sparse.csr_matrix

    @property
    def depth(self) -> int:
        """k: 20, less where there are so few held-out items that 20 would hold nearly all."""
        return min(20, max(1, len(self.items) // 4))

    def recall(self, scores: Callable[[slice], Floats], k: int = 0) -> Doubles:
        """Recall@k of every user, at `depth` when k is 0. scores: a range of users to [those users, held-out items]."""
        k = k or self.depth
        lists = np.full((len(self.users), k), -1, np.int32)
        for start in range(0, len(self.users), 512):
            for row, one in enumerate(scores(slice(start, min(start + 512, len(self.users))))):
                best = top_n(one, k)
                lists[start + row, : len(best)] = best
        return per_user(lists, Targets.of(self.targets), (k,), ("recall",))[f"recall@{k}"]

    def by_vectors(self, vectors: Floats, k: int = 0) -> Doubles:
        """Recall@k of ranking by the cosine with the mean of the known items' vectors. vectors: unit rows [items, width]."""
        profiles = self.known @ vectors
        cold = np.ascontiguousarray(vectors[self.items].T)
        return self.recall(lambda rows: np.asarray(profiles[rows] @ cold, np.float32), k)


def hold_out(dataset: Dataset, shares: Sequence[float], seed: int = 0) -> tuple[Dataset, tuple[Bools, ...]]:
    """The dataset without the events of held-out items, and a mask per share of the items that have events.

    shares: of the items with events, e.g. (0.1, 0.2) for a tenth to validate on and a fifth to test on.
    """
    met = np.flatnonzero(dataset.popularity() > 0)
    drawn = np.random.default_rng(seed).permutation(met)
    ends = np.cumsum([int(len(met) * share) for share in shares])
    masks = []
    for begin, end in zip([0, *ends[:-1]], ends, strict=True):
        mask = np.zeros(len(dataset.items), np.bool_)
        mask[drawn[begin:end]] = True
        masks.append(mask)
    held = np.any(masks, 0)
    return dataset.only(~held[dataset.interactions.items]), tuple(masks)


def cold_items(dataset: Dataset, warm: Dataset, held: Bools, most: int = 0, seed: int = 0) -> ColdItems:
    """The questions about one mask of held-out items. warm: without all held-out events. most: users at most, 0 for all.

    Raises DataError when no user liked both a held-out item and another one.
    """
    items = np.flatnonzero(held).astype(np.int32)
    wanted = dataset.binary()[:, items].tocsr()
    known = warm.binary()
    users = np.flatnonzero((np.diff(wanted.indptr) > 0) & (np.diff(known.indptr) > 0)).astype(np.int32)
    if not len(users):
        raise DataError("cold items: no user liked both a held-out item and another one; use more data")
    if most and len(users) > most:
        users = np.sort(np.random.default_rng(seed).choice(users, most, replace=False))
    targets = tuple(wanted[user].indices.astype(np.int32) for user in users)
    return ColdItems(items, users, targets, known[users])
