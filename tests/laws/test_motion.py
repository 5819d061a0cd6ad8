"""What moves in the catalogue moves nobody's other items, whatever the parts."""

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
from zhiyin.testing import CHANGES, check_motion, check_restart, check_return, encoded, small_dataset

FEW = tries(max_examples=4, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
COUNTS = st.sampled_from((1, 100, 1000))
EVERYTHING = 10_000
"""Candidates asked for of a source alone: an order can only be compared where nothing is cut off."""


def data(seed=3):
    return small_dataset(seed, users=60, items=60)


@cache
def alone(use):
    """A retriever as a recommender of its own."""
    try:
        part = class_of(use)(**QUICK.get(use, {}))
    except MissingExtra as error:
        pytest.skip(str(error))
    return Recommender(retrieve={use: part}, per_source={use: EVERYTHING}).fit(encoded(data()))


@pytest.mark.parametrize("use", sorted(PARTS["retrieve"]))
@FEW
@given(change=st.sampled_from(CHANGES), count=COUNTS, seed=st.integers(0, 99))
def test_other_items_keep_their_order(use, change, count, seed):
    check_motion(alone(use), data(), change, count, seed)


@pytest.mark.parametrize("use", sorted(PARTS["retrieve"]))
@FEW
@given(
    change=st.sampled_from(("dated", "changed", "hidden", "deleted")), count=st.integers(1, 20), seed=st.integers(0, 99)
)
def test_what_is_put_back_gives_the_old_answers_back(use, change, count, seed):
    check_return(alone(use), data(), change, count, seed)


@pytest.mark.parametrize("use", sorted(PARTS["retrieve"]))
@tries(FEW, max_examples=2)
@given(seed=st.integers(0, 99))
def test_a_restart_answers_as_having_lived_through_it(use, seed):
    check_restart(alone(use), data(), seed)


# -- what orders, and whole recipes: learned from the made requests once, then lived with -----------------------------

SOURCES = {"popular": Popular, "transition": Transition, "content": Content, "trending": Trending}
DIVERSE = {"dpp", "mmr"}
"""Rerankers to whom what stands above an item is part of its worth: an item more above it moves it by design."""

MOVES = st.sampled_from([(new, count) for new in ("added", "akin") for count in (1, 100, 1000)] + [
    (old, 1) for old in ("dated", "changed", "hidden", "deleted")
])  # fmt: skip
"""Of old items one at a time: a source's scores are measured against the candidates of the fit, of which these are."""


@cache
def ordered_by(stage, use):
    try:
        part = class_of(use)(**QUICK.get(use, {}))
    except MissingExtra as error:
        pytest.skip(str(error))
    sources = {name: kind() for name, kind in SOURCES.items()}
    stages = {stage: [part], "per_source": dict.fromkeys(sources, EVERYTHING)}
    return Recommender(retrieve=sources, **stages).fit(encoded(wide()))


def wide():
    return small_dataset(3, users=80, items=150)


@cache
def shipped(name):
    return quick_recipe(name, EVERYTHING).fit(encoded(wide()))


ORDERING = [("rank", use) for use in sorted(PARTS["rank"])] + [
    ("rerank", use) for use in sorted(set(PARTS["rerank"]) - DIVERSE)
]


@pytest.mark.parametrize(("stage", "use"), ORDERING)
@tries(FEW, max_examples=3)
@given(move=MOVES, seed=st.integers(0, 9))
def test_other_items_keep_their_order_in_what_is_shown(stage, use, move, seed):
    check_motion(ordered_by(stage, use), wide(), *move, seed)


@pytest.mark.parametrize(("stage", "use"), [*ORDERING, *(("rerank", use) for use in sorted(DIVERSE))])
def test_what_orders_answers_the_same_after_a_restart_and_a_return(stage, use):
    check_restart(ordered_by(stage, use), wide())
    check_return(ordered_by(stage, use), wide(), "deleted")


@pytest.mark.parametrize("name", ["default", "full", "deep"])
@tries(FEW, max_examples=3)
@given(move=MOVES, seed=st.integers(0, 9))
def test_other_items_keep_their_order_in_a_shipped_recipe(name, move, seed):
    check_motion(shipped(name), wide(), *move, seed)


@pytest.mark.parametrize("name", ["default", "full", "deep"])
def test_a_shipped_recipe_answers_the_same_after_a_restart_and_a_return(name):
    check_restart(shipped(name), wide())
    check_return(shipped(name), wide(), "deleted")
