"""What one visitor's absurd rows say moves nobody else's list, whatever the parts."""

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from quick_settings import QUICK

from zhiyin.errors import MissingExtra
from zhiyin.parts import PARTS, class_of
from zhiyin.recommender import Recommender
from zhiyin.testing import ABSURD, check_absurd, small_dataset

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
@tries(TRIES, max_examples=4)
@given(name=st.sampled_from(ABSURD), seed=st.integers(0, 9))
def test_one_visitor_moves_nobody_else_in_a_source_that_trains(use, name, seed):
    check_absurd(alone(use), small_dataset(seed, users=60, items=60), name, seed)
