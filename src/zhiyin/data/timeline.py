"""Timeline: how popular every item was as of any moment, counted from events strictly before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Doubles, Ints, Longs
from zhiyin.data.dataset import Interactions

DAY = 86_400.0
"""Seconds."""


@dataclass(frozen=True)
class Timeline:
    """Events per item in order of time, with running sums, so that any moment is one binary search away.

    A question about a moment never sees an event at or after it, even when the data this was built from does: with
    every user's last event held out, other users' data reaches beyond the moment that is asked about.

    times: all event times, sorted. keys: item · (events + 1) + rank of the time, sorted. moments: event times in the
    order of keys. starts: where each item's events begin [items + 1]. sums: running sums that halve every half_lives
    days, [half lives, events].
    """

    times: Doubles
    keys: Longs
    moments: Doubles
    starts: Longs
    half_lives: Doubles
    sums: Doubles

    @classmethod
    def of(cls, table: Interactions, items: int, half_lives: tuple[float, ...]) -> Timeline:
        """The timeline of interactions. items: size of the catalogue. half_lives: in days."""
        times = np.sort(table.times)
        ranks = np.searchsorted(times, table.times, side="left")
        keys = table.items.astype(np.int64) * (len(times) + 1) + ranks
        order = np.argsort(keys, kind="stable")
        starts = np.searchsorted(table.items[order], np.arange(items + 1)).astype(np.int64)
        moments = table.times[order]
        sums = np.stack([_running(moments, starts, days * DAY) for days in half_lives] or [np.empty(0)])
        return cls(times, keys[order], moments, starts, np.array(half_lives, np.float64), sums)

    def before(self, now: float, items: Ints) -> tuple[Longs, Longs]:
        """(events of each item before now, index of the last of them in moments; -1 for none). Both [items]."""
        inside = items < len(self.starts) - 1
        asked = np.where(inside, items, 0).astype(np.int64)
        rank = int(np.searchsorted(self.times, now, side="left"))
        if rank == len(self.times):  # every event is earlier, as for any live request: nothing to search for
            found = self.starts[asked + 1]
        else:
            found = np.searchsorted(self.keys, asked * (len(self.times) + 1) + rank, side="left")
        counts = np.where(inside, found - self.starts[asked], 0).astype(np.int64)
        return counts, np.where(counts > 0, found - 1, -1).astype(np.int64)

    def decayed(self, now: float, items: Ints) -> Doubles:
        """Events before now, each counting half per half life of its age. [half lives, items]"""
        _, last = self.before(now, items)
        ages = (
            np.where(last >= 0, now - self.moments[last], np.inf) if len(self.moments) else np.full(len(items), np.inf)
        )
        faded = np.exp2(-ages[None, :] / (self.half_lives[:, None] * DAY))
        return faded * (self.sums[:, last] if len(self.moments) else 0.0)

    def first(self, items: Ints) -> Doubles:
        """When each item was first met; inf when never. [items]"""
        inside = items < len(self.starts) - 1
        asked = np.where(inside, items, 0)
        begin, end = self.starts[asked], self.starts[asked + 1]
        found = np.append(self.moments, np.inf)[begin]
        return np.where(inside & (end > begin), found, np.inf)

    def last(self, now: float, items: Ints) -> Doubles:
        """When each item was last met before now; -inf when never. [items]"""
        _, last = self.before(now, items)
        return np.where(last >= 0, np.append(self.moments, 0.0)[last], -np.inf)

    def state(self) -> dict[str, Array]:
        """As a dict of arrays, for a learned field."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_state(cls, state: Mapping[str, Array]) -> Timeline:
        """The timeline kept in a learned field."""
        return cls(**{name: state[name] for name in cls.__dataclass_fields__})


def _running(moments: Doubles, starts: Longs, half_life: float) -> Doubles:
    """Within each item: 1 + what came before, faded. All items take their k-th event at once."""
    sums = np.ones(len(moments))
    lengths = np.diff(starts)
    rows = starts[:-1][lengths > 1] + 1
    ends = starts[1:][lengths > 1]
    while len(rows):
        sums[rows] += sums[rows - 1] * np.exp2(-(moments[rows] - moments[rows - 1]) / half_life)
        rows = rows + 1
        rows, ends = rows[rows < ends], ends[rows < ends]
    return sums
