"""popular: what most people liked, over all time or decayed over recent days."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Floats, stacked
from zhiyin.behaviour.lately import Lately
from zhiyin.data.dataset import Dataset
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.recency import halvings, with_tail
from zhiyin.stages import Scorer


@part
class Popular(Scorer):
    """Counts of people per item, the same for everyone: the baseline that no part may lose to.

    Everybody counts once per item, however often they came. Without a half life, who took an item up after the fit counts
    from the next answer on; with one, trending is the part that follows.
    """

    half_life: float = setting(0.0, least=0, tune=(0.0, 7.0, 30.0, 180.0))
    """Days after which a person's last like counts half; 0 counts all time alike. Ignored where the data has no clock."""

    counts: Floats = learned()
    until: float | None = learned(added=True)

    def fit(self, dataset: Dataset) -> Popular:
        """See Retriever."""
        timed = self.half_life > 0 and dataset.has_clock
        self.counts = with_tail(halvings(dataset, self.half_life)) if timed else dataset.popularity()
        dated = dataset.liked.times[dataset.dated[dataset.interactions.weights > 0]]
        self.until = float(dated.max()) if dataset.has_clock and not timed and len(dated) else None
        return self

    def counted_until(self) -> float:
        """See Counting."""
        return np.inf if self.until is None else self.until

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        return stacked([self._row(query) for query in queries], 0)

    def _row(self, query: Query) -> Floats:
        """The counts as of a request. [items, or more where newer ones were taken up since the fit]"""
        lately, until, now = query.lately, self.counted_until(), query.now or np.inf
        if lately.newest <= until:
            return self.counts
        moment = np.inf if now > lately.newest else now
        return lately.memo.of(self.counts, moment, lambda: self._with(lately.between(until, moment).likes))

    def _with(self, likes: Lately) -> Floats:
        new = likes.items[np.isinf(likes.liked)]
        added = np.bincount(new, minlength=len(self.counts)).astype(np.float32)
        added[: len(self.counts)] += self.counts
        return added
