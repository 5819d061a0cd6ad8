"""Standing: what all that happened before a moment says of items, the fit's events and those that came since."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zhiyin.arrays import Array, Doubles, Ints
from zhiyin.behaviour.lately import NOTHING, Lately
from zhiyin.data.continued import Continued, as_of, ends, since_fit
from zhiyin.data.timeline import DAY, Timeline

HALF_LIVES = (2.0, 14.0, 90.0)
"""Days over which recent popularity fades."""

ITEM_COLUMNS = ("popularity", "quality", "age_days", "days_since_seen", "seen_before", "tags")


def standing(facts: Mapping[str, Array], moment: float, wanted: Ints, lately: Lately = NOTHING) -> Doubles:
    """ITEM_COLUMNS, of which the tags stay nan, and recent popularity by half life. [wanted, columns]

    facts: see features.learn_facts, of data with a clock. lately: what came after the fit; the quality stays the fit's.
    """
    timeline = Timeline.from_state(facts)
    newest = float(timeline.times[-1])
    if moment > newest and lately.newest > newest:
        then = as_of(timeline, lately, moment)
        table = lately.memo.of(facts["times"], then, lambda: _continued(facts, timeline, then, lately))
    elif "latest" in facts and moment > newest and moment >= timeline.present[0]:
        # After the last event time changes nothing: a request waits for this, and nearly all of them ask for it.
        table = facts["latest"]
    else:
        return _fitted(facts, timeline, moment, wanted)
    return np.asarray(table[np.minimum(wanted, len(table) - 1)], np.float64)


def counted_until(facts: Mapping[str, Array]) -> float:
    """See stages.Counting."""
    return float(facts["times"][-1]) if "times" in facts else np.inf


def at(values: Array, wanted: Array, missing: float) -> Array:
    """values[wanted]; `missing` for items that are newer than the values."""
    inside = wanted < len(values)
    if not len(values):
        return np.full(len(wanted), missing)
    return np.where(inside, values[np.where(inside, wanted, 0)], missing)


def _fitted(facts: Mapping[str, Array], timeline: Timeline, moment: float, wanted: Ints) -> Doubles:
    """What the fit's events before a moment say. [wanted, columns]"""
    counts, last = timeline.before(moment, wanted)
    now, first = timeline.clamped(moment), timeline.first(wanted)
    people, faded = _usual(facts, timeline, moment)
    return _columns(
        counts,
        timeline.decayed(moment, wanted),
        # An item first met after this moment is one that nobody has met yet: its future must not show.
        now - np.where(first < moment, first, np.nan),
        now - np.where(last >= 0, timeline.moments[last], np.nan),
        at(facts["quality"], wanted, np.nan),
        (people, faded),
    )


def _continued(facts: Mapping[str, Array], timeline: Timeline, moment: float, lately: Lately) -> Doubles:
    """What the fit's events and those since say, before a moment after the fit. [items + 1, columns]"""
    fitted = len(timeline.starts) - 1
    recent = since_fit(timeline, lately, moment)
    if not len(recent):
        return _fitted(facts, timeline, moment, np.arange(fitted + 1, dtype=np.int32))
    counts, sums, first, last = lately.lasting.of(facts["times"], "fitted", lambda: _raw(timeline))
    end = ends(timeline, recent, moment)
    since = Continued.of(timeline, recent, recent.met, end, fitted)
    # One row more than there are items: for those that come later, which nobody has met.
    size, taken = since.added.shape[1] + 1, since.taken
    more, faded = size - fitted, np.exp2((float(timeline.present[0]) - end) / since.half_lives)
    counts = np.append(counts, np.zeros(more)) + np.append(since.newcomers, 0)
    sums = np.pad(sums * faded[:, None], ((0, 0), (0, more))) + np.pad(since.added, ((0, 0), (0, 1)))
    first, last = (np.append(times, np.full(more, np.nan)) for times in (first, last))
    first[taken], last[taken] = np.fmin(first[taken], since.first), since.last
    quality = at(facts["quality"], np.arange(size), np.nan)
    usual = float(counts.sum()) / (size - 1), sums.sum(1) / (size - 1)
    return _columns(counts, sums, end - first, end - last, quality, usual)


def _raw(timeline: Timeline) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """After the last event: people, the same faded [half lives, items], when first met and when last; nan for never. [items]"""
    everything = np.arange(len(timeline.starts) - 1, dtype=np.int32)
    counts, last = timeline.before(np.inf, everything)
    first = timeline.first(everything)
    return (
        counts.astype(np.float64),
        timeline.decayed(np.inf, everything),
        np.where(last >= 0, first, np.nan),
        np.where(last >= 0, timeline.moments[last], np.nan),
    )


def _columns(
    counts: Array, sums: Doubles, age: Doubles, unseen: Doubles, quality: Array, usual: tuple[float, Array]
) -> Doubles:
    """ITEM_COLUMNS and recent popularity. usual: people of an item on average, and the same faded."""
    people, faded = usual
    columns = {
        "popularity": np.log((counts + 1) / (people + 1)),
        "quality": quality,
        "age_days": np.log1p(np.maximum(age, 0) / DAY),
        "days_since_seen": np.log1p(np.maximum(unseen, 0) / DAY),
        "seen_before": np.log1p(counts),
        "tags": np.full(len(counts), np.nan),
    }
    recent = np.log((sums + 1) / (faded[:, None] + 1))
    return np.stack([*(columns[name] for name in ITEM_COLUMNS), *recent], 1)


def _usual(facts: Mapping[str, Array], timeline: Timeline, now: float) -> tuple[float, Array]:
    """How many people an item of the fit had met before a moment on average, all alike and faded. (number, [half lives])"""
    moments, size = facts["whole.moments"], max(len(timeline.starts) - 1, 1)
    last = int(np.searchsorted(moments, now, side="left")) - 1
    if last < 0:
        return 0.0, np.zeros(len(HALF_LIVES))
    age = timeline.clamped(now) - min(float(moments[last]), float(timeline.present[0]))
    faded = facts["whole.sums"][:, last] * np.exp2(-age / (timeline.half_lives * DAY))
    return float(facts["whole.people"][last]) / size, faded / size
