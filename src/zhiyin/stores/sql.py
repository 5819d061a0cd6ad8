"""SqlStore: events, items, profiles and notes in SQLite or PostgreSQL, by URL."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from zhiyin.data.tables import attributes_from_json
from zhiyin.errors import DataError, SettingError
from zhiyin.item import Item
from zhiyin.ports import Marks, StoredProfile
from zhiyin.stores import schema
from zhiyin.stores.changes import ITEMS, USERS, SqlChanges
from zhiyin.stores.connections import connect_with, empty_log, engine_of, wiped, writing
from zhiyin.stores.erasures import SqlErasures
from zhiyin.stores.migrations import complete, migrate
from zhiyin.stores.rows import item_digest, profile_json, profile_of
from zhiyin.stores.sql_log import SqlLog

BATCH = 500
"""Rows a statement writes or asks for at once."""


class SqlStore:
    """The store of record. url: sqlite:///file.db or postgresql://user@host/database.

    SQLite runs in WAL mode: readers never wait, one writer at a time, any thread. sync: "normal" keeps everything when
    the process dies; "full" also when the power does, for slower small writes. Raises SettingError, DataError.
    """

    def __init__(self, url: str, sync: str = "normal") -> None:
        if sync not in ("normal", "full"):
            raise SettingError(f"store sync = {sync!r}: must be 'normal' or 'full'")
        self.engine = engine_of(url, sync)
        try:
            migrate(self.engine)
            complete(self.engine)
        except sa.exc.DatabaseError as error:
            raise DataError(f"store {self.engine.url!r}: cannot be opened: {error.orig}") from error
        self.erasures, self.changes = SqlErasures(self.engine), SqlChanges(self.engine)
        self.log = SqlLog(self.engine, self.erasures)
        self.catalog = SqlCatalog(self.engine, self.changes)
        self.profiles = SqlProfiles(self.engine, self.erasures, self.changes)
        self.meta = SqlMeta(self.engine)

    def fingerprint(self, kinds: Collection[str] | None = None) -> str:
        """Changes whenever events, items or users do. kinds: of events that count, all when None."""
        events, items, profiles = schema.events.c, schema.items.c, schema.profiles.c
        with self.engine.connect() as connection:
            size = sa.func.sum(sa.func.length(profiles.body))  # an erased friend shortens every version that named them
            counted = sa.select(sa.func.count(), sa.func.max(events.seq))
            if kinds is not None:
                counted = counted.where(events.event_type.in_(list(kinds)))
            facts = [
                tuple(connection.execute(counted).one()),
                tuple(connection.execute(sa.select(sa.func.count(), sa.func.sum(profiles.version), size)).one()),
            ]
            digest = blake2b(repr(facts).encode(), digest_size=16)
            for row in connection.execute(sa.select(items.item_id, items.digest).order_by(items.seq)):
                digest.update(repr(tuple(row)).encode())
        return digest.hexdigest()

    def marks(self) -> Marks:
        """See Watched."""
        return self.changes.marks()

    def users_since(self, mark: int, most: int, leave_out: Collection[str] = ()) -> set[str] | None:
        """See Watched."""
        events = schema.events.c
        later = sa.select(events.user_id).where(events.seq > mark)
        if leave_out:
            later = later.where(events.event_type.not_in(list(leave_out)))
        with self.engine.connect() as connection:
            found = connection.execute(later.limit(most + 1)).scalars().all()
        return set(found) if len(found) <= most else None

    def digests(self) -> dict[str, str]:
        """See Watched."""
        items = schema.items.c
        with self.engine.connect() as connection:
            found = connection.execute(sa.select(items.item_id, items.digest)).all()
        return {item: digest for item, digest in found}  # noqa: C416  rows are tuples, but mypy does not know

    def items(self, ids: Sequence[str]) -> list[Item]:
        """See Watched."""
        return self.catalog.some(ids)

    @property
    def file(self) -> Path | None:
        """The database's file; None where a server of its own keeps it."""
        return Path(str(self.engine.url.database)) if self.engine.dialect.name == "sqlite" else None

    def empty_log(self) -> bool:
        """Empty SQLite's write-ahead log; False where somebody is reading."""
        return empty_log(self.engine)

    def wipe(self, texts: Collection[str]) -> bool:
        """See Store. A PostgreSQL server clears what was deleted by its own vacuum."""
        return self.file is None or wiped(self.engine, self.file, texts)

    def wait_at_most(self, seconds: float) -> None:
        """From now on wait so long for a lock that another process holds, not the minute that a command has for it."""
        connect_with(self.engine, f"busy_timeout = {int(seconds * 1000)}")

    def keep_at_most(self, megabytes: float) -> None:
        """Keep so many MiB of the file's pages in memory, all connections that stay open together.

        A command has a few connections and ends; in a server each keeps what it has read, as the file grows.
        """
        if isinstance(self.engine.pool, sa.QueuePool):
            connect_with(self.engine, f"cache_size = -{max(int(megabytes * 1024 / self.engine.pool.size()), 1)}")

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()


class SqlCatalog:
    """Catalog in SQL."""

    def __init__(self, engine: sa.Engine, changes: SqlChanges) -> None:
        self.engine = engine
        self._changes = changes

    def put(self, items: Iterable[Item]) -> int:
        changed = 0
        table = schema.items
        with self.engine.begin() as connection:
            for batch in _batches(items):
                rows = {item.item_id: _item_row(item) for item in batch}
                known = sa.select(table.c.item_id, table.c.digest).where(table.c.item_id.in_(list(rows)))
                digests = {row.item_id: row.digest for row in connection.execute(known)}
                new = [row for item_id, row in rows.items() if digests.get(item_id) != row["digest"]]
                if new:
                    connection.execute(_upsert(self.engine, table, "item_id"), new)
                changed += len(new)
            if changed:
                self._changes.note(connection, ITEMS)
        return changed

    def get(self, item_id: str) -> Item | None:
        query = sa.select(schema.items).where(schema.items.c.item_id == item_id)
        with self.engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _item_of(row)

    def delete(self, item_id: str) -> bool:
        with self.engine.begin() as connection:
            done = connection.execute(sa.delete(schema.items).where(schema.items.c.item_id == item_id))
            self._changes.note(connection, ITEMS)
        return done.rowcount > 0

    def all(self) -> list[Item]:
        with self.engine.connect() as connection:
            return [_item_of(row) for row in connection.execute(sa.select(schema.items).order_by(schema.items.c.seq))]

    def some(self, ids: Sequence[str]) -> list[Item]:
        """Items by id, in order of arrival."""
        rows: list[Any] = []
        with self.engine.connect() as connection:
            for start in range(0, len(ids), BATCH):
                wanted = schema.items.c.item_id.in_(list(ids[start : start + BATCH]))
                rows += connection.execute(sa.select(schema.items).where(wanted)).all()
        return [_item_of(row) for row in sorted(rows, key=lambda row: int(row.seq))]

    def ids(self) -> list[str]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.select(schema.items.c.item_id).order_by(schema.items.c.seq)).scalars())


class SqlProfiles:
    """ProfileStore in SQL."""

    def __init__(self, engine: sa.Engine, erasures: SqlErasures, changes: SqlChanges) -> None:
        self.engine = engine
        self._erasures, self._changes = erasures, changes

    def get(self, user_id: str, version: int | None = None) -> StoredProfile | None:
        table = schema.profiles
        query = sa.select(table).where(table.c.user_id == user_id).order_by(table.c.version.desc()).limit(1)
        if version is not None:
            query = query.where(table.c.version == version)
        with self.engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else profile_of(row.user_id, row.version, row.updated, row.body)

    def put(self, profile: StoredProfile) -> StoredProfile:
        for _ in range(20):
            try:
                with writing(self.engine) as connection:
                    self._lift(connection, [profile.user_id])
                    self._changes.note(connection, USERS)
                    return _put_profile(connection, profile)
            except sa.exc.IntegrityError:  # another writer took the version: take the next
                continue
        raise DataError(f"profile of '{profile.user_id}': 20 other writers came first; try again")

    def put_many(self, profiles: Sequence[StoredProfile]) -> int:
        """Store each as its user's next version unless it says what is stored already. Returns how many were stored."""
        known = {one.user_id: one for one in self.all()}
        stored = 0
        with writing(self.engine) as connection:
            self._lift(connection, [one.user_id for one in profiles])
            self._changes.note(connection, USERS)
            for profile in profiles:
                now = known.get(profile.user_id)
                if now is None or profile_json(now) != profile_json(profile):
                    _put_profile(connection, profile)
                    stored += 1
        return stored

    def _lift(self, connection: sa.Connection, users: Sequence[str]) -> None:
        """Who registers or edits their profile is there again."""
        self._erasures.lift(connection, self._erasures.barred(connection, users))

    def all(self) -> list[StoredProfile]:
        """The newest version of every profile, ordered by user."""
        table = schema.profiles
        newest = sa.select(table.c.user_id, sa.func.max(table.c.version).label("version")).group_by(table.c.user_id)
        last = newest.subquery()
        join = sa.and_(table.c.user_id == last.c.user_id, table.c.version == last.c.version)
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(table).join(last, join).order_by(table.c.user_id)).all()
        return [profile_of(row.user_id, row.version, row.updated, row.body) for row in rows]

    def users(self) -> list[str]:
        query = sa.select(schema.profiles.c.user_id).distinct()
        with self.engine.connect() as connection:
            return sorted(connection.execute(query).scalars())

    def delete(self, user_id: str) -> bool:
        with self.engine.begin() as connection:
            done = connection.execute(sa.delete(schema.profiles).where(schema.profiles.c.user_id == user_id))
            self._changes.note(connection, USERS)
        empty_log(self.engine)
        return done.rowcount > 0


class SqlMeta:
    """Notes about the data, by key; any JSON value."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def get(self, key: str) -> Any:
        """The value of a key, None when there is none."""
        with self.engine.connect() as connection:
            query = sa.select(schema.meta.c.value).where(schema.meta.c.key == key)
            value = connection.execute(query).scalar_one_or_none()
        return None if value is None else json.loads(value)

    def put(self, key: str, value: Any) -> None:
        """Set a key."""
        with self.engine.begin() as connection:
            connection.execute(_upsert(self.engine, schema.meta, "key"), [{"key": key, "value": json.dumps(value)}])


def _upsert(engine: sa.Engine, table: sa.Table, key: str) -> Any:
    insert = postgresql.insert(table) if engine.dialect.name == "postgresql" else sqlite.insert(table)
    others = {column.name: insert.excluded[column.name] for column in table.c if column.name not in (key, "seq")}
    return insert.on_conflict_do_update(index_elements=[key], set_=others)


def _put_profile(connection: sa.Connection, profile: StoredProfile) -> StoredProfile:
    table = schema.profiles.c
    last = sa.select(sa.func.coalesce(sa.func.max(table.version), 0)).where(table.user_id == profile.user_id)
    # One statement, so that SQLite holds the write lock while the version is looked up.
    values = {"user_id": profile.user_id, "updated": profile.updated, "body": profile_json(profile)}
    insert = sa.insert(schema.profiles).values(version=last.scalar_subquery() + 1, **values).returning(table.version)
    return replace(profile, version=connection.execute(insert).scalar_one())


def _item_row(item: Item) -> dict[str, Any]:
    return {
        "item_id": item.item_id,
        "title": item.title,
        "text": item.text,
        "attributes": json.dumps(dict(item.attributes), ensure_ascii=False),
        "images": json.dumps(item.images, ensure_ascii=False),
        "available_from": item.available_from,
        "available_until": item.available_until,
        "hidden": item.hidden,
        "digest": item_digest(item),
    }


def _item_of(row: Any) -> Item:
    images = tuple(json.loads(row.images))
    attributes = attributes_from_json(row.attributes)
    return Item(
        row.item_id, row.title, row.text, attributes, images, row.available_from, row.available_until, row.hidden
    )


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
