"""What may be shown at all: the one place where seen, hidden, expired, excluded and refused items are left out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from zhiyin.arrays import Bools, Ints
from zhiyin.candidates import Candidates
from zhiyin.item import Attribute, Item, Items
from zhiyin.part import part, setting
from zhiyin.query import Condition, Query
from zhiyin.stages import Selection


@part
class Allowed:
    """Keeps the order and leaves out what must not be shown, each with its reason."""

    seen: str = setting("hide", options=("hide", "show"))
    """Whether items of the user's history are left out; "show" where people buy the same thing again."""

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
        if query.exclude:
            checks.append(("excluded", np.isin(found, np.fromiter(query.exclude, np.int64))))
        if len(query.seeds):
            checks.append(("seed", np.isin(found, query.seeds)))
        if self.seen == "hide" and len(query.profile.history):
            checks.append(("seen", np.isin(found, query.profile.history.items)))
        if query.profile.refusals:
            checks.append(("refused", _refused(found, items, query.profile.refusals)))
        checks.extend((f"condition on {one.attribute}", ~_meeting(found, items, one)) for one in query.conditions)
        return checks


def _refused(found: Ints, items: Items, refusals: Iterable[tuple[str, str]]) -> Bools:
    """Which items have a refused value. Only the attributes that are refused are looked at: requests wait for this."""
    rows, bad = items.rows, np.zeros(len(found), np.bool_)
    by_name: dict[str, set[str]] = {}
    for name, value in refusals:
        by_name.setdefault(name, set()).add(value)
    for name, refused in by_name.items():
        for at, item in enumerate(found.tolist()):
            value = rows[item].attributes.get(name)
            if isinstance(value, str):
                bad[at] |= value in refused
            elif isinstance(value, tuple):
                bad[at] |= not refused.isdisjoint(value)
    return bad


def _meeting(found: Ints, items: Items, condition: Condition) -> Bools:
    """Which items meet a condition; each distinct value is tested once."""
    rows, name = items.rows, condition.attribute
    folded = frozenset(one.casefold() for one in condition.values)
    known: dict[tuple[type, Attribute], bool] = {}
    good = np.zeros(len(found), np.bool_)
    for at, item in enumerate(found.tolist()):
        value = rows[item].attributes.get(name)
        if value is not None:
            key = (type(value), value)  # the type, since True and 1 are one key but not one answer
            if key not in known:
                known[key] = _fits(value, condition, folded)
            good[at] = known[key]
    return good


def available(item: Item, now: float) -> bool:
    """Whether an item may be shown at a moment: not hidden, begun and not ended. At no known moment (0), windows are open."""
    if not now:
        return not item.hidden
    begun = item.available_from is None or item.available_from <= now
    ended = item.available_until is not None and now >= item.available_until
    return begun and not ended and not item.hidden


def _fits(value: Attribute, condition: Condition, folded: frozenset[str]) -> bool:
    if condition.values:
        values = value if isinstance(value, tuple) else (str(value).lower() if isinstance(value, bool) else str(value),)
        if folded.isdisjoint(one.casefold() for one in values):
            return False
    if condition.least is None and condition.most is None:
        return True
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (condition.least is None or value >= condition.least) and (condition.most is None or value <= condition.most)
