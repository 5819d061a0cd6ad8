"""Device, place, surface and hour reach the questions that rankers learn from."""

import json

import numpy as np
import polars as pl
import pytest

from zhiyin.data.assemble import assemble
from zhiyin.data.circumstances import coded, of_row, values
from zhiyin.data.readers import event_columns
from zhiyin.data.split import all_cases_after, last_event_cases
from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.item import Item
from zhiyin.stores.memory import MemoryStore

START = 1.7e9 - 1.7e9 % 86_400


def event(user, item, hour, **context):
    return Event(user, item, "click", START + 3600 * hour, context=context)


LOG = [
    event("a", "x", 1, device="Phone"),
    event("a", "y", 9, device="desktop", place="home"),
    event("a", "z", 33, device="phone"),
    event("a", "w", 34),
    event("b", "x", 2, text="no device here"),
    event("b", "y", 30, surface="cart"),
]


@pytest.fixture
def dataset():
    store = MemoryStore()
    store.catalog.put([Item(one, one) for one in "wxyz"])
    store.log.append(LOG)
    return dataset_from_store(store, EventWeights(), None)


def test_an_interaction_keeps_what_its_event_said(dataset):
    user = dataset.users.get("a")
    told = [of_row(dataset, row) for row in range(dataset.offsets[user], dataset.offsets[user + 1])]
    assert told == [
        {"device": "phone", "hour": "1"},
        {"device": "desktop", "place": "home", "hour": "9"},
        {"device": "phone", "hour": "9"},
        {"hour": "10"},
    ]


def test_the_last_event_is_asked_for_where_it_happened(dataset):
    cases = last_event_cases(dataset)
    row = cases.users.tolist().index(dataset.users.get("b"))
    assert cases.query(row).context == {"surface": "cart", "hour": "6"}
    assert cases.only(cases.users == dataset.users.get("b")).query(0).context == {"surface": "cart", "hour": "6"}


def test_what_was_done_elsewhere_is_asked_for_apart(dataset):
    together, _ = all_cases_after(dataset, START + 86_400, np.inf)
    apart, _ = all_cases_after(dataset, START + 86_400, np.inf, keys=("device",))
    assert together.contexts == ()
    assert len(together) == 2
    assert sorted(len(one) for one in together.targets) == [1, 2]
    assert [len(one) for one in apart.targets] == [1, 1, 1]
    mine = [row for row in range(3) if apart.users[row] == dataset.users.get("a")]
    assert [dict(apart.query(row).context) for row in mine] == [{"device": "phone"}, {}]


def test_odd_contexts_are_nothing():
    texts = ["", None, "{", "[]", '{"device": ""}', '{"device": {}}', '{"device": "' + "x" * 99 + '"}', '{"device": 7}']
    codes, meant = coded(pl.Series(texts, dtype=pl.String))
    assert codes[[0, 1, 2, 3, 4, 6]].tolist() == [0] * 6
    assert meant[codes[7]] == {"device": "7"}


def test_without_a_clock_there_is_no_hour(dataset):
    table = pl.DataFrame(
        {"user_id": ["u"], "item_id": ["i"], "event_type": ["click"], "timestamp": [0.0], "value": [None]},
        schema_overrides={"value": pl.Float64},
    ).with_columns(context=pl.lit(json.dumps({"device": "tv"})))
    plain = assemble(event_columns(table), [Item("i")], EventWeights(), has_clock=False)
    assert of_row(plain, 0) == {"device": "tv"}
    assert values(plain, plain.interactions, "hour")[0].tolist() == [-1]
