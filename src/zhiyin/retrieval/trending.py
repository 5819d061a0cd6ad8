"""trending: what people took up lately, as of the moment of the request."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import NEVER, Array, Doubles, Floats, stacked
from zhiyin.behaviour.lately import Lately
from zhiyin.data.continued import Continued, as_of, ends, halvings, since_fit
from zhiyin.data.dataset import Dataset
from zhiyin.data.timeline import Timeline
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.recency import fitting_half_life, tail
from zhiyin.stages import Scorer


@part
class Trending(Scorer):
    """Counts of people per item, each halved every half_life days before the request's own moment.

    Unlike popular, which counts at the time of fitting, it follows query.now and only reads events strictly before it, those
    after the fit (query.lately) too.
    Everybody counts once per item, by the last time they took it up, and who came last to an item does not count at all, so
    that nobody alone makes a trend; what one person took up follows, newest first. A request long after the data's own present, or of
    no known moment, is answered as of that present: in a quiet time counts do not fade to nothing, and neither a wrong
    year nor one person after years makes what was trending old. Where the data has no clock it counts all time alike.
    """

    half_life: float = setting(0.0, least=0, tune=(0.0, 3.0, 7.0, 14.0, 30.0, 90.0))
    """Days after which an event counts half; 0 takes the slowest that ranks the newest fifth of the likes as well as any."""

    counts: Floats = learned()
    timeline: dict[str, Array] = learned()

    def fit(self, dataset: Dataset) -> Trending:
        """See Retriever."""
        return self._counted(dataset, self.half_life or fitting_half_life(dataset))

    def refit(self, dataset: Dataset) -> Trending:
        """See Refitting. Likes fade as fast as was chosen: what a ranker learned to trust must be what it then hears."""
        need_fitted(self)
        return self._counted(dataset, float(self.timeline["half_lives"][0])) if self.timeline else self.fit(dataset)

    def _counted(self, dataset: Dataset, days: float) -> Trending:
        self.counts = dataset.popularity()
        liked = dataset.interactions.where((dataset.interactions.weights > 0) & dataset.dated)
        has_clock = dataset.has_clock and len(liked) > 0
        made = Timeline.of(liked, len(dataset.items), (days,), dataset.present) if has_clock else None
        self.timeline = made.state() if made else {}
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        if not self.timeline:
            return np.tile(np.where(self.counts > 0, self.counts, NEVER), (len(queries), 1))
        return stacked([self._row(query) for query in queries], NEVER)

    def counted_until(self) -> float:
        """See Counting."""
        times = self.timeline["times"] if self.timeline else np.empty(0)
        return float(times[-1]) if len(times) else np.inf

    def _row(self, query: Query) -> Floats:
        """The scores of one request; the same for all requests until something happens. [items]"""
        timeline, lately = Timeline.from_state(self.timeline), query.lately
        moment = as_of(timeline, lately, query.now or np.inf)
        return lately.memo.of(self.timeline, moment, lambda: _rising(timeline, self.timeline, moment, lately))


def _rising(timeline: Timeline, state: object, now: float, lately: Lately) -> Floats:
    """How much an item is taken up by more than one person, and far below by anybody; NEVER for nobody. [items, or more where
    newer ones were taken up since the fit]"""
    recent = since_fit(timeline, lately, now)
    several, anybody = lately.lasting.of(state, np.inf if len(recent) else now, lambda: _fitted(timeline, now))
    if len(recent):
        several, anybody = _with_lately(timeline, now, several, anybody, recent)
    found = np.asarray(np.exp2(several) + tail(anybody), np.float32)
    return np.where(found > 0, found, NEVER).astype(np.float32)


def _fitted(timeline: Timeline, now: float) -> tuple[Doubles, Doubles]:
    """log2 of the faded people of the fit, without who came last and with. Both [items]"""
    everything = np.arange(len(timeline.starts) - 1, dtype=np.int32)
    return timeline.halvings(now, everything, True)[0], timeline.halvings(now, everything)[0]


def _with_lately(
    timeline: Timeline, now: float, several: Doubles, anybody: Doubles, recent: Lately
) -> tuple[Doubles, Doubles]:
    """The same with what was taken up since the fit: what it would be, had the timeline held that too."""
    end, likes = ends(timeline, recent, now), recent.likes
    since = Continued.of(timeline, likes, likes.liked, end, len(anybody))
    faded = (end - float(timeline.present[0])) / since.half_lives[0]

    def longer(found: Doubles) -> Doubles:
        return np.concatenate([found - faded, np.full(since.added.shape[1] - len(found), -np.inf)])

    several, anybody = longer(several), longer(anybody)
    sums = np.exp2(anybody[since.taken]) + since.added[0, since.taken]
    anybody[since.taken], several[since.taken] = halvings(sums), halvings(sums - since.worth_of_last()[0])
    return several, anybody
