"""Facts: a story's events as numbers: who, what, and how much each says; which are wanted, and what came before them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from zhiyin.arrays import Bools, Doubles, Floats, Ints, Longs
from zhiyin.data import columns
from zhiyin.data.assemble import positions
from zhiyin.data.weights import EventWeights
from zhiyin.replay.story import Story
from zhiyin.vocabulary import Vocabulary


@dataclass(frozen=True)
class Facts:
    """Columns of a story's events in time order. All [events].

    users, items: positions in the vocabularies. An event without an item has the item -1. signed: the weight, 0 where it
    says nothing of taste.
    """

    user_names: Vocabulary
    item_names: Vocabulary
    times: Doubles
    users: Ints
    items: Ints
    signed: Floats

    @classmethod
    def of(cls, story: Story, weights: EventWeights, start: float) -> Facts:
        """The facts of a story. What numbers mean, where weights leave it open, is taken from the events before the start."""
        kinds = columns.kind_codes(story.events["event_type"]).to_numpy()
        values = story.events["value"].cast(pl.Float32).fill_null(np.nan).to_numpy()
        known = story.times < start
        weights = weights.with_scale_of(kinds[known], values[known])
        # Without any number before the start there is no scale yet, and all there are decide.
        signed = weights.with_scale_of(kinds, values).weigh(kinds, values)
        users = Vocabulary.of(story.events["user_id"].unique().to_list(), "user")
        items = Vocabulary.of(story.item_of, "item")
        who, what = positions(story.events["user_id"], users), positions(story.events["item_id"], items)
        return cls(users, items, story.times, who, what, np.where(what >= 0, signed, 0).astype(np.float32))

    @cached_property
    def new(self) -> Bools:
        """Which events are the first that says anything of a person and an item."""
        keys = self.users.astype(np.int64) * len(self.item_names) + self.items
        rows = np.flatnonzero(self.signed != 0)
        found = np.zeros(len(keys), np.bool_)
        found[rows[np.unique(keys[rows], return_index=True)[1]]] = True
        return found

    def wanted(self, start: float) -> Bools:
        """Which events from a moment on are of an item the person liked and had not met; in one moment the first counts."""
        return np.asarray(self.new & (self.signed > 0) & (self.times >= start))

    def before(self, rows: Ints) -> Longs:
        """How many events that say something the person of each row had before the row's moment. [rows]"""
        telling = np.flatnonzero(self.signed != 0)
        order = np.lexsort((self.times[telling], self.users[telling]))
        users, times = self.users[telling][order], self.times[telling][order]
        begins = np.searchsorted(users, self.users[rows])
        counts = np.searchsorted(users, self.users[rows], side="right") - begins
        pairs = zip(begins, counts, self.times[rows], strict=True)
        return np.array([np.searchsorted(times[begin : begin + n], now) for begin, n, now in pairs], np.int64)

    def first_of_user(self) -> Doubles:
        """When each user's first event was. [users]"""
        return _firsts(self.users, self.times, len(self.user_names))

    def first_of_item(self) -> Doubles:
        """When each item's first event was, inf without any. [items]"""
        named = self.items >= 0
        return _firsts(self.items[named], self.times[named], len(self.item_names))


def _firsts(places: Ints, times: Doubles, count: int) -> Doubles:
    found = np.full(count, np.inf)
    np.minimum.at(found, places, times)
    return found
