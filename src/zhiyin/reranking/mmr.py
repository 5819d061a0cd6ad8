"""mmr: each next item is good, and unlike those before it."""

from __future__ import annotations

import numpy as np

from zhiyin.candidates import Candidates
from zhiyin.item import Items
from zhiyin.part import part, setting
from zhiyin.query import Query
from zhiyin.reranking.likeness import first_then_rest, relevance, rows_for
from zhiyin.stages import Selection


@part
class MMR:
    """Maximal marginal relevance: argmax of balance · relevance - (1 - balance) · likeness to the most alike one above.

    Relevance is the score in units of the pool's span. Carbonell and Goldstein 1998.
    """

    balance: float = setting(0.7, least=0, most=1, tune=(0.5, 0.7, 0.8, 0.9, 1.0))
    """λ: 1 changes nothing, 0 looks only at variety."""
    space: str = setting("tags")
    """Where likeness is measured: a vector space such as "text", or "tags"."""
    pool: int = setting(200, least=1, most=5000)
    """How many of the best candidates are looked at."""

    def select(self, query: Query, candidates: Candidates, items: Items, n: int) -> Selection:
        """See Reranker. Keeps every row; the first n are chosen, the rest follow as they came."""
        count = len(candidates)
        size = min(count, max(self.pool, n))
        if self.balance == 1 or size < 2:
            return Selection(np.arange(count, dtype=np.int32))
        rows = rows_for(items, candidates.items[:size], self.space)
        gain = self.balance * relevance(candidates, size)
        nearest = np.full(size, -np.inf, np.float32)
        left = np.ones(size, np.bool_)
        chosen: list[int] = []
        for _ in range(min(n, size)):
            likeness = np.where(np.isfinite(nearest), nearest, 0)
            best = int(np.argmax(np.where(left, gain - (1 - self.balance) * likeness, -np.inf)))
            chosen.append(best)
            left[best] = False
            nearest = np.maximum(nearest, rows @ rows[best])
        return Selection(first_then_rest(chosen, count))
