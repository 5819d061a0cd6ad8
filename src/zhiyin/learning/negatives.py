"""Negative items for training, drawn with a generator of one's own, and how often each is expected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Doubles, Floats, Longs
from zhiyin.errors import DataError, SettingError


@dataclass(frozen=True)
class Negatives:
    """Draws items with the given probabilities, with replacement. probabilities: [items], summing to 1."""

    probabilities: Doubles

    @classmethod
    def mixed(cls, popularity: Array, uniform: float = 0.5) -> Negatives:
        """A mixture: `uniform` (0 to 1) of plain chance, the rest in proportion to popularity. popularity: [items], ≥ 0.

        Raises SettingError for a share outside 0 to 1 and DataError when there is no item.
        """
        if not 0 <= uniform <= 1:
            raise SettingError(f"uniform = {uniform!r}: must be from 0 to 1")
        counts = np.asarray(popularity, np.float64)
        if not len(counts):
            raise DataError("negatives: there is no item to draw; fit on data with items")
        flat = np.full(len(counts), 1 / len(counts))
        return cls(flat if counts.sum() <= 0 else uniform * flat + (1 - uniform) * counts / counts.sum())

    def draw(self, count: int, generator: np.random.Generator) -> Longs:
        """Positions of drawn items. [count]"""
        edges = np.cumsum(self.probabilities)
        drawn = np.searchsorted(edges, generator.random(count) * edges[-1], side="right")
        return np.asarray(drawn, np.int64)

    def log_expected(self, items: Longs, count: int) -> Floats:
        """Log of the expected number of times each item is drawn among `count` draws. [items]"""
        return np.log(self.probabilities[items] * count).astype(np.float32)
