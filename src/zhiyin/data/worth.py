"""Worth: how much more usual something is among some people than elsewhere, and whether a gain is more than chance."""

from __future__ import annotations

import numpy as np

from zhiyin.arrays import Array, Doubles


def lift(counted: Doubles, expected: Array, added: float) -> Doubles:
    """The logarithm of how much more was counted than expected, drawn towards 0 by people added to both. Same shape."""
    return np.asarray(np.log((counted + added) / (expected + added)), np.float64)


def surely(gains: Doubles, errors: float, least: float = 0.0) -> bool:
    """Whether gains are above 0 on average by so many standard errors, and above the least. gains: two or more."""
    return float(gains.mean()) > max(errors * float(gains.std(ddof=1)) / float(np.sqrt(len(gains))), least)
