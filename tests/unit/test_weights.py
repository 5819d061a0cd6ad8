"""Event weights: what one event says."""

from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.behaviour.kinds import CODES, KINDS
from zhiyin.data.columns import kind_names
from zhiyin.data.weights import EventWeights
from zhiyin.errors import SettingError


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
    assert weigh(EventWeights({"purchase": 1}), "purchase", 1, 10, 1e6, -2, np.nan) == [1, 2, 3, 0, 1]


def test_the_scale_is_taken_from_data_once() -> None:
    kinds = np.full(3, CODES["rating"], np.uint8)
    taken = EventWeights().with_scale_of(kinds, np.array([1, 2.5, 5]))
    assert taken.rating_scale == (1, 5)
    assert taken.with_scale_of(kinds, np.array([0, 50, 100])).rating_scale == (1, 5)
    assert EventWeights().with_scale_of(kinds, np.array([0, 7, 10])).rating_scale == (0, 10)
    assert EventWeights().with_scale_of(kinds, np.array([-10, 7, 10])).rating_scale == (-10, 10)


def stars(count: int = 480) -> np.ndarray:
    """Ratings of 1 to 5, many of them low."""
    return np.tile([1, 2, 1, 2, 4, 5], count // 6).astype(float)


TENS = np.repeat(np.arange(1.0, 11), [1, 2, 3, 9, 8, 15, 25, 17, 12, 8])


@pytest.mark.parametrize(
    ("ratings", "low", "high", "none"),
    [
        ([*stars(), 100], 1, 5, [100]),
        ([*stars(), 1e15, -1e15], 1, 5, [1e15, -1e15]),
        ([*stars(), *[35, 60, 70, 95] * 5], 1, 5, [35, 60]),
        ([*stars(), 0], 1, 5, [0]),
        ([*stars(), *[0] * 160], 1, 5, [0]),
        ([*stars(), *[999] * 200], 1, 5, [999]),
        ([*stars(), *[-1] * 200], 1, 5, [-1]),
        ([3, 4, 5, 100], 1, 5, [100]),
        ([*TENS, *[0] * 160], 1, 10, [0]),
        ([*np.tile(TENS, 100), *[0] * 12], 0, 10, []),
        ([*TENS, *[-1] * 40], 1, 10, [-1]),
        (np.tile(np.arange(0, 105, 5), 20), 0, 100, []),
        (np.tile([0.5, 2, 3.5, 5], 20), 0.5, 5, []),
        (np.tile([0, 1], 40), 0, 1, []),
        (np.tile([-1, 1, 0], 40), -1, 1, []),
        (np.linspace(-10, 10, 500), -10, 10, []),
    ],
    ids=lambda one: "" if isinstance(one, list | np.ndarray) else str(one),
)
def test_the_scale_is_that_of_the_bulk(ratings: list[float], low: float, high: float, none: list[float]) -> None:
    values = np.array(ratings, float)
    weights = EventWeights().with_scale_of(np.full(len(values), CODES["rating"]), values)
    assert weights.rating_scale == pytest.approx((low, high), abs=0.2)
    assert weigh(weights, "rating", *none) == [0.5] * len(none)  # met, and no more than that
    assert weights.rating_counts is False


@settings(deadline=None)
@given(st.lists(st.floats(-1e15, 1e15), max_size=3), st.randoms())
def test_a_few_absurd_ratings_change_no_weight_of_the_others(absurd: list[float], chance: Random) -> None:
    values = [*stars(), *absurd]
    chance.shuffle(values)
    kinds = np.full(len(values), CODES["rating"])
    plain, odd = (EventWeights().with_scale_of(kinds[: len(one)], np.array(one)) for one in (stars(), values))
    assert weigh(odd, "rating", 1, 2, 3, 4, 5) == weigh(plain, "rating", 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    "counts", [[1] * 60 + [2] * 20 + [3] * 9 + [4] * 3 + [7], [1, 1, 1, 2, 2, 6, 11, 30, 700] * 20]
)
def test_counts_under_rating_are_no_refusals(counts: list[float]) -> None:
    weights = EventWeights().with_scale_of(np.full(len(counts), CODES["rating"]), np.array(counts))
    assert weights.rating_counts
    once, often = weigh(weights, "rating", 1, 10)
    assert (once, often) == (1, 2)


@pytest.mark.parametrize("prices", [[9.99, 19.95, 4.5, 299], [59, 120, 399, 1299, 79]])
def test_a_price_is_no_quantity(prices: list[float]) -> None:
    weights = EventWeights().with_scale_of(np.full(len(prices), CODES["purchase"]), np.array(prices))
    assert set(weigh(weights, "purchase", *prices)) == {1.5}
    few = EventWeights().with_scale_of(np.full(4, CODES["purchase"]), np.array([1.0, 2, 1, 12]))
    assert weigh(few, "purchase", 10) == [3.0]


def test_shares_of_a_whole_may_be_percentages() -> None:
    assert weigh(EventWeights({"finish": 1}), "finish", 1, 0.5, 50, 100, np.nan, -1) == [1, 0.5, 0.5, 1, 1, 0]


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


@settings(deadline=None)
@given(st.sampled_from(KINDS), st.floats(allow_nan=True, allow_infinity=True, width=32))
def test_every_weight_is_finite_and_alone_as_in_a_batch(kind: str, value: float) -> None:
    weights = EventWeights(rating_scale=(1, 5))
    together = weigh(weights, kind, value, 3.0)
    assert np.isfinite(together).all()
    assert together[0] == weigh(weights, kind, value)[0]


def test_names_of_ones_own_stand_for_kinds() -> None:
    weights = EventWeights.from_table({"Trial Started": "add_to_cart", "cart": 2})
    assert weights.names == {"trialstarted": "cart"}
    assert EventWeights.from_table(weights.table()) == weights
    assert kind_names(pl.Series(["trial-started", "view", "hug"]), weights.names).to_list() == ["cart", "view", None]
    with pytest.raises(SettingError, match=r"\[events\] trial: 'purchas' is no kind.*mean 'purchase'"):
        EventWeights.from_table({"trial": "purchas"})


def test_a_table_round_trips() -> None:
    weights = EventWeights.from_table({"click": 2, "rating_scale": [1, 5]})
    assert EventWeights.from_table(weights.table()) == weights
