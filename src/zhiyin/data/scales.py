"""What the numbers beside events mean in one set of data: the scale of its ratings, and whether values are money.

Read off the bulk, never off the extremes: one rating of 100 among hundreds of 1 to 5 leaves the scale at 1 to 5. What lies
outside the scale (0 or -1 for "not rated", 999, a typing error) says only that the item was met.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Bools

SCALES = ((0.0, 1.0), (1.0, 5.0), (0.5, 5.0), (0.0, 5.0), (1.0, 10.0), (0.0, 10.0), (0.0, 100.0))
"""Rating scales in use, narrowest first."""

TOP = SCALES[-2][1]
"""The highest rating of scales other than percentages."""

BULK = 0.95
"""Share of the ratings that a scale must hold."""

ENOUGH = 30
"""Ratings from which a value that is too frequent can be told from a real one."""

REAL = 10
"""Zeros from which they are ratings of a scale of 0 to 10, unless there are too many."""

FAR = 5.0
"""A single value so many times the next highest is an error of somebody's hand."""

SMALL = 12.0
"""Most quantities are at most this; where most values are larger they are money."""

MISSING = (-1.0, -9.0, -99.0, -999.0, 99.0, 999.0, 9999.0, 99999.0)
"""Numbers that stand for "none" in other systems, where they lie outside everything else."""


@dataclass(frozen=True)
class RatingScale:
    """Lowest and highest rating, the frequent values that are none, and whether they are no ratings but counts."""

    low: float
    high: float
    unrated: tuple[float, ...] = ()
    counts: bool = False

    def outside(self, values: Array) -> Bools:
        """Which values say nothing but that the item was met. nan counts among them."""
        with np.errstate(invalid="ignore"):
            inside = (values >= self.low) & (values <= self.high)
        return ~inside | np.isin(values, self.unrated)


def scale_of(ratings: Array) -> RatingScale | None:
    """The scale of ratings; None where there are none.

    The narrowest usual scale that holds the bulk of them; failing that, the range of the bulk itself.
    """
    values = np.asarray(ratings, np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    if are_counts(values):
        return RatingScale(0.0, float(_quantile(values, 0.99)), counts=True)
    marks = _marks(values)
    kept = values[~np.isin(values, marks)]
    zeros = (0.0,) if _zero_is_none(kept) else ()
    kept = kept[~np.isin(kept, zeros)]
    for low, high in SCALES:
        inside = (kept >= low) & (kept <= high)
        if inside.mean() >= BULK and not (low == 1.0 and high == TOP and np.sum(kept == 0) >= REAL):
            return RatingScale(low, high, (*zeros, *marks))
    low, high = _quantile(kept, 0.005), _quantile(kept, 0.995)
    return RatingScale(low, high if high > low else low + max(1.0, abs(low)), (*zeros, *marks))


def are_counts(values: Array) -> bool:
    """Whether whole numbers under "rating" are plays or purchases: most are 1, and ever fewer are higher, without end."""
    values = values[values != 0]
    if len(values) < ENOUGH or (values < 0).any() or (values != np.round(values)).any():
        return False
    distinct, times = np.unique(values, return_counts=True)
    if distinct[np.argmax(times)] != 1 or len(distinct) < 3:
        return False
    if not times[0] > times[1] > times[2:].max():
        return False
    # Nobody rates 11 or 37 of ten. Stray percentages among ratings of five leave a gap; counts have none.
    beyond, between = distinct > TOP, (distinct > SCALES[1][1]) & (distinct <= TOP)
    endless = beyond.sum() >= 3 and times[beyond].sum() >= 0.01 * len(values) and between.any()
    return bool(endless or times[0] >= 0.5 * len(values))


def are_money(values: Array) -> bool:
    """Whether the values of purchases are what they cost, not how many: they have cents, or most of them are large."""
    values = np.abs(np.asarray(values, np.float64))
    values = values[np.isfinite(values) & (values > 0)]
    if not len(values):
        return False
    return bool(np.mean(values != np.round(values)) >= 0.1 or np.mean(values <= SMALL) < 0.25)


def _quantile(values: Array, share: float) -> float:
    return float(np.quantile(values, share, method="inverted_cdf"))


def _zero_is_none(values: Array) -> bool:
    """Whether a zero means "not rated": scales of five have none, and others have few of them."""
    rated = values[values != 0]
    zeros = len(values) - len(rated)
    if not zeros or not len(rated) or rated.min() < 0.5 or len(np.unique(rated)) < 2:
        return False
    if np.mean(rated <= SCALES[1][1]) >= BULK:
        return True
    neighbours = max(
        (np.sum(rated == one) for one in np.unique(rated[rated <= 0.2 * _quantile(rated, 0.995)])), default=0
    )
    return len(values) >= ENOUGH and (zeros < REAL or zeros > neighbours)


def _marks(values: Array) -> tuple[float, ...]:
    """The usual marks of "none" that lie outside all other values: the only negative one, or twice as high as any."""
    distinct, times = np.unique(values, return_counts=True)
    others = distinct[~np.isin(distinct, MISSING)]
    if len(others) < 2:
        return ()
    low, high = float(others.min()), float(others.max())
    alone = len(distinct) > 3 and times[-1] == 1 and distinct[-1] >= FAR * max(distinct[-2], 1.0)
    return (
        *((float(distinct[-1]),) if alone and distinct[-1] not in MISSING else ()),
        *(
            mark
            for mark in MISSING
            if mark in distinct and ((mark < 0 and low >= 0 and high > 1) or (mark > 0 and mark >= 2 * high))
        ),
    )
