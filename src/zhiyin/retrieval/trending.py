"""trending: what people took up lately, as of the moment of the request."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import NEVER, Array, Floats, Ints
from zhiyin.data.dataset import Dataset
from zhiyin.data.timeline import Timeline
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.recency import fitting_half_life, tail
from zhiyin.stages import Scorer


@part
class Trending(Scorer):
    """Counts of people per item, each halved every half_life days before the request's own moment.

    Unlike popular, which counts at the time of fitting, it follows query.now and only reads events strictly before it.
    Everybody counts once per item, by the last time they took it up, and who came last to an item does not count at all, so
    that nobody alone makes a trend; what one person took up follows, newest first. A request long after the data's own present, or of
    no known moment, is answered as of that present: in a quiet time counts do not fade to nothing, and neither a wrong
    year nor one person after years makes what was trending old. Where the data has no clock it counts all time alike.
    """

    half_life: float = setting(0.0, least=0, tune=(0.0, 3.0, 7.0, 14.0, 30.0, 90.0))
    """Days after which an event counts half; 0 takes what would have ranked the newest tenth of the likes best."""

    counts: Floats = learned()
    timeline: dict[str, Array] = learned()

    def fit(self, dataset: Dataset) -> Trending:
        """See Retriever."""
        self.counts = dataset.popularity()
        liked = dataset.interactions.where((dataset.interactions.weights > 0) & dataset.dated)
        has_clock = dataset.has_clock and len(liked) > 0
        days = self.half_life or fitting_half_life(dataset)
        made = Timeline.of(liked, len(dataset.items), (days,), dataset.present) if has_clock else None
        self.timeline = made.state() if made else {}
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        if not self.timeline:
            return np.tile(np.where(self.counts > 0, self.counts, NEVER), (len(queries), 1))
        timeline, everything = Timeline.from_state(self.timeline), np.arange(len(self.counts), dtype=np.int32)
        rows = {now: _rising(timeline, now or np.inf, everything) for now in {query.now for query in queries}}
        found = np.stack([rows[query.now] for query in queries])
        return np.where(found > 0, found, NEVER).astype(np.float32)


def _rising(timeline: Timeline, now: float, items: Ints) -> Floats:
    """How much an item is taken up by more than one person, and far below by anybody. [items]"""
    several, anybody = (timeline.halvings(now, items, alone)[0] for alone in (True, False))
    return np.asarray(np.exp2(several) + tail(anybody), np.float32)
