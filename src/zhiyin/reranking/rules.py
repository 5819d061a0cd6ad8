"""rules: what the shop decides: pins, boosts and caps."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from zhiyin.candidates import Candidates
from zhiyin.errors import SettingError
from zhiyin.item import Item, Items
from zhiyin.part import part, setting
from zhiyin.query import Query
from zhiyin.stages import Selection


@part
class Rules:
    """Boosts, then pins, then caps. A reranker may not touch scores, so a boost is a number of places, not a factor.

        [[rerank]]
        use = "rules"
        pin = { "item-7" = 1 }
        boost = { "country=Portugal" = 3, "type=Dessert" = -5 }
        cap = { brand = 2 }

    Nothing is invented: a pin moves an item only if it is among the candidates, so seen and hidden items stay out.
    """

    pin: dict[str, int] = setting({})
    """Item ids and the place, from 1, each is put at."""
    boost: dict[str, int] = setting({})
    """"attribute=value" and how many places up (down when negative) items with it move; the largest one that fits counts."""
    cap: dict[str, int] = setting({})
    """At most so many items per value of an attribute; what is over is left out, the answer is filled from below."""

    def __post_init__(self) -> None:
        _check("pin", self.pin, least=1)
        _check("boost", self.boost, least=None)
        _check("cap", self.cap, least=1)
        for key in self.boost:
            if "=" not in key:
                raise SettingError(f"Rules.boost key {key!r}: must be written 'attribute=value'")

    def select(self, query: Query, candidates: Candidates, items: Items, n: int) -> Selection:
        """See Reranker. Keeps every row that no cap leaves out, whatever n."""
        found = [items[int(one)] for one in candidates.items]
        order = self._pinned(self._boosted(found), found)
        return self._capped(order, found)

    def _boosted(self, found: list[Item]) -> list[int]:
        rows = list(range(len(found)))
        if not self.boost:
            return rows
        lifts = []
        for item in found:
            fits = [self.boost[key] for name, value in item.tags() if (key := f"{name}={value}") in self.boost]
            lifts.append(max(fits, key=abs, default=0))
        # Half a place puts a lifted item before the one that stood there, a lowered one behind it.
        return sorted(rows, key=lambda row: (row - lifts[row] - 0.5 * np.sign(lifts[row]), row))

    def _pinned(self, order: list[int], found: list[Item]) -> list[int]:
        at = {found[row].item_id: row for row in order if found[row].item_id in self.pin}
        if not at:
            return order
        order = [row for row in order if found[row].item_id not in at]
        for one in sorted(at, key=lambda one: (self.pin[one], one)):
            order.insert(self.pin[one] - 1, at[one])
        return order

    def _capped(self, order: list[int], found: list[Item]) -> Selection:
        counts: Counter[tuple[str, str]] = Counter()
        kept, dropped = [], []
        # Pinned items are counted first, so that a cap never removes what was put there on purpose.
        pinned = [row for row in order if found[row].item_id in self.pin]
        for row in pinned:
            counts.update(dict.fromkeys(self._values(found[row]), 1))
        for row in order:
            values = self._values(found[row])
            over = next((tag for tag in values if counts[tag] >= self.cap[tag[0]]), None)
            if row in pinned:
                kept.append(row)
            elif over:
                dropped.append((row, f"cap on {over[0]}"))
            else:
                counts.update(dict.fromkeys(values, 1))
                kept.append(row)
        return Selection(np.array(kept, np.int32), tuple(dropped))

    def _values(self, item: Item) -> list[tuple[str, str]]:
        return [tag for tag in item.tags() if tag[0] in self.cap]


def _check(name: str, table: dict[str, Any], least: int | None) -> None:
    for key, value in table.items():
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or (least is not None and value < least):
            allowed = "a whole number" + (f" of at least {least}" if least is not None else "")
            raise SettingError(f"Rules.{name} = {{{key!r}: {value!r}}}: must be {allowed}")
