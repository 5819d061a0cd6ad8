"""Paired bootstrap over users: how far a mean, or the difference of two rows, could lie from what was measured.

Users are drawn with replacement; every column sees the same draws, so differences are paired. No Wilcoxon or sign test:
their errors grow with the number of users (arXiv 2305.02461). With many users any difference is significant; read its size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Doubles
from zhiyin.errors import DataError

BLOCK = 2_000_000
"""Draws held in memory at once."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and the range that holds it with the given confidence."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Difference:
    """Row a minus row b. better: share of the draws in which a is above b, ties counting half."""

    mean: float
    low: float
    high: float
    better: float


class Resamples:
    """The means of every column under the same draws of users.

    values: [users, columns]. draws: how many resamples. Raises DataError without users.
    """

    def __init__(self, values: Array, *, draws: int = 1000, seed: int = 0) -> None:
        values = np.asarray(values, np.float64)
        if values.ndim != 2 or not len(values):
            raise DataError(f"bootstrap: values of shape {values.shape}; give [users, columns] with at least one user")
        self.observed: Doubles = values.mean(0)
        self.means: Doubles = np.concatenate(list(_drawn_means(values, draws, seed)))

    @classmethod
    def by_group(cls, values: Array, groups: Array, *, draws: int = 1000, seed: int = 0) -> Resamples:
        """The means over rows that are drawn together, such as all questions of a person: values [rows, columns], groups [rows].

        A person with many questions weighs as many rows as there are, in the mean as in every draw.
        """
        values = np.asarray(values, np.float64)
        names, places = np.unique(np.asarray(groups), return_inverse=True)
        sums = np.zeros((len(names), values.shape[1] + 1))
        np.add.at(sums, places, np.column_stack([values, np.ones(len(values))]))
        drawn = cls(sums, draws=draws, seed=seed)
        drawn.observed = drawn.observed[:-1] / drawn.observed[-1]
        drawn.means = drawn.means[:, :-1] / drawn.means[:, -1:]
        return drawn

    def interval(self, column: int, confidence: float = 0.95) -> Interval:
        """The percentile interval of one column's mean."""
        return Interval(float(self.observed[column]), *_ends(self.means[:, column], confidence))

    def difference(self, a: int, b: int, confidence: float = 0.95) -> Difference:
        """The percentile interval of column a minus column b."""
        gaps = self.means[:, a] - self.means[:, b]
        better = float((gaps > 0).mean() + (gaps == 0).mean() / 2)
        return Difference(float(self.observed[a] - self.observed[b]), *_ends(gaps, confidence), better)


def _drawn_means(values: Doubles, draws: int, seed: int) -> list[Doubles]:
    users = len(values)
    rng = np.random.default_rng(seed)
    means = []
    step = max(1, BLOCK // users)
    for start in range(0, draws, step):
        count = min(step, draws - start)
        drawn = rng.integers(0, users, (count, users)) + np.arange(count)[:, None] * users
        times = np.bincount(drawn.ravel(), minlength=count * users).reshape(count, users)
        means.append(times.astype(np.float64) @ values / users)
    return means


def _ends(draws: Doubles, confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return float(low), float(high)
