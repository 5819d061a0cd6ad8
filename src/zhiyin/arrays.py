"""The array types used in signatures, and the few array operations every stage needs."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

Ints: TypeAlias = npt.NDArray[np.int32]
Longs: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Array: TypeAlias = npt.NDArray[Any]

NEVER = np.float32(-np.inf)
"""The score of an item that a part cannot recommend: it is never retrieved."""


def top_n(scores: Floats, n: int) -> Ints:
    """Positions of the n highest scores, best first; equal scores in order of position; NEVER and NaN are left out.

    scores: [items]. Returns at most n positions.
    """
    # Left out first: most scores of a sparse part are NEVER, and partition is slow among that many equals.
    chosen = np.flatnonzero(np.isfinite(scores))
    if n <= 0 or not len(chosen):
        return np.empty(0, np.int32)
    values = scores[chosen]
    if n < len(values):
        # Everything as good as the n-th, so that ties at the edge are settled by position, not by partition order.
        edge = np.partition(values, len(values) - n)[len(values) - n]
        chosen = chosen[values >= edge]
        values = values[values >= edge]
    order = np.argsort(-values, kind="stable")[:n]
    return chosen[order].astype(np.int32)


def top_rows(rows: Floats, n: int) -> list[Ints]:
    """top_n of every row, many rows at once. rows: [rows, items]. Returns for each at most n positions."""
    size = rows.shape[1]
    if not 0 < n < size or not len(rows):
        return [top_n(row, n) for row in rows]
    best = np.partition(rows, size - n, axis=1)[:, size - n :]
    edges = best[:, 0]
    # Where fewer than n are finite the edge is NEVER, and NaN counts as the highest: those rows are looked at one by one.
    plain = np.isfinite(best).all(1)
    found = [np.empty(0, np.int32)] * len(rows)
    for row in np.flatnonzero(~plain).tolist():
        found[row] = top_n(rows[row], n)
    good = rows if plain.all() else rows[plain]
    owners, chosen = np.divmod(np.flatnonzero(good >= edges[plain][:, None]), size)
    order = np.lexsort((-good[owners, chosen], owners))  # stable: equal scores stay in order of position
    chosen = chosen[order].astype(np.int32)
    counts = np.bincount(owners, minlength=len(good))
    starts = np.cumsum(counts) - counts
    for row, start, count in zip(np.flatnonzero(plain).tolist(), starts.tolist(), counts.tolist(), strict=True):
        found[row] = chosen[start : start + min(n, count)]
    return found


def stacked(rows: Sequence[Floats], fill: float | np.float32) -> Floats:
    """Rows of any lengths as one table, the shorter ones filled up. [rows, longest]"""
    table = np.full((len(rows), max(map(len, rows), default=0)), fill, np.float32)
    for place, row in enumerate(rows):
        table[place, : len(row)] = row
    return table


def unit_rows(vectors: Array) -> Floats:
    """The rows scaled to length 1; a row of zeros stays zeros. vectors: [rows, width]."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)


def row_entries(indptr: Array, rows: Array) -> tuple[Longs, Longs]:
    """The entries of some rows of a csr matrix, without the overhead of slicing it: a request waits for this.

    Returns their places in indices and data, and for each the number of its row among the rows asked for.
    """
    starts = indptr[rows].astype(np.int64)
    counts = indptr[np.asarray(rows) + 1] - starts
    owners = np.repeat(np.arange(len(starts)), counts)
    return np.arange(len(owners)) + (starts - np.cumsum(counts) + counts)[owners], owners


class _Room(np.ndarray[Any, Any]):
    """Memory with room behind the rows in use. filled: rows that some table has already taken."""

    filled: int


_rooms = Lock()


def grown(table: Array, size: int) -> Array:
    """A longer table: the same rows, then rows of zeros up to size. The shorter one stays as it is. [size, …]

    Room is left behind the end, so that a table that grows by one row at a time is copied once in a long while, as a list
    is; two tables grown from the same one never share new rows.
    """
    if size <= len(table):
        return table
    room: Any = table
    while isinstance(room, np.ndarray) and not isinstance(room, _Room):
        room = room.base
    with _rooms:
        if isinstance(room, _Room) and len(room) >= size and room.filled == len(table) and _begins(table, room):
            room.filled = size
            room[len(table) : size] = 0
            return room.view(np.ndarray)[:size]
    return _copied(table, size)


def _copied(table: Array, size: int) -> Array:
    # Made in this way it owns its memory, so that numpy lets every view of it know where that came from.
    room: Any = np.ndarray.__new__(_Room, (size + size // 8 + 64, *table.shape[1:]), table.dtype)
    room[: len(table)], room[len(table) : size], room.filled = table, 0, size
    return np.asarray(room.view(np.ndarray)[:size])


def _begins(table: Array, room: Array) -> bool:
    """Whether a table is the first rows of some memory."""
    return table.ctypes.data == room.ctypes.data and table.strides == room.strides


def with_rows(table: Array, positions: Array, rows: npt.ArrayLike, size: int = 0) -> Array:
    """The table with some rows given anew, longer where positions lie past its end. The old one stays as it is.

    size: how long it is to be at least, the rows that are not given being zeros.
    """
    size = max(len(table), size, int(np.max(positions, initial=-1)) + 1)
    inside = (np.asarray(positions) < len(table)).any()
    longer = _copied(table, size) if inside else grown(table, size)
    longer[positions] = rows
    return longer


def replaced(counts: sparse.csr_matrix, rows: Array, new: sparse.csr_matrix, size: int) -> sparse.csr_matrix:
    """Counts with some rows given anew, and as many rows as `size` says. rows: positions; new: their counts."""
    before, width = counts.shape[0], new.shape[1]
    old = sparse.csr_matrix((counts.data, counts.indices, counts.indptr), (before, width))
    if len(rows) == size - before and (rows == np.arange(before, size)).all():
        return sparse.csr_matrix(sparse.vstack([old, new], format="csr"))
    taken = np.arange(size)
    taken[before:] = -1
    taken[rows] = before + np.arange(len(rows))
    # Positions beyond the end that were not given are rows of nothing.
    nothing = sparse.csr_matrix((1, width), dtype=np.float32)
    stacked = sparse.vstack([old, new, nothing], format="csr")
    return sparse.csr_matrix(stacked[np.where(taken < 0, stacked.shape[0] - 1, taken)])
