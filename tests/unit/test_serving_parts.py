"""Writes made together, the impressions' queue, the token buckets, search and filters, each alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from zhiyin.candidates import Candidates
from zhiyin.errors import DataError
from zhiyin.event import Event
from zhiyin.item import Item, Items
from zhiyin.query import Condition, Query
from zhiyin.retrieval.terms import words_of
from zhiyin.serving.impressions import Impressions
from zhiyin.serving.rates import Buckets
from zhiyin.serving.routes import condition_of
from zhiyin.serving.search import Search, reasons
from zhiyin.serving.together import Together


def test_writes_that_wait_are_made_together_and_each_is_told_of_its_own() -> None:
    made: list[list[list[int]]] = []
    begun, go = threading.Event(), threading.Event()

    def make(writes: Sequence[Sequence[int]]) -> list[int | Exception]:
        made.append([list(one) for one in writes])
        begun.set()
        go.wait(30)
        return [ValueError("odd") if 7 in one else len(one) for one in writes]

    together: Together[int] = Together(make)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(together, [1])
        begun.wait(30)
        others = [pool.submit(together, [number, number]) for number in range(2, 8)]
        while len(together._waiting) < 6:
            threading.Event().wait(0.001)
        go.set()
        assert first.result(30) == 1
        outcomes = [one.exception(30) or one.result() for one in others]
    assert outcomes[:-1] == [2] * 5
    assert isinstance(outcomes[-1], ValueError)
    assert [len(one) for one in made] == [1, 6]


def shown(user: str, number: int) -> Event:
    return Event(user, "i", "impression", 1.0, event_id=f"{user}-{number}")


def test_impressions_are_written_in_batches_and_close_writes_the_rest() -> None:
    batches: list[list[Event]] = []
    queue = Impressions(lambda events: batches.append(list(events)))
    for number in range(30):
        queue.add([shown("a", number)])
    queue.close()
    assert [event.event_id for batch in batches for event in batch] == [f"a-{number}" for number in range(30)]
    assert len(batches) < 30


def test_impressions_of_a_forgotten_user_are_never_written() -> None:
    written: list[Event] = []
    queue = Impressions(written.extend)
    queue.add([shown("a", 1), shown("b", 1)])
    queue.forget("a")
    queue.close()
    assert "b" in {event.user_id for event in written}
    queue.forget("a")


def test_a_store_that_fails_costs_impressions_not_the_thread() -> None:
    calls: list[int] = []

    def store(events: object) -> None:
        calls.append(1)
        if len(calls) == 1:
            raise OSError("disk full")

    queue = Impressions(store)
    queue.add([shown("a", 1)])
    queue.flush()
    queue.add([shown("a", 2)])
    queue.close()
    assert (queue.dropped, queue.written) == (1, 1)


def test_a_bucket_lets_a_burst_through_and_then_the_rate() -> None:
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.take("a", 0.0) for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a", 0.0) == 0.5
    assert buckets.take("b", 0.0) == 0
    assert buckets.take("a", 0.5) == 0
    assert Buckets(rate=0, burst=1).take("a", 0.0) == Buckets(rate=0, burst=1).take("a", 0.0) == 0


def test_search_finds_words_in_both_scripts_and_forgets_old_ones() -> None:
    items = Items([Item("a", "Red Merlot of Chile"), Item("b", "White Riesling"), Item("c", "红葡萄酒 梅洛")])
    search = Search(items, {})
    assert [items[int(at)].item_id for at in search.find("merlot", {}).items] == ["a"]
    assert [items[int(at)].item_id for at in search.find("葡萄酒", {}).items] == ["c"]
    assert len(search.find("nothing at all", {})) == 0
    before, (items, changed) = search, items.taking([Item("a", "Sparkling Glera")])
    search = search.taking(items, changed)
    assert len(search.find("merlot", {})) == 0
    assert len(before.find("merlot", {})) == 1, "a search of an earlier catalogue stays what it was"
    assert [items[int(at)].item_id for at in search.find("GLERA riesling", {}).items] == ["a", "b"]
    assert words_of("Ünique 知音人") == ["ünique", "知音", "音人"]


def test_words_find_an_item_whose_vector_is_still_to_come() -> None:
    items = Items(
        [Item("a", "Riesling"), Item("b", "Merlot"), Item("c", "Malbec")], {"text": np.eye(3, dtype=np.float32)}
    )
    search = Search(items, {})
    moved, changed = items.taking([Item("new", "Zweigelt ruby")])
    query = {"text": np.array([0.6, 0.5, 0.4], np.float32)}
    found = search.taking(moved, changed).find("zweigelt", query)
    assert moved[int(found.items[0])].item_id == "new"


def test_a_found_item_says_which_words_it_has() -> None:
    items = Items([Item("a", "Red Merlot of Chile"), Item("b", "White Riesling"), Item("c", "红葡萄酒 梅洛")])
    search = Search(items, {})
    query = Query(text="red merlot riesling")
    found = search.find(query.text, {})
    said = {items[int(at)].item_id: row[0] for at, row in zip(found.items, reasons(query, found, items), strict=True)}
    assert said["a"].sentence == "Has of your words: red, merlot"
    assert said["b"].sentence == "Has of your words: riesling"
    whole = Query(text="Riesling", language="zh")
    assert reasons(whole, search.find("Riesling", {}), items)[0][0].sentence == "符合你说的“Riesling”"
    near = Candidates(np.array([2], np.int32), np.ones(1, np.float32))
    assert reasons(whole, near, items)[0][0].sentence == "意思与“Riesling”相近"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("country:Italy", Condition("country", ("Italy",))),
        ("country:Italy|Chile", Condition("country", ("Italy", "Chile"))),
        ("alcohol:10..14.5", Condition("alcohol", (), 10, 14.5)),
        ("alcohol:..14", Condition("alcohol", (), None, 14)),
    ],
)
def test_a_filter_in_an_address_is_a_condition(text: str, wanted: Condition) -> None:
    assert condition_of(text) == wanted


@pytest.mark.parametrize("text", ["alcohol:ten..14", "alcohol:.."])
def test_a_filter_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DataError):
        condition_of(text)
