"""MemoryStore: the ports in memory, for programs that embed Zhiyin and for tests. Nothing outlives the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from threading import Lock
from typing import Any

import polars as pl

from zhiyin.data.event_ids import SCHEMA, event_table, same_content, set_apart
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.ports import StoredProfile, Taken
from zhiyin.stores.rows import event_of, event_row, item_digest


class MemoryStore:
    """The event log, catalogue, profiles and notes of one process."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.catalog = MemoryCatalog()
        self.profiles = MemoryProfiles()
        self.meta = MemoryMeta()

    def fingerprint(self, kinds: Collection[str] | None = None) -> str:
        """Changes whenever events, items or users do. kinds: of events that count, all when None."""
        items = [(item.item_id, item_digest(item)) for item in self.catalog.all()]
        changes = sorted((kind, n) for kind, n in self.log.changes.items() if kinds is None or kind in kinds)
        facts = (changes, items, self.profiles.changes)
        return blake2b(repr(facts).encode(), digest_size=16).hexdigest()


class MemoryLog:
    """EventLog in memory."""

    def __init__(self) -> None:
        self._events: dict[tuple[str, str], Event] = {}
        self._of_user: dict[str, list[Event]] = {}
        self._lock = Lock()
        self.changes: Counter[str] = Counter()

    def take(self, events: Sequence[Event], undated: Collection[int] = ()) -> Taken:
        new: list[Event] = []
        apart: dict[int, str] = {}
        with self._lock:
            for row, event in enumerate(events):
                stored = self._events.get((event.user_id, event.event_id))
                if stored is not None and not same_content(stored, event, row in undated):
                    event = set_apart(event, row in undated)
                    stored = self._events.get((event.user_id, event.event_id))
                    apart[row] = event.event_id
                if stored is None:
                    self._put(event)
                    new.append(event)
        return Taken(new, len(events) - len(new), apart)

    def _put(self, event: Event) -> None:
        self._events[event.user_id, event.event_id] = event
        self._of_user.setdefault(event.user_id, []).append(event)
        self.changes[event.event_type] += 1

    def append(self, events: Sequence[Event]) -> int:
        return len(self.take(events).new)

    def append_table(self, frame: pl.DataFrame) -> int:
        return self.append([event_of(row) for row in event_table(frame).iter_rows(named=True)])

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Around many append_table; nothing to prepare here."""
        yield

    def columns(self, names: Sequence[str], since: float | None = None, until: float | None = None) -> pl.DataFrame:
        """Some columns of table()."""
        return self.table(since, until).select(names)

    def of_user(self, user_id: str, limit: int | None = None) -> list[Event]:
        with self._lock:
            events = sorted(self._of_user.get(user_id, ()), key=lambda one: one.timestamp)
        return events if limit is None else events[max(len(events) - limit, 0) :]

    def table(self, since: float | None = None, until: float | None = None) -> pl.DataFrame:
        low = float("-inf") if since is None else since
        high = float("inf") if until is None else until
        with self._lock:
            rows = [event_row(one) for one in self._events.values() if low <= one.timestamp < high]
        return pl.DataFrame(rows, schema=SCHEMA)

    def count(self) -> int:
        return len(self._events)

    def counts(self, users: Collection[str] | None = None, leave_out: Collection[str] = ()) -> dict[str, int]:
        with self._lock:
            asked = list(self._of_user) if users is None else users
            kinds = {user: [one.event_type for one in self._of_user.get(user, ())] for user in asked}
        found = {user: sum(kind not in leave_out for kind in listed) for user, listed in kinds.items()}
        return {user: count for user, count in found.items() if count}

    def delete_user(self, user_id: str) -> int:
        with self._lock:
            gone = self._of_user.pop(user_id, [])
            for event in gone:
                del self._events[event.user_id, event.event_id]
            self.changes.update(event.event_type for event in gone)
        return len(gone)


class MemoryCatalog:
    """Catalog in memory."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}

    def put(self, items: Iterable[Item]) -> int:
        changed = 0
        for item in items:
            changed += self._items.get(item.item_id) != item
            self._items[item.item_id] = item
        return changed

    def get(self, item_id: str) -> Item | None:
        return self._items.get(item_id)

    def delete(self, item_id: str) -> bool:
        return self._items.pop(item_id, None) is not None

    def all(self) -> list[Item]:
        return list(self._items.values())


class MemoryProfiles:
    """ProfileStore in memory."""

    def __init__(self) -> None:
        self._versions: dict[str, list[StoredProfile]] = {}
        self._lock = Lock()
        self.changes = 0

    def get(self, user_id: str, version: int | None = None) -> StoredProfile | None:
        versions = self._versions.get(user_id, [])
        if version is None:
            return versions[-1] if versions else None
        return versions[version - 1] if 1 <= version <= len(versions) else None

    def put(self, profile: StoredProfile) -> StoredProfile:
        with self._lock:
            versions = self._versions.setdefault(profile.user_id, [])
            stored = replace(profile, version=len(versions) + 1)
            versions.append(stored)
            self.changes += 1
        return stored

    def put_many(self, profiles: Sequence[StoredProfile]) -> int:
        """Store each as its user's next version unless it says what is stored already. Returns how many were stored."""
        stored = 0
        for profile in profiles:
            now = self.get(profile.user_id)
            if now is None or replace(now, version=0, updated=0.0) != replace(profile, version=0, updated=0.0):
                self.put(profile)
                stored += 1
        return stored

    def all(self) -> list[StoredProfile]:
        """The newest version of every profile."""
        return [versions[-1] for versions in self._versions.values()]

    def users(self) -> list[str]:
        return sorted(self._versions)

    def delete(self, user_id: str) -> bool:
        with self._lock:
            gone = self._versions.pop(user_id, None) is not None
            self.changes += gone
        return gone


class MemoryMeta:
    """Notes about the data, by key; any JSON value."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        """The value of a key, None when there is none."""
        return self._values.get(key)

    def put(self, key: str, value: Any) -> None:
        """Set a key."""
        self._values[key] = value
