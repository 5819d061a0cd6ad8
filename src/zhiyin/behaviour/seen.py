"""Seen: which items a person has met, over the whole log; Hiding: which of them are left out of lists, and for how long.

One table, kind x hides x for how long, with the defaults of kinds.toml and what a recipe says otherwise in [seen]:

    [seen]
    click = "always"                     # never shown again
    like = "never"                       # hides nothing
    purchase = 90                        # comes back after 90 days
    listen = "usual"                     # comes back when this person usually takes the same thing again
    impression = {times = 5, days = 7}   # hidden while shown five times within the last seven days
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Ints
from zhiyin.behaviour.kinds import ALWAYS, CODES, KINDS, NEVER, TABLE
from zhiyin.errors import SettingError

DAY = 86_400.0

USUAL = "usual"
"""An item comes back after the time that usually lies between this person's events of the same kind with one item."""


@dataclass(frozen=True)
class Rule:
    """How long one kind hides an item. days: since its last event, see USUAL. times: events within these days it takes."""

    days: float = ALWAYS
    times: int = 1
    usual: bool = False


@dataclass(frozen=True)
class Hiding:
    """How long each kind of event hides its item. rules: by code of the kind."""

    rules: tuple[Rule, ...] = tuple(Rule(kind.hides) for kind in TABLE)

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Hiding:
        """The defaults with what a recipe's [seen] says otherwise. Raises SettingError."""
        rules = list(cls().rules)
        for kind, value in table.items():
            if kind not in CODES:
                raise SettingError(f"[seen]: unknown kind '{kind}'. Kinds of events: {', '.join(KINDS)}")
            rules[CODES[kind]] = _rule(kind, value)
        return cls(tuple(rules))

    @classmethod
    def all(cls, days: float = ALWAYS) -> Hiding:
        """Whatever was met is hidden (as papers do), or with 0 days nothing is. What says nothing of taste meets nothing."""
        return cls(tuple(Rule(days if kind.weight else NEVER) for kind in TABLE))

    @cached_property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that hide anything."""
        return tuple(kind for kind, rule in zip(KINDS, self.rules, strict=True) if rule.days > 0)

    @cached_property
    def timeless(self) -> bool:
        """Whether every kind hides for good or not at all."""
        return all(rule.days in (ALWAYS, NEVER) and rule.times == 1 and not rule.usual for rule in self.rules)

    def __str__(self) -> str:
        if self == Hiding.all():
            return "all that was met"
        said = [f"{kind}{_said(self.rules[CODES[kind]])}" for kind in self.kinds]
        return f"met by {', '.join(said)}" if said else "nothing"


@dataclass(frozen=True)
class Seen:
    """The items a person has met, by kind of event and over the whole log. All [events], in any order.

    items: positions in the catalogue. times: seconds since 1970; inf where there is no clock, so that nothing comes back.
    kinds: codes of kinds.KINDS.
    """

    items: Ints
    times: Doubles
    kinds: Array
    _kept: dict[Hiding, Ints] = field(default_factory=dict, compare=False, repr=False)

    def hidden(self, hiding: Hiding, now: float) -> Ints:
        """The positions that are left out of a list at a moment, in ascending order, each once."""
        kept = self._kept.get(hiding)
        if kept is None:
            kept = np.unique(self.items[self._hides(hiding, now)]).astype(np.int32)
            if hiding.timeless:
                self._kept[hiding] = kept
        return kept

    def _hides(self, hiding: Hiding, now: float) -> Bools:
        days = np.array([rule.days if rule.times == 1 and not rule.usual else 0.0 for rule in hiding.rules])[self.kinds]
        hides = (days > 0) & (now - self.times < days * DAY)
        for code, rule in enumerate(hiding.rules):
            if rule.times == 1 and not rule.usual:
                continue
            rows = np.flatnonzero(self.kinds == code)
            if rule.usual:
                hides[rows] = now - self.times[rows] < self._usual(rows)
            else:
                recent = rows[now - self.times[rows] < rule.days * DAY]
                _, which, counts = np.unique(self.items[recent], return_inverse=True, return_counts=True)
                hides[recent[counts[which] >= rule.times]] = True
        return hides

    def _usual(self, rows: Array) -> Array:
        """Seconds after which an item comes back: the median between its events, for good where there was only one."""
        after = np.full(len(rows), np.inf)
        items, times = self.items[rows], self.times[rows]
        for item in np.unique(items):
            mine = items == item
            gaps = np.diff(np.unique(times[mine]))
            if len(gaps):
                after[mine] = np.median(gaps)
        return after


def _rule(kind: str, value: Any) -> Rule:
    """A rule as it stands in a recipe. Raises SettingError."""
    allowed = f'"always", "never", a number of days, "{USUAL}", or {{times = 5, days = 7}}'
    words = {"always": Rule(ALWAYS), "never": Rule(NEVER), USUAL: Rule(ALWAYS, usual=True)}
    if isinstance(value, str) and value in words:
        return words[value]
    if isinstance(value, Mapping) and set(value) <= {"times", "days"}:
        days, times = value.get("days", ALWAYS), value.get("times", 1)
        if _number(days) and days >= 0 and isinstance(times, int) and not isinstance(times, bool) and times >= 1:
            return Rule(float(days), times)
    elif _number(value) and value >= 0:
        return Rule(float(value))
    raise SettingError(f"[seen] {kind} = {value!r}: must be {allowed}")


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not np.isnan(value)


def _said(rule: Rule) -> str:
    if rule.usual:
        return " (until the usual time)"
    ends = "" if rule.days == ALWAYS else f"{rule.days:g} days"
    often = "" if rule.times == 1 else f"{rule.times} times"
    return f" ({' in '.join(one for one in (often, ends) if one)})" if ends or often else ""
