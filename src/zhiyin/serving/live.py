"""Live: one version as it serves: the snapshot that answers read now, and how the next one comes about."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.data.weights import EventWeights
from zhiyin.ingest.profiles import with_topics
from zhiyin.item import Item
from zhiyin.ports import Speaking, Store, StoredProfile
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.ranking.cross_encoder import CrossEncoder
from zhiyin.recommender import Recommender
from zhiyin.serving.encoding import Encoding
from zhiyin.serving.happening import Happening
from zhiyin.serving.profiles import Profiles
from zhiyin.serving.search import Search
from zhiyin.serving.snapshot import Snapshot
from zhiyin.stages import Counting

LOG = logging.getLogger("zhiyin.serving")

QUICK = 0.02
"""Seconds of an answer up to which it may hold up what else the server's one loop does."""


class Live:
    """One version as it serves. Whoever answers takes `snapshot` once and reads that; only writers take turns.

    cache: the file of vectors by content; None keeps none.
    """

    def __init__(
        self, version: str, recommender: Recommender, weights: EventWeights, cache: Path | None = None
    ) -> None:
        judges = [one for one in recommender.rankers if isinstance(one, CrossEncoder) and one.model]
        search = Search(recommender.items, dict(recommender.encoders), judges[-1] if judges else None)
        self.snapshot = Snapshot(version, recommender, search, weights)
        self.profiles = Profiles()
        parts = (*recommender.retrievers.values(), *recommender.rankers)
        counting = [one.counted_until() for one in parts if isinstance(one, Counting)]
        self.happening = Happening(min(counting, default=np.inf))
        self.encoding = Encoding(recommender.encoders, cache, self._take_vectors)
        self._making = Lock()
        self._pace: float | None = None
        self._asks = any(isinstance(one, Speaking) for one in recommender.rankers)
        self._last: Query | None = None

    @property
    def version(self) -> str:
        """The name of the version."""
        return self.snapshot.version

    @property
    def recommender(self) -> Recommender:
        """The recommender as it is now; for more than one look take the snapshot."""
        return self.snapshot.recommender

    @property
    def search(self) -> Search:
        """The search as it is now."""
        return self.snapshot.search

    def close(self) -> None:
        """Encode nothing more."""
        self.encoding.close()

    # -- answers -----------------------------------------------------------------------------------------------------

    def profile(self, user_id: str, store: Store) -> Profile:
        """A user's profile as of now."""
        return self.profiles.get(user_id, store, self.snapshot)

    def at_hand(self, user_id: str) -> bool:
        """Whether an answer takes a few milliseconds and has nothing to wait for, so that a thread would cost more than
        the answer. user_id: "" for a guest."""
        quick = self._pace is not None and self._pace < QUICK and not self._asks
        return quick and (not user_id or self.profiles.holds(user_id))

    def answered(self, query: Query, seconds: float) -> None:
        """What was asked just now, and how long the answer took."""
        self._last = query
        self._pace = seconds if self._pace is None else self._pace + 0.1 * (seconds - self._pace)

    # -- changes -----------------------------------------------------------------------------------------------------

    def put(self, items: Sequence[Item]) -> None:
        """Add or replace items, so that the next request finds their words; their vectors come as they are encoded."""
        with self._making:
            changed = self.snapshot.changed(items)
            if not changed:
                return
            known = self.encoding.known(changed)
            made, positions = self.snapshot.taking(changed, known)
            self._serve(made)
            spaces = len(made.items.vectors)
            self.encoding.add(
                {
                    at: item
                    for at, item, vectors in zip(positions, changed, known, strict=True)
                    if len(vectors) < spaces and not item.hidden
                }
            )

    def open(self, store: Store) -> None:
        """Take in what a store holds that the version does not: its items, and what happened after the fit."""
        self.put(store.catalog.all())
        self.happening.begin(store, self.snapshot)

    def heard(self, users: Collection[str], store: Store) -> None:
        """Something of some people is new in the log: the next answer knows it."""
        for user in users:
            self.profiles.drop(user)
        self.happening.hear(users, store, self.snapshot)

    def reread(self, store: Store) -> None:
        """Anything of anybody may be new in the log."""
        self.profiles.clear()
        self.happening.begin(store, self.snapshot)

    def arrived(self, store: Store) -> None:
        """Items were put, of which something may have happened already."""
        self.happening.arrived(store, self.snapshot)

    def disown(self, user_id: str) -> None:
        """Take a user's name off what was learned, so that the id is a stranger's from now on."""
        with self._making:
            self.snapshot = self.snapshot.without_user(user_id)
        self.happening.forget(user_id)

    def _take_vectors(self, space: str, positions: Sequence[int], items: Sequence[Item], vectors: Floats) -> None:
        with self._making:
            table = self.snapshot.items
            # What changed while it was encoded waits to be encoded again.
            rows = [row for row, at in enumerate(positions) if table.rows[at].content() == items[row].content()]
            if rows and space in table.vectors:
                self._serve(self.snapshot.with_vectors(space, [positions[row] for row in rows], vectors[rows]))

    def _serve(self, made: Snapshot) -> None:
        """Make a snapshot the one that answers read, once what it works out on first use is worked out."""
        if self._last is not None:
            try:
                profile = with_topics(self._last.profile, StoredProfile(self._last.profile.user_id), made.items)
                made.recommender.recommend_batch([replace(self._last, profile=profile)])
            except Exception:
                LOG.exception("the last question cannot be answered from the changed catalogue")
        self.snapshot = made


def try_out(recommender: Recommender, now: float) -> None:
    """Ask a version one question, as somebody who likes its first item. Whatever a part raises comes out."""
    liked = History.of_items(np.zeros(min(len(recommender.items), 1), np.int32))
    recommender.recommend(Query(Profile(history=liked), n=1, now=now))
