"""Readers: a folder of tables as a Dataset, and one table file as a frame."""

from __future__ import annotations

import gzip
import io
from pathlib import Path

import numpy as np
import polars as pl

from zhiyin.data import columns
from zhiyin.data.assemble import assemble
from zhiyin.data.dataset import Dataset
from zhiyin.data.times import seconds
from zhiyin.data.weights import EventWeights
from zhiyin.errors import DataError
from zhiyin.kinds import DEFAULT

ENDINGS = (".parquet", ".csv", ".csv.gz", ".jsonl", ".jsonl.gz")
"""Files a table may be in."""

ID_COLUMNS = ("user_id", "item_id", "friend_id", "event_id", "session_id", "request_id")


def read_folder(path: str | Path, weights: EventWeights | None = None) -> Dataset:
    """A folder of neutral tables as a Dataset.

    events (user_id, item_id, and timestamp or position, optionally event_type and value) must be there; items (item_id,
    title, text, any attributes), users (user_id, any attributes) and edges (user_id, friend_id) may be. Without
    timestamps `position` gives the order, without that the file does, and the dataset has no clock. Events without
    event_type are interactions, with the value as it is. Raises DataError, MissingColumn.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    frame = _table(folder, "events")
    if frame is None:
        raise DataError(f"{folder}: no events file; expected one of {', '.join('events' + end for end in ENDINGS)}")
    items, users, edges = (_table(folder, name) for name in ("items", "users", "edges"))
    where = f"{folder.name}/events"
    return assemble(
        event_columns(frame, where),
        [] if items is None else columns.items_of(items, f"{folder.name}/items"),
        weights or EventWeights(),
        has_clock="timestamp" in frame.columns,
        users={} if users is None else users_of(users, f"{folder.name}/users"),
        edges=None if edges is None else edges_of(edges, f"{folder.name}/edges"),
    )


def read_table(file: Path) -> pl.DataFrame:
    """One table, ids as text. Raises DataError that names the file when it cannot be read."""
    name = file.name.lower()
    try:
        if name.endswith(".parquet"):
            return pl.read_parquet(file)
        data = gzip.decompress(file.read_bytes()) if name.endswith(".gz") else file.read_bytes()
        if not data.strip():
            raise DataError(f"{file}: the file is empty")
        if ".csv" in name:
            header = pl.read_csv(io.BytesIO(data), n_rows=0, infer_schema=False).columns
            text: dict[str, pl.DataType] = {one: pl.String() for one in header if one in ID_COLUMNS}
            return pl.read_csv(io.BytesIO(data), schema_overrides=text, infer_schema_length=10_000)
        return pl.read_ndjson(io.BytesIO(data), infer_schema_length=10_000)
    except (pl.exceptions.PolarsError, OSError, EOFError) as error:
        raise DataError(f"{file}: cannot be read: {str(error).splitlines()[0]}") from error


def event_columns(frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Events as assemble wants them: user_id, item_id, time, kind, value. Raises DataError."""
    columns.need(frame, ("user_id", "item_id"), where)
    count = len(frame)
    kind = pl.Series([DEFAULT], dtype=pl.String).new_from_index(0, count)
    if "event_type" in frame.columns:
        kind = columns.kind_names(frame["event_type"])
        if kind.has_nulls():
            columns.kind_codes(frame["event_type"].cast(pl.String).filter(kind.is_null()))
    value = (
        frame["value"].cast(pl.Float32)
        if "value" in frame.columns
        else pl.repeat(None, count, dtype=pl.Float32, eager=True)
    )
    table = pl.DataFrame(
        {
            "user_id": columns.ids(frame["user_id"]),
            "item_id": columns.ids(frame["item_id"]),
            "time": _times(frame, where),
            "kind": columns.kind_codes(kind),
            "value": value,
        }
    )
    for name in ("user_id", "item_id"):
        if bad := int((table[name].is_null() | (table[name] == "")).sum()):
            raise DataError(f"{where}: {bad} rows have no {name}")
    return table


def _times(frame: pl.DataFrame, where: str) -> pl.Series:
    if "timestamp" in frame.columns:
        times = seconds(frame["timestamp"])
        if bad := int((times.is_null() | ~times.is_finite()).sum()):
            first = frame["timestamp"].filter(times.is_null() | ~times.is_finite())[0]
            raise DataError(f"{where}: {bad} timestamps are no times, the first {first!r}")
        return times
    if "position" in frame.columns:
        return frame["position"].cast(pl.Float64)
    return pl.Series(np.arange(len(frame), dtype=np.float64))


def users_of(frame: pl.DataFrame, where: str = "users") -> dict[str, dict[str, str]]:
    """Users' attributes as text by user id; empty cells are left out."""
    columns.need(frame, ("user_id",), where)
    names = [name for name in frame.columns if name != "user_id"]
    texts = frame.select(columns.ids(frame["user_id"]), *(pl.col(name).cast(pl.String, strict=False) for name in names))
    return {
        user: {name: value for name, value in zip(names, values, strict=True) if value}
        for user, *values in texts.iter_rows()
        if user
    }


def edges_of(frame: pl.DataFrame, where: str = "edges") -> pl.DataFrame:
    """Ties between users: user_id, friend_id as text."""
    columns.need(frame, ("user_id", "friend_id"), where)
    return frame.select(columns.ids(frame["user_id"]), columns.ids(frame["friend_id"])).drop_nulls()


def _table(folder: Path, name: str) -> pl.DataFrame | None:
    found = [folder / (name + end) for end in ENDINGS if (folder / (name + end)).is_file()]
    if len(found) > 1:
        raise DataError(f"{folder}: {name} is there {len(found)} times: {', '.join(f.name for f in found)}; keep one")
    return read_table(found[0]) if found else None
