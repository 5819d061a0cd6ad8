"""Events that a later one took back: a purchase that was refunded, an item that left the cart again."""

from __future__ import annotations

import numpy as np
import polars as pl

from zhiyin.arrays import Array, Bools, Doubles
from zhiyin.behaviour.kinds import CODES, TABLE

PAIRS = tuple((CODES[kind.cancels], CODES[kind.name]) for kind in TABLE if kind.cancels)
"""Codes of a kind and of the kind that takes it back."""


def taken_back(users: Array | pl.Series, items: Array | pl.Series, times: Array, kinds: Array, values: Array) -> Bools:
    """Which events are as if they had never been: see when_taken_back. [events]"""
    return when_taken_back(users, items, times, kinds, values) < np.inf


def when_taken_back(
    users: Array | pl.Series, items: Array | pl.Series, times: Array, kinds: Array, values: Array
) -> Doubles:
    """The time at which each event was taken back, from which on it is as if it had never been; inf for never. [events]

    users, items: anything that tells them apart; in order of arrival where times are equal. Each event that takes back
    meets the newest one before it of the same user and item that is still there, unless its value (a quantity or a sum)
    is less than that one's. A purchase of a negative quantity takes back as a refund does.
    """
    gone = np.full(len(kinds), np.inf)
    for kind, back in PAIRS:
        negative = (kinds == kind) & (values < 0)
        backs = (kinds == back) | negative
        if backs.any():
            rows = np.flatnonzero(((kinds == kind) & ~(values <= 0)) | backs)
            gone[rows] = _matched(users[rows], items[rows], times[rows], ~backs[rows], np.abs(values[rows]))
    return gone


def _matched(users: Array | pl.Series, items: Array | pl.Series, times: Array, opens: Bools, values: Array) -> Doubles:
    """When each of the events that open was closed by a later one, as brackets are; inf for never. All [events] of one pair of kinds."""
    frame = pl.DataFrame(
        {"user": users, "item": items, "time": times, "step": np.where(opens, 1, -1), "value": values}
    ).with_row_index("row")
    frame = frame.with_columns(pl.col("value").fill_nan(None))
    group = ("user", "item")
    frame = frame.sort("user", "item", "time", "row").with_columns(depth=pl.col("step").cum_sum().over(group))
    # A bracket that closes nothing lowers the floor from which depths are counted.
    floor = pl.min_horizontal(pl.col("depth").cum_min().over(group), 0)
    level = pl.col("depth") - floor + (pl.col("step") < 0).cast(pl.Int64)
    frame = frame.with_columns(level=level)
    after = {f"next_{name}": pl.col(name).shift(-1).over(*group, "level") for name in ("step", "value", "time")}
    whole = (pl.col("next_value") >= pl.col("value")).fill_null(True)  # without a value all of it is taken back
    closed = (pl.col("step") > 0) & (pl.col("next_step") < 0) & whole
    when = pl.when(closed.fill_null(False)).then(pl.col("next_time").cast(pl.Float64)).otherwise(np.inf)
    result = frame.with_columns(**after).select("row", when=when).sort("row")
    return np.asarray(result["when"].to_numpy(), np.float64)
