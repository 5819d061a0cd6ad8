"""Keys: who may do what. Kept hashed in a file that `zhiyin keys` writes and a running server reads again when it changes."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, TypeAdapter, ValidationError

from zhiyin.errors import SettingError

LOG = logging.getLogger("zhiyin.serving")

Scope = Literal["events", "read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("events", "read", "write", "admin")
"""events: POST /events. read: everything that changes nothing. write: items, users, profiles and conversations. admin: all
of it, and alone promote, rollback, delete and export."""

ENVIRONMENT = "ZHIYIN_API_KEYS"
"""The name that keys of the environment go by; they have every scope, as before there were any."""

DAY = 86_400.0
LOOK = 1.0
"""Seconds until a running server looks again whether the file has changed."""


@dataclass(frozen=True)
class Key:
    """One key: a name, the SHA-256 (hex) of the key itself, what it may do, and until when (seconds since 1970)."""

    name: Annotated[str, StringConstraints(pattern=r"^[\w.@-]{1,64}$")]
    digest: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...] = SCOPES
    created: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    expires: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it may do what needs a scope."""
        return scope in self.scopes or "admin" in self.scopes

    def alive(self, now: float) -> bool:
        """Whether it has not expired."""
        return self.expires is None or now < self.expires


_TABLE = TypeAdapter(list[Key])


def digest_of(key: bytes) -> str:
    """The hash a key is kept as. Keys are 32 drawn bytes, so a slow hash would add nothing."""
    return hashlib.sha256(key).hexdigest()


class KeyFile:
    """The file of keys. Written whole or not at all; only its owner may read it. Raises SettingError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> list[Key]:
        """The keys there are; none without a file."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return []
        try:
            return _TABLE.validate_json(raw, strict=False)
        except ValidationError as error:
            why = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])
            raise SettingError(
                f"{self.path}: no table of keys ({why}); restore it, or remove it and add keys anew"
            ) from None

    def add(self, name: str, scopes: Iterable[str], now: float, days: float | None = None) -> str:
        """Make a key and keep its hash. Returns the key, which is nowhere else."""
        if any(one.name == name and one.alive(now) for one in self.read()):
            raise SettingError(f"there is a key '{name}' already: rotate or remove it")
        return self._added(self.read(), name, tuple(scopes), now, days)

    def rotate(self, name: str, now: float, overlap_days: float = 1.0, days: float | None = None) -> str:
        """A new key of the same name and scopes; the old one ends after the overlap. Returns the new key."""
        keys, before = self.read(), self._named(name, now)
        ends = now + overlap_days * DAY
        kept = [replace(one, expires=min(one.expires or ends, ends)) if one in before else one for one in keys]
        return self._added(kept, name, before[-1].scopes, now, days)

    def remove(self, name: str, now: float) -> int:
        """End every key of a name at once. Returns how many there were."""
        gone = self._named(name, now)
        self._write([one for one in self.read() if one not in gone])
        return len(gone)

    def _named(self, name: str, now: float) -> list[Key]:
        found = [one for one in self.read() if one.name == name and one.alive(now)]
        if not found:
            names = sorted({one.name for one in self.read()})
            raise SettingError(f"no key '{name}' is alive; there are: {', '.join(names) or 'none'}")
        return found

    def _added(self, keys: list[Key], name: str, scopes: tuple[str, ...], now: float, days: float | None) -> str:
        made = f"zy_{secrets.token_urlsafe(32)}"
        expires = None if days is None else now + days * DAY
        row = {"name": name, "digest": digest_of(made.encode()), "scopes": scopes, "created": now, "expires": expires}
        try:
            key = TypeAdapter(Key).validate_python(row)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise SettingError(f"key '{name}': {said}") from None
        self._write([*(one for one in keys if one.alive(now)), key])
        return made

    def _write(self, keys: list[Key]) -> None:
        text = json.dumps([asdict(one) for one in keys], indent=1)
        draft = self.path.with_name(f".{self.path.name}-{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


class Keyring:
    """The keys a server knows: those of the environment, and those of a file, read again when it changes.

    A server that once had keys never opens its door again: where the file goes or breaks, nobody is let in by it. clock:
    seconds since 1970; ticks: seconds from any start.
    """

    def __init__(
        self,
        fixed: Iterable[str] = (),
        path: Path | None = None,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._fixed = {digest: Key(ENVIRONMENT, digest) for digest in fixed}
        self._file = KeyFile(path) if path is not None else None
        self._clock, self._ticks = clock, ticks
        self._stamp: tuple[int, int, int] | None = None
        self._looked = float("-inf")
        self._known: dict[str, Key] = dict(self._fixed)
        self._guarded = bool(self._fixed)
        if self._file is not None:
            self._take(self._file.read())
            self._looked, self._stamp = ticks(), self._stamp_now()

    @property
    def guarded(self) -> bool:
        """Whether a key is asked for."""
        self._look()
        return self._guarded

    def find(self, key: bytes) -> Key | None:
        """The key that somebody gave, None for an unknown or expired one."""
        return self.named(digest_of(key))

    def named(self, digest: str) -> Key | None:
        """A key by its hash."""
        self._look()
        found = self._known.get(digest)
        return found if found is not None and found.alive(self._clock()) else None

    def alive(self) -> list[Key]:
        """The keys that have not expired."""
        self._look()
        now = self._clock()
        return [one for one in self._known.values() if one.alive(now)]

    def _look(self) -> None:
        now = self._ticks()
        if self._file is None or now - self._looked < LOOK:
            return
        self._looked = now
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._take(self._file.read())
        except (SettingError, OSError) as error:
            self._take([])
            LOG.error("keys: %s", error)

    def _take(self, keys: list[Key]) -> None:
        self._known = {**self._fixed, **{one.digest: one for one in keys}}
        # A file that is there asks for keys, also when the last of them was removed.
        self._guarded = self._guarded or bool(keys) or self._stamp_now() is not None

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.path.stat() if self._file is not None else None
        except OSError:
            return None
        return (found.st_mtime_ns, found.st_size, found.st_ino) if found is not None else None
