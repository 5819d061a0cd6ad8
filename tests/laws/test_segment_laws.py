"""The laws, for the source that reads what people registered with, on people who did."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zhiyin.query import Query
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.segment import Segment
from zhiyin.retrieval.transition import Transition
from zhiyin.testing.absurd import ABSURD, check_absurd
from zhiyin.testing.made import odd_queries, registered, small_dataset
from zhiyin.testing.motion import CHANGES, check_motion, check_restart, check_return, encoded
from zhiyin.testing.retrievers import check_retriever
from zhiyin.workspace.saving import load_part, save_part


def people(seed: int = 3):
    return registered(small_dataset(seed, users=80, items=60))


def alone() -> Recommender:
    return Recommender(retrieve=[Segment()])


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_it_speaks_where_the_laws_are_asked(seed: int) -> None:
    part = Segment().fit(people(seed))
    assert part.speaks()
    assert set(part.added) == {"country"}


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_it_obeys_the_laws_of_retrievers(seed: int) -> None:
    check_retriever(Segment(), people(seed))


@pytest.mark.parametrize("change", CHANGES)
def test_what_moves_moves_nobody_else(change: str) -> None:
    data = encoded(people())
    check_motion(alone().fit(data), data, change, 5)
    check_return(alone().fit(data), data, "changed")


def test_a_restart_answers_the_same(tmp_path: Path) -> None:
    data = encoded(people())
    check_restart(alone().fit(data), data)
    part = Segment().fit(data)
    save_part(part, tmp_path / "part")
    queries = odd_queries(data)
    assert np.array_equal(load_part(tmp_path / "part").scores(queries), part.scores(queries))


@pytest.mark.parametrize("name", ABSURD)
def test_one_visitor_moves_nobody_else(name: str) -> None:
    check_absurd(alone, people(), name)


def test_a_person_counts_once_per_item() -> None:
    data = people()
    rows = np.concatenate([np.arange(len(data.interactions)), np.zeros(500, np.int64)])
    often = replace(data, interactions=data.interactions.rows(np.sort(rows)))
    queries = odd_queries(data)
    assert np.array_equal(Segment().fit(often).scores(queries), Segment().fit(data).scores(queries))


def test_where_nobody_registered_it_costs_nothing() -> None:
    data = small_dataset(3, users=80, items=60)
    queries = odd_queries(data)
    plain = Recommender(retrieve=[Transition(), Popular()]).fit(data).candidates(queries)
    beside = Recommender(retrieve=[Transition(), Segment(), Popular()]).fit(data).candidates(queries)
    for one, other in zip(plain, beside, strict=True):
        assert one.sources == other.sources
        assert np.array_equal(one.items, other.items)
        assert np.array_equal(one.scores, other.scores)


def test_who_registered_nothing_that_is_known_is_answered_as_before() -> None:
    data = people()
    unknown = replace(data.profile(1), attributes={"country": "nowhere", "shoe": "42"})
    guests = [Query(), Query(unknown), Query(replace(unknown, attributes={}))]
    part = Segment().fit(data)
    assert all(len(one) == 0 for one in part.retrieve(guests, 10))
    plain = Recommender(retrieve=[Transition(), Popular()]).fit(data)
    beside = Recommender(retrieve=[Transition(), Popular(), Segment()]).fit(data)
    for one, other in zip(plain.recommend_batch(guests), beside.recommend_batch(guests), strict=True):
        assert one.ids(plain.items) == other.ids(beside.items)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_attributes_dealt_out_anew_say_nothing(seed: int) -> None:
    data = people(seed)
    names = list(data.user_attributes)
    dealt = [names[at] for at in np.random.default_rng(seed).permutation(len(names))]
    shuffled = {name: data.user_attributes[other] for name, other in zip(names, dealt, strict=True)}
    assert not Segment().fit(replace(data, user_attributes=shuffled)).speaks()
