"""Live: one version as it serves: its recommender, its live catalogue, and the profiles of the users it has met."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.data.weights import EventWeights
from zhiyin.encoders.cache import checked_vectors
from zhiyin.errors import ZhiyinError
from zhiyin.ingest.profiles import live_profile
from zhiyin.item import Item
from zhiyin.ports import Store
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.ranking.cross_encoder import CrossEncoder
from zhiyin.recommender import Recommender
from zhiyin.serving.locks import ReadWriteLock
from zhiyin.serving.search import Search
from zhiyin.version import tombstone
from zhiyin.vocabulary import Vocabulary

LOG = logging.getLogger("zhiyin.serving")

EVENTS = 2_000
"""Events of a user that a live profile is made of, the newest."""

USERS = 20_000
"""Profiles kept, those asked for last."""

QUICK = 0.02
"""Seconds of an answer up to which it may hold up what else the server's one loop does."""


@dataclass
class Live:
    """One version as it serves. Hold lock.read() around every use of the recommender, lock.write() around changes."""

    version: str
    recommender: Recommender
    weights: EventWeights
    lock: ReadWriteLock = field(default_factory=ReadWriteLock)

    def __post_init__(self) -> None:
        self._turn = Lock()
        self._pace = 0.0
        self.profiles = Profiles(self)
        judges = [one for one in self.recommender.rankers if isinstance(one, CrossEncoder) and one.model]
        self.search = Search(self.recommender.items, dict(self.recommender.encoders), judges[-1] if judges else None)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Around the making of an answer: one after the other, since threads that compute at once only take turns at
        Python's own lock and lose a third of their time to that."""
        with self._turn:
            started = time.perf_counter()
            yield
            self._pace += 0.1 * (time.perf_counter() - started - self._pace)

    def at_hand(self, user_id: str) -> bool:
        """Whether an answer takes a few milliseconds and has nothing to wait for, so that a thread would cost more than
        the answer. user_id: "" for a guest."""
        free = not self._turn.locked() and not self.lock.busy
        return free and self._pace < QUICK and (not user_id or self.profiles.holds(user_id))

    def encode(self, items: Sequence[Item]) -> list[dict[str, Floats]]:
        """The vectors of items by space. Done before the lock is taken, since an encoder needs milliseconds."""
        found: list[dict[str, Floats]] = [{} for _ in items]
        for space, encoder in self.recommender.encoders.items():
            try:
                vectors = checked_vectors(encoder, items)
            except ZhiyinError as error:
                # A missing or broken encoder costs the item its vector, not the catalogue its item.
                LOG.warning("items were not encoded in space '%s': %s", space, error)
                continue
            for one, vector in zip(found, vectors, strict=True):
                one[space] = vector
        return found

    def put(self, items: Sequence[Item]) -> None:
        """Add or replace items, so that the next request can recommend them."""
        vectors = self.encode(items)
        with self.lock.write():
            table = self.recommender.items
            changed = [table.put(item, given) for item, given in zip(items, vectors, strict=True)]
            self.recommender.extend(changed)
            self.search.put(changed)
            # Interests are read off the catalogue's tags, which have just changed.
            self.profiles.clear()

    def disown(self, user_id: str) -> None:
        """Take a user's name off what was learned, so that the id is a stranger's from now on. While writing."""
        users = self.recommender.users
        position = users.get(user_id)
        if position >= 0:
            names = [*users.ids[:position], tombstone(position), *users.ids[position + 1 :]]
            self.recommender.users = Vocabulary(names, users.what)

    def catch_up(self, catalogue: Sequence[Item]) -> None:
        """Take in what changed in the catalogue since this version was fitted."""
        rows, vocabulary = self.recommender.items.rows, self.recommender.items.vocabulary
        changed = [one for one in catalogue if (at := vocabulary.get(one.item_id)) < 0 or rows[at] != one]
        if changed:
            self.put(changed)


class Profiles:
    """Live profiles by user, rebuilt from the log when first asked for and after every change."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._kept: OrderedDict[str, Profile] = OrderedDict()
        self._turns: dict[str, int] = {}
        self._turn = 0
        self._lock = Lock()
        self.hits = self.misses = 0

    def get(self, user_id: str, store: Store) -> Profile:
        """A user's profile; call it while reading the Live. A user nothing is kept of is a stranger to the model too."""
        with self._lock:
            found = self._kept.get(user_id)
            if found is not None:
                self._kept.move_to_end(user_id)
                self.hits += 1
                return found
            self.misses += 1
            turn = (self._turn, self._turns.get(user_id, 0))
        profile = self._built(user_id, store)
        with self._lock:
            # Kept only when nothing changed while the log was read: a stale profile must never be kept.
            if turn == (self._turn, self._turns.get(user_id, 0)):
                self._kept[user_id] = profile
                while len(self._kept) > USERS:
                    self._kept.popitem(last=False)
        return profile

    def holds(self, user_id: str) -> bool:
        """Whether a user's profile is in memory."""
        return user_id in self._kept

    def _built(self, user_id: str, store: Store) -> Profile:
        events, stored = store.log.of_user(user_id, EVENTS), store.profiles.get(user_id)
        if not events and stored is None:
            return Profile(user_id)
        recommender = self._live.recommender
        return live_profile(user_id, events, stored, recommender.items, recommender.users, self._live.weights)

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


def try_out(recommender: Recommender, now: float) -> None:
    """Ask a version one question, as somebody who likes its first item. Whatever a part raises comes out."""
    liked = History.of_items(np.zeros(min(len(recommender.items), 1), np.int32))
    recommender.recommend(Query(Profile(history=liked), n=1, now=now))
