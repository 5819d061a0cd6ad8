"""SqlLog: the event log in SQL. Single events by statement, tables of them in bulk."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from zhiyin.data.event_ids import SCHEMA, event_table
from zhiyin.event import Event
from zhiyin.stores import schema
from zhiyin.stores.rows import event_of, event_row

CHUNK = 500_000
"""Rows written in one transaction of a bulk append."""

FETCH = 50_000
"""Rows read at once."""

COLUMNS = ", ".join(SCHEMA)


class SqlLog:
    """EventLog in SQLite or PostgreSQL."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def append(self, events: Sequence[Event]) -> int:
        if not events:
            return 0
        insert = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        statement: Any = insert(schema.events).on_conflict_do_nothing(index_elements=["event_id"])
        with self.engine.begin() as connection:
            rows = [event_row(event) for event in events]
            return len(connection.execute(statement.returning(schema.events.c.seq), rows).all())

    def append_table(self, frame: pl.DataFrame) -> int:
        rows = event_table(frame)
        write = self._copy if self.engine.dialect.name == "postgresql" else self._insert_staged
        return sum(write(rows.slice(start, CHUNK)) for start in range(0, len(rows), CHUNK))

    def of_user(self, user_id: str, limit: int | None = None) -> list[Event]:
        table = schema.events
        query = sa.select(table).where(table.c.user_id == user_id)
        query = query.order_by(table.c.timestamp.desc(), table.c.seq.desc())
        if limit is not None:
            query = query.limit(max(limit, 0))
        with self.engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [event_of(dict(row)) for row in reversed(rows)]

    def table(self, since: float | None = None, until: float | None = None) -> pl.DataFrame:
        return self.columns(tuple(SCHEMA), since, until)

    def columns(self, names: Sequence[str], since: float | None = None, until: float | None = None) -> pl.DataFrame:
        """Some columns of table(): what training reads needs only five of eleven."""
        unknown = [name for name in names if name not in SCHEMA]
        if unknown:
            raise ValueError(f"no such column: {unknown}; there are {COLUMNS}")
        bounds = [f"timestamp >= {float(since)!r}"] if since is not None else []
        bounds += [f"timestamp < {float(until)!r}"] if until is not None else []
        where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        read = self._copy_out if self.engine.dialect.name == "postgresql" else self._read_rows
        return read(tuple(names), f"FROM events{where} ORDER BY seq")

    def count(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(schema.events)).scalar_one()

    def delete_user(self, user_id: str) -> int:
        with self.engine.begin() as connection:
            gone = connection.execute(sa.delete(schema.events).where(schema.events.c.user_id == user_id)).rowcount
        wipe_log(self.engine)
        return gone

    @contextmanager
    def bulk(self) -> Iterator[None]:
        """Around many append_table: an empty log gets its index of users at the end, in one go, which is twice as fast."""
        index = next(iter(schema.events.indexes))
        empty = self.count() == 0
        if empty:
            index.drop(self.engine, checkfirst=True)
        try:
            yield
        finally:
            index.create(self.engine, checkfirst=True)

    # -- SQLite -----------------------------------------------------------------------------------------------------
    # ADBC moves tables fast, but brings a second copy of SQLite into the process. Two copies do not see each other's
    # POSIX locks, and on one file that destroys it (sqlite.org/howtocorrupt.html, 2.2.1; it did so here). So ADBC only
    # ever writes a file of its own, closed before Python's SQLite attaches it.

    def _insert_staged(self, rows: pl.DataFrame) -> int:
        folder = Path(str(self.engine.url.database)).parent
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=folder) as staging:
            file = str(Path(staging) / "incoming.db")
            _write_staging(file, rows)
            raw: Any = self.engine.raw_connection()
            try:
                raw.cursor().execute("ATTACH ? AS staging", (file,))
                try:
                    cursor = raw.cursor().execute(
                        f"INSERT INTO main.events ({COLUMNS}) SELECT {COLUMNS} FROM staging.incoming WHERE true "
                        "ORDER BY rowid ON CONFLICT (event_id) DO NOTHING"
                    )
                    raw.commit()
                    return int(cursor.rowcount)
                finally:
                    raw.rollback()
                    raw.cursor().execute("DETACH staging")
            finally:
                raw.close()

    def _read_rows(self, names: tuple[str, ...], rest: str) -> pl.DataFrame:
        raw: Any = self.engine.raw_connection()
        schema_of = {name: SCHEMA[name] for name in names}
        frames = [pl.DataFrame(schema=schema_of)]
        try:
            cursor = raw.cursor()
            cursor.execute(f"SELECT {', '.join(names)} {rest}")
            while rows := cursor.fetchmany(FETCH):
                # By columns: polars takes a tuple of one type much faster than rows of mixed ones.
                columns = zip(*rows, strict=True)
                frames.append(pl.DataFrame([pl.Series(n, c, SCHEMA[n]) for n, c in zip(names, columns, strict=True)]))
        finally:
            raw.close()
        return pl.concat(frames)

    # -- PostgreSQL: COPY -------------------------------------------------------------------------------------------

    def _copy(self, rows: pl.DataFrame) -> int:
        raw: Any = self.engine.raw_connection()
        try:
            with raw.cursor() as cursor:
                cursor.execute("CREATE TEMP TABLE incoming (LIKE events INCLUDING DEFAULTS) ON COMMIT DROP")
                with cursor.copy(f"COPY incoming ({COLUMNS}) FROM STDIN (FORMAT csv)") as copy:
                    copy.write(rows.write_csv(include_header=False, quote_style="non_numeric").encode())
                cursor.execute(
                    f"INSERT INTO events ({COLUMNS}) SELECT {COLUMNS} FROM incoming ORDER BY seq "
                    "ON CONFLICT (event_id) DO NOTHING"
                )
                new = cursor.rowcount
            raw.commit()
        finally:
            raw.close()
        return int(new)

    def _copy_out(self, names: tuple[str, ...], rest: str) -> pl.DataFrame:
        raw: Any = self.engine.raw_connection()
        try:
            with raw.cursor() as cursor:
                query = f"COPY (SELECT {', '.join(names)} {rest}) TO STDOUT (FORMAT csv, FORCE_QUOTE *)"
                with cursor.copy(query) as copy:
                    data = b"".join(bytes(block) for block in copy)
        finally:
            raw.close()
        schema_of = {name: SCHEMA[name] for name in names}
        if not data:
            return pl.DataFrame(schema=schema_of)
        return pl.read_csv(io.BytesIO(data), has_header=False, schema=schema_of)


def _write_staging(file: str, rows: pl.DataFrame) -> None:
    from adbc_driver_sqlite import dbapi

    with dbapi.connect(file, autocommit=True) as connection, connection.cursor() as cursor:
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.adbc_ingest("incoming", rows, mode="create")


def wipe_log(engine: sa.Engine) -> None:
    """Empty SQLite's write-ahead log, in which what was just deleted can still be read; later, where somebody is reading."""
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout = 500")  # nobody waits a minute for a reader
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.execute("PRAGMA busy_timeout = 60000")
    finally:
        connection.close()
