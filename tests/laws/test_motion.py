"""What moves in the catalogue moves nobody's other items, whatever the parts."""

from functools import cache

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from quick_settings import QUICK

from zhiyin.errors import MissingExtra
from zhiyin.parts import PARTS, class_of
from zhiyin.recommender import Recommender
from zhiyin.testing import CHANGES, check_motion, check_restart, check_return, encoded, small_dataset

FEW = tries(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
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
