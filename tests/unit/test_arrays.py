"""The array operations: the highest first, tables that grow, and rows given anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from zhiyin.arrays import NEVER, grown, replaced, top_n, unit_rows, with_rows

SCORES = st.lists(st.one_of(st.integers(-3, 3).map(float), st.just(float("-inf")), st.just(float("nan"))), max_size=30)


def test_by_eye() -> None:
    scores = np.array([1, 3, NEVER, 3, 2], np.float32)
    assert top_n(scores, 3).tolist() == [1, 3, 4]
    assert top_n(scores, 99).tolist() == [1, 3, 4, 0]
    assert top_n(scores, 0).tolist() == []


@given(SCORES, st.integers(0, 40))
def test_equals_a_full_stable_sort(values: list[float], n: int) -> None:
    scores = np.array(values, np.float32)
    possible = [place for place in range(len(values)) if np.isfinite(scores[place])]
    wanted = sorted(possible, key=lambda place: (-scores[place], place))[:n]
    assert top_n(scores, n).tolist() == wanted


def test_unit_rows_leave_zeros_alone() -> None:
    assert unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist() == [[np.float32(0.6), np.float32(0.8)], [0.0, 0.0]]


def test_a_table_that_grows_shares_its_memory_and_changes_no_earlier_one() -> None:
    first = np.ones((10, 3), np.float32)
    one = grown(first, 11)
    two = with_rows(one, np.array([11]), np.full((1, 3), 2), 12)
    other = with_rows(one, np.array([11, 12]), np.full((2, 3), 3))
    assert np.shares_memory(one, two)
    assert not np.shares_memory(one, other), "the room behind it is taken"
    assert not np.shares_memory(first, one)
    changed = with_rows(two, np.array([0]), np.zeros((1, 3)), 13)
    assert (first == 1).all()
    assert one.tolist() == [[1.0] * 3] * 10 + [[0.0] * 3]
    assert two[11].tolist() == [2.0] * 3
    assert other[11:].tolist() == [[3.0] * 3] * 2
    assert changed[[0, 1, 12]].tolist() == [[0.0] * 3, [1.0] * 3, [0.0] * 3]
    assert grown(two, 5) is two


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_counts_given_anew_are_those_of_a_table_made_at_once(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 3, (8, 5)).astype(np.float32)
    rows = rng.choice(10, 4, replace=False)
    new = rng.integers(0, 3, (4, 6)).astype(np.float32)
    wanted = np.zeros((max(10, 8), 6), np.float32)
    wanted[:8, :5] = table
    wanted[rows] = new
    assert (replaced(sparse.csr_matrix(table), rows, sparse.csr_matrix(new), 10).toarray() == wanted).all()
