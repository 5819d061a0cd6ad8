"""Fusion: what several sources say of the items as one score. Scores, not ranks, so that a source that is sure counts for more."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zhiyin.arrays import NEVER, Floats, top_n
from zhiyin.candidates import Candidates

DEPTH = 200
"""How many of a source's best count; what comes after them adds nothing."""


def fused(
    scores: Mapping[str, Floats], weights: Mapping[str, float], floored: frozenset[str] = frozenset(), most: int = 600
) -> Candidates:
    """The items with any score, best first, by Σ weight · score, each source's scores scaled to 0 .. 1 (Bruch 2022).

    scores: by source [items], NEVER where it found nothing. floored: sources whose scores mean nothing by themselves (all
    cosines of a text lie close together): their 0 is the last of their best; that of the others is 0. most: items at most.
    """
    size = max(map(len, scores.values()), default=0)
    total, any_of = np.zeros(size, np.float64), np.zeros(size, np.bool_)
    for name, given in scores.items():
        total[: len(given)] += weights[name] * _scaled(given, name in floored)
        any_of[: len(given)] |= np.isfinite(given)
    found = top_n(np.where(any_of, total, NEVER).astype(np.float32), most)
    ranks = np.zeros((len(found), len(scores)), np.int32)
    for column, given in enumerate(scores.values()):
        places = np.zeros(size, np.int32)
        best = top_n(given, DEPTH)
        places[best] = np.arange(1, len(best) + 1)
        ranks[:, column] = places[found]
    return Candidates(found, total[found].astype(np.float32), tuple(scores), source_ranks=ranks)


def _scaled(scores: Floats, floored: bool) -> Floats:
    """0 for what is not found, or too far behind; 1 for the best. [items]"""
    some = np.isfinite(scores)
    if not some.any():
        return np.zeros(len(scores), np.float32)
    best = float(scores[some].max())
    least = float(scores[top_n(scores, DEPTH)[-1]]) if floored else 0.0
    # Everything as good as the best is the best, also where it is alone.
    share = (np.where(some, scores, least) - least) / max(best - least, 1e-9) if best > least else some
    return np.clip(share, 0, 1).astype(np.float32)
