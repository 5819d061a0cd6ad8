"""Every type of column in every role: read or refused by name, never an error of the library underneath."""

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from zhiyin.errors import ZhiyinError
from zhiyin.ingest.doctor import look_at_files
from zhiyin.ingest.files import ingest_files
from zhiyin.stores.memory import MemoryStore

NOON = dt.datetime(2024, 1, 5, 10)

COLUMNS: Mapping[str, pl.Series] = {
    "int": pl.Series([1, 2]),
    "negative": pl.Series([-1, 2]),
    "large": pl.Series([2**62, 2**62 + 1]),
    "uint8": pl.Series([1, 2], dtype=pl.UInt8),
    "uint64": pl.Series([2**63 + 1, 5], dtype=pl.UInt64),
    "int128": pl.Series([10**25, 5], dtype=pl.Int128),
    "float": pl.Series([1.0, 2.5]),
    "nan": pl.Series([float("nan"), float("inf")]),
    "text": pl.Series(["a", ""]),
    "null": pl.Series([None, None]),
    "truth": pl.Series([True, False]),
    "date": pl.Series([NOON.date()] * 2),
    "datetime": pl.Series([NOON] * 2),
    "zoned": pl.Series([NOON.replace(tzinfo=dt.UTC)] * 2),
    "time": pl.Series([NOON.time()] * 2),
    "duration": pl.Series([dt.timedelta(seconds=30)] * 2),
    "decimal": pl.Series([Decimal("1.50"), None]),
    "whole decimal": pl.Series([Decimal("12345678901234567890"), Decimal(2)]),
    "category": pl.Series(["a", "b"]).cast(pl.Categorical),
    "enum": pl.Series(["a", "b"], dtype=pl.Enum(["a", "b"])),
    "bytes": pl.Series([b"a", b"\xff"]),
    "list": pl.Series([["a", "b"], []]),
    "list of lists": pl.Series([[[1], [2]], [[3]]]),
    "list of objects": pl.Series([[{"a": 1}], [{"a": 2}]]),
    "array": pl.Series([[1.0] * 8] * 2, dtype=pl.Array(pl.Float32, 8)),
    "object": pl.Series([{"a": 1, "b": "x"}, {"a": None, "b": "y"}]),
    "deep object": pl.Series([{"a": {"b": [1]}}, {"a": {"b": [2]}}]),
}

ROLES = {
    "events": "user_id item_id timestamp event_type value rating context session_id text device position propensity brand whatever",
    "items": "item_id title text price currency stock in_stock hidden is_active status available_from images genres whatever",
    "users": "user_id age friend_id whatever",
}

BASE = {
    "events": {"user_id": ["u", "v"], "item_id": ["i", "j"], "timestamp": [1704448800, 1704448801]},
    "items": {"item_id": ["i", "j"], "title": ["A", "B"]},
    "users": {"user_id": ["u", "v"], "age": [3, 4]},
}


@pytest.mark.parametrize("kind", COLUMNS)
@pytest.mark.parametrize("table", ROLES)
def test_any_type_in_any_role_is_read_or_refused_by_name(tmp_path: Path, table: str, kind: str) -> None:
    for role in ROLES[table].split():
        path = tmp_path / f"{table}-{role}.parquet"
        pl.DataFrame({**BASE[table], role: COLUMNS[kind]}).write_parquet(path)
        for job in (
            lambda path=path: ingest_files([path], MemoryStore(), tmp_path / "quarantine"),
            lambda path=path: look_at_files([path]),
        ):
            said = refusal(job)
            assert not said or path.name in said, f"{role} of {kind} is refused without naming the file: {said}"


def refusal(job: Callable[[], object]) -> str:
    """What a job says that refuses its input; "" when it does not."""
    try:
        job()
    except ZhiyinError as error:
        return str(error)
    return ""
