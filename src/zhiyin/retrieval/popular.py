"""popular: what most people liked, over all time or decayed over recent days."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.data.dataset import Dataset
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.recency import halvings, with_tail
from zhiyin.stages import Scorer


@part
class Popular(Scorer):
    """Counts of people per item, the same for everyone: the baseline that no part may lose to.

    Everybody counts once per item, however often they came.
    """

    half_life: float = setting(0.0, least=0, tune=(0.0, 7.0, 30.0, 180.0))
    """Days after which a person's last like counts half; 0 counts all time alike. Ignored where the data has no clock."""

    counts: Floats = learned()

    def fit(self, dataset: Dataset) -> Popular:
        """See Retriever."""
        timed = self.half_life > 0 and dataset.has_clock
        self.counts = with_tail(halvings(dataset, self.half_life)) if timed else dataset.popularity()
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        return np.tile(self.counts, (len(queries), 1))
