"""Opinions: what every source said of the candidates, on one bounded scale.

A source may give any real numbers. Rankers never read them raw: a score becomes a z-score among the candidates, from
LOWEST to HIGHEST, and a logarithmic rank, from 0 to 1. Neither is changed by a constant added to the source's scores or
by a positive factor. Both are measured against the reference: the candidates that were known at the fit and that the
person has not met, before any filter. So items that come, change their dates, are hidden or deleted move no other item on the scale, and a few absurd
scores move it little, since mean and spread are those of the scores without their outermost few.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Floats, Longs

LOWEST, HIGHEST = -4.1, 6.0
"""The range of a z-score. Where a source says nothing of a candidate stands just below all that it knows."""

BEHIND = 0.1
"""How far below the lowest known candidate an unknown one stands, in standard deviations."""

KNEE = 3.0
"""Standard deviations from which a z-score grows only by the logarithm, so that far ahead is ahead and no more."""

HANDFUL, SHARE = 5, 10
"""Scores at each end that mean and spread do not see: this many, but no more than one in so many."""

SPAN = 5.0
"""Standard deviations from the best to the last of a usual list."""

DEEPEST = 500
"""The rank whose logarithmic rank is 0."""

ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Scores that differ by less, in parts of themselves, are equal: what is below is what float32 cannot tell apart."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """scores [n, sources]: z-scores. places [n, sources]: 1 - ln(rank) / ln(500), 0 from there on and where unknown.

    new [n]: items that came after the fit, against which nothing is measured. unknown [sources]: the score of a candidate
    that a source says nothing of.
    """

    scores: Floats
    places: Floats
    new: Bools
    unknown: Floats

    def take(self, rows: Array) -> Opinions:
        """The rows named, in that order."""
        return replace(self, scores=self.scores[rows], places=self.places[rows], new=self.new[rows])

    def without(self, column: int) -> Opinions:
        """The same as if a source had said nothing."""
        scores, places = self.scores.copy(), self.places.copy()
        scores[:, column], places[:, column] = self.unknown[column], 0
        return replace(self, scores=scores, places=places)


def opinions_of(scores: Array, reference: Bools | None = None, new: Bools | None = None) -> Opinions:
    """The opinions that scores express. scores: [n, sources], nan where a source gave none.

    reference: rows that mean, spread and ranks are taken of; all that are not new when None.
    """
    new = np.zeros(len(scores), np.bool_) if new is None else new
    if not scores.size:
        nothing = np.zeros(scores.shape, np.float32)
        return Opinions(nothing, nothing, new, np.full(scores.shape[1], -BEHIND, np.float32))
    reference = ~new if reference is None else reference
    known = np.isfinite(scores)
    measured = known & reference[:, None]
    # Divided first, so that neither the square of 1e200 nor that of 1e-200 leaves what a number can hold.
    values = np.where(known, scores, 0.0).astype(np.float64)
    values /= np.maximum(np.abs(np.where(measured, values, 0.0)).max(0), np.finfo(np.float64).tiny)
    counts = measured.sum(0)
    middle, spread, low = _location(np.sort(np.where(measured, values, 2.0), 0), counts)
    steady, wide = spread > 0, np.where(spread > 0, spread, 1.0)
    standard = np.where(steady, _knee((values - middle) / wide), 0.0)
    bottom = np.where(steady, _knee((low - middle) / wide), 0.0) - BEHIND
    # A source that knows none of the candidates has no opinion; one that knows only new ones puts them all alike.
    bottom = np.where(known.any(0), bottom, 0.0)
    standard = np.where(known, standard, bottom)
    places = _places(values, known, measured)
    return Opinions(_settled(standard), _settled(places), new, _settled(bottom))


def _settled(values: Doubles) -> Floats:
    """Rounded, so that what is lost in adding and dividing great numbers is no opinion. Same shape."""
    return np.round(values, 5).astype(np.float32)


def in_spans(scores: Array, new: Bools | None = None) -> Floats:
    """Scores in units of what usually lies between the best and the last of a list: .5 on average, about 0 to 1 and never
    outside 0 to 2; all .5 when they are equal, 0 where they are not finite. Same shape.

    Mean and spread are those of what is not new without its outermost few, so that neither a few absurd scores nor items
    that come later change what a difference of two scores is worth.
    """
    values, finite = np.asarray(scores, np.float64), np.isfinite(scores)
    old = finite if new is None or not (finite & ~new).any() else finite & ~new
    middle, spread = mean_and_spread(values[old])
    if not spread > 0:
        return np.where(finite, 0.5, 0.0).astype(np.float32)
    stretched = 0.5 + (np.where(finite, values, middle) - middle) / (SPAN * spread)
    return np.where(finite, np.clip(stretched, 0, 2), 0).astype(np.float32)


def mean_and_spread(values: Array) -> tuple[float, float]:
    """Mean and standard deviation of finite values, their outermost few drawn in; a spread of 0 where all are equal."""
    if not len(values):
        return 0.0, 0.0
    ordered = np.sort(np.asarray(values, np.float64))[:, None]
    unit = max(float(np.abs(ordered).max()), np.finfo(np.float64).tiny)
    middle, spread, _ = _location(ordered / unit, np.array([len(ordered)]))
    return float(middle[0]) * unit, float(spread[0]) * unit


def _location(ordered: Doubles, counts: Longs) -> tuple[Doubles, Doubles, Doubles]:
    """Mean, standard deviation and minimum of each column's first `counts` values, which are sorted, with the outermost
    few drawn in; a spread of 0 where all are (nearly) equal. ordered: [n, columns]. Each [columns]"""
    rows, columns = np.arange(len(ordered))[:, None], np.arange(ordered.shape[1])
    inside, last = rows < counts, np.maximum(counts - 1, 0)
    few = np.minimum(HANDFUL, counts // SHARE)
    low, high = ordered[few, columns], ordered[np.maximum(last - few, 0), columns]
    # A source that singles out a few and holds all others alike is measured whole.
    few = np.where(_apart(low, high), few, 0)
    low, high = ordered[few, columns], ordered[last - few, columns]
    low, high = np.where(counts > 0, low, 0.0), np.where(counts > 0, high, 0.0)
    drawn = np.where(inside, np.clip(np.where(inside, ordered, 0.0), low, high), 0.0)
    total = np.maximum(counts, 1)
    middle = drawn.sum(0) / total
    spread = np.sqrt((np.where(inside, drawn - middle, 0.0) ** 2).sum(0) / total)
    return middle, np.where(_apart(low, high), spread, 0.0), low


def _apart(low: Doubles, high: Doubles) -> Bools:
    return np.asarray(high - low > ROUNDING * np.maximum(np.abs(low), np.abs(high)), np.bool_)


def _knee(values: Doubles) -> Doubles:
    """Unchanged up to KNEE either way, from there by the logarithm, and cut at the ends of the scale."""
    far = np.abs(values)
    bent = np.where(far > KNEE, KNEE + np.log1p(np.maximum(far - KNEE, 0)), far) * np.sign(values)
    return np.asarray(np.clip(bent, LOWEST + BEHIND, HIGHEST), np.float64)


def _places(values: Doubles, known: Bools, measured: Bools) -> Doubles:
    """Logarithmic ranks among the measured, ties sharing the average rank; 0 for what is not known. [n, columns]"""
    columns = np.arange(values.shape[1])
    order = np.argsort(np.where(known, -values, np.inf), 0, kind="stable")
    ordered, counted = values[order, columns], measured[order, columns]
    seen = counted.cumsum(0)
    begins = np.ones(ordered.shape, np.bool_)
    begins[1:] = ordered[1:] != ordered[:-1]
    above = np.maximum.accumulate(np.where(begins, seen - counted, 0), 0)
    ends = np.ones(ordered.shape, np.bool_)
    ends[:-1] = begins[1:]
    upto = np.minimum.accumulate(np.where(ends, seen, len(values))[::-1], 0)[::-1]
    equal = upto - above
    ranks = np.empty(values.shape)
    ranks[order, columns] = above + np.where(counted, (equal + 1) / 2, equal / 2 + 1)
    return np.where(known, np.clip(1 - np.log(np.maximum(ranks, 1)) / np.log(DEEPEST), 0, 1), 0.0)
