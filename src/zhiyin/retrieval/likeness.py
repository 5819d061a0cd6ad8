"""A person as a vector: what liked items have in common, less what disliked ones have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Floats, unit_rows, with_rows
from zhiyin.query import Query
from zhiyin.retrieval.history import decayed


def event_weights(query: Query, vectors: Floats, decay: float, dislike: float) -> Floats:
    """How much each event of the history counts in the profile vector. [events]

    Liked events share 1, each earlier one less by decay; disliked ones share -dislike alike; events whose item has no
    vector yet count nothing.
    """
    history = query.profile.history
    liked = decayed(history, decay)
    disliked = (history.weights < 0).astype(np.float32)
    outside = history.items >= len(vectors)
    liked[outside] = disliked[outside] = 0
    weights = liked / max(float(liked.sum()), 1e-12) - dislike * disliked / max(float(disliked.sum()), 1.0)
    return np.asarray(weights, np.float32)


def profile_vector(query: Query, vectors: Floats, decay: float, dislike: float) -> Floats:
    """The weighted sum of the history's item vectors, of length 1, or zeros when there is nothing to go by. [width]"""
    weights = event_weights(query, vectors, decay, dislike)
    used = np.flatnonzero(weights)
    total = weights[used] @ vectors[query.profile.history.items[used]]
    length = float(np.linalg.norm(total))
    return np.asarray(total / length if length > 1e-9 else np.zeros_like(total), np.float32)


def renewed(vectors: Floats, live: Floats, changed: Sequence[int]) -> Floats:
    """The kept vectors with the changed rows taken from the live catalogue, longer when items were added."""
    rows = np.asarray(changed, np.int64)
    return np.asarray(with_rows(vectors, rows, unit_rows(live[rows]), len(live)), np.float32)
