"""Typed columns of Parquet as the plain ones everything else reads: texts, numbers, truths, times and lists of texts."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import polars as pl

EMBEDDING = 8
"""Numbers in a list from which on it is a vector and no attribute."""


def untyped(frame: pl.DataFrame) -> pl.DataFrame:
    """Decimals as numbers (whole ones as text, so that ids keep their digits), durations as seconds, categories as texts,
    objects as JSON. Times, lists of texts, texts, numbers and truths stay; columns of vectors go."""
    columns = []
    for name in frame.columns:
        column = frame[name]
        if not _is_vector(column):
            columns.append(_plain(column).alias(name))
    return pl.DataFrame(columns)


def flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists and objects as their JSON text, where one value was expected."""
    nested = [name for name in frame.columns if frame[name].dtype.is_nested()]
    return frame.with_columns(pl.Series(name, [_json(one) for one in frame[name]], pl.String) for name in nested)


def _plain(column: pl.Series) -> pl.Series:
    kind = column.dtype
    if isinstance(kind, pl.Decimal):
        whole = kind.scale == 0
        return column.cast(pl.String) if whole else column.cast(pl.Float64)
    if kind == pl.Duration:
        return (column.dt.total_microseconds() / 1e6).cast(pl.Float64)
    if kind in (pl.Categorical, pl.Enum, pl.Binary, pl.Null):
        return column.cast(pl.String, strict=False)
    if kind == pl.Struct:
        return pl.Series([_json(value) for value in column], dtype=pl.String)
    if isinstance(kind, pl.List | pl.Array):
        return _listed(column, kind.inner)
    if kind == pl.Object:
        return pl.Series([None if value is None else str(value) for value in column], dtype=pl.String)
    return column


def _listed(column: pl.Series, inner: Any) -> pl.Series:
    if inner.is_nested() and inner != pl.Struct:
        return pl.Series([_json(value) for value in column], dtype=pl.String)
    if inner == pl.Struct:
        return pl.Series(
            [None if value is None else [_named(one) for one in value] for value in column], dtype=pl.List(pl.String)
        )
    lists = column.arr.to_list() if isinstance(column.dtype, pl.Array) else column
    return lists.cast(pl.List(pl.String), strict=False)


def _is_vector(column: pl.Series) -> bool:
    kind = column.dtype
    if not isinstance(kind, pl.List | pl.Array) or not getattr(kind, "inner", pl.Null).is_float():
        return False
    first = column.drop_nulls()
    return len(first) > 0 and len(first[0]) >= EMBEDDING


def _named(value: Any) -> str | None:
    """What an object in a list is called: {"id": 18, "name": "Drama"} is Drama."""
    if isinstance(value, dict):
        for name in ("name", "title", "value", "label"):
            if value.get(name):
                return str(value[name])
        return _json(value)
    return None if value is None else str(value)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(_open(value), ensure_ascii=False, default=str)


def _open(value: Any) -> Any:
    if isinstance(value, pl.Series):
        return [_open(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _open(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_open(one) for one in value]
    return float(value) if isinstance(value, Decimal) else value
