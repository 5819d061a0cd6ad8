"""dpp: the set whose members are good and span the most: a determinantal point process, greedily."""

from __future__ import annotations

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.candidates import Candidates
from zhiyin.item import Items
from zhiyin.part import part, setting
from zhiyin.query import Query
from zhiyin.reranking.likeness import first_then_rest, relevance, rows_for
from zhiyin.stages import Selection

SMALLEST = 1e-9
"""A gain below this is rounding: what is left adds no new direction."""


@part
class DPP:
    """Greedy maximum of det(L) over sets, L = diag(q) · S · diag(q), q = exp(α · relevance), α = θ / (2 (1 - θ)).

    Chen, Zhang and Zhou 2018 (1709.05135): one row of a Cholesky factor per step, O(pool · n²).
    """

    theta: float = setting(0.7, least=0, most=0.98, tune=(0.5, 0.7, 0.8, 0.9))
    """Trade-off: near 1 is all relevance, 0 is all variety."""
    space: str = setting("tags")
    """Where likeness is measured: a vector space such as "text", or "tags"."""
    pool: int = setting(200, least=1, most=5000)
    """How many of the best candidates are looked at."""

    def select(self, query: Query, candidates: Candidates, items: Items, n: int) -> Selection:
        """See Reranker. Keeps every row; the first n are chosen, the rest follow as they came."""
        count = len(candidates)
        size = min(count, max(self.pool, n))
        if size < 2:
            return Selection(np.arange(count, dtype=np.int32))
        rows = rows_for(items, candidates.items[:size], self.space)
        quality = np.exp(self.theta / (2 * (1 - self.theta)) * relevance(candidates, size).astype(np.float64))
        return Selection(first_then_rest(greedy(likeness(rows), quality, min(n, size)), count))


def likeness(rows: Floats) -> Array:
    """S: inner products with ones on the diagonal, so that an item that says nothing is like itself only. [n, n]"""
    matrix = rows.astype(np.float64) @ rows.astype(np.float64).T
    np.fill_diagonal(matrix, 1.0)
    return matrix


def greedy(alike: Array, quality: Array, n: int) -> list[int]:
    """At most n rows, each the one that multiplies det(L) most. Stops when what is left adds nothing."""
    kernel = quality[:, None] * alike * quality[None, :]
    gains = np.diag(kernel).copy()
    factor = np.zeros((n, len(quality)))
    chosen: list[int] = []
    floor = SMALLEST * gains
    while len(chosen) < n:
        best = int(np.argmax(gains))
        if not gains[best] > max(floor[best], 0):
            break
        step = len(chosen)
        row = (kernel[best] - factor[:step, best] @ factor[:step]) / np.sqrt(gains[best])
        factor[step] = row
        # Rows that lie in the span already keep only rounding noise; they must not come back.
        gains = np.where(gains - row**2 > floor, gains - row**2, -np.inf)
        gains[best] = -np.inf
        chosen.append(best)
    return chosen
