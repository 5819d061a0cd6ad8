"""Happening: the likes that came after the fit, read off the log person by person, as one table that answers read."""

from __future__ import annotations

from collections.abc import Collection
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from zhiyin.arrays import Array, Doubles
from zhiyin.behaviour.lately import NOTHING, Lately
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
        self.lately = NOTHING
        self._numbers: dict[str, int] = {}
        self._waiting: set[str] = set()
        self._lock = Lock()

    def begin(self, store: Store, snapshot: Snapshot) -> None:
        """Read everybody who did something since."""
        if np.isfinite(self.since):
            kinds = snapshot.weights.counted_kinds()
            users = store.log.columns(["user_id"], since=self.since, kinds=kinds)["user_id"].unique().sort().to_list()
            with self._lock:
                self.lately, self._numbers = NOTHING, {}
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
        """Whose likes are in memory."""
        with self._lock:
            return [*self._numbers, *self._waiting]

    def _read(self, users: Collection[str], store: Store, snapshot: Snapshot) -> None:
        kinds, vocabulary = snapshot.weights.counted_kinds(), snapshot.items.vocabulary
        before, found = self.lately, []
        for user in users:
            past = store.log.past(user, kinds)
            missing = any(item not in vocabulary for item in past.item_ids)
            (self._waiting.add if missing else self._waiting.discard)(user)
            items, times, earlier = _likes(history_of(past, snapshot.items, snapshot.weights), self.since)
            if len(items) or user in self._numbers:
                number = self._numbers.setdefault(user, max(self._numbers.values(), default=-1) + 1)
                found.append((np.full(len(items), number, np.int32), items, times, earlier))
        if found:
            again = np.isin(before.people, [self._numbers[one] for one in users if one in self._numbers])
            kept = before.where(~again)
            rows = [(kept.people, kept.items, kept.times, kept.earlier), *found]
            self.lately = Lately.of(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _likes(history: History, since: float) -> tuple[Array, Doubles, Doubles]:
    """The likes after a moment: items, times, and when each item was liked before. A history is ordered by time."""
    liked = history.liked
    order = np.lexsort((np.arange(len(liked)), liked.items))
    items, times = liked.items[order], liked.times[order]
    earlier = np.full(len(items), -np.inf)
    same = np.flatnonzero(items[1:] == items[:-1]) + 1
    earlier[same] = times[same - 1]
    new = times > since
    return items[new], times[new], earlier[new]
