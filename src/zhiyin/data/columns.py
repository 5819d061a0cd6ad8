"""Columns of foreign tables in our terms: kinds of events as codes, attributes of items."""

from __future__ import annotations

import json
import math
from typing import Any

import polars as pl

from zhiyin.data.times import seconds
from zhiyin.errors import DataError, MissingColumn
from zhiyin.item import Attribute, Item
from zhiyin.kinds import CODES, KINDS, kind_of

TEXTS = ("text", "description", "overview")
"""Columns of items that are running text; the first that is there becomes Item.text."""

PLAIN = ("item_id", "title", "images", "available_from", "available_until", "hidden")
"""Columns of items that are no attributes."""


def need(frame: pl.DataFrame, names: tuple[str, ...], where: str) -> None:
    """Raise MissingColumn for the first name that is not there."""
    for name in names:
        if name not in frame.columns:
            raise MissingColumn(name, frame.columns, where)


def kind_names(column: pl.Series) -> pl.Series:
    """Event types in our names; null where a value is neither a kind nor a synonym of one. See kinds.toml."""
    texts = column.cast(pl.String)
    known = {text: kind_of(text) for text in texts.unique().drop_nulls()}
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
    return column.cast(pl.String).str.strip_chars()


def items_of(frame: pl.DataFrame, where: str = "items") -> list[Item]:
    """Items from a table of any columns: item_id, title, a running text, and every other column as an attribute.

    Texts like "Comedy|Drama" and lists become tuples of texts, numbers stay numbers, empty cells are left out. A
    cell that is a JSON object gives its attributes. Columns available_from, available_until, hidden and images keep their
    meaning. The last row of an item_id counts. Raises DataError.
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
        if isinstance(value, str) and value.startswith("{") and (opened := _object(value)) is not None:
            attributes |= opened
        elif (one := attribute(value)) is not None:
            attributes[name] = (one,) if name in several and isinstance(one, str) else one
    images = attribute(row.get("images"))
    return Item(
        row["item_id"],
        _joined(row.get("title")),
        _joined(row[text]) if text else "",
        attributes,
        images if isinstance(images, tuple) else (str(images),) if images else (),
        row.get("available_from"),
        row.get("available_until"),
        bool(truth(row.get("hidden"))),
    )


def _object(text: str) -> dict[str, Attribute] | None:
    """The attributes in a JSON object, None when the text is no such thing; what is nested deeper is left out."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    plain = {str(name): attribute(value) for name, value in found.items() if not isinstance(value, dict)}
    return {name: value for name, value in plain.items() if value is not None}


def _joined(value: Any) -> str:
    """A cell as running text; a list of paragraphs is joined."""
    if isinstance(value, str) and not value.startswith("["):
        return value.strip()
    found = attribute(value)
    return " ".join(found) if isinstance(found, tuple) else "" if found is None else str(value).strip()


def attribute(value: Any) -> Attribute | None:
    """A cell as an attribute value, None when it says nothing (empty, NaN, an empty list)."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return tuple(dict.fromkeys(str(one).strip() for one in value if one is not None and str(one).strip())) or None
    text = str(value).strip()
    if text.startswith("[") and text.endswith("]"):
        try:
            return attribute(json.loads(text))
        except ValueError:
            pass
    if "|" in text:
        return attribute(text.split("|"))
    return text or None


def truth(value: Any) -> bool:
    """Whether a cell says yes."""
    return value.strip().lower() in ("1", "true", "yes", "t", "y") if isinstance(value, str) else bool(value)
