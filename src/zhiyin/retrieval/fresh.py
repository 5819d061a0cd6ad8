"""fresh: the newest items, likest first among those equally new."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import NEVER, Array, Doubles, Floats, unit_rows
from zhiyin.data.dataset import Dataset
from zhiyin.data.moments import DAY, settled
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.likeness import profile_vector, renewed
from zhiyin.stages import Scorer

FURTHEST = 1e6
"""Grains of age from which it makes no difference: by days, before the first year there was."""

LONGEST = float(np.log1p(FURTHEST))

AHEAD = 0.02
"""How far the newest stand above the newest but a handful: enough to be first, too little to outweigh other sources."""


@part
class Fresh(Scorer):
    """New items by the moment they became available, or were first met where that is not known.

    Items that come after fit without a date are as new as the data. Items of no known date are never given, nor those
    available only after the request's own moment. An undated catalogue without a clock has no fresh items until some
    are added. Scores rise from -1 by the logarithm of age to 0 for items as new as all but a handful of those fitted; what is
    newer is in its order within AHEAD of that. So neither a wrong year nor the newest row of all stands far from the
    others, and a new item is no newer to a ranker than what it learned from.
    """

    grain: float = setting(1.0, above=0)
    """Days within which items count as equally new."""
    space: str = setting("text")
    """The vectors that order equally new items by likeness to the profile, where the catalogue has them."""
    decay: float = setting(0.8, above=0, most=1, at_request=True)
    """How much less each earlier event of the history counts in that likeness."""

    since: Doubles = learned()
    met: Doubles = learned()
    as_of: float = learned()
    newest: float = learned()
    vectors: dict[str, Array] = learned()

    def fit(self, dataset: Dataset) -> Fresh:
        """See Retriever."""
        begin = dataset.items.windows()[0]
        met = np.full(len(dataset.items), np.inf)
        if dataset.has_clock:
            table = dataset.interactions.where(dataset.dated)
            np.minimum.at(met, table.items, table.times)
        self.met = np.where(np.isfinite(met), met, np.nan)
        self.since = np.where(np.isfinite(begin), begin, self.met)
        # Where no clock runs, dates of items can only be compared with each other.
        self.as_of = dataset.present if dataset.has_clock else _newest_of_many(begin[np.isfinite(begin)])
        known = self.since[np.isfinite(self.since)]
        self.newest = _newest_of_many(known) if len(known) else self.as_of
        matrix = dataset.items.vectors.get(self.space)
        self.vectors = {} if matrix is None else {self.space: unit_rows(matrix)}
        return self

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable. A changed item without a date is as new as when it was first met, where that is known."""
        need_fitted(self)
        grown = np.full(max(len(items), len(self.since)), self.as_of)
        grown[: len(self.since)] = self.since
        for position in changed:
            named = items[position].available_from
            if named is not None:
                grown[position] = named
            elif position < len(self.met):
                grown[position] = self.met[position]
            else:
                grown[position] = self.as_of
        self.since = grown
        if self.space in self.vectors:
            live = items.vectors.get(self.space)
            if live is not None:
                self.vectors = {self.space: renewed(self.vectors[self.space], live, changed)}

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer. Newer by a grain is better; the likeness decides within a grain."""
        need_fitted(self)
        # Whole grains from the present, or from the newest where items are dated later: 0 and below for nearly all.
        start, size = max(self.as_of, self.newest), self.grain * DAY
        ages, edge = np.floor((self.since - start) / size), float(np.floor((self.newest - start) / size)) + 1
        rows = np.empty((len(queries), len(ages)), np.float32)
        for row, query in enumerate(queries):
            closed = (self.since > query.now) & (self.since > self.as_of) & (query.now != 0)
            known = ~np.isnan(ages) & ~closed
            rows[row] = np.where(known, _bounded(ages + self._likeness(query), edge), NEVER)
        return rows

    def _likeness(self, query: Query) -> Floats:
        """0 to below 1 for every item."""
        matrix = self.vectors.get(self.space)
        if matrix is None:
            return np.zeros(len(self.since), np.float32)
        likeness = np.zeros(len(self.since), np.float32)
        likeness[: len(matrix)] = 0.45 + 0.45 * (matrix @ profile_vector(query, matrix, self.decay, 0.3))
        return likeness


def _bounded(grains: Doubles, edge: float) -> Doubles:
    """A rising map of all numbers to -1 to AHEAD, 0 at the edge. grains: of age, negative for the past. edge: 1 at most."""
    below = np.log1p(1 - np.minimum(grains, edge)) - np.log1p(1 - edge)
    above = np.log1p(np.maximum(grains - edge, 0))
    return np.asarray(np.maximum(AHEAD * np.minimum(above / LONGEST, 1) - below / LONGEST, -1), np.float64)


def _newest_of_many(dates: Doubles) -> float:
    """The newest date but for a handful, see moments.settled; 0 for none."""
    return settled(np.arange(len(dates)), dates)
