"""Profile: one user as known at one moment; History: what the user did, as columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Floats, Ints
from zhiyin.behaviour.kinds import CODES, DEFAULT
from zhiyin.behaviour.seen import Seen


def _none(dtype: type) -> Array:
    return np.empty(0, dtype)


@dataclass(frozen=True)
class History:
    """What one user did with items, oldest first. Equal times keep the order in which they came.

    items: positions in the catalogue. times: seconds since 1970 (or the position in the sequence where there is no
    clock). weights: how much each event says, negative for a dislike or a low rating. kinds: codes of kinds.KINDS.
    events: the ids of the events, empty when they are not known (training rows). All [events].
    """

    items: Ints = field(default_factory=lambda: _none(np.int32))
    times: Doubles = field(default_factory=lambda: _none(np.float64))
    weights: Floats = field(default_factory=lambda: _none(np.float32))
    kinds: Array = field(default_factory=lambda: _none(np.uint8))
    events: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.items)

    @classmethod
    def of_items(cls, items: Ints) -> History:
        """A history of equal, positive, undated events: seed items, or a test."""
        count = len(items)
        times = np.arange(count, dtype=np.float64)
        return cls(
            np.asarray(items, np.int32), times, np.ones(count, np.float32), np.full(count, CODES[DEFAULT], np.uint8)
        )

    @cached_property
    def liked(self) -> History:
        """The events with a positive weight: what collaborative parts read."""
        if bool((self.weights > 0).all()):
            return self
        return self.where(self.weights > 0)

    @cached_property
    def disliked(self) -> History:
        """The events with a negative weight."""
        return self.where(self.weights < 0)

    @cached_property
    def newest_first(self) -> Ints:
        """Liked items, newest first, repeats kept."""
        return np.ascontiguousarray(self.liked.items[::-1])

    @cached_property
    def newer(self) -> Ints:
        """How many liked events are newer than each liked one; -1 for events that are not liked. [events]"""
        liked = self.weights > 0
        return np.where(liked, np.cumsum(liked[::-1])[::-1] - 1, -1).astype(np.int32)

    def where(self, mask: Bools) -> History:
        """The events for which the mask is true, in order."""
        events = tuple(one for one, keep in zip(self.events, mask, strict=True) if keep) if self.events else ()
        return History(self.items[mask], self.times[mask], self.weights[mask], self.kinds[mask], events)

    def before(self, moment: float) -> History:
        """The events strictly before a moment."""
        return self.where(self.times < moment)


ASKED_FOR = "asked for"
"""The reason of an interest that the user named."""


@dataclass(frozen=True, slots=True)
class Interest:
    """One topic a person likes (or, in dislikes, avoids), with what supports it.

    topic: (attribute name, value), e.g. ("colour", "green"). weight: 0 to 1 relative to the strongest. evidence: ids of
    the events, or of the items where event ids are not known. latent: inferred, not seen in the history itself.
    """

    topic: tuple[str, str]
    weight: float
    evidence: tuple[str, ...] = ()
    first_seen: float | None = None
    last_seen: float | None = None
    latent: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """What a user said of an item, in words. time: seconds since 1970."""

    event_id: str
    text: str
    time: float


@dataclass(frozen=True)
class Profile:
    """One user as known at one moment. The user's own edits always win over what is inferred.

    user_id: "" for a guest without one. position: the user's place in the fitted data, -1 when unknown there.
    attributes: registration data. friends: positions of users. refusals: topics never to show. version counts edits.
    seen: the items met over the whole log; None where the history is all there is, see met. comments: the newest.
    """

    user_id: str = ""
    position: int = -1
    history: History = field(default_factory=History)
    attributes: Mapping[str, str] = field(default_factory=dict)
    friends: Ints = field(default_factory=lambda: _none(np.int32))
    interests: tuple[Interest, ...] = ()
    dislikes: tuple[Interest, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    summary: str = ""
    version: int = 0
    seen: Seen | None = None
    comments: tuple[Comment, ...] = ()

    @cached_property
    def met(self) -> Seen:
        """The items the person has met."""
        history = self.history
        return Seen(history.items, history.times, history.kinds) if self.seen is None else self.seen

    def with_history(self, history: History) -> Profile:
        """The same person with another history, which is then all that was met."""
        return replace(self, history=history, seen=None)
