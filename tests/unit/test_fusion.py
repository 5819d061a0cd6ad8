"""Fusion: sources weighed by their scores, each scaled to 0 .. 1."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.arrays import NEVER, top_n
from zhiyin.serving.fusion import fused

SCORES = st.lists(st.one_of(st.just(float(NEVER)), st.integers(1, 9).map(float)), min_size=6, max_size=6).map(
    lambda values: np.array(values, np.float32)
)


def row(*values: float) -> np.ndarray:
    """Scores of items; nan stands for an item that a source did not find."""
    return np.nan_to_num(np.array(values, np.float32), nan=NEVER)


def test_scores_are_scaled_and_weighed():
    found = fused(
        {"words": row(4, np.nan, 2), "text": row(0.7, 0.9, 0.8)}, {"words": 0.4, "text": 0.6}, frozenset({"text"})
    )
    assert found.items.tolist() == [1, 2, 0]
    # words: 4/4, none, 2/4; text counts from its last, .7: 0, 1, 1/2.
    assert np.allclose(found.scores, [0.6, 0.4 / 2 + 0.6 / 2, 0.4])
    assert found.source_ranks.tolist() == [[0, 1], [2, 2], [1, 3]]


def test_a_source_that_is_sure_says_more_than_one_that_hesitates():
    sure = fused({"words": row(9, 1), "text": row(0.80, 0.81)}, {"words": 0.5, "text": 0.5})
    assert sure.items.tolist() == [0, 1], "the words tell the two apart and the vectors do not"


def test_equals_are_all_the_best_and_nothing_found_is_nothing():
    assert fused({"text": row(0.5, 0.5)}, {"text": 1.0}, frozenset({"text"})).scores.tolist() == [1, 1]
    assert len(fused({"words": row(np.nan, np.nan)}, {"words": 1.0})) == 0
    assert len(fused({}, {})) == 0


@given(SCORES, SCORES)
def test_what_one_source_says_alone_is_its_own_order(first, second):
    alone = fused({"a": first}, {"a": 0.3})
    assert alone.items.tolist() == top_n(first, 6).tolist()
    both = fused({"a": first, "b": second}, {"a": 1.0, "b": 0.0})
    assert set(both.items.tolist()) == set(np.flatnonzero(np.isfinite(first) | np.isfinite(second)).tolist())
    assert (np.diff(both.scores) <= 0).all()
    assert ((both.scores >= 0) & (both.scores <= 1)).all()


@given(SCORES, SCORES, st.integers(0, 5))
def test_more_of_one_source_never_lowers_an_item(first, second, at):
    weights = {"a": 0.4, "b": 0.6}

    def place(scores: np.ndarray) -> int:
        return fused({"a": scores, "b": second}, weights).items.tolist().index(at)

    first[at] = max(float(first[at]), 1.0)
    more = first.copy()
    more[at] += 1
    assert place(more) <= place(first)
