"""Items as a polars table and back: one row an item, attributes and images as JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterable

import polars as pl

from zhiyin.item import Item
from zhiyin.text.attributes import Attribute

SCHEMA = {
    "item_id": pl.String,
    "title": pl.String,
    "text": pl.String,
    "attributes": pl.String,
    "images": pl.String,
    "available_from": pl.Float64,
    "available_until": pl.Float64,
    "hidden": pl.Boolean,
}


def items_to_frame(items: Iterable[Item]) -> pl.DataFrame:
    """One row an item."""
    rows = [
        (
            item.item_id,
            item.title,
            item.text,
            json.dumps(dict(item.attributes), ensure_ascii=False),
            json.dumps(item.images, ensure_ascii=False),
            item.available_from,
            item.available_until,
            item.hidden,
        )
        for item in items
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def items_from_frame(frame: pl.DataFrame) -> list[Item]:
    """The items of a table written by items_to_frame."""
    return [
        Item(item_id, title, text, attributes_from_json(attributes), tuple(json.loads(images)), begin, end, hidden)
        for item_id, title, text, attributes, images, begin, end, hidden in frame.select(list(SCHEMA)).iter_rows()
    ]


def attributes_from_json(text: str) -> dict[str, Attribute]:
    """Attributes from their JSON text; lists become tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in json.loads(text).items()}
