"""Profiles: one user's events and edits as a Profile. The same code serves live requests and training rows."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakKeyDictionary

import numpy as np
from scipy import sparse

from zhiyin.arrays import Doubles, Floats, Ints
from zhiyin.data.weights import EventWeights
from zhiyin.event import CODES, Event
from zhiyin.item import Items, Tags
from zhiyin.ports import StoredProfile
from zhiyin.profile import History, Interest, Profile
from zhiyin.vocabulary import Vocabulary

HALF_LIFE = 180.0
"""Days after which an event counts half in an interest."""

MOST = 20
"""Interests and dislikes kept at most."""

EVIDENCE = 10
"""Events cited for an interest at most, the newest."""

DAY = 86_400.0


def live_profile(
    user_id: str,
    events: Sequence[Event],
    stored: StoredProfile | None,
    items: Items,
    users: Vocabulary,
    weights: EventWeights,
    half_life: float = HALF_LIFE,
) -> Profile:
    """A user as known from events and from what is stored of them.

    The history equals Dataset.history for the same events and weights. Interests and dislikes are inferred from it, then
    the user's own edits are applied: refusals are never interests, wishes always are. Events of items that are not in
    the catalogue are left out. half_life: in days.
    """
    history = history_of(events, items, weights)
    interests, dislikes = interests_of(history, items, half_life)
    stored = stored or StoredProfile(user_id)
    friends = users.positions(stored.friends)
    wishes, refusals = dict.fromkeys(stored.wishes), frozenset(stored.refusals)
    asked = tuple(Interest(topic, 1.0, reason="asked for") for topic in wishes if topic not in refusals)
    inferred = (*interests, *_unknown(stored.interests, interests))
    return Profile(
        user_id,
        users.get(user_id),
        history,
        stored.attributes,
        np.sort(friends[friends >= 0]),
        asked + tuple(one for one in inferred if one.topic not in refusals and one.topic not in wishes),
        tuple(one for one in (*dislikes, *_unknown(stored.dislikes, dislikes)) if one.topic not in wishes),
        stored.refusals,
        stored.summary,
        stored.version,
    )


def history_of(events: Sequence[Event], items: Items, weights: EventWeights) -> History:
    """The interactions among events, oldest first; equal times in the order given."""
    positions = items.vocabulary.positions(event.item_id for event in events)
    times = np.array([event.timestamp for event in events], np.float64)
    kinds = np.array([CODES[event.event_type] for event in events], np.uint8)
    # float32 as in a dataset, so that a live event weighs exactly what it will weigh in training.
    values = np.array([np.nan if event.value is None else event.value for event in events], np.float32)
    if weights.rating_scale is None:  # the first ratings ever: no dataset has fixed the scale yet
        weights = weights.with_scale_of(kinds, values)
    signed = weights.weigh(kinds, values)
    order = np.argsort(times, kind="stable")
    order = order[(positions[order] >= 0) & (signed[order] != 0)]
    names = tuple(events[row].event_id for row in order)
    return History(positions[order], times[order], signed[order], kinds[order], names)


def interests_of(
    history: History, items: Items, half_life: float = HALF_LIFE
) -> tuple[tuple[Interest, ...], tuple[Interest, ...]]:
    """What a history says its user likes and avoids, strongest first.

    A topic's strength is the sum of the signed weights of the events whose items have it, each halved per half life of
    age before the newest event, times the topic's rarity in the catalogue: what every item has says nothing.
    """
    if not len(history):
        return (), ()
    tags = items.tags
    ages = (history.times.max() - history.times) / (half_life * DAY)
    decayed = history.weights * np.exp2(-ages)
    rows = tags.matrix[history.items]
    strength = (rows.T @ decayed) * _rarity(tags)
    return tuple(_interests(history, items, rows, strength, 1)), tuple(_interests(history, items, rows, -strength, -1))


def _interests(history: History, items: Items, rows: sparse.csr_matrix, strength: Doubles, sign: int) -> list[Interest]:
    order = np.argsort(-strength, kind="stable")[:MOST]
    order = order[strength[order] > 0]
    found = []
    columns = rows[:, order].tocsc()
    for column, tag in enumerate(order):
        events = np.sort(columns.indices[columns.indptr[column] : columns.indptr[column + 1]])
        events = events[np.sign(history.weights[events]) == sign]
        found.append(
            Interest(
                items.tags.names[tag],
                round(float(strength[tag] / strength[order[0]]), 4),
                _evidence(history, items, events[-EVIDENCE:]),
                float(history.times[events[0]]),
                float(history.times[events[-1]]),
            )
        )
    return found


def _evidence(history: History, items: Items, events: Ints) -> tuple[str, ...]:
    if history.events:
        return tuple(history.events[row] for row in events)
    return tuple(dict.fromkeys(items[int(history.items[row])].item_id for row in events))


_rarities: WeakKeyDictionary[Tags, Floats] = WeakKeyDictionary()


def _rarity(tags: Tags) -> Floats:
    """log(items / items with the tag), 0 for a tag of one item only, which is no topic. Kept per table of tags."""
    if tags not in _rarities:
        having = tags.matrix.getnnz(axis=0)
        rarity = np.log((tags.matrix.shape[0] + 1) / np.maximum(having, 1))
        _rarities[tags] = np.where(having > 1, rarity, 0).astype(np.float32)
    return _rarities[tags]


def _unknown(kept: Sequence[Interest], inferred: Sequence[Interest]) -> list[Interest]:
    """Of what is kept (a language model may have added to it), the topics that were not inferred just now."""
    topics = {one.topic for one in inferred}
    return [one for one in kept if one.topic not in topics]
