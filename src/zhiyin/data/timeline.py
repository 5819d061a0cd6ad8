"""Timeline: how many people had taken up every item as of any moment, counted from events strictly before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Ints, Longs
from zhiyin.data.dataset import Interactions
from zhiyin.data.moments import DAY as DAY
from zhiyin.data.moments import settled


@dataclass(frozen=True)
class Timeline:
    """Events per item in order of time, with running sums, so that any moment is one binary search away.

    A question about a moment never sees an event at or after it, even when the data this was built from does: with
    every user's last event held out, other users' data reaches beyond the moment that is asked about.

    Everybody counts once per item, by the last time they met it before the moment that is asked about, however often
    they came. Ages are counted up to `present` alone, see moments.settled: what the newest handful did after it is as new
    as new can be, and one row of 2099 makes nothing old.

    times: all event times, sorted. keys: item · (events + 1) + rank of the time, sorted. moments: event times in the
    order of keys. starts: where each item's events begin [items + 1]. people: different people among an item's events so
    far [events]. sums: people so far, each halved every half_lives days [half lives, events]. present: [1].
    """

    times: Doubles
    keys: Longs
    moments: Doubles
    starts: Longs
    people: Longs
    half_lives: Doubles
    sums: Doubles
    present: Doubles

    @classmethod
    def of(
        cls, table: Interactions, items: int, half_lives: tuple[float, ...], present: float | None = None
    ) -> Timeline:
        """The timeline of interactions whose times can be right. items: size of the catalogue. half_lives: in days.

        present: what now is in the data; None reads it off the interactions.
        """
        present = settled(table.users, table.times) if present is None else present
        times = np.sort(table.times)
        ranks = np.searchsorted(times, table.times, side="left")
        keys = table.items.astype(np.int64) * (len(times) + 1) + ranks
        order = np.argsort(keys, kind="stable")
        starts = np.searchsorted(table.items[order], np.arange(items + 1)).astype(np.int64)
        moments = table.times[order]
        ages = np.minimum(moments, present)
        since = _since_their_last(table.users[order], table.items[order], ages)
        sums = [_running(ages, since, starts, days * DAY) for days in half_lives]
        people = _counted(np.isinf(since), starts)
        made = np.stack(sums) if sums else np.empty((0, len(moments)))
        return cls(
            times, keys[order], moments, starts, people, np.array(half_lives, np.float64), made, np.array([present])
        )

    def before(self, now: float, items: Ints) -> tuple[Longs, Longs]:
        """(people who met each item before now, index of the last such event in moments; -1 for none). Both [items]."""
        known = items < len(self.starts) - 1
        asked = np.where(known, items, 0).astype(np.int64)
        rank = int(np.searchsorted(self.times, now, side="left"))
        if rank == len(self.times):  # every event is earlier, as for any live request: nothing to search for
            found = self.starts[asked + 1]
        else:
            found = np.searchsorted(self.keys, asked * (len(self.times) + 1) + rank, side="left")
        last = np.where(known & (found > self.starts[asked]), found - 1, -1).astype(np.int64)
        return _at(self.people, last, 0).astype(np.int64), last

    def decayed(self, now: float, items: Ints) -> Doubles:
        """People who met the items before now, each counting half per half life of its age. [half lives, items]"""
        return np.asarray(np.exp2(self.halvings(now, items)), np.float64)

    def halvings(self, now: float, items: Ints, without_last: bool = False) -> Doubles:
        """log2 of what decayed gives, which still tells the old from the very old; -inf for nobody. [half lives, items]

        without_last: leave out the person who met each item last; nobody alone makes a trend.
        """
        _, last = self.before(now, items)
        if not len(self.moments):
            return np.full((len(self.half_lives), len(items)), -np.inf)
        ages = self.clamped(now) - np.minimum(self.moments[last], self.present)
        sums = self.sums[:, last] - 1 if without_last else self.sums[:, last]
        counted = np.where(sums > 1e-12, np.log2(np.maximum(sums, 1e-12)), -np.inf)
        found = counted - ages[None, :] / (self.half_lives[:, None] * DAY)
        return np.where(last >= 0, found, -np.inf)

    def clamped(self, now: float) -> float:
        """The moment up to which ages are counted."""
        return min(now, float(self.present[0]))

    def first(self, items: Ints) -> Doubles:
        """When each item was first met; inf when never. [items]"""
        known = items < len(self.starts) - 1
        asked = np.where(known, items, 0)
        begin, end = self.starts[asked], self.starts[asked + 1]
        return np.asarray(_at(self.moments, np.where(known & (end > begin), begin, -1), np.inf), np.float64)

    def last(self, now: float, items: Ints) -> Doubles:
        """When each item was last met before now; -inf when never. [items]"""
        _, last = self.before(now, items)
        return np.asarray(_at(self.moments, last, -np.inf), np.float64)

    def state(self) -> dict[str, Array]:
        """As a dict of arrays, for a learned field."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_state(cls, state: Mapping[str, Array]) -> Timeline:
        """The timeline kept in a learned field."""
        return cls(**{name: state[name] for name in cls.__dataclass_fields__})


def _at(values: Array, places: Array, missing: float) -> Array:
    """values[places]; `missing` where a place is below 0. A request waits for this: nothing is copied."""
    return (
        np.where(places >= 0, values[np.maximum(places, 0)], missing) if len(values) else np.full(len(places), missing)
    )


def _since_their_last(users: Ints, items: Ints, ages: Doubles) -> Doubles:
    """Seconds since the same person last met the same item, inf for the first time. Rows by item, then time. [events]"""
    order = np.lexsort((np.arange(len(users)), users, items))
    again = (users[order][1:] == users[order][:-1]) & (items[order][1:] == items[order][:-1])
    since = np.full(len(users), np.inf)
    since[order[1:][again]] = np.diff(ages[order])[again]
    return since


def _counted(new: Bools, starts: Longs) -> Longs:
    """Within each item: how many rows so far are true. [events]"""
    sums = np.concatenate([[0], np.cumsum(new)])
    return np.asarray(sums[1:] - np.repeat(sums[starts[:-1]], np.diff(starts)), np.int64)


def _running(moments: Doubles, since: Doubles, starts: Longs, half_life: float) -> Doubles:
    """Within each item: what this row adds + what came before, faded. All items take their k-th event at once.

    A person's n-th event adds 1 less what their last one still counts, so that the sum is always one per person.
    """
    sums = 1 - np.exp2(-since / half_life)
    lengths = np.diff(starts)
    rows = starts[:-1][lengths > 1] + 1
    ends = starts[1:][lengths > 1]
    while len(rows):
        sums[rows] += sums[rows - 1] * np.exp2(-(moments[rows] - moments[rows - 1]) / half_life)
        rows = rows + 1
        rows, ends = rows[rows < ends], ends[rows < ends]
    return sums
