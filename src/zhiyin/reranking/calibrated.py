"""calibrated: the list holds a person's interests in the proportions of the history."""

from __future__ import annotations

import numpy as np

from zhiyin.arrays import Array, Doubles, Ints
from zhiyin.candidates import Candidates
from zhiyin.item import Items
from zhiyin.part import part, setting
from zhiyin.query import Query
from zhiyin.reranking.likeness import first_then_rest, relevance
from zhiyin.stages import Selection

SMOOTHING = 0.01
"""α: q̃ = (1 - α) q + α p keeps the divergence finite."""


@part
class Calibrated:
    """Greedy maximum of (1 - weight) · Σ relevance - weight · KL(p ‖ q̃); p of the history, q of the list.

    Steck 2018. A person without liked items that carry the attribute gets the list as it came.
    """

    attribute: str = setting("")
    """The textual attribute to keep in proportion, e.g. "genres"; empty takes all of them together."""
    weight: float = setting(0.5, least=0, most=1, tune=(0.0, 0.2, 0.5, 0.8, 0.99))
    """0 changes nothing; 1 looks at proportions only."""
    decay: float = setting(0.98, above=0, most=1)
    """How much less each earlier liked event counts."""
    pool: int = setting(200, least=1, most=5000)
    """How many of the best candidates are looked at."""

    def select(self, query: Query, candidates: Candidates, items: Items, n: int) -> Selection:
        """See Reranker. Keeps every row; the first n are chosen, the rest follow as they came."""
        count = len(candidates)
        size = min(count, max(self.pool, n))
        newest = query.profile.history.newest_first
        aims = self._shares(items, newest[newest < len(items)])
        weights = self.decay ** np.arange(len(aims))
        wanted = weights @ aims if len(aims) else np.zeros(0)
        if self.weight == 0 or size < 2 or not wanted.sum():
            return Selection(np.arange(count, dtype=np.int32))
        columns = np.flatnonzero(wanted)
        wanted = wanted[columns] / wanted.sum()
        offered = self._shares(items, candidates.items[:size])[:, columns]
        chosen = self._greedy(relevance(candidates, size).astype(np.float64), offered, wanted, min(n, size))
        return Selection(first_then_rest(chosen, count))

    def _greedy(self, scores: Doubles, offered: Array, wanted: Doubles, n: int) -> list[int]:
        left = np.ones(len(scores), np.bool_)
        total, had, chosen = np.zeros(len(wanted)), 0.0, []
        for step in range(1, n + 1):
            shares = (total + offered) / step
            gap = (wanted * np.log(wanted / ((1 - SMOOTHING) * shares + SMOOTHING * wanted))).sum(1)
            value = (1 - self.weight) * (had + scores) - self.weight * gap
            best = int(np.argmax(np.where(left, value, -np.inf)))
            chosen.append(best)
            left[best] = False
            total, had = total + offered[best], had + scores[best]
        return chosen

    def _shares(self, items: Items, found: Ints) -> Doubles:
        """Each item's weight spread evenly over its values of the attribute. [items, tags]"""
        tags = items.tags
        kept = np.array([self.attribute in ("", name) for name, _ in tags.names], np.float64)
        rows = tags.matrix[found].toarray() * kept
        return np.asarray(rows / np.maximum(rows.sum(1, keepdims=True), 1))
