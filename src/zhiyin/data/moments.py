"""Moments: which times can be right, and when "now" is for data of any age. No single row decides either."""

from __future__ import annotations

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles

DAY = 86_400.0
"""Seconds."""

EARLIEST = 631_152_000.0
"""1 January 1990. What is recorded as earlier was recorded by a clock that did not run."""

HANDFUL = 5
"""People who may do what they like without moving what is called now."""

ALWAYS = (-np.inf, np.inf)
"""The window of times where nothing is known of the clock."""


def window(times: Doubles, now: float | None) -> tuple[float, float]:
    """The times that can be right: from 1990 to a day after now (None: without an end). Both ends are included.

    Data of which most lies outside has a clock of its own, such as seconds since a study began: then every time can be.
    """
    found = (EARLIEST, np.inf if now is None else now + DAY)
    right = int(inside(times, found).sum())
    return found if 2 * right >= len(times) else ALWAYS


def inside(times: Doubles, within: tuple[float, float]) -> Bools:
    """Which times lie in a window."""
    return np.asarray((times >= within[0]) & (times <= within[1]))


def settled(users: Array, times: Doubles) -> float:
    """The moment by which all but a handful of people had done the last thing known of them; 0 for no events.

    The newest row is no measure of now: it may be a wrong year, a robot, or one person who came back after years. Where
    there are few people the handful is smaller, and one person alone decides for themselves.
    """
    if not len(times):
        return 0.0
    last = np.full(int(users.max()) + 1, -np.inf)
    np.maximum.at(last, users, times)
    last = np.sort(last[np.isfinite(last)])
    return float(last[-min(HANDFUL, 1 + len(last) // 4)])
