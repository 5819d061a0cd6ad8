"""Lately: what people took up after a version was fitted, for parts that count how many did."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Ints


def _none(dtype: type) -> Array:
    return np.empty(0, dtype)


@dataclass(frozen=True, eq=False)
class Lately:
    """Likes after the fit, one row each, ordered by item, then time. Never changed: what happens next makes another.

    people: a number for each person, of no meaning beyond this table. items: positions in the live catalogue. times: seconds
    since 1970. earlier: when the same person last liked the same item, before or after the fit; -inf for never, so that
    a person can be counted once per item. All [likes].
    """

    people: Ints = field(default_factory=lambda: _none(np.int32))
    items: Ints = field(default_factory=lambda: _none(np.int32))
    times: Doubles = field(default_factory=lambda: _none(np.float64))
    earlier: Doubles = field(default_factory=lambda: _none(np.float64))

    def __len__(self) -> int:
        return len(self.items)

    @classmethod
    def of(cls, people: Array, items: Array, times: Array, earlier: Array) -> Lately:
        """From rows in any order: the same rows give the same table, so that sums over it do not depend on who came first."""
        order = np.lexsort((earlier, people, times, items))
        return cls(
            people[order].astype(np.int32),
            items[order].astype(np.int32),
            times[order].astype(np.float64),
            earlier[order].astype(np.float64),
        )

    def where(self, mask: Bools) -> Lately:
        """The rows for which the mask is true, in order."""
        return Lately(self.people[mask], self.items[mask], self.times[mask], self.earlier[mask])

    def between(self, after: float, before: float) -> Lately:
        """What happened after one moment and before another, both left out; itself when that is all of it."""
        mask = (self.times > after) & (self.times < before)
        return self if bool(mask.all()) else self.where(mask)


NOTHING = Lately()
"""Nothing happened since."""
