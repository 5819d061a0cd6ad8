"""Readers: folders of neutral tables."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from zhiyin.data.columns import kind_names, seconds
from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import read_folder
from zhiyin.errors import DataError, MissingColumn
from zhiyin.event import CODES


def items_seen(dataset: Dataset, user: str) -> list[str]:
    history = dataset.history(dataset.users.position(user))
    return [dataset.items[position].item_id for position in history.items]


def test_a_csv_folder_keeps_repeats_and_the_order_of_equal_times(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text(
        "user_id,item_id,timestamp\n007,b,20\n007,a,10\n007,c,20\n007,a,10\n8,a,2012-05-24T12:00:00Z\n"
    )
    dataset = read_folder(tmp_path)
    assert items_seen(dataset, "007") == ["a", "a", "b", "c"]
    assert dataset.has_clock
    assert dataset.as_of == 1337860800.0
    assert set(dataset.interactions.kinds) == {CODES["interaction"]}


def test_every_file_form_gives_the_same_dataset(tmp_path: Path) -> None:
    rows = [{"user_id": "u1", "item_id": "i2", "timestamp": 5}, {"user_id": "u1", "item_id": "i1", "timestamp": 4}]
    lines = "".join(json.dumps(row) + "\n" for row in rows).encode()
    table = pl.DataFrame(rows)
    for name, data in {
        "events.jsonl": lines,
        "events.jsonl.gz": gzip.compress(lines),
        "events.csv": table.write_csv().encode(),
        "events.csv.gz": gzip.compress(table.write_csv().encode()),
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).write_bytes(data)
        assert items_seen(read_folder(folder), "u1") == ["i1", "i2"]


@pytest.mark.parametrize("columns", ["user_id,item_id,position", "user_id,item_id"])
def test_without_timestamps_there_is_no_clock(tmp_path: Path, columns: str) -> None:
    width = columns.count(",") + 1
    lines = [columns, *(",".join(row[:width]) for row in (["u", "x", "0"], ["u", "y", "1"], ["u", "z", "2"]))]
    (tmp_path / "events.csv").write_text("\n".join(lines))
    dataset = read_folder(tmp_path)
    assert not dataset.has_clock
    assert items_seen(dataset, "u") == ["x", "y", "z"]


def test_items_users_and_edges_are_read(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu1,i1,1\n")
    (tmp_path / "items.csv").write_text(
        "item_id,title,overview,genres,year\ni1,Heat,A heist.,Crime|Drama,1995\ni2,Up,,Animation,\n"
    )
    (tmp_path / "users.csv").write_text("user_id,age,personalise\nu2,31,yes\n")
    (tmp_path / "edges.csv").write_text("user_id,friend_id\nu1,u2\nu1,u1\n")
    dataset = read_folder(tmp_path)
    rows = {item.item_id: item for item in dataset.items.rows}
    assert rows["i1"].attributes == {"genres": ("Crime", "Drama"), "year": 1995.0}
    assert rows["i1"].text == "A heist."
    assert rows["i2"].attributes == {"genres": ("Animation",)}
    assert dataset.user_attributes["u2"] == {"age": "31"}
    assert dataset.profile(dataset.users.position("u1")).friends.tolist() == [dataset.users.position("u2")]


def test_searches_and_impressions_stay_out_of_the_interactions(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp,event_type\nu,i,1,impression\nu,i,2,buy\n")
    dataset = read_folder(tmp_path)
    assert dataset.interactions.kinds.tolist() == [CODES["purchase"]]


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("user_id,movie,timestamp\nu,i,1\n", MissingColumn, "no column 'item_id'.*movie"),
        ("user_id,item_id,timestamp\nu,i,soon\n", DataError, "'soon'"),
        ("user_id,item_id,timestamp\nu,,1\n", DataError, "no item_id"),
        ("user_id,item_id,event_type\nu,i,hug\n", DataError, "'hug' is not one of.*click"),
        ("", DataError, "empty"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    (tmp_path / "events.csv").write_text(text)
    with pytest.raises(error, match=says):
        read_folder(tmp_path)


def test_a_folder_without_events_and_one_with_two_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no events file"):
        read_folder(tmp_path)
    for name in ("events.csv", "events.jsonl"):
        (tmp_path / name).write_text("x")
    with pytest.raises(DataError, match="keep one"):
        read_folder(tmp_path)


def test_times_are_read_in_every_unit() -> None:
    moment = 1337860800.0
    texts = ["2012-05-24T12:00:00Z", "2012-05-24 12:00:00", "2012-05-24T14:00+0200", "2012-05-24T14:00:00.000+02:00"]
    assert seconds(pl.Series([*texts[:2], texts[3], "1337860800"])).to_list() == [moment] * 4
    assert seconds(pl.Series(["2012-05-24", "later"])).to_list() == [moment - 43200, None]
    for scale in (1, 1e3, 1e6, 1e9):
        assert seconds(pl.Series([int(moment * scale)])).to_list() == [moment]


def test_synonyms_of_kinds() -> None:
    assert kind_names(pl.Series(["Star", "buy", "thumbs-up", "hug", None])).to_list() == [
        "favourite",
        "purchase",
        "like",
        None,
        None,
    ]
