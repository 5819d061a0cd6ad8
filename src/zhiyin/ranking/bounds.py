"""Bounds: the range every score of a ranker lies in, and the units its halves are added in."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Array, Floats

HIGHEST = 20.0
"""The score of an answer lies between -20 and 20, whatever the sources and the network say."""


def bounded(logits: Array) -> Floats:
    """Numbers bent into -20 to 20 without changing their order: x / (1 + |x| / 20), nearly x itself near 0. Same shape."""
    logits = np.nan_to_num(np.asarray(logits, np.float64), nan=0.0, posinf=1e30, neginf=-1e30)
    return np.asarray(logits / (1 + np.abs(logits) / HIGHEST), np.float32)


def usual_spread(found: Sequence[Array]) -> float:
    """The median over requests of the standard deviation among their candidates, 1 where most are (nearly) equal.

    Measured once and kept: a request's own spread moves with every candidate that comes or goes.
    """
    spreads = [float(np.std(np.asarray(one, np.float64))) for one in found if len(one) > 1]
    usual = float(np.median(spreads)) if spreads else 0.0
    return usual if usual > 1e-9 else 1.0
