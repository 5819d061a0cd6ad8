"""What a catalogue says of its items: topics, stock, numbers that filter and can be refused, and items it does not name."""

import numpy as np
import pytest

from zhiyin.candidates import Candidates
from zhiyin.data.assemble import listed
from zhiyin.data.readers import read_files
from zhiyin.item import Item, Items
from zhiyin.profile import Profile
from zhiyin.query import Condition, Query
from zhiyin.reranking.filters import Allowed, available
from zhiyin.text.attributes import Values, is_topic, out_of_stock

TOPICS = [
    ("genre", "Drama"),
    ("size", "38"),
    ("code", "007"),
    ("category_id", "shoes"),
    ("era", "1990s"),
    ("类别", "厨房"),
    ("year", "1999"),
]
NO_TOPICS = [
    ("released", "1995-01-01"), ("released", "2024-01-05T10:00:00Z"), ("released", "01-Jan-1995"), ("released", "5/1/2024"),
    ("上映", "2024年1月5日"), ("imdbid", "0114709"), ("imdb_id", "tt0114709"), ("category_id", "2053013552326770905"),
    ("isbn", "034545104X"), ("sku", "AB-1234"), ("商品编号", "A-77"), ("url", "example.org/a"), ("cover", "https://x.org/a.jpg"),
    ("new", "true"), ("new", "no"), ("新品", "是"), ("in_stock", "limited"), ("currency", "EUR"), ("opens", "10:30"),
    ("owner", "ann@example.org"), ("key", "123e4567-e89b-12d3-a456-426614174000"), ("price", "from 14.99"), ("barcode", "4006381333931"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), TOPICS)
def test_what_an_item_is_about_is_a_topic(name: str, value: str) -> None:
    assert is_topic(name, value)


@pytest.mark.parametrize(("name", "value"), NO_TOPICS)
def test_dates_ids_truths_links_and_stock_are_no_topics(name: str, value: str) -> None:
    item = Item("i", "A", attributes={name: value, "genre": ("Drama", "War")})
    assert item.tags() == (("genre", "Drama"), ("genre", "War"))
    assert item.content() == "A. Drama, War"


@pytest.mark.parametrize(
    ("attributes", "out"),
    [
        ({}, False), ({"stock": 0.0}, True), ({"stock": -3.0}, True), ({"stock": 2.0}, False), ({"in_stock": False}, True),
        ({"in_stock": True, "stock": 0.0}, False), ({"in_stock": "no"}, True), ({"in_stock": "缺货"}, True),
        ({"stock": "plenty"}, False), ({"stock": "0"}, True),
    ],
)  # fmt: skip
def test_what_is_out_of_stock_is_shown_only_when_asked_for(attributes: dict[str, object], out: bool) -> None:
    items = Items([Item("a", "A"), Item("b", "B", attributes=attributes)])  # type: ignore[arg-type]
    assert out_of_stock(items[1].attributes) == out
    assert shown(items, Query()) == ["a"] + ["b"] * (not out)
    assert items.available(0.0).tolist() == [True, not out]
    assert available(items[1], 5.0) == (not out)
    for name in attributes:
        asked = Query(conditions=(Condition(name, (str(attributes[name]).lower(),)),))
        assert shown(items, asked) == ["b"]


def test_stock_that_changes_is_seen_at_once() -> None:
    items = Items([Item("a", "A"), Item("b", "B")])
    items.put(Item("b", "B", attributes={"stock": 0.0}))
    items.put(Item("c", "C", attributes={"in_stock": False}))
    assert shown(items, Query()) == ["a"]
    items.put(Item("b", "B", attributes={"stock": 1.0}))
    assert shown(items, Query()) == ["a", "b"]


def shown(items: Items, query: Query, part: Allowed | None = None) -> list[str]:
    positions = np.arange(len(items), dtype=np.int32)
    candidates = Candidates(positions, ("s",), np.ones((len(items), 1), np.float32))
    kept = (part or Allowed()).select(query, candidates, items, len(items)).kept
    return [items[int(at)].item_id for at in positions[kept]]


@pytest.mark.parametrize(
    ("value", "texts", "meets"),
    [
        (2005.0, ["2005"], True), (2005.0, ["2005.0"], True), (2005.0, [" 2005 "], True), (2005.0, ["2006", "2005"], True),
        (2005.5, ["2005"], False), (2005.5, ["2005.5"], True), (-3.0, ["-3"], True), (0.0, ["0"], True), (0.0, ["false"], False),
        ("Red", ["red"], True), ("STRASSE", ["straße"], True), (("A", "b"), ["B"], True), ("2053013552326770905", ["2053013552326770906"], False),
        ("2053013552326770905", ["2053013552326770905"], True), (2053013552326770905.0, ["2053013552326770906"], False),
        (True, ["true"], True), (True, ["Yes"], True), (False, ["no"], True), (True, ["false"], False), ("007", ["7"], False),
        (1e3, ["1e3"], False), (3.0, ["nan"], False),
    ],
)  # fmt: skip
def test_numbers_filter_and_are_refused_by_value_and_texts_but_for_case(
    value: object, texts: list[str], meets: bool
) -> None:
    items = Items([Item("a", "A", attributes={"x": value}), Item("b", "B")])  # type: ignore[dict-item]
    assert Values(texts).meet(value) == meets  # type: ignore[arg-type]
    assert shown(items, Query(conditions=(Condition("x", tuple(texts)),))) == ["a"] * meets
    refusing = Profile("u", refusals=frozenset(("x", one) for one in texts))
    assert shown(items, Query(refusing)) == ["a"] * (not meets) + ["b"]


def test_items_that_only_events_name_are_learned_from_and_not_shown(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "e.csv").write_text("user_id,item_id,timestamp\nu,a,1\nu,gone,2\nv,a,3\n")
    (tmp_path / "i.csv").write_text("item_id,title\na,A\nnew,N\n")
    dataset, summary = read_files([tmp_path])
    hidden = {one.item_id: one.hidden for one in dataset.items.rows}
    assert hidden == {"a": False, "new": False, "gone": True}
    assert len(dataset.interactions) == 3
    assert "1 of 3 events name 1 items that are not in the catalogue" in str(summary)
    shown_too, _ = read_files([tmp_path], show_unlisted=True)
    assert not any(one.hidden for one in shown_too.items.rows)


def test_without_a_catalogue_ids_are_all_there_is() -> None:
    ids = [f"i{n}" for n in range(1000)]
    assert not any(one.hidden for one in listed([], ids).rows)
    assert not any(one.hidden for one in listed([Item("i5", "one of a thousand")], ids).rows), (
        "no catalogue of theirs yet"
    )
    assert sum(one.hidden for one in listed([Item(one, one) for one in ids[:50]], ids).rows) == 950
