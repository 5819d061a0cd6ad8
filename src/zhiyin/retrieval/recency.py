"""Recency: how popular items are when old likes fade, and how fast they should fade here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from zhiyin.arrays import NEVER, Doubles, Floats, Ints, top_n
from zhiyin.data.dataset import Dataset
from zhiyin.data.moments import DAY
from zhiyin.data.split import Cases, cases_after, moment_of
from zhiyin.data.worth import surely

HALF_LIVES = (0.0, 365.0, 90.0, 30.0, 14.0, 7.0, 3.0, 1.5)
"""Days after which a like counts half; 0 counts all time alike."""

USUAL = 14.0
"""Days where there is too little to choose by."""

ASKED, LEAST, CELLS = 400, 30, 4_000_000
"""People asked about at most and at least when something is to be chosen, and scores held at once."""

STAGES = (0.8, 0.85, 0.9, 0.95)
"""Shares of the likes after which it is asked how fast likes fade: enough questions for a choice that chance does not make."""

TAIL = 1e-3
"""What likes count together that are too old to count: their order is known still, and they never reach one new like."""


def faded_likes(dataset: Dataset, half_life: float) -> Floats:
    """How many people liked each item, each halved per half life (days) of age of their last like; all alike without a
    clock. [items]"""
    if not half_life or not dataset.has_clock:
        return dataset.popularity()
    return np.exp2(halvings(dataset, half_life)).astype(np.float32)


def halvings(dataset: Dataset, half_life: float) -> Doubles:
    """log2 of the faded likes of a dataset with a clock, which still tells the old from the very old; -inf for none. [items]"""
    takers, size = dataset.takers, len(dataset.items)
    ages = (dataset.present - np.minimum(takers.times, dataset.present)) / (half_life * DAY)
    youngest = np.full(size, np.inf)
    np.minimum.at(youngest, takers.items, ages)
    met = np.isfinite(youngest)
    least = np.where(met, youngest, 0.0)
    sums = np.bincount(takers.items, np.exp2(least[takers.items] - ages), minlength=size)
    return np.where(met, np.log2(np.maximum(sums, 1e-300)) - least, -np.inf)


def with_tail(found: Doubles) -> Floats:
    """Faded likes from their log2, with a tail that never underflows: after years of quiet the order is what it was."""
    return np.asarray(np.exp2(found) + tail(found), np.float32)


def tail(found: Doubles) -> Doubles:
    """A small number that rises with the log2 of faded likes; 0 for none."""
    return np.where(np.isfinite(found), TAIL / (1 + np.maximum(-found, 0)), 0.0)


def newest_tenth(dataset: Dataset) -> Cases | None:
    """What some people took up in the newest tenth of the likes, asked where it begins; None for too few, or no clock."""
    cases = _asked(dataset, 0.9, 1.0) if _enough(dataset) else None
    return cases if cases is not None and len(cases) >= LEAST else None


def fitting_half_life(dataset: Dataset) -> float:
    """Days after which a like should count half: the slowest fading that ranks the newest fifth of the likes as well as any.

    Asked at several moments, each with what was known by then, as lists are. A faster one must be better by two standard
    errors over the questions: it forgets, and of several that are worth the same chance alone picks.
    """
    rounds = [cases for cases in _stages(dataset) if len(cases)]
    if sum(map(len, rounds)) < LEAST:
        return USUAL

    def worth(half_life: float) -> Doubles:
        return np.concatenate([_worth(cases, half_life) for cases in rounds])

    found = {one: worth(one) for one in HALF_LIVES if one}
    best = max(found.values(), key=lambda values: float(values.mean()))
    return next(one for one, values in found.items() if not _better(best, values))


def _stages(dataset: Dataset) -> list[Cases]:
    """What some people took up in each of the last STAGES of the likes, asked where it begins; none for too few, or no clock."""
    stretches = itertools.pairwise((*STAGES, 1.0)) if _enough(dataset) else ()
    return [_asked(dataset, begin, end) for begin, end in stretches]


def _enough(dataset: Dataset) -> bool:
    return dataset.has_clock and len(dataset.takers) >= 10 * LEAST


def _asked(dataset: Dataset, begin: float, end: float) -> Cases:
    """What some people took up between two shares of the likes."""
    until = moment_of(dataset, end) if end < 1 else np.inf
    cases = cases_after(dataset, moment_of(dataset, begin), until)
    return cases.sample(min(ASKED, CELLS // max(len(dataset.items), 1)), 0)


def _worth(cases: Cases, half_life: float) -> Doubles:
    """The discounted gain of each case when likes fade so fast. [cases]"""
    likes = faded_likes(cases.known, half_life)
    return gains(cases, hidden(cases, np.tile(np.where(likes > 0, likes, NEVER), (len(cases), 1))))


def _better(one: Doubles, other: Doubles) -> bool:
    """Whether one gains over the other by more than two standard errors."""
    return len(one) > 1 and surely(one - other, 2)


def hidden(cases: Cases, scores: Floats) -> Floats:
    """The scores with what each person had met before as NEVER. [cases, items]"""
    shown = scores.copy()
    for row, user in enumerate(cases.users.tolist()):
        shown[row, cases.known.history(user).items] = NEVER
    return shown


def gained(cases: Cases, scores: Floats, n: int = 10) -> float:
    """The mean discounted gain of the n best items over the cases. scores: [cases, items], what was met left out."""
    return float(gains(cases, scores, n).mean())


def gains(cases: Cases, scores: Floats, n: int = 10) -> Doubles:
    """The discounted gain of the n best items of each case. [cases]"""
    return np.array([sum(_gains(row, wanted, n)) for row, wanted in zip(scores, cases.targets, strict=True)])


def _gains(scores: Floats, wanted: Ints, n: int) -> Iterator[float]:
    right = np.isin(top_n(scores, n), wanted)
    yield from (1 / np.log2(np.flatnonzero(right) + 2)).tolist()
    yield 0.0
