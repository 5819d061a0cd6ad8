"""A wish in words or topics is heard beside the history: it finds items of its own, moves the list, and is named as the reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zhiyin.arrays import unit_rows
from zhiyin.data.dataset import Dataset, build
from zhiyin.explanation.evidence import Evidence
from zhiyin.explanation.templates import Templates
from zhiyin.item import Item, Items
from zhiyin.profile import ASKED_FOR, Interest
from zhiyin.query import Query
from zhiyin.ranking.blend import Blend
from zhiyin.recommender import Answer, Recommender, Shelf
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.retrieval.wish import Wish

COLOURS = ("red", "white", "green", "blue")


def dataset() -> Dataset:
    """48 items of four colours, each with the colour's vector and a little of its own; people keep to one colour."""
    chance = np.random.default_rng(3)
    rows = [Item(f"i{n}", f"thing {n}", attributes={"colour": COLOURS[n % 4]}) for n in range(48)]
    items = Items.of(rows)
    vectors = np.eye(4)[[COLOURS.index(str(row.attributes["colour"])) for row in items.rows]]
    items.set_vectors("text", unit_rows(np.hstack([vectors, 0.2 * chance.random((48, 6))])))
    users = [f"u{n // 6}" for n in range(240)]
    return build(users, items, [f"i{(n // 6) % 4 + 4 * chance.integers(0, 12)}" for n in range(240)], np.arange(240.0))


@pytest.fixture(scope="module")
def made() -> tuple[Recommender, Dataset]:
    data = dataset()
    shelves = {"trending": Shelf(("popular",), rank=False)}
    parts = {"transition": Transition(), "popular": Popular()}
    explain = [Evidence(), Templates()]
    few = {"transition": 12, "popular": 12}
    recommender = Recommender(retrieve=parts, rank=[Blend()], explain=explain, shelves=shelves, per_source=few)
    return recommender.fit(data), data


def colours(answer: Answer, data: Dataset) -> list[str]:
    return [str(data.items[int(at)].attributes["colour"]) for at in answer.candidates.items]


def wish_for(colour: str) -> dict[str, np.ndarray]:
    return {"text": np.eye(10, dtype=np.float32)[COLOURS.index(colour)]}


def test_a_wish_in_words_changes_the_list_of_someone_with_a_history(made: tuple[Recommender, Dataset]) -> None:
    recommender, data = made
    profile = data.profile(data.users.position("u0"))  # red
    plain = recommender.recommend(Query(profile, n=8))
    asked = recommender.recommend(Query(profile, n=8, text="blue", text_vectors=wish_for("blue")))
    assert colours(plain, data).count("red") > colours(plain, data).count("blue")
    assert colours(asked, data).count("blue") >= 6
    first = asked.candidates.reasons[0][0]
    assert (first.kind, first.source, first.sentence) == ("text", "wish", "Matches your words “blue”")
    assert asked.candidates.shares is not None
    assert (asked.candidates.shares.sum(1) < 1.0001).all()


def test_the_history_decides_among_items_that_fit_alike(made: tuple[Recommender, Dataset]) -> None:
    recommender, data = made
    counts = {}
    for user in ("u0", "u2"):  # red, green
        profile = data.profile(data.users.position(user))
        found = colours(recommender.recommend(Query(profile, n=8, text="red or green")), data)
        counts[user] = found.count("red") - found.count("green")
        assert set(found) == {"red", "green"}
    assert counts["u0"] > counts["u2"]


def test_a_topic_asked_for_comes_up_and_says_so(made: tuple[Recommender, Dataset]) -> None:
    recommender, data = made
    profile = data.profile(data.users.position("u0"))
    plain = recommender.recommend(Query(profile, n=8))
    green = Interest(("colour", "green"), 1.0, reason=ASKED_FOR)
    asked = recommender.recommend(Query(replace(profile, interests=(green,)), n=8))
    assert colours(asked, data).count("green") > colours(plain, data).count("green")
    reasons = [one for row in asked.candidates.reasons for one in row if one.kind == "wish"]
    assert {one.sentence for one in reasons} == {"You asked for colour green"}
    inferred = Interest(("colour", "green"), 1.0)
    same = recommender.recommend(Query(replace(profile, interests=(inferred,)), n=8))
    assert same.candidates.items.tolist() == plain.candidates.items.tolist()


def test_words_find_the_attributes_that_hold_them(made: tuple[Recommender, Dataset]) -> None:
    data = made[1]
    found = Wish().answers([Query(text="something Green, please")], data.items).retrieve([Query()], 5)[0]
    assert {data.items[int(at)].attributes["colour"] for at in found.items} == {"green"}


def test_a_batch_with_and_without_wishes_equals_singles(made: tuple[Recommender, Dataset]) -> None:
    recommender, data = made
    plain = [Query(data.profile(user), n=6) for user in range(4)]
    wishing = [replace(one, text="green", text_vectors=wish_for("green")) for one in plain]
    shelved = [replace(one, shelf="trending") for one in wishing]
    queries = [one for row in zip(plain, wishing, shelved, strict=True) for one in row]
    for alone, together in zip(map(recommender.recommend, queries), recommender.recommend_batch(queries), strict=True):
        assert alone.candidates.items.tolist() == together.candidates.items.tolist()
        np.testing.assert_allclose(alone.candidates.scores, together.candidates.scores, rtol=1e-5)
    untouched = recommender.recommend(shelved[0]).candidates.items.tolist()
    assert untouched == recommender.recommend(replace(plain[0], shelf="trending")).candidates.items.tolist()
