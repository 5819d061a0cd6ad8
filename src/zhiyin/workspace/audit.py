"""Audit: what administrators did, when, and with which key. One line of JSON each, on disk before the answer leaves.

A user's id is never written, only a keyed hash of it that `forget` takes out again; so the log can say that somebody was
exported, and after an erasure no longer who.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

try:
    import fcntl
except ImportError:  # Windows has no flock; there the commands and the server may write at once
    fcntl = None  # type: ignore[assignment]

AUDIT = "audit.jsonl"
"""The file of a workspace."""

ERASED = "an erased user"


@dataclass(frozen=True)
class Entry:
    """One thing an administrator did. who: the key's name, or "command line". what: such as "promote". about: what it
    was done to. status: of the answer."""

    time: float
    who: str
    what: str
    about: str = ""
    status: int = 200

    def table(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


_ENTRY = TypeAdapter(Entry)


class Audit:
    """The log in a file that only its owner reads. Safe between threads and processes. clock: seconds since 1970."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock

    def note(self, who: str, what: str, about: str = "", status: int = 200) -> None:
        """Write down what was done; on return it is on disk."""
        line = json.dumps(Entry(self._clock(), who, what, about, status).table(), ensure_ascii=False) + "\n"
        with self._alone():
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, line.encode("utf-8", "replace"))
                os.fsync(file)
            finally:
                os.close(file)

    def user(self, user_id: str) -> str:
        """How a user is named in the log."""
        return f"user {blake2b(user_id.encode('utf-8', 'surrogatepass'), key=self._key(), digest_size=12).hexdigest()}"

    def forget(self, user_id: str) -> int:
        """Take a user out of every line. Returns how many lines spoke of them."""
        if not self.path.exists():
            return 0
        name = json.dumps(self.user(user_id))[1:-1]
        with self._alone():
            lines = self.path.read_text("utf-8").splitlines(keepends=True)
            spoken = sum(name in line for line in lines)
            if spoken:
                self._write("".join(line.replace(name, ERASED) for line in lines))
        return spoken

    def entries(self, newest: int = 100) -> list[Entry]:
        """The newest entries, oldest first; a line that a crash left half is passed over."""
        if not self.path.exists():
            return []
        return [one for line in self.path.read_text("utf-8").splitlines()[-newest:] if (one := _read(line)) is not None]

    def _write(self, text: str) -> None:
        draft = self.path.with_name(f".{self.path.name}-{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)

    def _key(self) -> bytes:
        path = self.path.with_suffix(".key")
        while True:
            try:
                return path.read_bytes()[:64]
            except FileNotFoundError:
                draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
                with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(secrets.token_bytes(32))
                try:
                    os.link(draft, path)  # of two that make it at once, one wins
                except FileExistsError:
                    pass
                finally:
                    draft.unlink()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self.path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _read(line: str) -> Entry | None:
    try:
        return _ENTRY.validate_json(line)
    except ValidationError:
        return None
