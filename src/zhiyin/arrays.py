"""The array types used in signatures, and the few array operations every stage needs."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

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
