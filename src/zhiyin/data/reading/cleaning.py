"""Cleaning: rows as they came -> rows that can be stored, and for every other row the reason why not."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl

from zhiyin.arrays import Array
from zhiyin.behaviour.kinds import CODES, KINDS, TABLE, WITHOUT_ITEM
from zhiyin.data import cells, columns
from zhiyin.data.cells import is_gap, number_of
from zhiyin.data.reading.pieces import Piece, Reject
from zhiyin.data.reading.roles import Layout
from zhiyin.data.reading.typed import flat
from zhiyin.data.times import ACCEPTED, TimeForm, seconds
from zhiyin.errors import MissingColumn
from zhiyin.text.ids import AN_ID, CONTROL, LONGEST

LAST = 4_102_444_800.0
"""2100-01-01 in seconds: a later time is an error of unit."""


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
    piece = replace(piece, frame=flat(piece.frame))
    frame = _renamed(piece, layout)
    sieve = Sieve(piece)
    if "timestamp" not in frame.columns and "position" not in frame.columns:
        if not layout.ordered and any(
            _could_be_time(piece.frame[name]) for name in layout.ignored if name in piece.frame.columns
        ):
            hint = "Say which, as --name COLUMN=timestamp; or that there is none, as --ordered: the order of the rows counts."
            raise MissingColumn("timestamp", piece.frame.columns, where, hint)
        frame = frame.with_columns(pl.Series("position", piece.lines, pl.Float64))
    kinds = _kinds(frame, layout, sieve)
    made = {
        "user_id": _ids(frame, "user_id", layout, sieve),
        "item_id": _item_ids(frame, kinds, layout, sieve),
        "event_type": kinds,
        "timestamp": _times(piece, frame, layout, sieve),
        "value": _values(piece.frame, kinds, layout, sieve),
    }
    for name in ("event_id", "session_id", "request_id"):
        if name in frame.columns:
            made[name] = columns.ids(frame[name])
    if "position" in frame.columns and "timestamp" in frame.columns:
        made["position"] = frame["position"].cast(pl.Float64, strict=False).cast(pl.Int64, strict=False)
    if "propensity" in frame.columns:
        made["propensity"] = _number(frame["propensity"], "propensity", sieve)
        outside = ~made["propensity"].is_between(0, 1, closed="right")
        sieve.refuse(outside, "propensity", frame["propensity"], "a number above 0 and at most 1")
    if "context" in frame.columns or layout.context:
        made["context"] = _context(piece.frame, frame, layout, sieve)
    return sieve.keep(pl.DataFrame(made)), sieve.rejects


def item_ids(piece: Piece, layout: Layout) -> pl.Series:
    """The ids of a piece's items as they are stored, refused ones among them. [rows]"""
    name = layout.column("item_id")
    return _id_texts(piece.frame[name], name in layout.whole_ids)


def clean_rows(piece: Piece, layout: Layout, needed: tuple[str, ...]) -> tuple[pl.DataFrame, Array, list[Reject]]:
    """Items, users or edges under our names, the line of each, and the rows set aside. needed: the id columns."""
    frame = _renamed(piece, layout)
    sieve = Sieve(piece)
    frame = frame.with_columns(_ids(frame, name, layout, sieve).alias(name) for name in needed)
    return sieve.keep(frame), piece.lines[sieve.good], sieve.rejects


def one_id_a_row(piece: Piece, layout: Layout) -> Piece:
    """A row with a list of items (a basket) as a row for each of them."""
    name = layout.column("item_id")
    column = piece.frame[name] if name in piece.frame.columns else None
    if column is None:
        return piece
    if column.dtype == pl.String and bool(column.drop_nulls().str.contains(r"^\s*\[.*\]\s*$").any()):
        column = pl.Series(name, [_listed(text) for text in column], pl.List(pl.String))
    if not isinstance(column.dtype, pl.List):
        return piece
    numbered = piece.frame.with_columns(column, pl.Series("\x1fline", piece.lines)).explode(name)
    return Piece(numbered.drop("\x1fline"), numbered["\x1fline"].to_numpy(), piece.rejects, piece.remarks)


def _listed(text: str | None) -> list[str | None]:
    found = cells.attribute(text) if text else None
    return list(found) if isinstance(found, tuple) else [text]


def _could_be_time(column: pl.Series) -> bool:
    """Whether a column without a name that says so may hold times: dates, or numbers that are no flags."""
    if column.dtype.is_nested() or column.dtype == pl.Boolean:
        return False
    found = seconds(column).drop_nulls()
    return len(found) > 0.5 * max(len(column) - column.null_count(), 1) and not found.is_in([0.0, 1.0]).all()


def _renamed(piece: Piece, layout: Layout) -> pl.DataFrame:
    there = {name: new for name, new in layout.renamed.items() if name in piece.frame.columns}
    return piece.frame.select(list(there)).rename(there)


def _ids(frame: pl.DataFrame, name: str, layout: Layout, sieve: Sieve) -> pl.Series:
    if name not in frame.columns:
        frame = frame.with_columns(pl.lit("").alias(name))
    found = _id_texts(frame[name], layout.column(name) in layout.whole_ids)
    _refuse_ids(found, found.is_null() | is_gap(found), frame[name], name, sieve)
    return found


def _id_texts(column: pl.Series, whole: bool) -> pl.Series:
    if column.dtype.is_nested():
        return pl.Series([None if one is None else str(one) for one in column.to_list()], dtype=pl.String)
    found = columns.ids(column)
    return found.str.replace(r"\.0+$", "") if whole else found


def _refuse_ids(found: pl.Series, missing: pl.Series, came: pl.Series, name: str, sieve: Sieve) -> None:
    lost = found.str.contains(r"^\d(\.\d+)?[eE]\+\d\d$")
    if came.dtype.is_float():
        lost |= came.abs() >= 2.0**53
    sieve.refuse(
        lost, name, came, "an id with all its digits (a spreadsheet or a float column has cut them); write ids as text"
    )
    wrong = (found.str.len_chars() > LONGEST) | found.str.contains(CONTROL)
    sieve.refuse(missing | wrong.fill_null(False), name, came, AN_ID)
    sieve.refuse(found.str.contains(r"^\s*[\[{].*[\]}]\s*$"), name, came, f"{AN_ID}; one id, not a list or an object")


def _item_ids(frame: pl.DataFrame, kinds: pl.Series, layout: Layout, sieve: Sieve) -> pl.Series:
    free = kinds.is_in(list(WITHOUT_ITEM)).fill_null(False)
    if "item_id" not in frame.columns:
        empty = pl.repeat("", len(frame), dtype=pl.String, eager=True)
        sieve.refuse(~free, "item_id", empty, f"{AN_ID}; only {', '.join(sorted(WITHOUT_ITEM))} may have none")
        return empty
    if not free.any():
        return _ids(frame, "item_id", layout, sieve)
    found = _id_texts(frame["item_id"], layout.column("item_id") in layout.whole_ids).fill_null("")
    gaps = is_gap(found)
    _refuse_ids(found, ~free & gaps, frame["item_id"], "item_id", sieve)
    return found.set(gaps, "")


def _kinds(frame: pl.DataFrame, layout: Layout, sieve: Sieve) -> pl.Series:
    if "event_type" not in frame.columns:
        return pl.repeat(layout.kind, len(frame), dtype=pl.String, eager=True)
    found = columns.kind_names(frame["event_type"], layout.kinds)
    sieve.refuse(
        found.is_null(),
        "event_type",
        frame["event_type"],
        f"one of {', '.join(KINDS)}, a usual name of one, or one that [events] in zhiyin.toml names",
    )
    return found


def _times(piece: Piece, frame: pl.DataFrame, layout: Layout, sieve: Sieve) -> pl.Series:
    if "timestamp" not in frame.columns:
        return _number(frame["position"], "position", sieve, needed=True)
    came = frame["timestamp"]
    if layout.clock and layout.clock in piece.frame.columns:
        days, clock = seconds(came, TimeForm(layout.times.unit, layout.times.order)), piece.frame[layout.clock]
        text = pl.select(pl.from_epoch(days.cast(pl.Int64), "s").dt.strftime("%Y-%m-%d")).to_series()
        came = (text + " " + clock.cast(pl.String).str.strip_chars()).alias("timestamp")
    found = seconds(came, layout.times)
    wrong = ~found.is_between(0, LAST).fill_null(False)
    sieve.refuse(wrong, "timestamp", came, f"{ACCEPTED}, from 1970 to 2100")
    return found


def _values(frame: pl.DataFrame, kinds: pl.Series, layout: Layout, sieve: Sieve) -> pl.Series:
    found = pl.repeat(None, len(kinds), dtype=pl.Float64, eager=True)
    came = found
    for name, kind in layout.values.items():
        if name in frame.columns:
            there = frame[name]
            if kind != "value":  # a quantity beside a rating belongs to the rows that are purchases
                alike = [one.name for one in TABLE if one.value == TABLE[CODES[kind]].value]
                there = there.set(~kinds.is_in(alike).fill_null(False), None)
            numbers = _number(there, "value", sieve)
            found, came = found.fill_null(numbers), frame[name]
    sieve.refuse((kinds == "rating") & found.is_null(), "value", came, "a number: a rating needs one")
    return found


def _number(column: pl.Series, name: str, sieve: Sieve, needed: bool = False) -> pl.Series:
    found = number_of(column)
    if column.dtype == pl.String and name == "value" and found.null_count() > column.null_count():
        found = found.fill_null(cells.durations_of(column))
    empty = is_gap(column, cells.GAPS)
    wrong = (found.is_null() & (~empty | needed)) | ~found.is_finite().fill_null(True)
    sieve.refuse(wrong, name, column, "a finite number")
    return found


def _context(came: pl.DataFrame, frame: pl.DataFrame, layout: Layout, sieve: Sieve) -> pl.Series:
    objects = frame["context"].cast(pl.String) if "context" in frame.columns else pl.repeat("", len(frame), eager=True)
    wrong = [bool(text) and _object(text) is None for text in objects]
    sieve.refuse(pl.Series(wrong, dtype=pl.Boolean), "context", objects, "a JSON object")
    parts = {
        key: came[name].cast(pl.String, strict=False).str.strip_chars()
        for name, key in layout.context.items()
        if name in came.columns
    }
    if not parts:
        return objects
    gaps = {key: is_gap(column) for key, column in parts.items()}
    texts = []
    for row, text in enumerate(objects):
        more = {key: column[row] for key, column in parts.items() if not gaps[key][row]}
        texts.append(
            json.dumps({**(_object(text) or {} if text else {}), **more}, ensure_ascii=False) if more else text
        )
    return pl.Series("context", texts, pl.String)


def _object(text: str) -> dict[str, object] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
