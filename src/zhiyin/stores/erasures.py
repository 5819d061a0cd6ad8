"""The journal of erasures in SQL, and what it keeps from being written; see ports.Erasures."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from functools import cached_property
from hashlib import blake2b
from secrets import token_hex
from typing import Any

import sqlalchemy as sa

from zhiyin.ports import Erasure
from zhiyin.stores import schema
from zhiyin.stores.connections import writing
from zhiyin.stores.rows import profile_json, profile_of, without_friend

SALT = "erasure salt"
"""The note that keeps the key of the hashes."""

TABLE = schema.erasures.c


class SqlErasures:
    """Erasures in SQLite or PostgreSQL."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def begin(self, kind: str, subject: str, now: float) -> Erasure:
        who = self.hashed(subject)
        with writing(self.engine, alone=True) as connection:
            running = TABLE.finished.is_(None) & (TABLE.kind == kind) & (TABLE.who == who)
            found = connection.execute(sa.select(schema.erasures).where(running)).first()
            if found is not None:
                return _erasure(found)
            row = {"kind": kind, "who": who, "subject": subject, "started": now, "lifted": False, "found": "{}"}
            number = connection.execute(sa.insert(schema.erasures).values(row).returning(TABLE.seq)).scalar_one()
        return Erasure(int(number), kind, subject, who, now)

    def running(self) -> list[Erasure]:
        return self._read(sa.select(schema.erasures).where(TABLE.finished.is_(None)).order_by(TABLE.seq))

    def all(self) -> list[Erasure]:
        return self._read(sa.select(schema.erasures).order_by(TABLE.seq.desc()))

    def _read(self, query: Any) -> list[Erasure]:
        with self.engine.connect() as connection:
            return [_erasure(row) for row in connection.execute(query)]

    def note(self, number: int, step: str, found: Mapping[str, Any]) -> None:
        with writing(self.engine, alone=True) as connection:
            said = connection.execute(sa.select(TABLE.found).where(TABLE.seq == number)).scalar_one()
            text = json.dumps(added(json.loads(said), step, found), ensure_ascii=False)
            connection.execute(sa.update(schema.erasures).where(TABLE.seq == number).values(found=text))

    def sweep(self, erasure: Erasure) -> dict[str, int]:
        with writing(self.engine, alone=True) as connection:
            return _swept(connection, erasure)

    def finish(self, erasure: Erasure, now: float) -> Erasure:
        with writing(self.engine, alone=True) as connection:
            late = _swept(connection, erasure)
            said = connection.execute(sa.select(TABLE.found).where(TABLE.seq == erasure.number)).scalar_one()
            text = json.dumps(added(json.loads(said), "store", late), ensure_ascii=False)
            closed = {"subject": "", "finished": now, "found": text}
            connection.execute(sa.update(schema.erasures).where(TABLE.seq == erasure.number).values(closed))
            row = connection.execute(sa.select(schema.erasures).where(TABLE.seq == erasure.number)).one()
        return _erasure(row)

    def mark(self) -> int:
        with self.engine.connect() as connection:
            oldest = connection.execute(sa.select(sa.func.min(TABLE.seq)).where(TABLE.finished.is_(None))).scalar()
            newest = connection.execute(sa.select(sa.func.max(TABLE.seq))).scalar()
        return int(newest or 0) if oldest is None else int(oldest) - 1

    def since(self, mark: int) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {"user": set(), "item": set()}
        for one in self._read(sa.select(schema.erasures).where(TABLE.seq > mark)):
            found[one.kind].add(one.who)
        return found

    def hashed(self, subject: str) -> str:
        return blake2b(subject.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).hexdigest()

    @cached_property
    def _key(self) -> bytes:
        query = sa.select(schema.meta.c.value).where(schema.meta.c.key == SALT)
        with self.engine.connect() as connection:  # read first: a caller who is writing must not wait for itself
            value = connection.execute(query).scalar_one_or_none()
        if value is None:
            with writing(self.engine, alone=True) as connection:
                value = connection.execute(query).scalar_one_or_none()
                if value is None:
                    value = json.dumps(token_hex(32))
                    connection.execute(sa.insert(schema.meta).values(key=SALT, value=value))
        return bytes.fromhex(json.loads(value))

    def barred(self, connection: sa.Connection, users: Collection[str]) -> set[str]:
        """Users of whom nothing may be stored that they did not do themselves."""
        if connection.execute(sa.select(TABLE.seq).where(~TABLE.lifted).limit(1)).first() is None:
            return set()
        who = {self.hashed(user): user for user in users}
        barred = sa.select(TABLE.who).where(~TABLE.lifted & (TABLE.kind == "user") & TABLE.who.in_(list(who)))
        return {who[one] for one in connection.execute(barred).scalars()}

    def lift(self, connection: sa.Connection, users: Collection[str]) -> None:
        """Users who have acted again. One whose erasure still runs stays barred."""
        if not users:
            return
        who = [self.hashed(user) for user in users]
        mine = TABLE.finished.is_not(None) & (TABLE.kind == "user") & TABLE.who.in_(who)
        connection.execute(sa.update(schema.erasures).where(mine).values(lifted=True))


def added(found: dict[str, Any], step: str, more: Mapping[str, Any]) -> dict[str, Any]:
    """What was found with what a step says beside it: numbers are added up, sentences kept once."""
    before: dict[str, Any] = found.get(step, {})
    for name, value in more.items():
        if isinstance(value, int):
            before[name] = before.get(name, 0) + value
        elif value:
            before[name] = sorted({*before.get(name, ()), *value})
    return {**found, step: before}


def _swept(connection: sa.Connection, erasure: Erasure) -> dict[str, int]:
    if erasure.kind != "user":
        return {}
    events, profiles = schema.events, schema.profiles
    gone = {
        "events": connection.execute(sa.delete(events).where(events.c.user_id == erasure.subject)).rowcount,
        "profiles": connection.execute(sa.delete(profiles).where(profiles.c.user_id == erasure.subject)).rowcount,
    }
    # Every version that names them, so that their friends keep all of theirs, and the numbers of those.
    text = json.dumps(erasure.subject, ensure_ascii=False)
    place = sa.func.strpos if connection.dialect.name == "postgresql" else sa.func.instr
    naming = connection.execute(sa.select(profiles).where(place(profiles.c.body, text) > 0)).all()
    changed = 0
    for row in naming:
        profile = profile_of(row.user_id, row.version, row.updated, row.body)
        if erasure.subject in profile.friends:
            own = (profiles.c.user_id == row.user_id) & (profiles.c.version == row.version)
            body = profile_json(without_friend(profile, erasure.subject))
            changed += connection.execute(sa.update(profiles).where(own).values(body=body)).rowcount
    return {**gone, "friends": changed}


def _erasure(row: Any) -> Erasure:
    return Erasure(row.seq, row.kind, row.subject, row.who, row.started, row.finished, json.loads(row.found))
