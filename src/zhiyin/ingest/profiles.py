"""Profiles: one user's events and edits as a Profile. The same code serves live requests and training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zhiyin.arrays import Doubles, Ints
from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.item import Items
from zhiyin.kinds import CODES
from zhiyin.ports import StoredProfile
from zhiyin.profile import History, Interest, Profile
from zhiyin.understanding.extract import first_dislikes, first_interests, latent_interests
from zhiyin.understanding.topics import HALF_LIFE, strengths, topics_of
from zhiyin.vocabulary import Vocabulary

ASKED = "asked for"
"""The reason of an interest that the user asked for."""

MOST = 20
"""Interests and dislikes kept at most."""

EVIDENCE = 10
"""Events cited for an interest at most, the newest."""


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
    what the user registered with and what only goes with these topics is added (first_interests, latent_interests). The
    user's own edits come last: refusals are never interests, wishes always are. Events of items that are not in
    the catalogue are left out. half_life: in days.
    """
    stored = stored or StoredProfile(user_id)
    friends = users.positions(stored.friends)
    profile = Profile(
        user_id,
        users.get(user_id),
        history_of(events, items, weights),
        stored.attributes,
        np.sort(friends[friends >= 0]),
        refusals=stored.refusals,
        summary=stored.summary,
        version=stored.version,
    )
    return with_topics(profile, stored, items, half_life)


def with_topics(profile: Profile, stored: StoredProfile, items: Items, half_life: float = HALF_LIFE) -> Profile:
    """A profile with its interests and dislikes read off a catalogue: all of it that changes when the catalogue does."""
    history = profile.history
    interests, dislikes = interests_of(history, items, half_life)
    wishes, refusals = dict.fromkeys(stored.wishes), frozenset(stored.refusals)
    asked = tuple(Interest(topic, 1.0, reason=ASKED) for topic in wishes if topic not in refusals)
    dislikes = (*dislikes, *_unknown((*first_dislikes(stored.attributes, items), *stored.dislikes), dislikes))
    inferred = (*interests, *_unknown((*first_interests(stored.attributes, items), *stored.interests), interests))
    known = frozenset(one.topic for one in (*inferred, *dislikes)) | refusals | frozenset(wishes) | _met(history, items)
    inferred = (*inferred, *_unknown(latent_interests(inferred, items, known), inferred))
    return replace(
        profile,
        interests=asked + tuple(one for one in inferred if one.topic not in refusals and one.topic not in wishes),
        dislikes=tuple(one for one in dislikes if one.topic not in wishes),
    )


def history_of(events: Sequence[Event], items: Items, weights: EventWeights) -> History:
    """The interactions among events, oldest first; equal times in the order given."""
    positions = items.vocabulary.positions([event.item_id for event in events])
    times = np.array([event.timestamp for event in events], np.float64)
    kinds = np.array([CODES[event.event_type] for event in events], np.uint8)
    # float32 as in a dataset, so that a live event weighs exactly what it will weigh in training.
    values = np.array([np.nan if event.value is None else event.value for event in events], np.float32)
    weights = weights.with_scale_of(kinds, values)  # the first ratings ever: no dataset has fixed the scale yet
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
    strength = strengths(history, items, half_life)
    met = topics_of(history.items, items.tags)
    return tuple(_interests(history, items, met, strength, 1)), tuple(_interests(history, items, met, -strength, -1))


def _interests(history: History, items: Items, met: tuple[Ints, Ints], strength: Doubles, sign: int) -> list[Interest]:
    """met: the topics of the history's items, and the events they are of; see topics_of."""
    some = np.flatnonzero(strength > 0)
    if not len(some):
        return []
    order = some[np.argsort(-strength[some], kind="stable")[:MOST]]
    topics, events = met
    place = np.full(len(items.tags.names), -1, np.int16)
    place[order] = np.arange(len(order))
    kept = np.flatnonzero((place[topics] >= 0) & (np.sign(history.weights[events]) == sign))
    kept = kept[np.argsort(place[topics[kept]], kind="stable")]
    ends = np.cumsum(np.bincount(place[topics[kept]], minlength=len(order)))
    found = []
    for tag, having in zip(order.tolist(), np.split(events[kept], ends[:-1]), strict=True):
        found.append(
            Interest(
                items.tags.names[tag],
                round(float(strength[tag] / strength[order[0]]), 4),
                _evidence(history, items, having[-EVIDENCE:]),
                float(history.times[having[0]]),
                float(history.times[having[-1]]),
            )
        )
    return found


def _evidence(history: History, items: Items, events: Ints) -> tuple[str, ...]:
    if history.events:
        return tuple(history.events[row] for row in events)
    return tuple(dict.fromkeys(items[int(history.items[row])].item_id for row in events))


def _met(history: History, items: Items) -> frozenset[tuple[str, str]]:
    """Every topic of the items of a history."""
    names = items.tags.names
    found = np.bincount(topics_of(history.items, items.tags)[0], minlength=len(names))
    return frozenset(names[at] for at in np.flatnonzero(found).tolist())


def _unknown(kept: Sequence[Interest], inferred: Sequence[Interest]) -> list[Interest]:
    """Of what is kept (a language model may have added to it), the topics that were not inferred just now."""
    topics = {one.topic for one in inferred}
    return [one for one in kept if one.topic not in topics]
