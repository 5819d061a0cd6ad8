"""World: a workspace of its own that lives through a story with the engine that serves, at the story's clock."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from zhiyin.data.dataset import Dataset
from zhiyin.event import Event
from zhiyin.progress import Progress, silent
from zhiyin.recipe import Recipe
from zhiyin.recommender import Shelf
from zhiyin.replay.story import Story
from zhiyin.serving.engine import Engine
from zhiyin.serving.opening import open_engine
from zhiyin.serving.settings import Settings
from zhiyin.stores.sql import SqlStore
from zhiyin.workspace.workspace import Workspace

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


@dataclass(frozen=True)
class Brought:
    """What a world takes along. vectors: a file of encoded texts. allow: modules that parts may come from, beside ours.

    fitted: a recipe fitted on what is known when the world begins, and that data, so that nothing is fitted twice.
    """

    vectors: Path | None = None
    allow: Sequence[str] = ()
    fitted: tuple[Recipe, Dataset] | None = None


NOTHING = Brought()


class Stage(Workspace):
    """A workspace whose versions also show every source alone, on a shelf of its own."""

    def load(self, version: str | None = None) -> Recipe:
        """See Workspace.load."""
        recipe = super().load(version)
        recommender = recipe.recommender
        for name in recommender.retrievers:
            recommender.shelves[ALONE + name] = Shelf((name,), rank=False, rerank=())
        return recipe

    def take(self, recipe: Recipe, dataset: Dataset, progress: Progress = silent) -> None:
        """Serve a recipe that is fitted already, on this data."""
        self.store.meta.put("meanings", dataset.weights.meanings())
        self._keep(recipe, dataset, "", progress)


class World:
    """What was known at a moment, fitted, and the engine that takes in what comes after. To be used in a with statement."""

    def __init__(
        self,
        story: Story,
        cut: float,
        recipe: str,
        folder: Path,
        *,
        brought: Brought = NOTHING,
        progress: Progress = silent,
    ) -> None:
        self.story, self.recipe = story, recipe
        self.clock = Clock(cut)
        # A loss of power ends the replay anyway: waiting for the disk after every event would only cost time.
        self.workspace = Stage(folder, clock=self.clock, sync="normal")
        if brought.vectors is not None and brought.vectors.is_file():
            _copy(brought.vectors, folder / "vectors.db")
        if brought.allow:
            (folder / "zhiyin.toml").write_text(f"[parts]\nallow = {json.dumps(list(brought.allow))}\n")
        self._items = Arrivals(story.appears, cut)
        self._users = Arrivals(story.joins, cut)
        self._profiles = {one.user_id: one for one in story.profiles}
        self._frozen: list[Engine] = []
        self._begin(cut, progress)
        if brought.fitted is None:
            self.workspace.fit(recipe, progress)
        else:
            self.workspace.take(*brought.fitted, progress)
        self.engine = open_engine(self.workspace, QUIET)
        self.engine.settle()

    def _begin(self, cut: float, progress: Progress) -> None:
        progress("put what was known into a store")
        store = self.workspace.store
        store.meta.put("has_clock", True)
        store.catalog.put([self.story.item_of[item] for item in self._items.before])
        store.profiles.put_many([self._profiles[user] for user in self._users.before])
        with store.log.bulk():
            store.log.append_table(self.story.events.filter(pl.col("timestamp") < cut))

    def frozen(self) -> Engine:
        """An engine on the version and the store as they are now, to be told nothing any more."""
        file = self.workspace.folder / "frozen.db"
        _copy(self.workspace.folder / "zhiyin.db", file)
        version = self.workspace.current()
        store = SqlStore(f"sqlite:///{file}")
        engine = Engine(self.workspace.load(version), store, version=version, settings=QUIET, clock=self.clock)
        self._frozen.append(engine)
        return engine

    def arrive(self, moment: float) -> int:
        """Let the moment come: items that appear are put, users who join register. Returns how many items came."""
        self.clock.now = moment
        items = self._items.until(moment)
        if items:
            self.engine.put_items([self.story.item_of[item] for item in items])
            self.engine.settle()
        for user in self._users.until(moment):
            profile = self._profiles[user]
            self.engine.put_user(user, profile.attributes, profile.friends, profile.personalise)
        return len(items)

    def record(self, events: Sequence[Event]) -> None:
        """Tell the engine what happened."""
        self.engine.record(events)

    def refit(self, progress: Progress = silent) -> None:
        """Fit on everything known by now and serve that."""
        self.engine.promote(self.workspace.fit(self.recipe, progress))
        self.engine.settle()

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        """Give back what is held; the folder stays its owner's."""
        for engine in (self.engine, *self._frozen):
            engine.close()
            if isinstance(engine.store, SqlStore):
                engine.store.close()


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
