"""Event weights: what one event says."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.data.weights import EventWeights
from zhiyin.errors import SettingError
from zhiyin.event import CODES, KINDS


def weigh(weights: EventWeights, kind: str, *values: float) -> list[float]:
    return weights.weigh(np.full(len(values), CODES[kind], np.uint8), np.array(values)).tolist()


def test_low_ratings_are_evidence_against_in_stars_and_in_tens() -> None:
    stars, tens = EventWeights(rating_scale=(1, 5)), EventWeights(rating_scale=(0, 10))
    signs = [np.sign(one) for one in weigh(stars, "rating", 1, 2.5, 3, 5)]
    assert signs == [-1, -1, 1, 1]
    assert [np.sign(one) for one in weigh(tens, "rating", 0, 3, 4, 10)] == [-1, -1, 1, 1]
    assert weigh(stars, "rating", 1, 5) == [-1.0, 1.0]


def test_impressions_searches_and_messages_are_no_interactions() -> None:
    for kind in ("impression", "search", "message"):
        assert weigh(EventWeights(), kind, np.nan) == [0.0]
    assert weigh(EventWeights(), "dislike", np.nan)[0] < 0 < weigh(EventWeights(), "click", np.nan)[0]


def test_dwell_saturates_and_counts_are_damped() -> None:
    short, half, long = weigh(EventWeights(), "dwell", 0, 30, 1e9)
    assert (short, half, round(long, 3)) == (0.0, 0.5, 1.0)
    assert weigh(EventWeights(purchase=1), "purchase", 1, 10, 1e6, -2, np.nan) == [1, 2, 3, 0, 1]


def test_the_scale_is_taken_from_data_once() -> None:
    kinds = np.full(3, CODES["rating"], np.uint8)
    taken = EventWeights().with_scale_of(kinds, np.array([1, 2.5, 5]))
    assert taken.rating_scale == (1, 5)
    assert taken.with_scale_of(kinds, np.array([0, 50, 100])).rating_scale == (1, 5)
    assert EventWeights().with_scale_of(kinds, np.array([0, 7, 10])).rating_scale == (0, 10)
    assert EventWeights().with_scale_of(kinds, np.array([-10, 7, 10])).rating_scale == (-10, 10)


def test_ratings_without_a_scale_are_refused() -> None:
    with pytest.raises(SettingError, match="rating_scale"):
        weigh(EventWeights(), "rating", 3)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"clik": 1}, "unknown key 'clik'.*click"),
        ({"click": "high"}, "click = 'high'.*number"),
        ({"click": float("nan")}, "finite"),
        ({"rating_scale": [5, 1]}, "lowest, highest"),
        ({"dwell_half": 0}, "above 0"),
    ],
)
def test_a_wrong_table_is_refused_by_name(table: dict[str, object], says: str) -> None:
    with pytest.raises(SettingError, match=says):
        EventWeights.from_table(table)


@given(st.sampled_from(KINDS), st.floats(allow_nan=True, allow_infinity=True, width=32))
def test_every_weight_is_finite_and_alone_as_in_a_batch(kind: str, value: float) -> None:
    weights = EventWeights(rating_scale=(1, 5))
    together = weigh(weights, kind, value, 3.0)
    assert np.isfinite(together).all()
    assert together[0] == weigh(weights, kind, value)[0]


def test_a_table_round_trips() -> None:
    weights = EventWeights.from_table({"click": 2, "rating_scale": [1, 5]})
    assert EventWeights.from_table(weights.table()) == weights
