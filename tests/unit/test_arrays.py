"""top_n: highest first, ties in order of position, impossible items left out."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.arrays import NEVER, top_n, unit_rows

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
