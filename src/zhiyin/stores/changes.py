"""SqlChanges: marks by which a process that only looks sees that another one wrote."""

from __future__ import annotations

from collections import Counter
from threading import Lock

import sqlalchemy as sa

from zhiyin.ports import Marks
from zhiyin.stores import schema

ITEMS, USERS = "changes of items", "changes of users"
"""Notes that count the writes of each; they are raised in the transaction of the write itself."""


class SqlChanges:
    """Counts writes in the database, and of those its own, so that what is left are the writes of other processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._own: Counter[str] = Counter()
        self._lock = Lock()

    def note(self, connection: sa.Connection, what: str) -> None:
        """Count a write, in its own transaction. what: ITEMS or USERS."""
        value = schema.meta.c.value
        raised = sa.cast(sa.cast(value, sa.BigInteger) + 1, sa.Text)
        done = connection.execute(sa.update(schema.meta).where(schema.meta.c.key == what).values(value=raised))
        if not done.rowcount:
            connection.execute(sa.insert(schema.meta).values(key=what, value="1"))
        with self._lock:
            self._own[what] += 1

    def marks(self) -> Marks:
        """What was written so far; see Marks."""
        meta, last = schema.meta.c, sa.func.coalesce(sa.func.max(schema.events.c.seq), 0)
        erased = sa.func.coalesce(sa.func.max(schema.erasures.c.seq), 0)
        with self._lock:
            own = self._own.copy()
        with self._engine.connect() as connection:
            events, erasures = (int(connection.execute(sa.select(one)).scalar_one()) for one in (last, erased))
            counted = connection.execute(sa.select(meta.key, meta.value).where(meta.key.in_([ITEMS, USERS])))
            found = {key: int(value) for key, value in counted}
        items, users = (found.get(what, 0) - own[what] for what in (ITEMS, USERS))
        return Marks(events, items, (users, erasures))
