"""What people who registered alike take up more than others."""

from dataclasses import replace
from unittest.mock import patch

import numpy as np
import pytest

from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset, build
from zhiyin.data.segments import Segments, said
from zhiyin.data.split import leave_one_out
from zhiyin.evaluation.lists import ranked_lists
from zhiyin.explanation.evidence import Evidence
from zhiyin.explanation.templates import Templates
from zhiyin.item import Item, Items
from zhiyin.profile import Profile
from zhiyin.query import Query
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.segment import CLAIMED, Segment
from zhiyin.retrieval.segment_worth import shrinkages
from zhiyin.testing.made import small_dataset

ITEMS = Items.of([Item(f"i{n}", f"Title {n}") for n in range(12)])


def world(people: int = 200, seed: int = 0) -> Dataset:
    """Half of the people are from Germany and like the first six of twelve items more often, half from Chile."""
    rng = np.random.default_rng(seed)
    users, items = [], []
    for number in range(people):
        own, other = (range(6), range(6, 12)) if number % 2 else (range(6, 12), range(6))
        liked = [*rng.choice(list(own), 3, replace=False), *rng.choice(list(other), 1)]
        users += [f"u{number}"] * len(liked)
        items += [f"i{one}" for one in liked]
    told = {
        f"u{n}": {"country": "Germany" if n % 2 else "Chile", "gender": "fm"[n // 2 % 2], "age": str(20 + n % 50)}
        for n in range(people)
    }
    data = build(users, ITEMS, items, np.arange(len(users), dtype=np.float64))
    return replace(data, user_attributes=told)


def asking(**attributes: str) -> Query:
    return Query(Profile("new", attributes=attributes))


def test_the_first_list_follows_the_country_where_that_decides() -> None:
    data = world()
    part = Segment().fit(data)
    assert set(part.added) == {"country"}, "gender and age say nothing here"
    for country, best in (("Germany", range(6)), ("CHILE ", range(6, 12))):
        found = part.retrieve([asking(country=country)], 6)[0]
        assert sorted(data.items[int(at)].item_id for at in found.items) == sorted(f"i{n}" for n in best)


def test_what_few_people_share_is_no_segment() -> None:
    data = world()
    told = {user: {**one, "mail": f"{user}@example.com"} for user, one in data.user_attributes.items()}
    told["u1"] = {**told["u1"], "country": "Tuvalu"}
    table = Segments.of(replace(data, user_attributes=told))
    assert {name for name, _ in table.names} == {"country", "gender", "age"}
    assert ("country", "tuvalu") not in table.names


def test_two_attributes_that_say_the_same_count_once() -> None:
    data = world()
    twice = {user: {**one, "language": one["country"]} for user, one in data.user_attributes.items()}
    asked = [asking(country="Germany"), asking(country="Germany", language="Germany")]
    once, both = (
        Segment().fit(data).scores(asked[:1])[0],
        Segment().fit(replace(data, user_attributes=twice)).scores(asked[1:])[0],
    )
    spread = [float(np.ptp(np.log(one / data.popularity()))) for one in (once, both)]
    assert 0.8 < spread[1] / spread[0] < 1.25, "twice as sure would be 2"


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("Age", "34", {"30-39": "30-39"}), ("age", "thirties", {"thirties": "thirties"}), ("age", " ", {}),
        ("interests", "Jazz,  Wine;jazz", {"jazz": "jazz", "wine": "Wine"}), ("兴趣", "音乐、酒", {"音乐": "音乐", "酒": "酒"}),
        ("zip", "34", {"34": "34"}),
    ],
)  # fmt: skip
def test_attributes_are_read_as_values(name: str, text: str, values: dict[str, str]) -> None:
    assert said({name: text})[name.casefold()] == values


def explained(data: Dataset, query: Query) -> Candidates:
    made = Recommender(retrieve=[Segment()], explain=[Evidence(), Templates()]).fit(data)
    return made.recommend(query).candidates


@pytest.mark.parametrize(
    ("language", "start"),
    [("en", "Chosen by "), ("de", "Von "), ("zh", "有 ")],
)
def test_the_reason_counts_people_who_said_the_same(language: str, start: str) -> None:
    data = world()
    found = explained(data, replace(asking(country="germany"), language=language))
    germans = [n for n in range(200) if n % 2]
    for row, (reason,) in enumerate(found.reasons[:6]):
        counted = sum(int(found.items[row]) in data.history(data.users.position(f"u{n}")).items for n in germans)
        assert (reason.kind, reason.topic, reason.number) == ("segment", ("country", "germany"), counted)
        assert reason.sentence.startswith(start)
        assert str(counted) in reason.sentence
        assert "germany" in reason.sentence


def test_no_reason_names_a_segment_that_takes_an_item_up_less_than_others() -> None:
    found = explained(world(), asking(country="Germany"))
    assert {reasons[0].kind for reasons in found.reasons[6:]} == {"popular"}


def test_fewer_than_three_people_are_not_named() -> None:
    data = world()
    rare = Items.of([*ITEMS.rows, Item("rare", "Rare")])
    table = data.interactions
    for people in (CLAIMED - 1, CLAIMED):
        names = [data.users[int(user)] for user in table.users] + [f"u{2 * n + 1}" for n in range(people)]
        ids = [ITEMS[int(at)].item_id for at in table.items] + ["rare"] * people
        made = build(names, rare, ids, np.arange(len(ids), dtype=np.float64))
        part = Segment().fit(replace(made, user_attributes=data.user_attributes))
        told = part.counted(asking(country="Germany"), np.array([rare.vocabulary.position("rare")], np.int32))
        assert told == ((None,) if people < CLAIMED else ((("country", "Germany"), CLAIMED),))


def test_where_only_some_people_like_anything_nothing_is_made_of_the_others() -> None:
    """Not even where those are all that one half of the people would be."""
    data = world()
    half = np.random.default_rng(0).random(len(data.users)) < 0.5
    for silent in (half, ~half):
        few = data.only(~silent[data.interactions.users])
        part = Segment().fit(few)
        assert not part.speaks()
        assert len(part.retrieve([asking(country="Germany")], 5)[0]) == 0


def test_an_attribute_that_says_next_to_nothing_is_not_read() -> None:
    likes = world().binary()
    table = Segments.of(world())
    assert set(shrinkages(table, likes)) == {"country"}
    with patch("zhiyin.retrieval.segment_worth.LEAST", 10.0):
        assert shrinkages(table, likes) == {}


def test_a_source_with_nothing_to_say_has_empty_lists_and_stops_no_evaluation() -> None:
    split = leave_one_out(small_dataset(1))
    recommender = Recommender(retrieve=[Popular(), Segment()]).fit(split.test_fit)
    lists = ranked_lists(recommender, split.test, 5)
    assert (lists["segment"] == -1).all()
    assert (lists["popular"][:, 0] >= 0).all()
