"""Durable: files and folders that survive a kill and a loss of power once a call has returned.

A file's bytes and its name are kept apart on disk: syncing the file keeps the bytes, syncing its folder keeps the name.
Both are needed before anything is promised. See Pillai et al. 2014, "All File Systems Are Not Created Equal".
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

try:
    import fcntl
except ImportError:  # Windows has no flock; there two processes on one workspace are not kept apart
    fcntl = None  # type: ignore[assignment]

DRAFT = ".draft-"
"""How the name of an unfinished file or folder begins."""


def sync(path: Path) -> None:
    """Have the bytes of a file, or the names in a folder, on disk on return."""
    if fcntl is None:
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """The same for a folder and everything below it."""
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def write_draft(path: Path, data: bytes) -> Path:
    """Bytes in a new file beside the one they are for, on disk on return. Its name is nobody else's."""
    draft = path.with_name(f"{DRAFT}{token_hex(6)}-{path.name}")
    with draft.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return draft


def replace_file(path: Path, data: bytes) -> None:
    """Write a file as a whole: whoever reads it finds what was there before or all of this, also after a kill."""
    write_draft(path, data).replace(path)
    sync(path.parent)


@contextmanager
def draft_folder(parent: Path, prefix: str = DRAFT) -> Iterator[Path]:
    """A new folder that is this process's own while it lives, deleted at the end unless it was renamed.

    What a killed process leaves is found by sweep: the kernel gives the lock on the folder back with the process.
    """
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        folder = parent / f"{prefix}{token_hex(6)}"
        folder.mkdir()
        with _locked(folder) as handle:
            if _is_still(folder, handle):  # and was not swept between its making and its locking
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return


def sweep(parent: Path, prefix: str = DRAFT) -> list[str]:
    """Delete the draft folders whose process is gone. Returns their names."""
    gone: list[str] = []
    for folder in sorted(parent.glob(f"{prefix}*")) if parent.is_dir() else []:
        if not folder.is_dir():
            continue
        try:
            with _locked(folder, wait=False):
                shutil.rmtree(folder, ignore_errors=True)
                gone.append(folder.name)
        except OSError:  # somebody is at work in it, or has just renamed it
            continue
    return gone


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold a lock file alone, across processes. Gives whether it is held: without waiting, False where another has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            _flock(handle, wait)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(handle)


def _flock(handle: int, wait: bool) -> None:
    if fcntl is not None:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


@contextmanager
def _locked(folder: Path, wait: bool = True) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        _flock(handle, wait)
        yield handle
    finally:
        os.close(handle)


def _is_still(folder: Path, handle: int) -> bool:
    try:
        return os.path.samestat(folder.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
