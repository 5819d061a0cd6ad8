"""Recency: how popular items are when old likes fade, and how fast they should fade here."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from zhiyin.arrays import NEVER, Floats, Ints, top_n
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import Cases, cases_after
from zhiyin.data.timeline import DAY

HALF_LIVES = (0.0, 365.0, 90.0, 30.0, 14.0, 7.0, 3.0, 1.5)
"""Days after which a like counts half; 0 counts all time alike."""

USUAL = 14.0
"""Days where there is too little to choose by."""

ASKED, LEAST, CELLS = 400, 30, 4_000_000
"""People asked about at most and at least when something is to be chosen, and scores held at once."""


def faded_likes(dataset: Dataset, half_life: float) -> Floats:
    """How many people liked each item, each like halved per half life (days) of its age; all alike without a clock. [items]"""
    if not half_life or not dataset.has_clock:
        return dataset.popularity()
    weights = np.exp2((dataset.liked.times - dataset.as_of) / (half_life * DAY))
    return np.bincount(dataset.liked.items, weights, minlength=len(dataset.items)).astype(np.float32)


def newest_tenth(dataset: Dataset) -> Cases | None:
    """What some people took up in the newest tenth of the likes, asked where it begins; None for too few, or no clock."""
    if not dataset.has_clock or len(dataset.liked) < 10 * LEAST:
        return None
    cases = cases_after(dataset, float(np.quantile(dataset.liked.times, 0.9)), np.inf)
    most = min(ASKED, CELLS // max(len(dataset.items), 1))
    return cases.sample(most, 0) if min(len(cases), most) >= LEAST else None


def fitting_half_life(dataset: Dataset) -> float:
    """Days after which a like should count half, so that popularity ranks the newest tenth of the likes best."""
    cases = newest_tenth(dataset)
    if cases is None:
        return USUAL

    def worth(half_life: float) -> float:
        likes = faded_likes(cases.known, half_life)
        return gained(cases, hidden(cases, np.tile(np.where(likes > 0, likes, NEVER), (len(cases), 1))))

    return max((one for one in HALF_LIVES if one), key=worth)


def hidden(cases: Cases, scores: Floats) -> Floats:
    """The scores with what each person had met before as NEVER. [cases, items]"""
    shown = scores.copy()
    for row, user in enumerate(cases.users.tolist()):
        shown[row, cases.known.history(user).items] = NEVER
    return shown


def gained(cases: Cases, scores: Floats, n: int = 10) -> float:
    """The mean discounted gain of the n best items over the cases. scores: [cases, items], what was met left out."""
    return float(np.mean([sum(_gains(row, wanted, n)) for row, wanted in zip(scores, cases.targets, strict=True)]))


def _gains(scores: Floats, wanted: Ints, n: int) -> Iterator[float]:
    right = np.isin(top_n(scores, n), wanted)
    yield from (1 / np.log2(np.flatnonzero(right) + 2)).tolist()
    yield 0.0
