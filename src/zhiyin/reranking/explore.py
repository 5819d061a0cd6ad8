"""explore: chance that is declared: every item shown carries the probability with which it came to its place."""

from __future__ import annotations

import numpy as np

from zhiyin.arrays import Doubles, Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.item import Items
from zhiyin.part import part, setting
from zhiyin.query import Query
from zhiyin.reranking.likeness import first_then_rest, relevance
from zhiyin.stages import Selection


@part
class Explore:
    """Draws part of the answer, seeded by the request, so that what was not shown can still be learned about.

    "plackett_luce" draws the list place by place with chances exp(relevance / temperature) over the pool (by adding
    Gumbel noise, Yellott 1977). "slots" keeps the list and, in each of its last places, draws evenly from the rest of
    the pool with probability epsilon. The chance of each item's place given those before it goes with the answer into
    the log; the product over the list is the chance of the list. Put this reranker last, or those after it change what
    was drawn.
    """

    method: str = setting("slots", options=("slots", "plackett_luce"))
    """Where chance enters: in the last places, or everywhere."""
    epsilon: float = setting(0.1, least=0, most=1)
    """slots: how often a place is drawn."""
    slots: int = setting(2, least=0, most=100)
    """slots: how many places at the end of the answer are open."""
    temperature: float = setting(0.1, above=0, most=100)
    """plackett_luce: near 0 nothing changes; large is a shuffle. Relevance runs from about 0 to about 1 over the pool."""
    pool: int = setting(50, least=1, most=5000)
    """How many of the best candidates may be drawn."""

    def select(self, query: Query, candidates: Candidates, items: Items, n: int) -> Selection:
        """See Reranker. Keeps every row; the first n are drawn, the rest follow as they came."""
        size = min(len(candidates), max(self.pool, n))
        chance = np.random.default_rng([query.seed & 0xFFFFFFFF, 20_812])
        draw = self._by_plackett_luce if self.method == "plackett_luce" else self._by_slots
        kept = first_then_rest(draw(candidates, size, min(n, size), chance), len(candidates))
        return Selection(kept, propensities=self.propensities(candidates, kept, n))

    def propensities(self, candidates: Candidates, kept: Ints, n: int) -> Floats:
        """The chance of each kept row's place given the rows before it; 1 behind the n-th. [kept]

        candidates: as they came to select. kept: rows in the order in question, drawn or not.
        """
        size = min(len(candidates), max(self.pool, n))
        shown = min(n, size)
        result = np.ones(len(kept))
        left = np.ones(size, np.bool_)
        logits = self._logits(candidates, size)
        for place, row in enumerate(kept[:shown]):
            if row >= size or not left[row]:
                result[place:shown] = 0.0
                break
            if self.method == "plackett_luce":
                chances = np.where(left, np.exp(logits - logits[left].max()), 0)
                result[place] = chances[row] / chances.sum()
            else:
                drawn = self.epsilon if place >= shown - self.slots else 0.0
                result[place] = drawn / left.sum() + (1 - drawn) * (row == int(np.argmax(left)))
            left[row] = False
        return result.astype(np.float32)

    def _logits(self, candidates: Candidates, size: int) -> Doubles:
        return relevance(candidates, size).astype(np.float64) / self.temperature

    def _by_plackett_luce(self, candidates: Candidates, size: int, n: int, chance: np.random.Generator) -> list[int]:
        keys = self._logits(candidates, size) + chance.gumbel(size=size)
        return [int(row) for row in np.argsort(-keys, kind="stable")[:n]]

    def _by_slots(self, candidates: Candidates, size: int, n: int, chance: np.random.Generator) -> list[int]:
        left = list(range(size))
        chosen = []
        for place in range(n):
            open_place = place >= n - self.slots and chance.random() < self.epsilon
            chosen.append(left.pop(int(chance.integers(len(left))) if open_place else 0))
        return chosen
