"""Outcomes: which actions followed on which candidates, as labels for a head each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Array, Bools, Floats, Ints
from zhiyin.behaviour.kinds import CODES
from zhiyin.data.dataset import Interactions
from zhiyin.data.weights import EventWeights

ACTIONS = ("click", "like", "purchase", "dwell")
"""What can be predicted: that an item is opened or met at all, liked, bought, and how long it holds (0 to 1)."""

OPENED = (
    *("view", "click", "like", "dislike", "favourite", "rating", "comment", "dwell", "listen"),
    *("interaction", "share", "cart", "finish"),
)
"""Kinds that say that an item was met, whatever became of it. A purchase has its own head."""

GOOD = 0.75
"""The part of the rating scale from which a rating is a like: 4 of 1 to 5, 7.5 of 0 to 10."""


def action_labels(outcome: Interactions, items: Ints, weights: EventWeights) -> Floats:
    """What a person then did with each candidate. [candidates, ACTIONS], 0 to 1.

    outcome: the person's events from the request on.
    """
    labels = np.zeros((len(items), len(ACTIONS)), np.float32)
    for column, (rows, values) in enumerate(_found(outcome, weights)):
        for item, value in zip(outcome.items[rows], values, strict=True):
            labels[items == item, column] = np.maximum(labels[items == item, column], value)
    return labels


def _found(outcome: Interactions, weights: EventWeights) -> Sequence[tuple[Bools, Array]]:
    """For each action the events that show it, and how much of it each shows."""
    kinds, values = outcome.kinds, outcome.values.astype(np.float64)
    low, high = weights.rating_scale or (0.0, 1.0)
    good = (kinds == CODES["rating"]) & ((values - low) / (high - low) >= GOOD)
    liked = good | np.isin(kinds, [CODES["like"], CODES["favourite"]])
    opened = np.isin(kinds, [CODES[kind] for kind in OPENED])
    bought = (kinds == CODES["purchase"]) & ~(values <= 0)
    held = (kinds == CODES["dwell"]) & (values > 0)
    seconds = values[held]
    certain = [(rows, np.ones(int(rows.sum()))) for rows in (opened, liked, bought)]
    return [*certain, (held, seconds / (seconds + weights.dwell_half))]
