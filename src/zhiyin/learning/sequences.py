"""Sequences: what users liked, in order, as padded rows for a sequence model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Ints, Longs
from zhiyin.data.dataset import Dataset

BUCKETS = 32
"""Buckets of time between two events: 0 for unknown, then one for each doubling of seconds, from none to decades."""


def gap_buckets(seconds: Array) -> Longs:
    """The bucket of each time span: 0 when unknown or negative, 1 below a second, 2 below three, 3 below seven, …"""
    known = np.isfinite(seconds) & (seconds >= 0)
    grown = np.log2(np.where(known, seconds, 0.0) + 1.0)
    return np.where(known, np.minimum(grown.astype(np.int64) + 1, BUCKETS - 1), 0).astype(np.int64)


@dataclass(frozen=True)
class Sequences:
    """Positive events of all users, one after the other (see Dataset.sequence), and the windows that are trained on.

    items, gaps: [events]; a gap is the bucket of the time to the user's next event. starts, ends: rows of each window;
    its last event is a target only. firsts: where the user's events begin, at starts or before. Refusals are left out: neither input nor target, since a next item is one to like.
    """

    items: Ints
    gaps: Longs
    firsts: Longs
    starts: Longs
    ends: Longs

    @classmethod
    def of(cls, dataset: Dataset, length: int, windows: int = 1, without_last: Array | None = None) -> Sequences:
        """Each user's newest `length` + 1 liked events, and up to windows - 1 such stretches before them.

        without_last: users whose last liked event is kept out.
        """
        liked = dataset.sequence
        offsets = np.searchsorted(liked.users, np.arange(len(dataset.users) + 1)).astype(np.int64)
        firsts, ends = offsets[:-1], offsets[1:].copy()
        if without_last is not None:
            ends[without_last] -= 1
        # A stretch shares one event with the one after it: the target there is the first input here.
        stops = np.concatenate([ends - back * length for back in range(windows)])
        firsts = np.tile(firsts, windows)
        starts = np.maximum(firsts, stops - length - 1)
        gaps = _gaps(liked.users, liked.times, dataset.has_clock)
        return cls(liked.items, gaps, firsts, starts, stops).where(stops - starts >= 2)

    @classmethod
    def ends_of(cls, dataset: Dataset, length: int, users: Array) -> Sequences:
        """The newest `length` + 1 liked events of some users."""
        found = cls.of(dataset, length)
        return found.where(np.isin(dataset.sequence.users[found.starts], users))

    def where(self, mask: Bools) -> Sequences:
        """The windows for which the mask is true."""
        return replace(self, firsts=self.firsts[mask], starts=self.starts[mask], ends=self.ends[mask])

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def lengths(self) -> Longs:
        """Inputs of each window. [windows]"""
        return self.ends - self.starts - 1

    def padded(self, rows: Array) -> tuple[Longs, Longs, Longs, Longs]:
        """Inputs, targets and gaps of some windows, [rows, longest], zeros behind their ends; and their lengths [rows]."""
        lengths = self.lengths[rows]
        places = np.arange(int(lengths.max(initial=0)))
        real = places < lengths[:, None]
        at = np.where(real, self.starts[rows][:, None] + places, 0)
        inputs, gaps, targets = (np.where(real, x, 0) for x in (self.items[at], self.gaps[at], self.items[at + real]))
        return inputs.astype(np.int64), targets.astype(np.int64), gaps, lengths


def _gaps(users: Ints, times: Doubles, has_clock: bool) -> Longs:
    """Buckets of the time to the same user's next event. [events]"""
    if not has_clock or not len(times):
        return np.zeros(len(times), np.int64)
    spans = np.append(np.diff(times), np.nan)
    spans[:-1][users[1:] != users[:-1]] = np.nan
    return gap_buckets(spans)


def groups(lengths: Array, count: int) -> list[Longs]:
    """Rows sorted by length into `count` groups of near-equal rows, so that padding is little."""
    return [one for one in np.array_split(np.argsort(lengths, kind="stable"), count) if len(one)]
