"""One SQLite file beside the store: replies that were paid for once, and what every call cost."""

from __future__ import annotations

import json
import sqlite3
import warnings
from collections.abc import Iterable, Sequence
from contextlib import closing
from contextvars import ContextVar
from hashlib import blake2b
from pathlib import Path
from secrets import token_bytes
from typing import Any

from zhiyin.errors import ModelError

TABLES = (
    "CREATE TABLE IF NOT EXISTS secrets (name TEXT PRIMARY KEY, value BLOB)",
    "CREATE TABLE IF NOT EXISTS forgotten (who TEXT PRIMARY KEY, times INTEGER) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT, about TEXT) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS replies_about ON replies (about)",
    "CREATE TABLE IF NOT EXISTS calls (time REAL, use TEXT, model TEXT, prompt_tokens INTEGER, reply_tokens INTEGER, "
    "seconds REAL, money REAL, cached INTEGER, failed INTEGER, about TEXT)",
    "CREATE INDEX IF NOT EXISTS calls_time ON calls (time)",
    "CREATE INDEX IF NOT EXISTS calls_about ON calls (about)",
)

about: ContextVar[str] = ContextVar("about", default="")
"""The user whom the calls now made are about, so that everything kept of them can be forgotten with the user."""


class Database:
    """The file and its tables. Safe to share between threads and processes; damage is moved aside with a warning.

    Users stand in it as keyed hashes: their ids cannot be read from the file, only looked up by who knows them.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._prepare()

    def write(self, sql: str, rows: Iterable[Sequence[Any]]) -> int:
        """Run a statement for every row. Returns how many rows changed. Raises ModelError."""
        try:
            with closing(self._open()) as db, db:
                return db.executemany(sql, rows).rowcount
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._prepare()
            return 0

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows a query gives; none when the file had to be moved aside. Raises ModelError."""
        try:
            with closing(self._open()) as db:
                return db.execute(sql, values).fetchall()
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._prepare()
            return []

    def forget(self, user_id: str) -> int:
        """Delete the replies about a user, and take the user out of the log of calls. Returns how many replies."""
        who = self.pseudonym(user_id)
        self.write("INSERT INTO forgotten VALUES (?, 1) ON CONFLICT (who) DO UPDATE SET times = times + 1", [(who,)])
        self.write("UPDATE calls SET about = '' WHERE about = ?", [(who,)])
        gone = self.write("DELETE FROM replies WHERE about = ?", [(who,)])
        self._clean()
        return gone

    def forget_text(self, text: str) -> int:
        """Delete the replies that hold a text. Returns how many."""
        inside = json.dumps(text)[1:-1]  # replies are kept as JSON
        gone = self.write("DELETE FROM replies WHERE instr(reply, ?) > 0 OR instr(reply, ?) > 0", [(inside, text)])
        self._clean()
        return gone

    def times_forgotten(self, who: str) -> int:
        """How often a user, by pseudonym, was forgotten: what was asked before must not be kept after."""
        found = self.read("SELECT times FROM forgotten WHERE who = ?", (who,)) if who else []
        return int(found[0][0]) if found else 0

    def _clean(self) -> None:
        """Have nothing deleted stand in the file: it is small, so it is written anew."""
        self.read("VACUUM")
        self.read("PRAGMA wal_checkpoint(TRUNCATE)")

    def pseudonym(self, user_id: str) -> str:
        """A user's keyed hash, "" for none."""
        if not user_id:
            return ""
        return blake2b(user_id.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16).hexdigest()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=30)
        db.execute("PRAGMA secure_delete = ON")  # what is forgotten is also gone from the file's free pages
        return db

    def _prepare(self) -> None:
        with closing(self._open()) as db, db:
            db.execute("PRAGMA journal_mode = WAL")
            for table in TABLES:
                db.execute(table)
            db.execute("INSERT OR IGNORE INTO secrets VALUES ('about', ?)", (token_bytes(32),))
            self._key = bytes(db.execute("SELECT value FROM secrets WHERE name = 'about'").fetchone()[0])

    def _set_aside(self, error: Exception) -> None:
        if type(error) is not sqlite3.DatabaseError:  # locked, full or read-only: the file itself is sound
            raise ModelError(f"language model database {self.path}: {error}; free it or choose another") from error
        aside = self.path.with_name(self.path.name + ".damaged")
        self.path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        warnings.warn(f"{self.path} cannot be read ({error}): moved to {aside.name}, begun anew", stacklevel=4)
