"""Cleaning: rows as they came -> rows that can be stored, and for every other row the reason why not."""

from __future__ import annotations

import json

import numpy as np
import polars as pl

from zhiyin.arrays import Array
from zhiyin.data import columns
from zhiyin.data.reading.formats import Piece, Reject
from zhiyin.data.reading.names import Layout
from zhiyin.data.times import ACCEPTED, seconds
from zhiyin.errors import MissingColumn
from zhiyin.kinds import KINDS, WITHOUT_ITEM

LONGEST_ID = 512
"""Letters of an id at most."""

LONGEST_CELL = 200_000
"""Letters of any cell at most."""

LAST = 4_102_444_800.0
"""2100-01-01 in seconds: a later time is an error of unit."""

AN_ID = f"1 to {LONGEST_ID} letters without control characters, no negative number"


class Sieve:
    """Rows of a piece that are still good, and the first reason against each of the others."""

    def __init__(self, piece: Piece) -> None:
        self.piece = piece
        self.good: Array = np.ones(len(piece.frame), np.bool_)
        self.rejects: list[Reject] = list(piece.rejects)

    def refuse(self, bad: pl.Series, column: str, values: pl.Series, allowed: str) -> None:
        """Set aside the rows for which bad is true."""
        rows = np.flatnonzero(bad.fill_null(False).to_numpy() & self.good)
        for row in rows:
            value = "" if values[int(row)] is None else str(values[int(row)])[:200]
            self.rejects.append(Reject(int(self.piece.lines[row]), column, value, allowed))
        self.good[rows] = False

    def keep(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The good rows."""
        return frame if self.good.all() else frame.filter(pl.Series(self.good))


def clean_events(piece: Piece, layout: Layout, where: str) -> tuple[pl.DataFrame, list[Reject]]:
    """Events with the columns of Event (ids still missing where there were none), and the rows set aside.

    Without a time or a position, the order of the rows is the order of the events. Raises MissingColumn where a column
    that nothing here knows could be the time under another name.
    """
    frame = _renamed(piece, layout)
    sieve = Sieve(piece)
    if "timestamp" not in frame.columns and "position" not in frame.columns:
        if layout.ignored:
            raise MissingColumn("timestamp", piece.frame.columns, where)
        frame = frame.with_columns(pl.Series("position", piece.lines, pl.Float64))
    kinds = _kinds(frame, layout, sieve)
    made = {
        "user_id": _ids(frame, "user_id", sieve),
        "item_id": _item_ids(frame, kinds, sieve),
        "event_type": kinds,
        "timestamp": _times(frame, sieve),
        "value": _values(frame, kinds, sieve),
    }
    for name in ("event_id", "session_id", "request_id"):
        if name in frame.columns:
            made[name] = columns.ids(frame[name])
    if "position" in frame.columns and "timestamp" in frame.columns:
        made["position"] = frame["position"].cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)
    if "propensity" in frame.columns:
        made["propensity"] = _number(frame, "propensity", sieve)
        outside = ~made["propensity"].is_between(0, 1, closed="right")
        sieve.refuse(outside, "propensity", frame["propensity"], "a number above 0 and at most 1")
    if "context" in frame.columns:
        made["context"] = frame["context"].cast(pl.String)
        wrong = [bool(text) and not _is_object(text) for text in made["context"]]
        sieve.refuse(pl.Series(wrong, dtype=pl.Boolean), "context", made["context"], "a JSON object")
    return sieve.keep(pl.DataFrame(made)), sieve.rejects


def clean_rows(piece: Piece, layout: Layout, needed: tuple[str, ...]) -> tuple[pl.DataFrame, list[Reject]]:
    """Items, users or edges under our names, and the rows set aside. needed: the id columns."""
    frame = _renamed(piece, layout)
    sieve = Sieve(piece)
    frame = frame.with_columns(_ids(frame, name, sieve).alias(name) for name in needed)
    for name in frame.columns:
        if frame[name].dtype == pl.String:
            sieve.refuse(
                frame[name].str.len_chars() > LONGEST_CELL, name, frame[name], f"at most {LONGEST_CELL} letters"
            )
    for name in ("available_from", "available_until"):
        if name in frame.columns:
            empty = frame[name].cast(pl.String).fill_null("").str.strip_chars() == ""
            wrong = seconds(frame[name]).is_null() & ~empty
            sieve.refuse(wrong, name, frame[name], ACCEPTED)
    return sieve.keep(frame), sieve.rejects


def numbers(frame: pl.DataFrame, sequences: tuple[str, ...] = ()) -> pl.DataFrame:
    """Text columns that hold numbers only, as numbers; codes like "007" stay text. sequences: words to be split."""
    changed = []
    for name in frame.columns:
        column = frame[name]
        if name in sequences:
            changed.append(column.str.split(" ").alias(name))
        elif column.dtype == pl.String and name not in (*columns.PLAIN, *columns.TEXTS):
            filled = column.str.strip_chars().replace("", None)
            parsed = filled.cast(pl.Float64, strict=False)
            code = filled.str.contains(r"^[+-]?0\d").any()
            if parsed.null_count() == filled.null_count() < len(filled) and not code:
                changed.append(parsed.alias(name))
    return frame.with_columns(changed)


def _renamed(piece: Piece, layout: Layout) -> pl.DataFrame:
    there = {name: new for name, new in layout.renamed.items() if name in piece.frame.columns}
    return piece.frame.select(list(there)).rename(there)


def _ids(frame: pl.DataFrame, name: str, sieve: Sieve) -> pl.Series:
    if name not in frame.columns:
        frame = frame.with_columns(pl.lit("").alias(name))
    found = columns.ids(frame[name])
    wrong = (
        found.is_null()
        | (found == "")
        | (found.str.len_chars() > LONGEST_ID)
        | found.str.contains(r"^-\d+$|[\x00-\x1f\x7f]")
    )
    sieve.refuse(wrong.fill_null(True), name, frame[name], AN_ID)
    return found


def _item_ids(frame: pl.DataFrame, kinds: pl.Series, sieve: Sieve) -> pl.Series:
    free = kinds.is_in(list(WITHOUT_ITEM)).fill_null(False)
    if "item_id" not in frame.columns:
        empty = pl.repeat("", len(frame), dtype=pl.String, eager=True)
        sieve.refuse(~free, "item_id", empty, f"{AN_ID}; only {', '.join(sorted(WITHOUT_ITEM))} may have none")
        return empty
    if not free.any():
        return _ids(frame, "item_id", sieve)
    found = columns.ids(frame["item_id"]).fill_null("")
    sieve.refuse(~free & (found == ""), "item_id", found, AN_ID)
    sieve.refuse(
        (found.str.len_chars() > LONGEST_ID) | found.str.contains(r"^-\d+$|[\x00-\x1f\x7f]"), "item_id", found, AN_ID
    )
    return found


def _kinds(frame: pl.DataFrame, layout: Layout, sieve: Sieve) -> pl.Series:
    if "event_type" not in frame.columns:
        return pl.repeat(layout.kind, len(frame), dtype=pl.String, eager=True)
    found = columns.kind_names(frame["event_type"])
    sieve.refuse(found.is_null(), "event_type", frame["event_type"], f"one of {', '.join(KINDS)}, or a synonym")
    return found


def _times(frame: pl.DataFrame, sieve: Sieve) -> pl.Series:
    if "timestamp" not in frame.columns:
        return _number(frame, "position", sieve, needed=True)
    found = seconds(frame["timestamp"])
    wrong = ~found.is_between(0, LAST).fill_null(False)
    sieve.refuse(wrong, "timestamp", frame["timestamp"], f"{ACCEPTED}, from 1970 to 2100")
    return found


def _values(frame: pl.DataFrame, kinds: pl.Series, sieve: Sieve) -> pl.Series:
    if "value" not in frame.columns:
        found = pl.repeat(None, len(frame), dtype=pl.Float64, eager=True)
    else:
        found = _number(frame, "value", sieve)
    sieve.refuse((kinds == "rating") & found.is_null(), "value", found, "a number: a rating needs one")
    return found


def _number(frame: pl.DataFrame, name: str, sieve: Sieve, needed: bool = False) -> pl.Series:
    column = frame[name]
    empty = column.is_null()
    if column.dtype == pl.String:
        empty |= column.str.strip_chars() == ""
        column = column.str.strip_chars()
    found = column.cast(pl.Float64, strict=False)
    wrong = (found.is_null() & (~empty | needed)) | ~found.is_finite().fill_null(True)
    sieve.refuse(wrong, name, column, "a finite number")
    return found


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
