"""Profiles: live profiles by user, read from the store when first asked for and after every change of theirs."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from zhiyin.ingest.profiles import live_profile, with_topics
from zhiyin.ports import Store, StoredProfile
from zhiyin.profile import Profile

if TYPE_CHECKING:
    from zhiyin.serving.snapshot import Snapshot

EVENTS = 2_000
"""Interactions of a user that taste is made of, the newest; what was seen is read off all events."""

USERS = 20_000
"""Profiles kept, those asked for last."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A profile as of one snapshot. missing: whether the user did something with items that were not in the catalogue."""

    profile: Profile
    stored: StoredProfile | None
    number: int
    size: int
    missing: bool

    def holds(self, snapshot: Snapshot) -> bool:
        """Whether the history it was made of is still all of it."""
        return not self.missing or self.size == len(snapshot.items)


class Profiles:
    """Profiles of one version. What a history says of topics is read anew, without the store, when the catalogue moved."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._turns: dict[str, int] = {}
        self._turn = 0
        self._lock = Lock()
        self.hits = self.misses = 0

    def known(self, user_id: str, snapshot: Snapshot) -> Profile | None:
        """A user's profile as of a snapshot where memory has all that it takes, else None."""
        with self._lock:
            found = self._kept.get(user_id)
            if found is None or not found.holds(snapshot):
                return None
            self.hits += 1
            turn = (self._turn, self._turns.get(user_id, 0))
            self._kept.move_to_end(user_id)
        if found.number == snapshot.number:
            return found.profile
        return self._keep(user_id, _renewed(found, snapshot), turn)

    def get(self, user_id: str, store: Store, snapshot: Snapshot) -> Profile:
        """A user's profile as of a snapshot. A user nothing is kept of is a stranger to the model too."""
        if (known := self.known(user_id, snapshot)) is not None:
            return known
        with self._lock:
            self.misses += 1
            turn = (self._turn, self._turns.get(user_id, 0))
        return self._keep(user_id, _read(user_id, store, snapshot), turn)

    def _keep(self, user_id: str, made: Kept, turn: tuple[int, int]) -> Profile:
        with self._lock:
            # Kept only when nothing changed while the log was read: a stale profile must never be kept.
            if turn == (self._turn, self._turns.get(user_id, 0)):
                self._kept[user_id] = made
                while len(self._kept) > USERS:
                    self._kept.popitem(last=False)
        return made.profile

    def holds(self, user_id: str) -> bool:
        """Whether a user's profile is in memory."""
        return user_id in self._kept

    def users(self) -> list[str]:
        """Whose profiles are in memory."""
        with self._lock:
            return list(self._kept)

    def drop(self, user_id: str) -> None:
        """Read a user again at the next request."""
        with self._lock:
            self._turns[user_id] = self._turns.get(user_id, 0) + 1
            self._kept.pop(user_id, None)
            if len(self._turns) > 2 * USERS:  # bounded: everybody starts over
                self._turns.clear()
                self._turn += 1

    def clear(self) -> None:
        """Read everybody again."""
        with self._lock:
            self._turn += 1
            self._turns.clear()
            self._kept.clear()


def _read(user_id: str, store: Store, snapshot: Snapshot) -> Kept:
    items, weights, made = snapshot.items, snapshot.weights, snapshot.recommender
    kinds = {*weights.counted_kinds(), *made.filter.hiding.kinds}
    past, stored = store.log.past(user_id, kinds), store.profiles.get(user_id)
    missing = any(item not in items.vocabulary for item in past.item_ids)
    if not len(past) and stored is None:
        profile = Profile(user_id)
    else:
        clock = store.meta.get("has_clock") is not False
        profile = live_profile(user_id, past, stored, items, made.users, weights, window=EVENTS, has_clock=clock)
    return Kept(profile, stored, snapshot.number, len(items), missing)


def _renewed(kept: Kept, snapshot: Snapshot) -> Kept:
    """The same events and edits against a catalogue that moved: positions stay, topics are read anew."""
    profile = kept.profile
    if len(profile.history) or kept.stored is not None:
        profile = with_topics(profile, kept.stored or StoredProfile(profile.user_id), snapshot.items)
    return Kept(profile, kept.stored, snapshot.number, len(snapshot.items), kept.missing)
