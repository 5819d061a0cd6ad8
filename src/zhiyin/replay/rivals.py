"""What stands beside the engine in a replay and shares no code with it: what was liked most in the last seven days."""

from __future__ import annotations

from collections import Counter

import numpy as np

from zhiyin.arrays import Bools, Ints
from zhiyin.replay.facts import Facts

DAYS = 7
"""How far back popularity looks."""

WEEK = DAYS * 86_400.0


class WeekPopularity:
    """Live popularity: the items most people liked in the seven days before the question, by what had happened by then.

    A person counts once per item. Equal counts go by the people of all time, then by the vocabulary's hash order; what the
    person asked for has met is left out, and what may not be shown. shown: which items may be shown. Moments must be
    asked in their order.
    """

    def __init__(self, facts: Facts, shown: Bools) -> None:
        self._times, self._users, self._items, self._signed = facts.times, facts.users, facts.items, facts.signed
        self._week = np.zeros(len(shown), np.float64)
        self._ever = np.zeros(len(shown), np.float64)
        self._hidden = ~shown
        self._in_week: Counter[tuple[int, int]] = Counter()
        self._met: dict[int, set[int]] = {}
        self._liked: set[tuple[int, int]] = set()
        self._begin = self._end = 0

    def top(self, moment: float, user: int, n: int) -> Ints:
        """The items of a person's list, best first, fewer where fewer were ever liked."""
        self._advance(moment)
        order = self._week + self._ever / (self._ever.max(initial=0.0) + 1.0)
        order[self._hidden] = 0.0
        order[list(self._met.get(user, ()))] = 0.0
        some = np.flatnonzero(order > 0)
        if len(some) > n:
            least = np.partition(order[some], len(some) - n)[len(some) - n]
            some = some[order[some] >= least]
        return some[np.argsort(-order[some], kind="stable")][:n].astype(np.int32)

    def _advance(self, moment: float) -> None:
        while self._end < len(self._times) and self._times[self._end] < moment:
            self._enter(self._end)
            self._end += 1
        while self._begin < self._end and self._times[self._begin] < moment - WEEK:
            self._leave(self._begin)
            self._begin += 1

    def _enter(self, row: int) -> None:
        user, item, weight = int(self._users[row]), int(self._items[row]), self._signed[row]
        if weight == 0:
            return
        self._met.setdefault(user, set()).add(item)
        if weight > 0:
            self._in_week[user, item] += 1
            self._week[item] += self._in_week[user, item] == 1
            self._ever[item] += (user, item) not in self._liked
            self._liked.add((user, item))

    def _leave(self, row: int) -> None:
        if self._signed[row] > 0:
            pair = int(self._users[row]), int(self._items[row])
            self._in_week[pair] -= 1
            if not self._in_week[pair]:
                del self._in_week[pair]
                self._week[pair[1]] -= 1
