"""MemoryStore: the ports in memory, for programs that embed Zhiyin and for tests. Nothing outlives the process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from secrets import token_bytes
from threading import Lock
from typing import Any

import polars as pl

from zhiyin.data.event_ids import SCHEMA, event_table, same_content, set_apart
from zhiyin.data.past import Past
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.ports import Erasure, StoredProfile, Taken
from zhiyin.stores.erasures import added
from zhiyin.stores.rows import event_of, event_row, item_digest, without_friend


class MemoryStore:
    """The event log, catalogue, profiles and notes of one process."""

    def __init__(self) -> None:
        self.log = MemoryLog()
        self.catalog = MemoryCatalog()
        self.profiles = MemoryProfiles()
        self.meta = MemoryMeta()
        self.erasures = MemoryErasures(self.log, self.profiles)

    def wipe(self, texts: Collection[str]) -> bool:
        """See Store."""
        return True

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
        self.barred: set[str] = set()
        """Users who were erased and have not acted since."""

    def take(self, events: Sequence[Event], undated: Collection[int] = ()) -> Taken:
        new: list[Event] = []
        apart: dict[int, str] = {}
        with self._lock:
            self.barred -= {one.user_id for one in events if one.event_type != "impression"}
            for row, event in enumerate(events):
                if event.user_id in self.barred:
                    continue
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

    def columns(
        self,
        names: Sequence[str],
        since: float | None = None,
        until: float | None = None,
        kinds: Collection[str] | None = None,
    ) -> pl.DataFrame:
        """Some columns of table()."""
        table = self.table(since, until)
        return (table if kinds is None else table.filter(pl.col("event_type").is_in(list(kinds)))).select(names)

    def of_user(self, user_id: str, limit: int | None = None) -> list[Event]:
        with self._lock:
            events = sorted(self._of_user.get(user_id, ()), key=lambda one: one.timestamp)
        return events if limit is None else events[max(len(events) - limit, 0) :]

    def past(self, user_id: str, kinds: Collection[str]) -> Past:
        return Past.of([one for one in self.of_user(user_id) if one.event_type in kinds])

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

    def ids(self) -> list[str]:
        return list(self._items)


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

    def forget(self, user_id: str) -> dict[str, int]:
        """Delete a user's profiles and their name among others' friends. Returns how many of each."""
        with self._lock:
            own, named = len(self._versions.pop(user_id, ())), 0
            for other, versions in self._versions.items():
                named += sum(user_id in one.friends for one in versions)
                self._versions[other] = [without_friend(one, user_id) for one in versions]
            self.changes += bool(own or named)
        return {"profiles": own, "friends": named}


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


class MemoryErasures:
    """Erasures in memory. They end with the process, as everything else here does."""

    def __init__(self, log: MemoryLog, profiles: MemoryProfiles) -> None:
        self._log, self._profiles = log, profiles
        self._kept: dict[int, Erasure] = {}
        self._key = token_bytes(32)
        self._lock = Lock()

    def begin(self, kind: str, subject: str, now: float) -> Erasure:
        with self._lock:
            for one in self._kept.values():
                if (one.kind, one.subject) == (kind, subject):
                    return one
            made = Erasure(len(self._kept) + 1, kind, subject, self.hashed(subject), now)
            self._kept[made.number] = made
            if kind == "user":
                self._log.barred.add(subject)
        return made

    def running(self) -> list[Erasure]:
        return [one for one in self._kept.values() if one.finished is None]

    def all(self) -> list[Erasure]:
        return list(reversed(self._kept.values()))

    def note(self, number: int, step: str, found: Mapping[str, Any]) -> None:
        with self._lock:
            now = self._kept[number]
            self._kept[number] = replace(now, found=added(dict(now.found), step, found))

    def sweep(self, erasure: Erasure) -> dict[str, int]:
        if erasure.kind != "user":
            return {}
        return {"events": self._log.delete_user(erasure.subject), **self._profiles.forget(erasure.subject)}

    def finish(self, erasure: Erasure, now: float) -> Erasure:
        self.note(erasure.number, "store", self.sweep(erasure))
        with self._lock:
            self._kept[erasure.number] = replace(self._kept[erasure.number], subject="", finished=now)
        return self._kept[erasure.number]

    def mark(self) -> int:
        return min((one.number - 1 for one in self.running()), default=len(self._kept))

    def since(self, mark: int) -> dict[str, set[str]]:
        return {
            kind: {one.who for one in self._kept.values() if one.kind == kind and one.number > mark}
            for kind in ("user", "item")
        }

    def hashed(self, subject: str) -> str:
        return blake2b(subject.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).hexdigest()
