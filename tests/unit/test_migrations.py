"""A store of an earlier schema opens as one of this, with nothing lost and nothing doubled."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from zhiyin.errors import DataError
from zhiyin.event import Event
from zhiyin.stores import schema
from zhiyin.stores.sql import SqlStore

V1 = Path(__file__).parents[1] / "data" / "store_v1.sql"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "zhiyin.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(V1.read_text())
    connection.close()
    return path


def test_a_store_of_the_first_schema_keeps_everything(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        query = "SELECT seq, user_id, item_id, event_type, timestamp, value, context, request_id, position FROM events"
        before = connection.execute(query + " ORDER BY seq").fetchall()
    store = SqlStore(f"sqlite:///{file}")
    with store.engine.connect() as connection:
        assert [tuple(row) for row in connection.exec_driver_sql(query + " ORDER BY seq")] == before
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert store.meta.get("schema") == schema.VERSION
    assert store.meta.get("has_clock") is True
    assert store.catalog.get("w1").attributes["grapes"] == ("Sangiovese",)
    assert store.profiles.get("u1").version == 2
    assert store.profiles.get("u1", 1).attributes == {"age": "30"}
    assert store.log.append([Event("u9", "w1", "purchase", 1.0, event_id="order-1")]) == 1, "an id is its user's own"
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT max(seq) FROM events").scalar() == len(before) + 1


def test_what_is_ingested_again_after_a_migration_is_known(file: Path) -> None:
    store = SqlStore(f"sqlite:///{file}")
    again = [
        Event("u1", "w1", "purchase", 1000.0, 2.0, event_id="order-1"),
        Event("u1", "", "search", 1001.0, context={"text": "red", "lang": "en"}),
        Event("u1", "w1", "click", 1002.0),
        Event("u2", "w2", "impression", 1003.0, None, {"shelf": "for_you"}, "s", "r1", 3, 0.25),
    ]
    assert store.log.append(again) == 0
    contexts = ['{"b": 1, "a": "é"}', "", '{"b": 1, "a": "é"}', '{"a":2}', ""]
    frame = pl.DataFrame({"context": contexts}).with_columns(
        user_id=pl.lit("u3"), item_id=pl.lit("w1"), event_type=pl.lit("purchase"), timestamp=pl.lit(2000.0)
    )
    assert store.log.append_table(frame) == 0
    assert store.log.append([Event("u1", "", "search", 1001.0, context={"text": "white"})]) == 1


def test_two_that_open_one_file_migrate_it_once(file: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: SqlStore(f"sqlite:///{file}"), range(4)))
    assert [one.log.count() for one in stores] == [9] * 4


@pytest.mark.parametrize("_again", range(5))
def test_several_that_open_a_new_file_make_it_once(tmp_path: Path, _again: int) -> None:
    url = f"sqlite:///{tmp_path / 'new.db'}"
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _: SqlStore(url), range(8)))
    assert [one.meta.get("schema") for one in stores] == [schema.VERSION] * 8
    assert stores[0].log.append([Event("u1", "w1", "purchase", 1.0)]) == 1
    assert stores[7].log.count() == 1


def test_a_later_schema_is_refused(file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(DataError, match="99"):
        SqlStore(f"sqlite:///{file}")
