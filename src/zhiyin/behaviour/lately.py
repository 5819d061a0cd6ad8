"""Lately: what people met after a version was fitted, for parts that count how many did."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Floats, Ints

T = TypeVar("T")

FEW = 200
"""Rows up to which it is faster to put them in their places than to sort everything anew."""


class Memo:
    """The newest results of some questions, for whoever asks the same again. Nobody waits for a lock: the entries are one
    tuple that is replaced as a whole, and of two who come at once one works in vain."""

    def __init__(self, most: int = 8) -> None:
        self.most = most
        self._entries: tuple[tuple[object, Hashable, Any], ...] = ()

    def of(self, subject: object, key: Hashable, make: Callable[[], T]) -> T:
        """What make gives for an object that never changes, which is told by identity, and a key."""
        for one, its_key, value in self._entries:
            if one is subject and its_key == key:
                return value  # type: ignore[no-any-return]
        value = make()
        self._entries = ((subject, key, value), *self._entries)[: self.most]
        return value

    def __len__(self) -> int:
        return len(self._entries)

    def __reduce__(self) -> tuple[type[Memo], tuple[int]]:
        """Copies, to other processes too, begin with nothing."""
        return Memo, (self.most,)


@dataclass(frozen=True, eq=False)
class Lately:
    """Events after the fit that say something, one row each, ordered by item, time, then person. Never changed: what
    happens next makes another.

    people: a number for each person, of no meaning beyond this table. items: positions in the live catalogue. times:
    seconds since 1970. weights: signed, see History. met, liked: when the same person last met, or liked, the same item
    before this event, before or after the fit; -inf for never, so that a person can be counted once per item. All [events].
    memo: what was worked out from this table. lasting: what was worked out from the version alone, handed on from table to
    table.
    """

    people: Ints = field(default_factory=lambda: np.empty(0, np.int32))
    items: Ints = field(default_factory=lambda: np.empty(0, np.int32))
    times: Doubles = field(default_factory=lambda: np.empty(0, np.float64))
    weights: Floats = field(default_factory=lambda: np.empty(0, np.float32))
    met: Doubles = field(default_factory=lambda: np.empty(0, np.float64))
    liked: Doubles = field(default_factory=lambda: np.empty(0, np.float64))
    _: KW_ONLY
    lasting: Memo = field(default_factory=Memo, repr=False)
    memo: Memo = field(default_factory=Memo, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def columns(self) -> tuple[Array, ...]:
        """people, items, times, weights, met, liked."""
        return self.people, self.items, self.times, self.weights, self.met, self.liked

    @cached_property
    def newest(self) -> float:
        """The time of the last event; -inf for none."""
        return float(self.times.max(initial=-np.inf))

    @cached_property
    def likes(self) -> Lately:
        """The rows of likes; itself when all are."""
        mask = self.weights > 0
        return self if bool(mask.all()) else self.where(mask)

    @classmethod
    def of(cls, *columns: Array, lasting: Memo | None = None) -> Lately:
        """From columns with rows in any order: the same rows give the same table, so that sums over it do not depend on who
        came first."""
        people, items, times, weights, met, liked = columns
        order = np.lexsort((liked, met, people, times, items))
        return cls(
            people[order].astype(np.int32),
            items[order].astype(np.int32),
            times[order].astype(np.float64),
            weights[order].astype(np.float32),
            met[order].astype(np.float64),
            liked[order].astype(np.float64),
            lasting=Memo() if lasting is None else lasting,
        )

    def where(self, mask: Bools) -> Lately:
        """The rows for which the mask is true, in order."""
        people, items, times, weights, met, liked = (column[mask] for column in self.columns)
        return Lately(people, items, times, weights, met, liked, lasting=self.lasting)

    def between(self, after: float, before: float) -> Lately:
        """What happened after one moment and before another, both left out; itself when that is all of it."""
        mask = (self.times > after) & (self.times < before)
        return self if bool(mask.all()) else self.where(mask)

    def earlier(self, seconds: float, after: float) -> Lately:
        """The same, all that is later than a moment happening so much earlier."""
        times, met, liked = (
            np.where(moments > after, moments - seconds, moments) for moments in (self.times, self.met, self.liked)
        )
        return Lately(self.people, self.items, times, self.weights, met, liked, lasting=self.lasting)

    def instead(self, again: Array, rows: Lately) -> Lately:
        """The same with other rows for some people. again: the numbers of all whose rows are replaced. rows: the new ones."""
        kept = self.where(~np.isin(self.people, again))
        pairs = list(zip(kept.columns, rows.columns, strict=True))
        if len(rows) > FEW:
            return Lately.of(*(np.concatenate(pair) for pair in pairs), lasting=self.lasting)
        places = [kept._place(*row) for row in zip(rows.items, rows.times, rows.people, strict=True)]
        people, items, times, weights, met, liked = (np.insert(old, places, new) for old, new in pairs)
        return Lately(people, items, times, weights, met, liked, lasting=self.lasting)

    def _place(self, item: int, time: float, person: int) -> int:
        """Where a row of a person who has none here belongs."""
        low, high = np.searchsorted(self.items, item, "left"), np.searchsorted(self.items, item, "right")
        times = self.times[low:high]
        low, high = low + np.searchsorted(times, time, "left"), low + np.searchsorted(times, time, "right")
        return int(low + np.searchsorted(self.people[low:high], person, "left"))


NOTHING = Lately()
"""Nothing happened since."""
