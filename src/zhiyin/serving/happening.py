"""Happening: what came after the fit, read off the log person by person, as one table that answers read."""

from __future__ import annotations

from collections.abc import Collection
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from zhiyin.arrays import Bools, Doubles, Floats, Ints
from zhiyin.behaviour.lately import Lately
from zhiyin.ingest.profiles import history_of
from zhiyin.ports import Store
from zhiyin.profile import History

if TYPE_CHECKING:
    from zhiyin.serving.snapshot import Snapshot


class Happening:
    """What happened after a moment. A person's rows are read anew whenever they did something, so that whatever was sent
    twice, taken back or erased, and whether it was lived through or read at a start, the table is the log's.

    since: the last moment that the version's counts hold, inf where no part of it counts: nothing is read then.
    """

    def __init__(self, since: float) -> None:
        self.since = since
        self.lately = Lately()
        self._numbers: dict[str, int] = {}
        self._free = count()
        self._waiting: set[str] = set()
        self._lock = Lock()

    def begin(self, store: Store, snapshot: Snapshot) -> None:
        """Read everybody who did something since."""
        if np.isfinite(self.since):
            kinds = snapshot.weights.counted_kinds()
            users = store.log.columns(["user_id"], since=self.since, kinds=kinds)["user_id"].unique().sort().to_list()
            with self._lock:
                self.lately, self._numbers, self._free = Lately(lasting=self.lately.lasting), {}, count()
                self._read(users, store, snapshot)

    def hear(self, users: Collection[str], store: Store, snapshot: Snapshot) -> None:
        """Read some people anew. Under a lock, so that whoever reads last has read what was stored last."""
        if np.isfinite(self.since) and users:
            with self._lock:
                self._read(sorted(users), store, snapshot)

    def arrived(self, store: Store, snapshot: Snapshot) -> None:
        """Items came: read those anew who had done something with items that were not in the catalogue."""
        self.hear(set(self._waiting), store, snapshot)

    def forget(self, user_id: str) -> None:
        """Drop a person's rows."""
        with self._lock:
            self._waiting.discard(user_id)
            if (number := self._numbers.pop(user_id, -1)) >= 0:
                self.lately = self.lately.where(self.lately.people != number)

    def users(self) -> list[str]:
        """Whose events are in memory."""
        with self._lock:
            return [*self._numbers, *self._waiting]

    def _read(self, users: Collection[str], store: Store, snapshot: Snapshot) -> None:
        kinds, vocabulary = snapshot.weights.counted_kinds(), snapshot.items.vocabulary
        found = []
        for user in users:
            past = store.log.past(user, kinds)
            missing = any(item not in vocabulary for item in past.item_ids)
            (self._waiting.add if missing else self._waiting.discard)(user)
            items, *rest = _since(history_of(past, snapshot.items, snapshot.weights), self.since)
            if len(items) or user in self._numbers:
                if user not in self._numbers:
                    self._numbers[user] = next(self._free)
                number = self._numbers[user]
                found.append((np.full(len(items), number, np.int32), items, *rest))
        if found:
            rows = Lately.of(*(np.concatenate(column) for column in zip(*found, strict=True)))
            again = np.array([self._numbers[one] for one in users if one in self._numbers], np.int32)
            self.lately = self.lately.instead(again, rows)


def _since(history: History, since: float) -> tuple[Ints, Doubles, Floats, Doubles, Doubles]:
    """What happened after a moment: items, times, weights, and when each item was met and liked before. A history is ordered
    by time."""
    order = np.lexsort((np.arange(len(history)), history.items))
    items, times, weights = history.items[order], history.times[order], history.weights[order]
    new = times > since
    return items[new], times[new], weights[new], _before(items, times)[new], _before(items, times, weights > 0)[new]


def _before(items: Ints, times: Doubles, counted: Bools | None = None) -> Doubles:
    """When the same item came before, or of these rows those that are counted; -inf for never. Rows by item, then time. [events]"""
    rows = np.arange(len(items))
    newest = np.maximum.accumulate(rows if counted is None else np.where(counted, rows, -1))
    last = np.append(-1, newest[:-1])[: len(items)]
    begins = np.maximum.accumulate(np.where(np.append(True, items[1:] != items[:-1])[: len(items)], rows, 0))
    return np.where(last >= begins, times[last], -np.inf)
