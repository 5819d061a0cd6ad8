"""Connections of the SQL store: how a database is opened, written to alone, and cleaned of what was deleted."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from zhiyin.errors import SettingError, require
from zhiyin.stores.pages import left_behind

PAGES = 128
"""MiB of a file's pages that one connection of a command may keep in memory."""


def engine_of(url: str, sync: str) -> sa.Engine:
    """The engine of a database by its URL. Raises SettingError."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise SettingError(
            f"store url {url!r}: must be like sqlite:///file.db or postgresql://user@host/name"
        ) from error
    if parsed.get_backend_name() == "postgresql":
        require("psycopg", "postgres")
        return sa.create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise SettingError(
            f"store url {url!r}: must name an SQLite file or a PostgreSQL database; for memory, MemoryStore"
        )
    engine = sa.create_engine(parsed, connect_args={"timeout": 60})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # What is deleted is also gone from the file's free pages.
        for pragma in (
            "journal_mode = WAL",
            f"synchronous = {sync}",
            f"cache_size = -{PAGES * 1024}",
            "secure_delete = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def connect_with(engine: sa.Engine, *pragmas: str) -> None:
    """Have every connection of an SQLite database begin with these pragmas from now on."""
    if engine.dialect.name != "sqlite":
        return

    @sa.event.listens_for(engine, "connect")
    def _more(connection: Any, _record: Any) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    engine.dispose()  # those that are open began without them


@contextmanager
def writing(engine: sa.Engine, alone: bool = False) -> Iterator[sa.Connection]:
    """A transaction whose reading still holds when it writes. alone: beside no other; SQLite has one writer in any case."""
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            # Those who write of people share a lock, an erasure has it alone: it ends between two of their transactions.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}(90210)")
        yield connection


def empty_log(engine: sa.Engine) -> bool:
    """Empty SQLite's write-ahead log, in which what was just deleted can still be read. False where somebody is reading."""
    return _with_cursor(engine, lambda cursor: not cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])


def wiped(engine: sa.Engine, file: Path, texts: Collection[str]) -> bool:
    """Have deleted texts stand nowhere in an SQLite file: it is written anew where one does, or where none is known."""
    if not empty_log(engine):
        return False
    if not texts or left_behind(file, [one.encode("utf-8", "surrogatepass") for one in texts]):
        _with_cursor(engine, lambda cursor: bool(cursor.execute("VACUUM")))
        return empty_log(engine)
    return True


def _with_cursor(engine: sa.Engine, do: Any) -> bool:
    if engine.dialect.name != "sqlite":
        return True
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        (usual,) = cursor.execute("PRAGMA busy_timeout").fetchone()
        cursor.execute("PRAGMA busy_timeout = 500")  # nobody waits a minute for a reader
        try:
            return bool(do(cursor))
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {usual}")
    finally:
        connection.close()
