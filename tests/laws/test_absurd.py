"""What one visitor's absurd rows say moves nobody else's list, whatever the parts."""

from functools import cache

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from quick_settings import QUICK, quick_recipe

from zhiyin.errors import MissingExtra
from zhiyin.parts import PARTS, class_of
from zhiyin.recommender import Recommender
from zhiyin.retrieval.content import Content
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.retrieval.trending import Trending
from zhiyin.testing import ABSURD, check_absurd, check_absurd_facts, encoded, small_dataset

TRIES = tries(deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
EVERYTHING = 10_000


def alone(use):
    """Makes a retriever as a recommender of its own."""

    def made():
        try:
            part = class_of(use)(**QUICK.get(use, {}))
        except MissingExtra as error:
            pytest.skip(str(error))
        return Recommender(retrieve={use: part}, per_source={use: EVERYTHING})

    return made


@pytest.mark.parametrize("use", sorted(set(PARTS["retrieve"]) - set(QUICK)))
@pytest.mark.parametrize("name", ABSURD)
def test_one_visitor_moves_nobody_else_in_a_source(use, name):
    check_absurd(alone(use), small_dataset(3, users=60, items=60), name)


@pytest.mark.parametrize("use", sorted(set(PARTS["retrieve"]) & set(QUICK)))
@tries(TRIES, max_examples=3)
@given(name=st.sampled_from(ABSURD), seed=st.integers(0, 9))
def test_one_visitor_moves_nobody_else_in_a_source_that_trains(use, name, seed):
    check_absurd(alone(use), small_dataset(seed, users=60, items=60), name, seed)


# -- what orders, and whole recipes: how they weigh was learned before the visit, what they know of the items after it -


def wide():
    return small_dataset(3, users=80, items=150)


@cache
def ordered_by(use):
    try:
        part = class_of(use)(**QUICK.get(use, {}))
    except MissingExtra as error:
        pytest.skip(str(error))
    sources = {kind.__name__: kind() for kind in (Popular, Transition, Content, Trending)}
    return Recommender(retrieve=sources, rank=[part], per_source=dict.fromkeys(sources, EVERYTHING)).fit(
        encoded(wide())
    )


@cache
def shipped(name):
    return quick_recipe(name, EVERYTHING).fit(encoded(wide()))


@pytest.mark.parametrize("use", sorted(PARTS["rank"]))
@tries(TRIES, max_examples=3)
@given(name=st.sampled_from(ABSURD))
def test_one_visitor_moves_nobody_else_in_what_a_ranker_knows(use, name):
    check_absurd_facts(ordered_by(use), wide(), name)


@pytest.mark.parametrize("recipe", ["default", "full", "deep"])
@tries(TRIES, max_examples=2)
@given(name=st.sampled_from(ABSURD))
def test_one_visitor_moves_nobody_else_in_a_shipped_recipe(recipe, name):
    if (recipe, name) != KNOWN:
        check_absurd_facts(shipped(recipe), wide(), name)


KNOWN = ("deep", "long after everybody")
"""What breaks the law by a little: the facts of all items move by one person in eighty, and trees turn small moves into steps."""


@pytest.mark.xfail(reason="98.8 % of the pairs keep their order where 99 % is asked: boosted trees step", strict=True)
def test_the_trees_of_deep_step_where_one_visitor_comes_long_after_everybody():
    check_absurd_facts(shipped(KNOWN[0]), wide(), KNOWN[1])
