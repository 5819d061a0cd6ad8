"""Comments are read: the sign of what they say, and what it does to their items."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.behaviour.kinds import CODES, KINDS
from zhiyin.data.comments import comment_text, sentiments
from zhiyin.data.readers import read_folder
from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.profiles import live_profile
from zhiyin.item import Item
from zhiyin.stores.memory import MemoryStore
from zhiyin.stores.sql import SqlStore
from zhiyin.text.sentiment import sentiment_of

LABELLED = [
    json.loads(line) for line in (Path(__file__).parents[1] / "data" / "comments.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("held_out", [False, True])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_nine_in_ten_labelled_comments_have_the_right_sign(language: str, held_out: bool) -> None:
    rows = [row for row in LABELLED if (row["language"], row["held_out"]) == (language, held_out)]
    wrong = [row["text"] for row in rows if np.sign(sentiment_of(row["text"])) != row["sign"]]
    assert len(rows) == 30
    assert len(wrong) <= 3, wrong  # measured: 0 and 1 of the English, 0 and 0 of the Chinese


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("good", 1), ("not good", -1), ("not bad", 1), ("awful", -1), ("AWFUL!!!", -1), ("good but it broke", -1),
        ("it broke, but they replaced it quickly and it is great", 1), ("too small", -1), ("small", 0), ("", 0),
        ("不错", 1), ("好", 1), ("不好", -1), ("没有不好", 1), ("好看但是不好用", -1), ("虽然贵，但是好用", 1), ("？", 0),
        ("can't complain", 1), ("does it work well?", 0), ("2024-01-01", 0), ("好不好用？", 0),
    ],
)  # fmt: skip
def test_negation_degree_and_contrast(text: str, sign: int) -> None:
    assert np.sign(sentiment_of(text)) == sign


@settings(deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_read_within_bounds_and_alike_each_time(text: str) -> None:
    found = sentiment_of(text)
    assert -1 <= found <= 1
    assert found == sentiment_of(text)


def test_degrees_are_ordered() -> None:
    worst, bad, neither, good, best = map(sentiment_of, ("really terrible", "bad", "a bag", "good", "really excellent"))
    assert worst < bad < neither < good < best


def test_a_comment_weighs_as_it_speaks_and_a_rating_beside_it_wins() -> None:
    said = np.array([sentiment_of("wonderful"), sentiment_of("awful"), 0, np.nan, sentiment_of("awful")], np.float32)
    values = np.array([np.nan] * 4 + [5.0])
    weights = EventWeights(rating_scale=(1, 5)).weigh(np.full(5, CODES["comment"]), values, said)
    assert np.sign(weights).tolist() == [1, -1, 1, 1, 1]
    assert weights[0] > weights[2] == weights[3]


def test_texts_are_found_in_contexts() -> None:
    assert comment_text('{"device": "tv", "text": "nice"}') == "nice"
    assert comment_text('{"review": "nice"}') == "nice"
    assert [comment_text(one) for one in ("", "nonsense", "[1]", '{"text": 7}', '{"text": " "}')] == [""] * 5
    assert sentiments([None, "", '{"text": "awful"}', '{"text": "a bag"}']).tolist()[2:] == pytest.approx(
        [sentiment_of("awful"), 0.0]
    )


COMMENTS = [
    Event("u", "a", "comment", 1, context={"text": "Wonderful, I love it."}),
    Event("u", "b", "comment", 2, context={"text": "awful"}),
    Event("u", "c", "comment", 3, context={"text": "太差了，退货"}),
    Event("u", "d", "comment", 4, 5.0, {"text": "awful"}),
    Event("v", "b", "click", 5, context={"text": "wonderful"}),
]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_awful_never_raises_an_item(kind: str, tmp_path: Path) -> None:
    store = MemoryStore() if kind == "memory" else SqlStore(f"sqlite:///{tmp_path / 'z.db'}")
    store.log.append(COMMENTS)
    store.catalog.put([Item(one) for one in "abcd"])
    dataset = dataset_from_store(store, EventWeights(), None)
    user = dataset.users.position("u")
    trained = dataset.profile(user).history
    names = [dataset.items[one].item_id for one in trained.items]
    assert dict(zip(names, np.sign(trained.weights).tolist(), strict=True)) == {"a": 1, "b": -1, "c": -1, "d": 1}
    live = live_profile("u", store.log.past("u", KINDS), None, dataset.items, dataset.users, dataset.weights)
    assert live.history.weights.tolist() == trained.weights.tolist()
    popularity = dataset.popularity()
    assert popularity[dataset.items.vocabulary.get("c")] == 0


def test_comments_of_a_file_are_read(tmp_path: Path) -> None:
    pl.DataFrame(
        {
            "user_id": ["u", "u", "v"],
            "item_id": ["a", "b", "a"],
            "event_type": ["review", "评论", "comment"],
            "timestamp": [1.7e9, 1.7e9 + 1, 1.7e9 + 2],
            "text": ["I love it", "太差了", "terrible"],
        }
    ).write_csv(tmp_path / "events.csv")
    dataset = read_folder(tmp_path)
    assert sorted(np.sign(dataset.interactions.weights).tolist()) == [-1, -1, 1]


def test_comments_speak_of_topics_each_by_its_clause() -> None:
    grapes = ("Merlot", "Riesling", "Malbec")
    items = [
        Item(f"w{n}", f"wine {n}", attributes={"grapes": (grapes[n % 3],), "country": ("Chile", "Spain")[n % 2]})
        for n in range(12)
    ]
    store = MemoryStore()
    store.log.append(
        [
            Event("u", "w0", "comment", 1, context={"text": "Lovely Merlot, but Chile is overrated."}),
            Event("u", "w1", "comment", 2, context={"text": "I hate Riesling. Is there any Malbec?"}),
        ]
    )
    store.catalog.put(items)
    dataset = dataset_from_store(store, EventWeights(), None)
    profile = live_profile("u", store.log.past("u", KINDS), None, dataset.items, dataset.users, dataset.weights)
    liked, avoided = (
        {one.topic: one for one in group if one.reason} for group in (profile.interests, profile.dislikes)
    )
    assert set(liked) == {("grapes", "Merlot")}
    assert set(avoided) == {("country", "Chile"), ("grapes", "Riesling")}
    assert avoided["grapes", "Riesling"].evidence == (store.log.of_user("u")[1].event_id,)
    # What is said in words is no longer inferred the other way round.
    assert not {one.topic for one in profile.interests} & {one.topic for one in profile.dislikes}
