"""Columns of foreign tables in our terms: kinds of events as codes, attributes of items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from zhiyin.behaviour.kinds import CODES, KINDS, KNOWN, kind_of
from zhiyin.data import cells
from zhiyin.data.times import seconds
from zhiyin.errors import DataError, MissingColumn
from zhiyin.item import Item
from zhiyin.text.attributes import Attribute

TEXTS = ("text", "description", "overview")
"""Columns of items that are running text; the first that is there becomes Item.text."""

PLAIN = ("item_id", "title", "images", "available_from", "available_until", "hidden")
"""Columns of items that are no attributes."""


def need(frame: pl.DataFrame, names: tuple[str, ...], where: str) -> None:
    """Raise MissingColumn for the first name that is not there."""
    for name in names:
        if name not in frame.columns:
            raise MissingColumn(name, frame.columns, where)


def kind_names(column: pl.Series, own: Mapping[str, str] = KNOWN) -> pl.Series:
    """Event types in our names; null where a value is neither a kind nor a synonym of one. own: see kinds.kind_of."""
    texts = column.cast(pl.String)
    known = {text: kind_of(text, own) for text in texts.unique().drop_nulls()}
    return texts.replace_strict(known, default=None, return_dtype=pl.String)


def kind_codes(names: pl.Series) -> pl.Series:
    """Codes of event.KINDS for names of kinds. Raises DataError for any other value."""
    wrong = names.filter(names.is_null() | ~names.is_in(list(KINDS)))
    if len(wrong):
        raise DataError(f"event_type {wrong[0]!r} is not one of {', '.join(KINDS)}")
    return names.replace_strict(CODES, return_dtype=pl.UInt8)


def ids(column: pl.Series) -> pl.Series:
    """Ids as text; 7.0 is '7'; null stays null."""
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        if bool((whole.cast(pl.Float64) == column).fill_null(True).all()):
            column = whole
    return column.cast(pl.String, strict=False).str.strip_chars()


def items_of(frame: pl.DataFrame, where: str = "items") -> list[Item]:
    """Items from a table of any columns: item_id, title, a running text, and every other column as an attribute.

    Texts like "Comedy|Drama" and lists become tuples of texts, numbers stay numbers, gaps are left out. A cell that is
    a JSON object gives its attributes. Columns available_from, available_until, hidden and images keep their meaning. The
    last row of an item_id counts. Raises DataError.
    """
    need(frame, ("item_id",), where)
    frame = frame.with_columns(ids(frame["item_id"]).alias("item_id"))
    for name in ("available_from", "available_until"):
        if name in frame.columns:
            frame = frame.with_columns(seconds(frame[name]).alias(name))
    text = next((name for name in TEXTS if name in frame.columns), None)
    several = _several(frame, text)
    found: dict[str, Item] = {}
    for row in frame.iter_rows(named=True):
        if not row["item_id"]:
            raise DataError(f"{where}: a row has an empty item_id: {str(row)[:200]}")
        found[row["item_id"]] = _item(row, text, several)
    return list(found.values())


def _several(frame: pl.DataFrame, text: str | None) -> frozenset[str]:
    """The columns in which some cell holds several texts: there a single text is a tuple of one."""
    names = [name for name in frame.columns if frame[name].dtype == pl.String and name not in (*PLAIN, text)]
    return frozenset(name for name in names if frame[name].str.contains("|", literal=True).any())


def _item(row: dict[str, Any], text: str | None, several: frozenset[str]) -> Item:
    attributes: dict[str, Attribute] = {}
    for name, value in row.items():
        if name in PLAIN or name == text:
            continue
        if isinstance(value, str) and value.startswith("{") and (found := cells.opened(value)) is not None:
            attributes |= found
        elif (one := cells.attribute(value)) is not None:
            attributes[name] = (one,) if name in several and isinstance(one, str) else one
    images = cells.attribute(row.get("images"))
    return Item(
        row["item_id"],
        cells.running(row.get("title"), cells.LOST),
        cells.running(row[text]) if text else "",
        attributes,
        images if isinstance(images, tuple) else (str(images),) if images else (),
        row.get("available_from"),
        row.get("available_until"),
        cells.truth(row.get("hidden")),
    )
