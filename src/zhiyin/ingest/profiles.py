"""Profiles: one user's events and edits as a Profile. The same code serves live requests and training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zhiyin.arrays import Bools, Doubles, Floats, Ints
from zhiyin.behaviour.kinds import KINDS
from zhiyin.behaviour.seen import Seen
from zhiyin.data.comments import comment_text, sentiments
from zhiyin.data.past import Past
from zhiyin.data.taken_back import taken_back
from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.item import Items
from zhiyin.ports import StoredProfile
from zhiyin.profile import Comment, History, Interest, Profile
from zhiyin.understanding.commented import commented
from zhiyin.understanding.extract import first_dislikes, first_interests, latent_interests
from zhiyin.understanding.topics import HALF_LIFE, strengths, topics_of
from zhiyin.vocabulary import Vocabulary

ASKED = "asked for"
"""The reason of an interest that the user asked for."""

MOST = 20
"""Interests and dislikes kept at most."""

COMMENTS = 20
"""Comments of a user that are read for topics, the newest."""

LEAST = 1e-4
"""The least share of the strongest interest that is one: a weight has four digits."""

EVIDENCE = 10
"""Events cited for an interest at most, the newest."""


def live_profile(
    user_id: str,
    events: Sequence[Event] | Past,
    stored: StoredProfile | None,
    items: Items,
    users: Vocabulary,
    weights: EventWeights,
    half_life: float = HALF_LIFE,
    *,
    window: int | None = None,
    has_clock: bool = True,
) -> Profile:
    """A user as known from events and from what is stored of them.

    The history equals Dataset.history for the same events and weights. Interests and dislikes are inferred from it, then
    what the user registered with, where they agreed that it is read, and what only goes with these topics is added (first_interests, latent_interests). The
    user's own edits come last: refusals are never interests, wishes always are. Events of items that are not in
    the catalogue are left out. half_life: in days. window: interactions that taste is made of, the newest; what was
    seen is read off all events. has_clock: whether times are seconds.
    """
    reading = _read(events if isinstance(events, Past) else Past.of(events), items, weights)
    stored = stored or StoredProfile(user_id)
    friends = users.positions(stored.friends)
    profile = Profile(
        user_id,
        users.get(user_id),
        reading.history(window),
        stored.readable,
        np.sort(friends[friends >= 0]),
        refusals=stored.refusals,
        summary=stored.summary,
        version=stored.version,
        seen=reading.seen(np.isin(KINDS, weights.counted_kinds()), has_clock),
        comments=reading.comments(),
    )
    return with_topics(profile, stored, items, half_life)


def with_topics(profile: Profile, stored: StoredProfile, items: Items, half_life: float = HALF_LIFE) -> Profile:
    """A profile with its interests and dislikes read off a catalogue: all of it that changes when the catalogue does."""
    history = profile.history
    interests, dislikes = interests_of(history, items, half_life)
    wishes, refusals = dict.fromkeys(stored.wishes), frozenset(stored.refusals)
    asked = tuple(Interest(topic, 1.0, reason=ASKED) for topic in wishes if topic not in refusals)
    dislikes = (*dislikes, *_unknown((*first_dislikes(stored.readable, items), *stored.dislikes), dislikes))
    inferred = (*interests, *_unknown((*first_interests(stored.readable, items), *stored.interests), interests))
    known = frozenset(one.topic for one in (*inferred, *dislikes)) | refusals | frozenset(wishes) | _met(history, items)
    inferred = (*inferred, *_unknown(latent_interests(inferred, items, known), inferred))
    # What was said in so many words is surer than what was read off what was done.
    praised, blamed = commented(profile.comments, items)
    inferred = (*_unknown(inferred, (*praised, *blamed)), *praised)
    dislikes = (*_unknown(dislikes, (*praised, *blamed)), *blamed)
    return replace(
        profile,
        interests=asked + tuple(one for one in inferred if one.topic not in refusals and one.topic not in wishes),
        dislikes=tuple(one for one in dislikes if one.topic not in wishes),
    )


def history_of(
    events: Sequence[Event] | Past, items: Items, weights: EventWeights, window: int | None = None
) -> History:
    """The interactions among events, oldest first; equal times in the order given. window: of them the newest at most."""
    return _read(events if isinstance(events, Past) else Past.of(events), items, weights).history(window)


@dataclass(frozen=True)
class _Reading:
    """A past held against a catalogue. positions: -1 for none. signed: weights. there: not taken back. All [events]."""

    past: Past
    positions: Ints
    signed: Floats
    there: Bools

    def history(self, window: int | None) -> History:
        """The interactions; of them the newest at most."""
        rows = np.flatnonzero(self.there & (self.signed != 0))
        if window is not None:
            rows = rows[max(len(rows) - window, 0) :]
        names = tuple(self.past.event_ids[row] for row in rows.tolist())
        past = self.past
        return History(self.positions[rows], past.times[rows], self.signed[rows], past.kinds[rows], names)

    def comments(self) -> tuple[Comment, ...]:
        """The newest comments that have a text."""
        past = self.past
        rows = [row for row, context in enumerate(past.contexts) if context][-COMMENTS:]
        return tuple(
            Comment(past.event_ids[row], text, float(past.times[row]))
            for row in rows
            if (text := comment_text(past.contexts[row]))
        )

    def seen(self, counted: Bools, has_clock: bool) -> Seen:
        """What was met: an event of a kind that counts only where it does. counted: by code."""
        rows = np.flatnonzero(self.there & ((self.signed != 0) | ~counted[self.past.kinds]))
        times = self.past.times[rows] if has_clock else np.full(len(rows), np.inf)
        return Seen(self.positions[rows], times, self.past.kinds[rows])


def _read(past: Past, items: Items, weights: EventWeights) -> _Reading:
    positions = items.vocabulary.positions(past.item_ids)
    # The first ratings ever: no dataset has fixed their scale yet.
    said = sentiments(past.contexts) if any(past.contexts) else None
    signed = weights.with_scale_of(past.kinds, past.values).weigh(past.kinds, past.values, said)
    gone = taken_back(np.zeros(len(past), np.uint8), positions, past.times, past.kinds, past.values)
    return _Reading(past, positions, signed, (positions >= 0) & ~gone)


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
    # What is left where likes and refusals of a topic cancel out is rounding, no interest.
    some = np.flatnonzero(strength > max(float(strength.max(initial=0.0)), 0.0) * LEAST)
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
