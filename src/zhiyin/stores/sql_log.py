"""SqlLog: the event log in SQL. Single events by statement, tables of them in bulk."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from zhiyin.behaviour.kinds import CODES
from zhiyin.data.event_ids import SCHEMA, event_table, same_content, set_apart, tables_apart
from zhiyin.data.past import Past
from zhiyin.durable import draft_folder
from zhiyin.event import Event, circumstances
from zhiyin.ports import Taken
from zhiyin.stores import schema
from zhiyin.stores.connections import empty_log, writing
from zhiyin.stores.erasures import SqlErasures
from zhiyin.stores.rows import event_of, event_row

CHUNK = 500_000
"""Rows written in one transaction of a bulk append."""

FETCH = 50_000
"""Rows read at once."""

COLUMNS = ", ".join(SCHEMA)

INCOMING = ".incoming-"
"""How the folder of rows under way into SQLite begins; what a killed process leaves of it is swept at the next start."""

BY_THE_SYSTEM = ("impression",)
"""Kinds of events that say what was shown to a user, not what they did."""

OWN = ("user_id", "event_id")
"""What an event is known by."""

OTHERS = (
    f"SELECT {', '.join(f'new.{name}' for name in SCHEMA)}, old.context AS said, "
    + " OR ".join(f"old.{name} {{differs}} new.{name}" for name in SCHEMA if name not in (*OWN, "context"))
    + " AS other FROM {incoming} AS new JOIN events AS old ON old.user_id = new.user_id AND old.event_id = new.event_id "
    "WHERE old.context <> new.context OR "
    + " OR ".join(f"old.{name} {{differs}} new.{name}" for name in SCHEMA if name not in (*OWN, "context"))
    + " ORDER BY {order}"
)
"""The rows whose id their user gave before, to what may be other content: contexts may differ in their spaces alone."""


class SqlLog:
    """EventLog in SQLite or PostgreSQL."""

    def __init__(self, engine: sa.Engine, erasures: SqlErasures) -> None:
        self.engine = engine
        self._erasures = erasures

    def take(self, events: Sequence[Event], undated: Collection[int] = ()) -> Taken:
        if not events:
            return Taken()
        apart: dict[int, str] = {}
        with writing(self.engine) as connection:
            barred = self._barred(connection, events)
            first: dict[tuple[str, str], int] = {}
            for row, event in enumerate(events):
                if event.event_type not in BY_THE_SYSTEM or event.user_id not in barred:
                    first.setdefault((event.user_id, event.event_id), row)
            new = self._insert(connection, [events[row] for row in first.values()])
            stored = {(one.user_id, one.event_id) for one in new}
            others = [
                row
                for row, event in enumerate(events)
                if (key := (event.user_id, event.event_id)) in first and (first[key] != row or key not in stored)
            ]
            for row in others:
                event = events[row]
                if not self._is_there(connection, event, row in undated):
                    other = set_apart(event, row in undated)
                    apart[row] = other.event_id
                    new += self._insert(connection, [other])
        return Taken(new, len(events) - len(new), apart)

    def _barred(self, connection: sa.Connection, events: Sequence[Event]) -> set[str]:
        """Users who are being erased, or were and have not acted since. Those who act now are no longer."""
        barred = self._erasures.barred(connection, {event.user_id for event in events})
        if barred:
            self._erasures.lift(
                connection, barred & {one.user_id for one in events if one.event_type not in BY_THE_SYSTEM}
            )
        return barred

    def append(self, events: Sequence[Event]) -> int:
        return len(self.take(events).new)

    def _insert(self, connection: sa.Connection, events: Sequence[Event]) -> list[Event]:
        """Store events whose user has none of their id; returns those."""
        if not events:
            return []
        insert = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        statement: Any = insert(schema.events).on_conflict_do_nothing(index_elements=["user_id", "event_id"])
        returned = statement.returning(schema.events.c.user_id, schema.events.c.event_id)
        stored = {tuple(row) for row in connection.execute(returned, [event_row(event) for event in events])}
        return [event for event in events if (event.user_id, event.event_id) in stored]

    def _is_there(self, connection: sa.Connection, event: Event, undated: bool) -> bool:
        """Whether the event stored under a user's id says the same."""
        table = schema.events
        wanted = sa.and_(table.c.user_id == event.user_id, table.c.event_id == event.event_id)
        row = connection.execute(sa.select(table).where(wanted)).mappings().one_or_none()
        return row is not None and same_content(event_of(dict(row)), event, undated)

    def append_table(self, frame: pl.DataFrame) -> int:
        given = "event_id" in frame.columns
        rows = event_table(frame)
        write = self._copy if self.engine.dialect.name == "postgresql" else self._insert_staged
        with writing(self.engine) as connection:  # whoever hands over a table says that its users are there
            barred = self._erasures.barred(connection, rows["user_id"].unique().to_list())
            self._erasures.lift(connection, barred)
        new = 0
        for start in range(0, len(rows), CHUNK):
            piece = rows.slice(start, CHUNK)
            stored, others = write(piece, given)
            new += stored
            if len(others):
                new += write(tables_apart(others), False)[0]
        return new

    def of_user(self, user_id: str, limit: int | None = None) -> list[Event]:
        table = schema.events
        query = sa.select(table).where(table.c.user_id == user_id)
        query = query.order_by(table.c.timestamp.desc(), table.c.seq.desc())
        if limit is not None:
            query = query.limit(max(limit, 0))
        with self.engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [event_of(dict(row)) for row in reversed(rows)]

    def past(self, user_id: str, kinds: Collection[str]) -> Past:
        one = schema.events.c
        context = sa.case((one.event_type == "comment", one.context), else_="")
        query = sa.select(one.event_id, one.item_id, one.event_type, one.timestamp, one.value, context)
        query = query.where(one.user_id == user_id, one.event_type.in_(list(kinds))).order_by(one.timestamp, one.seq)
        return Past.of_rows(self._raw_rows(query))

    def _raw_rows(self, query: Any) -> list[Any]:
        """The rows as the driver gives them: for a person of 60,000 events half the time goes into wrapping them."""
        compiled = query.compile(self.engine, compile_kwargs={"render_postcompile": True})
        raw: Any = self.engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute(
                str(compiled),
                compiled.params
                if compiled.positiontup is None
                else tuple(compiled.params[name] for name in compiled.positiontup),
            )
            return list(cursor.fetchall())
        finally:
            raw.close()

    def table(self, since: float | None = None, until: float | None = None) -> pl.DataFrame:
        return self.columns(tuple(SCHEMA), since, until)

    def columns(
        self,
        names: Sequence[str],
        since: float | None = None,
        until: float | None = None,
        kinds: Collection[str] | None = None,
    ) -> pl.DataFrame:
        """Some columns of table(): what training reads needs only five of eleven."""
        unknown = [name for name in names if name not in SCHEMA]
        if unknown:
            raise ValueError(f"no such column: {unknown}; there are {COLUMNS}")
        bounds = [f"timestamp >= {float(since)!r}"] if since is not None else []
        bounds += [f"timestamp < {float(until)!r}"] if until is not None else []
        if kinds is not None:
            wrong = [kind for kind in kinds if kind not in CODES]
            if wrong:
                raise ValueError(f"no such kind: {wrong}")
            bounds.append(f"event_type IN ({', '.join(repr(kind) for kind in kinds)})")
        where = f" WHERE {' AND '.join(bounds)}" if bounds else ""
        read = self._copy_out if self.engine.dialect.name == "postgresql" else self._read_rows
        return read(tuple(names), f"FROM events{where} ORDER BY seq")

    def count(self) -> int:
        with self.engine.connect() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(schema.events)).scalar_one()

    def counts(self, users: Collection[str] | None = None, leave_out: Collection[str] = ()) -> dict[str, int]:
        events = schema.events.c
        query = sa.select(events.user_id, sa.func.count()).group_by(events.user_id)
        if leave_out:
            query = query.where(events.event_type.not_in(list(leave_out)))
        if users is not None:
            query = query.where(events.user_id.in_(list(users)))
        with self.engine.connect() as connection:
            return {str(user): int(count) for user, count in connection.execute(query)}

    def delete_user(self, user_id: str) -> int:
        with self.engine.begin() as connection:
            gone = connection.execute(sa.delete(schema.events).where(schema.events.c.user_id == user_id)).rowcount
        empty_log(self.engine)
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

    def _insert_staged(self, rows: pl.DataFrame, given: bool) -> tuple[int, pl.DataFrame]:
        """Returns how many were new, and those whose id their user had given to other content (looked for where given)."""
        folder = Path(str(self.engine.url.database)).parent
        with draft_folder(folder, INCOMING) as staging:
            file = str(staging / "incoming.db")
            _write_staging(file, rows)
            raw: Any = self.engine.raw_connection()
            try:
                raw.cursor().execute("ATTACH ? AS staging", (file,))
                try:
                    cursor = raw.cursor().execute(
                        f"INSERT INTO main.events ({COLUMNS}) SELECT {COLUMNS} FROM staging.incoming WHERE true "
                        "ORDER BY rowid ON CONFLICT (user_id, event_id) DO NOTHING"
                    )
                    new = int(cursor.rowcount)
                    raw.commit()
                    others: list[Any] = []
                    if given and new < len(rows):
                        query = OTHERS.format(incoming="staging.incoming", differs="IS NOT", order="new.rowid")
                        others = raw.cursor().execute(query).fetchall()
                    return new, _with_other_content(others)
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

    def _copy(self, rows: pl.DataFrame, given: bool) -> tuple[int, pl.DataFrame]:
        """See _insert_staged."""
        raw: Any = self.engine.raw_connection()
        others: list[Any] = []
        try:
            with raw.cursor() as cursor:
                cursor.execute("CREATE TEMP TABLE incoming (LIKE events INCLUDING DEFAULTS) ON COMMIT DROP")
                with cursor.copy(f"COPY incoming ({COLUMNS}) FROM STDIN (FORMAT csv)") as copy:
                    copy.write(rows.write_csv(include_header=False, quote_style="non_numeric").encode())
                cursor.execute(
                    f"INSERT INTO events ({COLUMNS}) SELECT {COLUMNS} FROM incoming ORDER BY seq "
                    "ON CONFLICT (user_id, event_id) DO NOTHING"
                )
                new = int(cursor.rowcount)
                if given and new < len(rows):
                    others = cursor.execute(
                        OTHERS.format(incoming="incoming", differs="IS DISTINCT FROM", order="new.seq")
                    ).fetchall()
            raw.commit()
        finally:
            raw.close()
        return new, _with_other_content(others)

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


def _with_other_content(found: list[Any]) -> pl.DataFrame:
    """The rows of OTHERS that do differ, as a table of events."""
    frame = pl.DataFrame(found, schema={**SCHEMA, "said": pl.String, "other": pl.Boolean}, orient="row")
    contexts = zip(frame["context"], frame["said"], strict=True)
    differs = [circumstances(new, None, None) != circumstances(old, None, None) for new, old in contexts]
    return frame.filter(frame["other"] | pl.Series(differs, dtype=pl.Boolean)).select(list(SCHEMA))


def _write_staging(file: str, rows: pl.DataFrame) -> None:
    from adbc_driver_sqlite import dbapi

    with dbapi.connect(file, autocommit=True) as connection, connection.cursor() as cursor:
        for pragma in ("journal_mode = OFF", "synchronous = OFF"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.adbc_ingest("incoming", rows, mode="create")
