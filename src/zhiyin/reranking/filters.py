"""What may be shown at all: the one place where seen, hidden, expired, excluded and refused items are left out."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import numpy as np

from zhiyin.arrays import Bools, Ints
from zhiyin.behaviour.seen import Hiding
from zhiyin.candidates import Candidates
from zhiyin.item import Item, Items
from zhiyin.part import part, setting
from zhiyin.query import Condition, Query
from zhiyin.stages import Selection
from zhiyin.text.attributes import STOCK, Attribute, Values, out_of_stock


@part
class Allowed:
    """Keeps the order and leaves out what must not be shown, each with its reason."""

    seen: str = setting("hide", options=("hide", "all", "show"))
    """Whether items the user has met are left out: those that `hides` says, all of them (as papers do), or none."""
    hides: dict[str, Any] = setting({})
    """How long each kind of event hides its item, where not as in kinds.toml; a recipe's [seen] table. See seen.py."""

    unlisted: str = setting("hide", options=("hide", "show"))
    """Items that events name and the catalogue does not, once there is a catalogue: learned from, and shown or not."""

    def __post_init__(self) -> None:
        assert self.hiding

    @cached_property
    def hiding(self) -> Hiding:
        """What is hidden, and for how long."""
        return {"all": Hiding.all(), "show": Hiding.all(0)}.get(self.seen) or Hiding.from_table(self.hides)

    def hidden(self, query: Query) -> Ints:
        """The items that are left out since they were met: positions in ascending order."""
        return query.profile.met.hidden(self.hiding, query.now)

    def select(self, query: Query, candidates: Candidates, items: Items, n: int) -> Selection:
        """See Reranker. Keeps every allowed row, whatever n."""
        found = candidates.items
        good = np.ones(len(found), np.bool_)
        dropped: list[tuple[int, str]] = []
        for reason, bad in self._checks(query, found, items):
            dropped.extend((int(row), reason) for row in np.flatnonzero(bad & good))
            good &= ~bad
        return Selection(np.flatnonzero(good).astype(np.int32), tuple(sorted(dropped)))

    def _checks(self, query: Query, found: Ints, items: Items) -> list[tuple[str, Bools]]:
        begin, end, hidden = items.windows()
        closed = ((begin[found] > query.now) | (query.now >= end[found])) & (query.now != 0)
        checks = [("unavailable", np.asarray(hidden[found] | closed))]
        if not any(one.attribute in STOCK for one in query.conditions):
            checks.append(("out of stock", items.out_of_stock[found]))
        if query.exclude:
            checks.append(("excluded", np.isin(found, np.fromiter(query.exclude, np.int64))))
        if len(query.seeds):
            checks.append(("seed", np.isin(found, query.seeds)))
        if len(met := self.hidden(query)):
            checks.append(("seen", np.isin(found, met)))
        if query.profile.refusals:
            checks.append(("refused", _refused(found, items, query.profile.refusals)))
        checks.extend((f"condition on {one.attribute}", ~_meeting(found, items, one)) for one in query.conditions)
        return checks


def _refused(found: Ints, items: Items, refusals: Iterable[tuple[str, str]]) -> Bools:
    """Which items have a refused value. Only the attributes that are refused are looked at: requests wait for this."""
    rows, bad = items.rows, np.zeros(len(found), np.bool_)
    by_name: dict[str, list[str]] = {}
    for name, value in refusals:
        by_name.setdefault(name, []).append(value)
    for name, values in by_name.items():
        refused, known = Values(values), dict[tuple[type, Attribute], bool]()
        for at, item in enumerate(found.tolist()):
            there = rows[item].attributes.get(name)
            if there is not None:
                key = (type(there), there)
                if key not in known:
                    known[key] = refused.meet(there)
                bad[at] |= known[key]
    return bad


def _meeting(found: Ints, items: Items, condition: Condition) -> Bools:
    """Which items meet a condition; each distinct value is tested once."""
    rows, name = items.rows, condition.attribute
    wanted = Values(condition.values)
    known: dict[tuple[type, Attribute], bool] = {}
    good = np.zeros(len(found), np.bool_)
    for at, item in enumerate(found.tolist()):
        value = rows[item].attributes.get(name)
        if value is not None:
            key = (type(value), value)  # the type, since True and 1 are one key but not one answer
            if key not in known:
                known[key] = _fits(value, condition, wanted)
            good[at] = known[key]
    return good


def available(item: Item, now: float) -> bool:
    """Whether an item may be shown at a moment: not hidden, in stock, begun and not ended. At no known moment (0), windows
    are open."""
    if item.hidden or out_of_stock(item.attributes):
        return False
    if not now:
        return True
    begun = item.available_from is None or item.available_from <= now
    ended = item.available_until is not None and now >= item.available_until
    return begun and not ended


def _fits(value: Attribute, condition: Condition, wanted: Values) -> bool:
    if condition.values and not wanted.meet(value):
        return False
    if condition.least is None and condition.most is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (condition.least is None or value >= condition.least) and (condition.most is None or value <= condition.most)
