"""The array types used in signatures, and the two array operations every stage needs."""

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
    scores = np.where(np.isnan(scores), NEVER, scores)
    n = min(n, len(scores))
    if n <= 0:
        return np.empty(0, np.int32)
    if n < len(scores):
        # Everything as good as the n-th, so that ties at the edge are settled by position, not by partition order.
        edge = np.partition(scores, len(scores) - n)[len(scores) - n]
        chosen = np.flatnonzero(scores >= edge)
    else:
        chosen = np.arange(len(scores))
    chosen = chosen[np.isfinite(scores[chosen])]
    order = np.argsort(-scores[chosen], kind="stable")[:n]
    return chosen[order].astype(np.int32)


def unit_rows(vectors: Array) -> Floats:
    """The rows scaled to length 1; a row of zeros stays zeros. vectors: [rows, width]."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
