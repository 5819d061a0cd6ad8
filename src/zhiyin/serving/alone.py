"""One server on an SQLite file: a second one would answer from its own memory, and neither would know of the other's edits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from zhiyin.errors import SettingError

try:
    import fcntl
except ImportError:  # Windows has no flock; there the second server is not noticed
    fcntl = None  # type: ignore[assignment]


@contextmanager
def alone_on(database: Path | None) -> Iterator[None]:
    """Hold a database file against other servers; commands beside the server stay allowed. None: a database of many.

    The lock is the kernel's (flock on a file beside it), so that a killed server leaves none behind. Raises SettingError.
    """
    if database is None or fcntl is None:
        yield
        return
    database = database.resolve()
    with database.with_name(database.name + ".serving").open("a+") as file:
        _lock(file, database)
        yield


def _lock(file: IO[str], database: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SettingError(
            f"another server is serving {database}, and SQLite has room for one: stop that one, or give several "
            "servers a PostgreSQL database to share, with --database postgresql://user@host/name"
        ) from None
