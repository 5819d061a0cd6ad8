"""Ranking metrics of many users at once: what share of the right answers is in the list, and how high.

Conventions, the same for every number this project reports:
- A list is ranked over the whole catalogue, never over sampled negatives; position 0 is the best; -1 pads a short list.
- Every target is equally right. Equal scores have been settled by the catalogue's hash order before lists come here.
- DCG counts 1 / log2(rank + 1) with ranks from 1; the ideal list has min(targets, k) hits on top.
- AP@k is divided by min(targets, k), precision@k by k even when the list is shorter, recall@k by the number of targets.
- A metric of a row is the mean over its users, each user counting once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Ints, Longs
from zhiyin.errors import DataError

METRICS = ("ndcg", "hr", "recall", "precision", "mrr", "map")


@dataclass(frozen=True)
class Targets:
    """The right answers of many users in one flat array.

    items: all targets, user after user, no repeats within a user. counts: how many each user has, at least 1. [users]
    """

    items: Ints
    counts: Longs

    @classmethod
    def of(cls, targets: Sequence[Ints] | Array) -> Targets:
        """From one array of items per user, or an array [users] with one target each. Raises DataError."""
        if isinstance(targets, np.ndarray) and targets.dtype != object:
            return cls(targets.astype(np.int32).ravel(), np.ones(len(targets), np.int64))
        counts = np.fromiter((len(one) for one in targets), np.int64, len(targets))
        if len(counts) and not counts.all():
            raise DataError(f"targets: {int((counts == 0).sum())} users have no right answer; leave them out")
        return cls(np.concatenate([np.empty(0, np.int32), *targets]).astype(np.int32), counts)

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def users(self) -> Longs:
        """The row of the user each target belongs to. [targets]"""
        return np.repeat(np.arange(len(self.counts)), self.counts)

    def only(self, keep: Bools) -> tuple[Targets, Longs]:
        """The targets for which keep [targets] is true, and the rows of the users who still have one."""
        counts = np.bincount(self.users[keep], minlength=len(self))
        rows = np.flatnonzero(counts)
        return Targets(self.items[keep], counts[rows]), rows


def hits(lists: Ints, targets: Targets) -> Bools:
    """Which positions of the lists hold a right answer. lists: [users, depth], -1 pads. Returns [users, depth].

    Raises DataError when there are not as many lists as users with targets.
    """
    if lists.ndim != 2 or len(lists) != len(targets):
        raise DataError(f"lists: shape {lists.shape}, but {len(targets)} users have targets; give [users, depth]")
    if len(targets.items) == len(targets):
        return np.asarray((lists == targets.items[:, None]) & (lists >= 0))
    span = np.int64(max(lists.max(initial=0), targets.items.max(initial=0)) + 1)
    right = np.sort(targets.users * span + targets.items)
    keys = np.arange(len(lists), dtype=np.int64)[:, None] * span + lists
    at = np.minimum(np.searchsorted(right, keys), len(right) - 1)
    return np.asarray((right[at] == keys) & (lists >= 0))


def per_user(
    lists: Ints, targets: Targets, ks: Sequence[int] = (10, 20), metrics: Sequence[str] = METRICS
) -> dict[str, Doubles]:
    """Each metric at each depth, by a name like "ndcg@10". Values are [users], 0 to 1.

    lists: [users, depth]; a depth below k counts the missing positions as misses. Raises DataError for an unknown metric.
    """
    unknown = set(metrics) - set(METRICS)
    if unknown:
        raise DataError(f"metrics {sorted(unknown)} are not known; there are {', '.join(METRICS)}")
    # Hits are rare, so everything below works on the list of hits and not on the matrix.
    users, columns = np.divmod(np.flatnonzero(hits(lists, targets)), max(lists.shape[1], 1))
    found = _Hits(users, columns, np.arange(len(users)) - np.searchsorted(users, users) + 1, targets.counts)
    return {f"{metric}@{k}": getattr(found, metric)(k) for k in ks for metric in metrics}


@dataclass(frozen=True)
class _Hits:
    """The hits of all users: whose, at which column (from 0), and the how many-th of its list (from 1)."""

    users: Longs
    columns: Longs
    nth: Longs
    counts: Longs

    def _sum(self, k: int, gains: Doubles) -> Doubles:
        inside = self.columns < k
        return np.asarray(np.bincount(self.users[inside], gains[inside], minlength=len(self.counts)), np.float64)

    def ndcg(self, k: int) -> Doubles:
        best = np.cumsum(1 / np.log2(np.arange(2, k + 2)))
        return np.asarray(self._sum(k, 1 / np.log2(self.columns + 2)) / best[np.minimum(self.counts, k) - 1])

    def hr(self, k: int) -> Doubles:
        return self._sum(k, (self.nth == 1).astype(np.float64))

    def recall(self, k: int) -> Doubles:
        return self._sum(k, np.ones(len(self.users))) / self.counts

    def precision(self, k: int) -> Doubles:
        return self._sum(k, np.ones(len(self.users))) / k

    def mrr(self, k: int) -> Doubles:
        return self._sum(k, np.where(self.nth == 1, 1 / (self.columns + 1), 0.0))

    def map(self, k: int) -> Doubles:
        return self._sum(k, self.nth / (self.columns + 1)) / np.minimum(self.counts, k)
