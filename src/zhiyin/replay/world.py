"""World: a workspace of its own that lives through a story with the engine that serves, at the story's clock."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.build import weights_for
from zhiyin.progress import Progress, silent
from zhiyin.recipe import Recipe, load_recipe
from zhiyin.recommender import Shelf
from zhiyin.replay.story import Story
from zhiyin.serving.engine import Engine, open_engine
from zhiyin.serving.settings import Settings
from zhiyin.stores.sql import SqlStore
from zhiyin.workspace import Workspace

QUIET = Settings(impressions=False)
"""Nobody saw these lists, so none of them is an impression."""

ALONE = "replay only "
"""Begins the name of a shelf that holds one source alone, so that it is asked through the same door as the whole."""


@dataclass
class Clock:
    """What time it is in the story."""

    now: float

    def __call__(self) -> float:
        return self.now


class Stage(Workspace):
    """A workspace whose versions also show every source alone, on a shelf of its own."""

    def load(self, version: str | None = None) -> Recipe:
        """See Workspace.load."""
        recipe = super().load(version)
        recommender = recipe.recommender
        for name in recommender.retrievers:
            recommender.shelves[ALONE + name] = Shelf((name,), rank=False, rerank=())
        return recipe


class World:
    """What was known at a moment, fitted, and the engine that takes in what comes after.

    known_items: whether the whole catalogue is there from the start. vectors: a file of encoded texts to begin with.
    """

    def __init__(
        self,
        story: Story,
        cut: float,
        recipe: str,
        folder: Path,
        *,
        known_items: bool = False,
        vectors: Path | None = None,
        progress: Progress = silent,
    ) -> None:
        self.story, self.recipe = story, recipe
        self.clock = Clock(cut)
        self.workspace = Stage(folder, clock=self.clock)
        if vectors is not None and vectors.is_file():
            _copy(vectors, folder / "vectors.db")
        self._items = Arrivals(dict.fromkeys(story.appears, -np.inf) if known_items else story.appears, cut)
        self._users = Arrivals(story.joins, cut)
        self._profiles = {one.user_id: one for one in story.profiles}
        self._begin(cut, progress)
        self.workspace.fit(recipe, progress)
        self.engine = open_engine(self.workspace, QUIET)

    def _begin(self, cut: float, progress: Progress) -> None:
        progress("put what was known into a store")
        store = self.workspace.store
        store.meta.put("has_clock", True)
        store.catalog.put([self.story.item_of[item] for item in self._items.before])
        store.profiles.put_many([self._profiles[user] for user in self._users.before])
        with store.log.bulk():
            store.log.append_table(self.story.events.filter(pl.col("timestamp") < cut))

    @property
    def weights(self) -> EventWeights:
        """What events weigh, with the rating scale as known at the last fit."""
        return weights_for(self.workspace.store, EventWeights.from_table(load_recipe(self.recipe).events))

    def frozen(self) -> Engine:
        """An engine on the version and the store as they are now, to be told nothing any more."""
        file = self.workspace.folder / "frozen.db"
        _copy(self.workspace.folder / "zhiyin.db", file)
        version = self.workspace.current()
        store = SqlStore(f"sqlite:///{file}")
        return Engine(self.workspace.load(version), store, version=version, settings=QUIET, clock=self.clock)

    def arrive(self, moment: float) -> int:
        """Let the moment come: items that appear are put, users who join register. Returns how many items came."""
        self.clock.now = moment
        items = self._items.until(moment)
        if items:
            self.engine.put_items([self.story.item_of[item] for item in items])
        for user in self._users.until(moment):
            profile = self._profiles[user]
            self.engine.put_user(user, profile.attributes, profile.friends)
        return len(items)

    def record(self, events: Sequence[Event]) -> None:
        """Tell the engine what happened."""
        self.engine.record(events)

    def refit(self, progress: Progress = silent) -> None:
        """Fit on everything known by now and serve that."""
        self.engine.promote(self.workspace.fit(self.recipe, progress))

    def close(self) -> None:
        """Give back what is held; the folder stays its owner's."""
        self.engine.close()
        self.workspace.store.close()


class Arrivals:
    """Things by when they come: those before a moment at once, the others as their moments come."""

    def __init__(self, when: Mapping[str, float], start: float) -> None:
        order = sorted(when, key=lambda one: (when[one], one))
        begin = sum(when[one] < start for one in order)
        self.before, self._later = order[:begin], order[begin:]
        self._when, self._next = when, 0

    def until(self, moment: float) -> list[str]:
        """What has come by a moment and was not given before."""
        begin = self._next
        while self._next < len(self._later) and self._when[self._later[self._next]] <= moment:
            self._next += 1
        return self._later[begin : self._next]


def _copy(source: Path, target: Path) -> None:
    """A database as it is now, what is still in its log included."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)
