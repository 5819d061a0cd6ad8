"""Tables of events: the columns of Event, checked, and ids made of the content for events that come without one."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import replace
from hashlib import blake2b

import numpy as np
import polars as pl

from zhiyin.arrays import Array
from zhiyin.behaviour.kinds import KINDS, WITHOUT_ITEM
from zhiyin.errors import DataError, MissingColumn
from zhiyin.event import ID_BYTES, Event, circumstances

SCHEMA = {
    "event_id": pl.String,
    "user_id": pl.String,
    "item_id": pl.String,
    "event_type": pl.String,
    "timestamp": pl.Float64,
    "value": pl.Float64,
    "context": pl.String,
    "session_id": pl.String,
    "request_id": pl.String,
    "position": pl.Int64,
    "propensity": pl.Float64,
}
"""The columns of an event table; context is JSON text, "" for none."""


def set_apart(event: Event, undated: bool = False) -> Event:
    """An event whose id its user gave to other content before, under an id of its own; sent again it is the same one.

    undated: its time is that of its arrival and says nothing of it.
    """
    content = replace(event, timestamp=0.0) if undated else event
    return replace(event, event_id=f"{event.event_id}~{content.natural_id()}")


def tables_apart(frame: pl.DataFrame) -> pl.DataFrame:
    """The same for a table of events."""
    return frame.with_columns(pl.concat_str("event_id", natural_ids(frame, None), separator="~").alias("event_id"))


def same_content(one: Event, other: Event, undated: bool = False) -> bool:
    """Whether two events of one user and id say the same. undated: but for the time."""
    if undated:
        other = replace(other, timestamp=one.timestamp)
    return one == other


class Occurrences:
    """Numbers equal events of one source 0, 1, 2, … across the pieces in which it is read.

    A file may hold the same purchase twice: both are kept, and reading the file again gives the same numbers.
    """

    def __init__(self) -> None:
        self.seen: Array = np.empty(0, np.uint64)
        self.repeated = 0

    def number(self, keys: Array) -> Array:
        """How often each key came before it. keys: uint64 [rows], in order."""
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        first = np.searchsorted(ordered, ordered, side="left")
        counts = np.empty(len(keys), np.int64)
        counts[order] = np.arange(len(keys)) - first
        if len(self.seen):
            earlier = np.searchsorted(self.seen, ordered, side="right") - np.searchsorted(self.seen, ordered, "left")
            counts[order] += earlier
        self.repeated += int((counts > 0).sum())
        self.seen = np.sort(np.concatenate([self.seen, ordered]), kind="stable")
        return counts


def event_table(frame: pl.DataFrame, occurrences: Occurrences | None = None) -> pl.DataFrame:
    """A frame with the columns of Event, in order and type, every event with an id.

    event_id, value, context, session_id, request_id, position and propensity may be missing. An event without an id gets
    the one Event.natural_id would give, a repeat of it in the same source one of its own. Raises DataError for what
    Event would refuse.
    """
    for name in ("user_id", "item_id", "event_type", "timestamp"):
        if name not in frame.columns:
            raise MissingColumn(name, frame.columns, "event table")
    frame = frame.select(
        (pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind)).alias(name)
        for name, kind in SCHEMA.items()
    ).with_columns(pl.col("context", "item_id", "event_id").fill_null(""))
    _check(frame)
    missing = frame["event_id"] == ""
    if not missing.any():
        return frame
    made = natural_ids(frame.filter(missing), occurrences or Occurrences())
    if missing.all():
        return frame.with_columns(made.alias("event_id"))
    every = frame["event_id"].to_numpy().copy()
    every[missing.to_numpy()] = made.to_numpy()
    return frame.with_columns(pl.Series("event_id", every, pl.String))


def natural_ids(frame: pl.DataFrame, occurrences: Occurrences | None) -> pl.Series:
    """Ids of the content of each event and of how often it came before: 96 bits, the same on every machine.

    occurrences: None to give equal events one id.
    """
    starts, ends = key_parts(frame)
    digests = [_digest(start, 0, end) for start, end in zip(starts, ends, strict=True)]
    if occurrences is not None:
        whole = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, ID_BYTES)
        keys = np.ascontiguousarray(whole[:, :8]).view("<u8").ravel()
        counts = occurrences.number(keys)
        for row in np.flatnonzero(counts):
            digests[row] = _digest(starts[row], int(counts[row]), ends[row])
    text = urlsafe_b64encode(b"".join(digests)).decode()
    return pl.Series("event_id", [text[at : at + 16] for at in range(0, len(text), 16)], pl.String)


def key_parts(frame: pl.DataFrame) -> tuple[list[str], list[str]]:
    """What a natural id is made of, before and after the number of the occurrence."""
    bits = {name: _bits(frame[name]) for name in ("timestamp", "value")}
    parts = frame.select(
        pl.concat_str(
            pl.col("user_id").str.len_chars(),
            pl.col("item_id").str.len_chars(),
            "user_id",
            "item_id",
            "event_type",
            bits["timestamp"],
            bits["value"].fill_null(""),
            separator="\x1f",
        ).alias("start"),
        pl.col("session_id").fill_null("").alias("session"),
    )
    sessions = parts["session"].to_list()
    telling = frame.select("context", "request_id", "position")
    if (telling["context"] == "").all() and telling["request_id"].null_count() == telling[
        "position"
    ].null_count() == len(telling):
        return parts["start"].to_list(), sessions
    ends = [session + circumstances(*row) for session, row in zip(sessions, telling.iter_rows(), strict=True)]
    return parts["start"].to_list(), ends


def natural_id(start: str, occurrence: int, end: str) -> str:
    """One natural id from the parts of its key."""
    return urlsafe_b64encode(_digest(start, occurrence, end)).decode()


def _digest(start: str, occurrence: int, end: str) -> bytes:
    key = f"{start}\x1f{occurrence}\x1f{end}".encode("utf-8", "surrogatepass")
    return blake2b(key, digest_size=ID_BYTES).digest()


def _bits(column: pl.Series) -> pl.Series:
    numbers = column.cast(pl.Float64).fill_null(np.nan).to_numpy() + 0.0  # makes -0.0 and 0.0 one number
    whole = pl.Series(column.name, np.ascontiguousarray(numbers).view(np.int64)).cast(pl.String)
    return pl.select(pl.when(column.is_null()).then(None).otherwise(whole).alias(column.name)).to_series()


def _check(frame: pl.DataFrame) -> None:
    no_item = ~pl.col("event_type").is_in(list(WITHOUT_ITEM)) & (pl.col("item_id") == "")
    wrong = {
        "user_id is empty": pl.col("user_id").is_null() | (pl.col("user_id") == ""),
        f"event_type is not one of {', '.join(KINDS)}": ~pl.col("event_type").is_in(list(KINDS)).fill_null(False),
        "item_id is empty": no_item,
        "timestamp is not a finite number of seconds": ~pl.col("timestamp").is_finite().fill_null(False),
        "value is not a finite number": ~pl.col("value").is_finite().fill_null(True),
        "propensity is not above 0 and at most 1": ~pl.col("propensity")
        .is_between(0, 1, closed="right")
        .fill_null(True),
    }
    bad = frame.select(condition.sum().alias(what) for what, condition in wrong.items()).row(0, named=True)
    for what, count in bad.items():
        if count:
            raise DataError(f"event table: in {count} of {len(frame)} rows {what}; ingest_files sets such rows aside")
