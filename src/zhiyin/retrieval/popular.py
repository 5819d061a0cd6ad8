"""popular: what most people liked, over all time or decayed over recent days."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.data.dataset import Dataset
from zhiyin.data.timeline import DAY
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.stages import Scorer


@part
class Popular(Scorer):
    """Counts of people per item, the same for everyone: the baseline that no part may lose to."""

    half_life: float = setting(0.0, least=0, tune=(0.0, 7.0, 30.0, 180.0))
    """Days after which an event counts half; 0 counts all time alike. Ignored where the data has no clock."""

    counts: Floats = learned()

    def fit(self, dataset: Dataset) -> Popular:
        """See Retriever."""
        if self.half_life and dataset.has_clock:
            age = (dataset.as_of - dataset.liked.times) / (self.half_life * DAY)
            weights = np.exp2(-age)
        else:
            weights = np.ones(len(dataset.liked))
        counts = np.bincount(dataset.liked.items, weights, minlength=len(dataset.items))
        self.counts = counts.astype(np.float32)
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        return np.tile(self.counts, (len(queries), 1))
