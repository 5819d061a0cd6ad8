"""trending: what people took up lately, as of the moment of the request."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import NEVER, Array, Doubles, Floats, Ints
from zhiyin.behaviour.lately import Lately
from zhiyin.data.dataset import Dataset
from zhiyin.data.moments import DAY, HANDFUL
from zhiyin.data.timeline import Timeline
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.recency import fitting_half_life, tail
from zhiyin.stages import Scorer

LEAST = 1e-12
"""People below which there is nobody: what adding and taking away leaves of none."""


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
        asked = {(query.now, id(query.lately)): query.lately for query in queries}
        rows = {
            (now, one): _rising(timeline, now or np.inf, everything, lately) for (now, one), lately in asked.items()
        }
        found = np.zeros((len(queries), max(map(len, rows.values()), default=0)), np.float32)
        for place, query in enumerate(queries):
            row = rows[query.now, id(query.lately)]
            found[place, : len(row)] = row
        return np.where(found > 0, found, NEVER).astype(np.float32)

    def counted_until(self) -> float:
        """See Counting."""
        times = self.timeline["times"] if self.timeline else np.empty(0)
        return float(times[-1]) if len(times) else np.inf


def _rising(timeline: Timeline, now: float, items: Ints, lately: Lately) -> Floats:
    """How much an item is taken up by more than one person, and far below by anybody. [items, or more where newer ones
    were taken up since the fit]"""
    recent = lately.between(float(timeline.times[-1]), now)
    several, anybody = (timeline.halvings(now, items, alone)[0] for alone in (True, False))
    if len(recent):
        several, anybody = _with_lately(timeline, now, several, anybody, recent)
    return np.asarray(np.exp2(several) + tail(anybody), np.float32)


def _with_lately(
    timeline: Timeline, now: float, several: Doubles, anybody: Doubles, recent: Lately
) -> tuple[Doubles, Doubles]:
    """The same with what was taken up since the fit: what it would be, had the timeline held that too.

    Everybody in recent is newer than all of the timeline, so the present moves on once a handful of them have come.
    """
    half_life, fitted = float(timeline.half_lives[0]) * DAY, float(timeline.present[0])
    end = min(now, max(fitted, _settled(recent)))
    size = max(len(anybody), int(recent.items.max()) + 1)
    faded = (end - timeline.clamped(now)) / half_life

    def worth(times: Doubles) -> Doubles:
        return np.asarray(np.exp2((np.minimum(times, end) - end) / half_life), np.float64)

    def longer(found: Doubles) -> Doubles:
        return np.concatenate([found - faded, np.full(size - len(found), -np.inf)])

    old = np.where(recent.earlier > timeline.times[-1], recent.earlier, np.minimum(recent.earlier, fitted))
    added = np.bincount(recent.items, worth(recent.times) - worth(old), size).astype(np.float64)
    last = np.flatnonzero(np.append(recent.items[1:] != recent.items[:-1], True))  # rows are by item, then time
    taken = recent.items[last]
    several, anybody = longer(several), longer(anybody)
    sums = np.exp2(anybody[taken]) + added[taken]
    anybody[taken], several[taken] = _halvings(sums), _halvings(sums - worth(recent.times[last]))
    return several, anybody


def _halvings(sums: Doubles) -> Doubles:
    return np.where(sums > LEAST, np.log2(np.maximum(sums, LEAST)), -np.inf)


def _settled(recent: Lately) -> float:
    """The moment by which all but a handful had done the last thing known of them; -inf for fewer people than that."""
    last = np.full(int(recent.people.max()) + 1, -np.inf)
    np.maximum.at(last, recent.people, recent.times)
    return float(np.sort(last)[-HANDFUL]) if len(last) >= HANDFUL else -np.inf
