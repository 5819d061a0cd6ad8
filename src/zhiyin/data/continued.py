"""Continued: what came after a timeline counted to it, item by item, as if the timeline held that too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Doubles, Ints, Longs
from zhiyin.behaviour.lately import Lately
from zhiyin.data.moments import DAY, HANDFUL
from zhiyin.data.timeline import Timeline

LONG = 10.0
"""Times the longest silence known, from which nothing fades in one: what was put to rest did not grow old meanwhile."""

LEAST = 1e-12
"""People below which there is nobody: what adding and taking away leaves of none."""


@dataclass(frozen=True)
class Continued:
    """Sums of a timeline and of what came after its last event and before a moment.

    end: the moment up to which ages are counted. taken: the items of which something came. first, last: when each of
    them was met first and last since the fit [taken]. newcomers: people who met an item for the first time [items]. added: what the events since add to
    the sums of people, each halved every half life of its age [half lives, items]. half_lives: in seconds.
    """

    end: float
    taken: Ints
    first: Doubles
    last: Doubles
    newcomers: Longs
    added: Doubles
    half_lives: Doubles

    @classmethod
    def of(cls, timeline: Timeline, recent: Lately, earlier: Doubles, end: float, size: int) -> Continued:
        """recent: events after the timeline's last. earlier: when the person of each had last been counted for the item, -inf
        for never [recent]. end: see ends. size: of the catalogue, at least."""
        fitted, half_lives = float(timeline.present[0]), timeline.half_lives * DAY
        size = max(size, int(recent.items.max(initial=-1)) + 1)
        again = np.flatnonzero(np.isfinite(earlier))  # few: most are of people who had not met the item
        old = np.where(earlier[again] > timeline.times[-1], earlier[again], np.minimum(earlier[again], fitted))
        new, old = (np.minimum(moments, end) - end for moments in (recent.times, old))
        worth = np.exp2(new / half_lives[:, None])
        worth[:, again] -= np.exp2(old / half_lives[:, None])
        last = np.flatnonzero(np.append(recent.items[1:] != recent.items[:-1], True)[: len(recent)])
        return cls(
            end,
            recent.items[last],
            recent.times[np.append(0, last[:-1] + 1)[: len(last)]],
            recent.times[last],
            np.bincount(recent.items[np.isinf(earlier)], minlength=size).astype(np.int64),
            np.stack([np.bincount(recent.items, row, size) for row in worth]).astype(np.float64),
            half_lives,
        )

    def worth_of_last(self) -> Doubles:
        """What the last person of each item of which something came counts. [half lives, taken]"""
        ages = self.end - np.minimum(self.last, self.end)
        return np.asarray(np.exp2(-ages / self.half_lives[:, None]), np.float64)


def since_fit(timeline: Timeline, lately: Lately, now: float) -> Lately:
    """What came after the timeline's last event and before now, as if there had been no silence between them that is LONG
    times the longest known: else the first few to come after a rest would alone be what people take up."""
    newest = float(timeline.times[-1])
    recent = lately.between(newest, now)
    if not len(recent):
        return recent
    longest = lately.lasting.of(timeline.times, "longest silence", lambda: _longest_silence(timeline))
    silence = float(recent.times.min()) - newest
    return recent if silence <= LONG * longest else recent.earlier(silence - longest, newest)


def _longest_silence(timeline: Timeline) -> float:
    """The longest time between two events but for a handful, which wrong dates can make; inf where so few are apart."""
    gaps = np.sort(np.diff(timeline.times))
    return float(gaps[-HANDFUL]) if len(gaps) >= HANDFUL and gaps[-HANDFUL] > 0 else np.inf


def ends(timeline: Timeline, recent: Lately, now: float) -> float:
    """The moment up to which ages are counted. recent: everything that came after the timeline's last event and before
    now: all of it is newer than all of the timeline, so the present moves on once a handful of people have come."""
    return min(now, max(float(timeline.present[0]), _settled(recent)))


def as_of(timeline: Timeline, lately: Lately, now: float) -> float:
    """A moment at which all is as it is now: the next event, inf after the last one. Ages are counted up to the present
    alone, so that between two events time changes nothing."""
    if now < timeline.present[0]:
        return now
    if now > max(timeline.times[-1], lately.newest):
        return np.inf
    place = int(np.searchsorted(timeline.times, now, side="left"))
    fitted = float(timeline.times[place]) if place < len(timeline.times) else np.inf
    return min(fitted, float(lately.times[lately.times >= now].min(initial=np.inf)))


def halvings(sums: Doubles) -> Doubles:
    """log2 of sums of faded people; -inf for nobody."""
    return np.where(sums > LEAST, np.log2(np.maximum(sums, LEAST)), -np.inf)


def _settled(recent: Lately) -> float:
    """The moment by which all but a handful had done the last thing known of them; -inf for fewer people than that."""
    last = np.full(int(recent.people.max(initial=-1)) + 1, -np.inf)
    np.maximum.at(last, recent.people, recent.times)
    return float(np.sort(last)[-HANDFUL]) if len(last) >= HANDFUL else -np.inf
