"""Vectors kept by model and content: an unchanged catalogue costs nothing, a changed title is encoded again."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.errors import ModelError
from zhiyin.item import Item, Items
from zhiyin.stages import Encoder, ItemEncoder

CHUNK = 512
"""Texts encoded between two writes: what a death of the process costs at most."""


def encode_items(
    items: Items,
    space: str,
    encoder: Encoder,
    cache_path: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Give every item its vector of a space, from the cache where the content is known there.

    progress is called with texts done and texts to do. Returns how many texts were encoded. An unreadable cache file
    is moved aside with a warning and everything is encoded again. Raises ModelError when the encoder breaks its word.
    """
    hashes = [key_of(encoder, item) for item in items.rows]
    store = VectorCache(cache_path) if cache_path is not None else None
    known = store.read(encoder, hashes) if store else {}
    wanted = {key: item for key, item in zip(hashes, items.rows, strict=True) if key not in known}
    # Longest first: the first progress figures are then too cautious, never too hopeful.
    order = sorted(wanted, key=lambda key: (-len(wanted[key].content()), key))
    for start in range(0, len(order), CHUNK):
        keys = order[start : start + CHUNK]
        vectors = checked_vectors(encoder, [wanted[key] for key in keys])
        fresh = dict(zip(keys, vectors, strict=True))
        known.update(fresh)
        if store:
            store.write(encoder, fresh)
        if progress:
            progress(start + len(keys), len(order))
    matrix = np.stack([known[key] for key in hashes]) if hashes else np.zeros((0, encoder.width), np.float32)
    items.set_vectors(space, matrix)
    return len(order)


def key_of(encoder: Encoder, item: Item) -> str:
    """Changes exactly when what the encoder reads of an item does."""
    return encoder.key_of(item) if isinstance(encoder, ItemEncoder) else item.content_hash()


def checked_vectors(encoder: Encoder, items: Sequence[Item]) -> Floats:
    """The encoder's vectors of items. Raises ModelError when they have another shape or are not finite."""
    if isinstance(encoder, ItemEncoder):
        vectors = np.asarray(encoder.encode_items(items), np.float32)
    else:
        vectors = np.asarray(encoder.encode([item.content() for item in items]), np.float32)
    if vectors.shape != (len(items), encoder.width):
        raise ModelError(
            f"{encoder.identity}: gave shape {vectors.shape} for {len(items)} items of width {encoder.width}"
        )
    if not np.isfinite(vectors).all():
        raise ModelError(f"{encoder.identity}: gave numbers that are not finite")
    return vectors


class VectorCache:
    """One SQLite file of vectors by encoder identity and content hash. Safe to share between processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._prepare()

    def read(self, encoder: Encoder, hashes: Iterable[str]) -> dict[str, Floats]:
        """The vectors known for an encoder, by content hash. A row of the wrong size, or not finite, is not known."""
        try:
            with closing(self._open()) as db:
                rows = list(self._rows(db, encoder.identity, list(dict.fromkeys(hashes))))
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
            self._prepare()
            return {}
        found = {key: np.frombuffer(blob, np.float32) for key, blob in rows if len(blob) % 4 == 0}
        return {key: one for key, one in found.items() if len(one) == encoder.width and np.isfinite(one).all()}

    def _rows(self, db: sqlite3.Connection, identity: str, hashes: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        for start in range(0, len(hashes), CHUNK):
            some = hashes[start : start + CHUNK]
            marks = ",".join("?" * len(some))
            statement = f"SELECT hash, vector FROM vectors WHERE identity = ? AND hash IN ({marks})"
            yield from db.execute(statement, (identity, *some))

    def write(self, encoder: Encoder, vectors: Mapping[str, Floats]) -> None:
        """Keep vectors by content hash."""
        rows = [(encoder.identity, key, np.asarray(one, np.float32).tobytes()) for key, one in vectors.items()]
        with closing(self._open()) as db, db:
            db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=30)

    def _prepare(self) -> None:
        with closing(self._open()) as db, db:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute(
                "CREATE TABLE IF NOT EXISTS vectors (identity TEXT, hash TEXT, vector BLOB, "
                "PRIMARY KEY (identity, hash)) WITHOUT ROWID"
            )

    def _set_aside(self, error: Exception) -> None:
        if isinstance(error, sqlite3.OperationalError):  # locked, full or read-only: the file itself is sound
            raise ModelError(f"vector cache {self.path}: {error}; free it or choose another file") from error
        aside = self.path.with_name(self.path.name + ".damaged")
        self.path.replace(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        warnings.warn(
            f"vector cache {self.path} cannot be read ({error}): moved to {aside.name}, encoding again", stacklevel=4
        )
