"""What a server's store keeps of its file in memory stays the same while the file grows."""

import _sqlite3
import contextlib
import ctypes
from pathlib import Path

import pytest

from zhiyin.event import Event
from zhiyin.serving import run
from zhiyin.stores.sql import SqlStore
from zhiyin.workspace.workspace import Workspace

LIBRARY = ctypes.CDLL(_sqlite3.__file__)
"""Finds the functions of the SQLite that Python's module is linked with."""

if not hasattr(LIBRARY, "sqlite3_memory_used"):
    pytest.skip("SQLite is built into Python's module here", allow_module_level=True)
LIBRARY.sqlite3_memory_used.restype = ctypes.c_int64


def kept(store: SqlStore) -> int:
    """Bytes that SQLite holds once every connection that a pool keeps has read all events."""
    before = LIBRARY.sqlite3_memory_used()
    with contextlib.ExitStack() as open_at_once:
        every = [open_at_once.enter_context(store.engine.connect()) for _ in range(5)]
        for one in every:
            one.exec_driver_sql("SELECT sum(length(context)) FROM events").scalar()
    held = LIBRARY.sqlite3_memory_used() - before
    store.engine.dispose()
    return int(held)


def grown(folder: Path, megabytes: float | None) -> tuple[int, int]:
    """What is kept of a log, and of one four times as long."""
    store = SqlStore(f"sqlite:///{folder / 'store.db'}")
    if megabytes is not None:
        store.keep_at_most(megabytes)
    try:
        found = []
        for start, stop in ((0, 2000), (2000, 8000)):
            store.log.append(
                [
                    Event(f"u{at % 9}", f"i{at}", "click", float(at), context={"note": "x" * 900})
                    for at in range(start, stop)
                ]
            )
            found.append(kept(store))
        return found[0], found[1]
    finally:
        store.close()


def test_a_log_four_times_as_long_takes_no_more_of_a_server_s_memory(tmp_path: Path) -> None:
    short, long = grown(tmp_path, 1.0)
    assert long < 1.2 * short
    assert long < 1.5 * 2**20


def test_without_a_bound_it_would(tmp_path: Path) -> None:
    short, long = grown(tmp_path, None)
    assert long > 2 * short


class Opened(Exception):
    """A server has come so far as to open its engine."""


def test_a_server_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object) -> None:
        raise Opened

    monkeypatch.setattr(run, "open_engine", opened)
    workspace = Workspace(tmp_path)
    with pytest.raises(Opened):
        run.run_server(workspace, "127.0.0.1", 0)
    with workspace.store.engine.connect() as one:
        kibibytes = -int(one.exec_driver_sql("PRAGMA cache_size").scalar() or 0)
    assert 0 < kibibytes * 5 <= run.STORE_PAGES * 1024 <= 64 * 1024
    workspace.store.close()
