"""Topics: how strongly a history speaks for each attribute value of the catalogue. Counters that fade, new at every event."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from zhiyin.arrays import Doubles, Floats, Ints, row_entries
from zhiyin.data.moments import DAY as DAY
from zhiyin.data.moments import EARLIEST
from zhiyin.item import Items, Tags
from zhiyin.profile import History

HALF_LIFE = 180.0
"""Days after which an event counts half in an interest."""

FLOOR = 0.1
"""The least that the oldest event counts, against the newest."""


def faded(history: History, half_life: float = HALF_LIFE) -> Doubles:
    """The signed weights of the events, each halved per half life (days) of age before the newest event. [events]

    Down to a tenth: one event after years away is news, and no reason to forget everything before it. Beside an event
    with a time, those of which only the order is known have no age.
    """
    if not len(history):
        return np.empty(0, np.float64)
    newest = history.times.max()
    ages = (newest - history.times) / (half_life * DAY)
    ages[(history.times < EARLIEST) & (newest >= EARLIEST)] = 0
    return np.asarray(history.weights * np.maximum(np.exp2(-ages), FLOOR), np.float64)


def strengths(history: History, items: Items, half_life: float = HALF_LIFE) -> Doubles:
    """How strongly a history speaks for every topic, negative against it. [topics]

    The faded weights of the events whose items have a topic, times the topic's rarity in the catalogue: what every item
    has says nothing.
    """
    topics, events = topics_of(history.items, items.tags)
    summed = np.bincount(topics, faded(history, half_life)[events], minlength=len(items.tags.names))
    return np.asarray(summed * rarity(items.tags), np.float64)


def topics_of(positions: Ints, tags: Tags) -> tuple[Ints, Ints]:
    """Every topic of every one of some items, in their order: its place among the topics, and that of its item in the list."""
    places, owners = row_entries(tags.matrix.indptr, positions)
    return tags.matrix.indices[places], owners.astype(np.int32)


def rarity(tags: Tags) -> Floats:
    """log(items / items with the topic), see Tags.usual; 0 for a topic of one item only, which is none. Kept per table of
    tags. [topics]"""
    if tags not in _rarities:
        sizes, having = tags.usual
        found = np.log((sizes + 1) / np.maximum(having, 1))
        _rarities[tags] = np.where(having > 1, found, 0).astype(np.float32)
    return _rarities[tags]


_rarities: WeakKeyDictionary[Tags, Floats] = WeakKeyDictionary()
