"""Migrations: stores of earlier schemas become stores of this one when they are opened, whole or not at all."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

import polars as pl
import sqlalchemy as sa

from zhiyin.data.event_ids import SCHEMA, key_parts, natural_id
from zhiyin.errors import DataError
from zhiyin.stores import schema
from zhiyin.stores.connections import writing

LOG = logging.getLogger("zhiyin.stores")

COLUMNS = ", ".join(SCHEMA)


def migrate(engine: sa.Engine) -> None:
    """Bring a store to this schema. Does nothing to a new one. Raises DataError for one of a later schema."""
    while (found := _version(engine)) is not None and found != schema.VERSION:
        if found not in STEPS:
            raise DataError(
                f"store {engine.url!r} has schema {found}; this Zhiyin needs {schema.VERSION}: use a newer one"
            )
        LOG.warning("the store is brought from schema %s to %s; this is done once", found, found + 1)
        with engine.connect() as connection:
            # SQLite takes its lock at BEGIN IMMEDIATE, so that two processes do not migrate one file.
            connection.exec_driver_sql("BEGIN IMMEDIATE" if engine.dialect.name == "sqlite" else "LOCK meta")
            if _noted(connection) == found:
                STEPS[found](connection)
                connection.execute(
                    sa.update(schema.meta).where(schema.meta.c.key == "schema").values(value=str(found + 1))
                )
            connection.commit()


def complete(engine: sa.Engine) -> None:
    """Add the tables and indexes that a store lacks. One that has them all is only read, beside any writer."""
    if not _lacking(engine):
        return
    # Alone, so that of several that open a store one makes what it lacks and the others find it.
    with writing(engine, alone=True) as connection:
        schema.metadata.create_all(connection)
        for index in schema.events.indexes:  # a bulk load that was killed may have left it out
            index.create(connection, checkfirst=True)
        if _noted(connection) is None:
            connection.execute(sa.insert(schema.meta).values(key="schema", value=str(schema.VERSION)))


def _lacking(engine: sa.Engine) -> bool:
    found = sa.inspect(engine)
    if set(schema.metadata.tables) - set(found.get_table_names()):
        return True
    there = {one["name"] for one in found.get_indexes(schema.events.name)}
    return any(index.name not in there for index in schema.events.indexes) or _version(engine) is None


def _version(engine: sa.Engine) -> Any:
    if not sa.inspect(engine).has_table("meta"):
        return None
    with engine.connect() as connection:
        return _noted(connection)


def _noted(connection: sa.Connection) -> int | None:
    value = connection.execute(sa.select(schema.meta.c.value).where(schema.meta.c.key == "schema")).scalar_one_or_none()
    return None if value is None else int(value)


def _ids_of_each_user(connection: sa.Connection) -> None:
    """1 -> 2: an event's id is unique among its user's, and natural ids hold the context, the request and the position."""
    if connection.dialect.name == "sqlite":
        # SQLite cannot change a constraint: the table is written anew.
        connection.exec_driver_sql("ALTER TABLE events RENAME TO events_1")
        connection.exec_driver_sql("DROP INDEX IF EXISTS events_of_user")
        schema.events.create(connection)
        connection.exec_driver_sql(
            f"INSERT INTO events (seq, {COLUMNS}) SELECT seq, {COLUMNS} FROM events_1 ORDER BY seq"
        )
        connection.exec_driver_sql("DROP TABLE events_1")
    else:
        connection.exec_driver_sql("ALTER TABLE events DROP CONSTRAINT IF EXISTS events_event_id_key")
        connection.exec_driver_sql("ALTER TABLE events ADD CONSTRAINT events_once UNIQUE (user_id, event_id)")
    changes = [change for rows in _users_with_circumstances(connection) for change in _renamed(rows)]
    statement = (
        sa.update(schema.events).where(schema.events.c.seq == sa.bindparam("of")).values(event_id=sa.bindparam("to"))
    )
    for start in range(0, len(changes), 10_000):
        connection.execute(statement, [{"of": seq, "to": name} for seq, name in changes[start : start + 10_000]])


def _users_with_circumstances(connection: sa.Connection) -> Iterator[pl.DataFrame]:
    """The events of each user who has any with a context, a request or a position, in order of arrival."""
    events = schema.events.c
    telling = sa.or_(events.context != "", events.request_id.is_not(None), events.position.is_not(None))
    users = sa.select(events.user_id).where(telling).distinct()
    query = sa.select(schema.events).where(events.user_id.in_(users)).order_by(events.user_id, events.seq)
    rows = connection.execute(query).mappings()
    for _, listed in groupby(rows, key=lambda row: row["user_id"]):
        yield pl.DataFrame([dict(row) for row in listed], schema={"seq": pl.Int64, **SCHEMA})


def _renamed(rows: pl.DataFrame) -> list[tuple[int, str]]:
    """What events of one user are called from now on, where their id was made of their content alone."""
    starts, ends = key_parts(rows)
    sessions = rows["session_id"].fill_null("").to_list()
    alike: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, old in enumerate(zip(starts, sessions, strict=True)):
        alike[old].append(row)
    names, seqs = rows["event_id"].to_list(), rows["seq"].to_list()
    told_apart: list[tuple[int, str]] = []
    others: list[tuple[int, str]] = []
    for (start, session), members in alike.items():
        if all(ends[row] == session for row in members):
            continue
        occurrence = {natural_id(start, number, session): number for number in range(len(members))}
        counts: dict[str, int] = defaultdict(int)
        for row in sorted((row for row in members if names[row] in occurrence), key=lambda row: occurrence[names[row]]):
            change = seqs[row], natural_id(start, counts[ends[row]], ends[row])
            (others if ends[row] == session else told_apart).append(change)
            counts[ends[row]] += 1
    return told_apart + others  # in this order no id is taken before it is free


STEPS: dict[int, Callable[[sa.Connection], None]] = {1: _ids_of_each_user}
"""By the schema they start from."""
