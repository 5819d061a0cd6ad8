"""fresh: the newest items, likest first among those equally new."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import NEVER, Array, Doubles, Floats, unit_rows
from zhiyin.data.dataset import Dataset
from zhiyin.data.timeline import DAY
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.likeness import profile_vector, with_rows
from zhiyin.stages import Scorer


@part
class Fresh(Scorer):
    """New items by the moment they became available, or were first met where that is not known.

    Items that come after fit without a date are the newest of all. Items of no known date are never given, nor those
    available only after the request's own moment. An undated catalogue without a clock has no fresh items until some
    are added.
    """

    grain: float = setting(1.0, above=0)
    """Days within which items count as equally new."""
    space: str = setting("text")
    """The vectors that order equally new items by likeness to the profile, where the catalogue has them."""
    decay: float = setting(0.8, above=0, most=1, at_request=True)
    """How much less each earlier event of the history counts in that likeness."""

    since: Doubles = learned()
    as_of: float = learned()
    vectors: dict[str, Array] = learned()

    def fit(self, dataset: Dataset) -> Fresh:
        """See Retriever."""
        begin = dataset.items.windows()[0]
        met = np.full(len(dataset.items), np.inf)
        if dataset.has_clock:
            np.minimum.at(met, dataset.interactions.items, dataset.interactions.times)
        since = np.where(np.isfinite(begin), begin, met)
        self.since = np.where(np.isfinite(since), since, np.nan)
        # Where no clock runs, dates of items can only be compared with each other.
        self.as_of = dataset.as_of if dataset.has_clock else float(np.max(begin[np.isfinite(begin)], initial=0.0))
        matrix = dataset.items.vectors.get(self.space)
        self.vectors = {} if matrix is None else {self.space: unit_rows(matrix)}
        return self

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """See Extendable. A changed item of an already known date keeps it unless it names another."""
        need_fitted(self)
        grown = np.full(max(len(items), len(self.since)), self.as_of)
        grown[: len(self.since)] = self.since
        for position in changed:
            named = items[position].available_from
            if named is not None:
                grown[position] = named
        self.since = grown
        if self.space in self.vectors:
            live = items.vectors.get(self.space)
            if live is not None:
                self.vectors = {self.space: with_rows(self.vectors[self.space], live, list(changed))}

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer. Whole numbers are grains of age, 0 for the newest; the fraction is the likeness."""
        need_fitted(self)
        ages = np.floor((self.since - self.as_of) / (self.grain * DAY))
        rows = np.empty((len(queries), len(ages)), np.float32)
        for row, query in enumerate(queries):
            known = ~np.isnan(ages) & ~((self.since > query.now) & (self.since > self.as_of))
            rows[row] = np.where(known, ages + self._likeness(query), NEVER)
        return rows

    def _likeness(self, query: Query) -> Floats:
        """0 to below 1 for every item."""
        matrix = self.vectors.get(self.space)
        if matrix is None:
            return np.zeros(len(self.since), np.float32)
        likeness = np.zeros(len(self.since), np.float32)
        likeness[: len(matrix)] = 0.45 + 0.45 * (matrix @ profile_vector(query, matrix, self.decay, 0.3))
        return likeness
