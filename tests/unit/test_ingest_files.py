"""Files of other systems into the store, and what becomes of rows that cannot be read."""

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from zhiyin.errors import DataError, MissingColumn
from zhiyin.event import Event
from zhiyin.ingest.files import Summary, ingest_files
from zhiyin.stores.memory import MemoryStore


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


def ingest(store: MemoryStore, folder: Path, **files: str | bytes) -> Summary:
    """Files given as name=content, with __ for the dot, in order."""
    paths = []
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    return ingest_files(paths, store, folder / "quarantine")


def aside(folder: Path) -> list[dict[str, Any]]:
    lines = [line for path in sorted((folder / "quarantine").glob("*")) for line in path.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def facts(store: MemoryStore) -> list[tuple[Any, ...]]:
    return store.log.columns(["user_id", "item_id", "event_type", "timestamp", "value"]).rows()


def test_our_own_csv_and_the_same_event_by_request(store: MemoryStore, tmp_path: Path) -> None:
    store.log.append([Event("7", "a", "rating", 1337860800.0, 4.5)])
    text = "user_id,item_id,event_type,timestamp,value\n7,a,rating,2012-05-24T12:00:00Z,4.5\n7,b,rating,1337860801,3\n"
    summary = ingest(store, tmp_path, events__csv=text)
    assert (summary.new, summary.quarantined) == (1, 0)
    assert facts(store)[1] == ("7", "b", "rating", 1337860801.0, 3.0)


def test_repeats_are_kept_and_a_second_time_changes_nothing(store: MemoryStore, tmp_path: Path) -> None:
    text = "user_id,item_id,timestamp\n" + "u,i,5\n" * 3
    assert ingest(store, tmp_path, events__csv=text).new == 3
    before = store.fingerprint()
    assert ingest(store, tmp_path, events__csv=text).new == 0
    assert store.fingerprint() == before


def test_gorse(store: MemoryStore, tmp_path: Path) -> None:
    ingest(
        store,
        tmp_path,
        feedback__csv="FeedbackType,UserId,ItemId,Timestamp\nstar,u,i,2020-01-01T00:00:00Z\nread,u,j,2020-01-01 00:00:01\n",
        items__csv="ItemId,IsHidden,Categories,Labels,Timestamp,Comment\n"
        'i,true,film|new,"{""genre"": [""Drama"", ""Crime""]}",2020-01-01T00:00:00Z,A title\n',
        users__csv="UserId,Labels\nu,reader\n",
    )
    assert [row[2] for row in facts(store)] == ["favourite", "view"]
    item = store.catalog.get("i")
    assert item is not None
    assert (item.title, item.hidden, item.available_from) == ("A title", True, 1577836800.0)
    assert item.attributes == {"categories": ("film", "new"), "genre": ("Drama", "Crime")}
    assert store.profiles.get("u").attributes == {"labels": "reader"}


def test_personalize(store: MemoryStore, tmp_path: Path) -> None:
    ingest(
        store,
        tmp_path,
        interactions__csv="USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP\nu,i,Watch,0.5,1577836800\n",
        items__csv="ITEM_ID,CREATION_TIMESTAMP,GENRES,PRICE\ni,1577836800,Drama|Crime,9.5\n",
    )
    assert facts(store) == [("u", "i", "view", 1577836800.0, 0.5)]
    assert store.catalog.get("i").attributes == {"genres": ("Drama", "Crime"), "price": 9.5}
    assert store.catalog.get("i").available_from == 1577836800.0


def test_movielens_in_three_forms(store: MemoryStore, tmp_path: Path) -> None:
    ingest(
        store,
        tmp_path,
        ratings__dat="1::1193::5::978300760\n",
        movies__dat="1193::Amélie, or One (1975)::Drama|War\n".encode("latin-1"),
        users__dat="1::F::1::10::48067\n",
        u__data="2\t7\t3\t881250949\n",
        ratings__csv="userId,movieId,rating,timestamp\n3,8,4.5,964982703\n",
        movies__csv='movieId,title,genres\n8,"Heat, The (1995)",Action\n',
    )
    assert facts(store) == [
        ("1", "1193", "rating", 978300760.0, 5.0),
        ("2", "7", "rating", 881250949.0, 3.0),
        ("3", "8", "rating", 964982703.0, 4.5),
    ]
    assert store.catalog.get("1193").title == "Amélie, or One (1975)"
    assert store.catalog.get("1193").attributes == {"genres": ("Drama", "War")}
    assert store.catalog.get("8").title == "Heat, The (1995)"
    assert store.profiles.get("1").attributes["zip"] == "48067"


def test_recbole(store: MemoryStore, tmp_path: Path) -> None:
    ingest(
        store,
        tmp_path,
        a__inter="user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t4\t881250949\n",
        a__item="item_id:token\tmovie_title:token_seq\tclass:token_seq\n2\tToy Story\tComedy Family\n",
    )
    assert facts(store) == [("1", "2", "rating", 881250949.0, 4.0)]
    assert store.catalog.get("2").title == "Toy Story"
    assert store.catalog.get("2").attributes == {"class": ("Comedy", "Family")}


def test_amazon_reviews_of_2014_and_2023(store: MemoryStore, tmp_path: Path) -> None:
    old = {"reviewerID": "A", "asin": "B0", "overall": 5.0, "unixReviewTime": 1390000000, "helpful": [0, 0]}
    new = {"user_id": "C", "asin": "B1v", "parent_asin": "B1", "rating": 2, "timestamp": 1588687728923, "title": "no"}
    meta = {
        "parent_asin": "B1",
        "title": "Soap",
        "brand": "X",
        "categories": ["Beauty", "Bath"],
        "description": ["Soft.", "Pure."],
        "price": 3.5,
        "also_buy": ["B0"],
    }
    ingest(
        store,
        tmp_path,
        old__json=json.dumps(old) + "\n",
        new__jsonl__gz=gzip.compress((json.dumps(new) + "\n").encode()),
        meta__jsonl=json.dumps(meta),
    )
    assert facts(store) == [("A", "B0", "rating", 1390000000.0, 5.0), ("C", "B1", "rating", 1588687728.923, 2.0)]
    item = store.catalog.get("B1")
    assert (item.title, item.text) == ("Soap", "Soft. Pure.")
    assert item.attributes == {"brand": "X", "categories": ("Beauty", "Bath"), "price": 3.5}


def test_parquet_and_edges(store: MemoryStore, tmp_path: Path) -> None:
    pl.DataFrame({"UserID": [1], "item_id": [2], "ts": [1_600_000_000_000]}).write_parquet(tmp_path / "e.parquet")
    summary = ingest_files([tmp_path / "e.parquet"], store, tmp_path / "quarantine")
    ingest(store, tmp_path, edges__csv="user_id,friend_id\n1,9\n1,8\n1,9\n")
    assert summary.files[0].table == "events"
    assert facts(store) == [("1", "2", "interaction", 1.6e9, None)]
    assert store.profiles.get("1").friends == ("9", "8")


def test_new_attributes_are_added_to_what_is_stored_of_a_user(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, a__csv="user_id,age\nu,30\n", b__csv="user_id,city\nu,Köln\n")
    assert store.profiles.get("u").attributes == {"age": "30", "city": "Köln"}
    assert ingest(store, tmp_path, b__csv="user_id,city\nu,Köln\n").new == 0


BAD = [
    ("u,i,click,soon,", "timestamp", "soon", "ISO 8601"),
    ("u,i,click,32503680000,", "timestamp", "32503680000", "2100"),
    ("u,i,click,-5,", "timestamp", "-5", "1970"),
    ("u,i,hug,5,", "event_type", "hug", "purchase"),
    (",i,click,5,", "user_id", "", "characters"),
    ("u,a\x7fb,click,5,", "item_id", "a\x7fb", "control"),
    ("u,,click,5,", "item_id", "", "characters"),
    (f"{'u' * 600},i,click,5,", "user_id", "u" * 200, "512"),
    ("u,i,rating,5,NaN", "value", "NaN", "rating needs one"),
    ("u,i,dwell,5,inf", "value", "inf", "finite"),
    ("u,i,dwell,5,much", "value", "much", "finite"),
    ("u,i,rating,5,", "value", "", "rating needs one"),
    ("u,i,click,5,1,2,3", "", "u | i | click | 5 | 1 | 2 | 3", "5 cells, found 7"),
]


@pytest.mark.parametrize("quoted", [False, True])
@pytest.mark.parametrize(("row", "column", "value", "allowed"), BAD)
def test_a_bad_row_is_set_aside_with_its_line(
    store: MemoryStore, tmp_path: Path, row: str, column: str, value: str, allowed: str, quoted: bool
) -> None:
    good = '"u\n2",i,click,4,' if quoted else "u,i,click,4,"
    head = "user_id,item_id,event_type,timestamp,value\n"
    summary = ingest(store, tmp_path, events__csv=f"{head}u,i,click,3,\n{row}\nu,i,click,6,\n{good}\n")
    kept = 2 if quoted else 3  # a line break inside an id is no id either
    assert (store.log.count(), summary.new, summary.quarantined) == (kept, kept, 4 - kept)
    found = aside(tmp_path)[0]
    assert (found["line"], found["column"], found["value"]) == (3, column, value)
    assert allowed in found["allowed"]
    assert "line 3" in str(summary)


def test_broken_json_lines_are_set_aside(store: MemoryStore, tmp_path: Path) -> None:
    good = '{"user_id": "u", "item_id": "i", "timestamp": 1, "event_type": "click"}\n'
    later = '{"user_id": "u", "item_id": "i", "timestamp": 2, "event_type": "like", "context": {"device": "tv"}}\n'
    summary = ingest(
        store, tmp_path, e__jsonl=f'{{\n{good}not json\n"text"\n{{"user_id": "v", "timestamp": 2}}\n{later}'
    )
    assert (summary.new, summary.quarantined) == (2, 4)
    assert [one["line"] for one in aside(tmp_path)] == [1, 3, 4, 5]
    assert store.log.of_user("u")[1].context == {"device": "tv"}


def test_a_repaired_file_leaves_no_old_quarantine(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, e__csv="user_id,item_id,timestamp\nu,i,x\nu,i,1\n")
    assert len(aside(tmp_path)) == 1
    ingest(store, tmp_path, e__csv="user_id,item_id,timestamp\nu,i,2\nu,i,1\n")
    assert aside(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "content", "error", "says"),
    [
        ("e__csv", "who,what\n1,2\n", MissingColumn, "user_id or item_id.*what, who"),
        ("e__csv", "user_id,item_id,moment\n1,2,3\n", MissingColumn, "timestamp.*moment"),
        ("e__csv", "", DataError, "empty"),
        ("e__csv", "user_id,item_id,timestamp\n", DataError, "no row"),
        ("e__csv", "a,a\n1,2\n", DataError, "two columns"),
        ("e__csv", "user_id,item_id,timestamp\nмир,война,1\n".encode("cp1251"), DataError, "line 2.*--encoding.*iconv"),
        (
            "e__csv__gz",
            gzip.compress(b"user_id,item_id,timestamp\n" + b"u,i,1\n" * 9, mtime=0)[:-12],
            DataError,
            "cut off",
        ),
        ("e__csv__gz", b"not gzip at all", DataError, "gzip"),
        ("e__parquet", b"not parquet at all", DataError, "cannot be read"),
        ("e__jsonl", "[{}]", DataError, "one JSON object a line"),
        ("e__jsonl", "nothing\n", DataError, "not one row"),
        ("e__docx", "x", DataError, r"may be \.csv"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_by_name(
    store: MemoryStore, tmp_path: Path, name: str, content: str | bytes, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        ingest(store, tmp_path, **{name: content})
    assert name.replace("__", ".") in str(caught.value)


def test_a_missing_file_is_named(store: MemoryStore, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.csv: no such file"):
        ingest_files([tmp_path / "gone.csv"], store, tmp_path)


def test_without_times_or_positions_the_order_of_rows_counts(store: MemoryStore, tmp_path: Path) -> None:
    rows = "user_id,item_id,event_type,value\nu,b,listen,7\n,x,listen,1\nu,a,listen,5\n"
    summary = ingest(store, tmp_path, e__csv=rows)
    assert (summary.new, summary.quarantined) == (2, 1)
    assert [row[1] for row in facts(store)] == ["b", "a"]
    assert store.meta.get("has_clock") is False
    assert ingest(store, tmp_path, e__csv=rows).new == 0, "the same file again changes nothing"


def test_positions_and_times_do_not_mix(store: MemoryStore, tmp_path: Path) -> None:
    ingest(store, tmp_path, e__csv="user_id,item_id,position\nu,i,0\n")
    assert store.meta.get("has_clock") is False
    with pytest.raises(DataError, match="positions without times"):
        ingest(store, tmp_path, f__csv="user_id,item_id,timestamp\nu,i,0\n")


def test_a_file_of_many_blocks_keeps_every_row_and_line(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zhiyin.data.reading.encodings.BLOCK", 64)
    rows = [f"u{n},i{n % 7},{n}" for n in range(100)]
    rows[40] = "u,i,never"
    rows[70] = '"quoted",i,70'
    summary = ingest(store, tmp_path, e__csv="user_id,item_id,timestamp\r\n" + "\r\n".join(rows))
    assert (summary.new, summary.quarantined) == (99, 1)
    assert aside(tmp_path)[0]["line"] == 42
    assert [row[3] for row in facts(store)] == [float(n) for n in range(100) if n != 40]


@pytest.mark.parametrize("end", ["", "broken,\n"])
def test_pieces_that_end_with_the_file(
    store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("zhiyin.data.reading.separated.ROWS", 10)
    lines = "".join(f'{{"user_id": "u", "item_id": "i", "timestamp": {n}}}\n' for n in range(4))
    rows = "".join(f'"u",i,{n}\n' for n in range(4, 8))
    summary = ingest(store, tmp_path, e__jsonl=lines + end, f__csv="user_id,item_id,timestamp\n" + rows + end)
    assert (summary.new, summary.quarantined) == (8, 2 if end else 0)
    assert sum(one.read for one in summary.files) == summary.new + summary.quarantined
