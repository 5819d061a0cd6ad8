"""Opinions: any numbers of any source on one bounded scale."""

import numpy as np
import pytest

from zhiyin.opinions import BEHIND, HIGHEST, LOWEST, mean_and_spread, opinions_of
from zhiyin.retrieval.merge import _fractional


def table(seed: int = 0, rows: int = 200, sources: int = 4) -> np.ndarray:
    """Scores as sources give them: skewed, with ties, a third unknown."""
    rng = np.random.default_rng(seed)
    scores = np.round(rng.gamma(0.5, 1, (rows, sources)), 2)
    scores[rng.random(scores.shape) < 1 / 3] = np.nan
    return scores


def test_ranks_and_scores_can_be_seen_by_eye() -> None:
    found = opinions_of(np.array([[2.0], [4.0], [np.nan], [2.0], [0.0]]))
    ranks = np.exp((1 - found.places[:, 0]) * np.log(500))
    np.testing.assert_allclose(ranks, [2.5, 1, 500, 2.5, 4], rtol=1e-4)
    middle, spread = 2.0, np.sqrt(2)
    known = (np.array([2.0, 4.0, 2.0, 0.0]) - middle) / spread
    np.testing.assert_allclose(found.scores[[0, 1, 3, 4], 0], known, atol=1e-5)
    assert found.scores[2, 0] == pytest.approx(known.min() - BEHIND, abs=1e-5)


@pytest.mark.parametrize("factor", [1e-15, 3.0, 1e15])
@pytest.mark.parametrize("shift", [0.0, 1000.0, -600.0])
def test_neither_a_factor_nor_a_shift_changes_anything(factor: float, shift: float) -> None:
    plain, other = opinions_of(table()), opinions_of((table() + shift) * factor)
    np.testing.assert_allclose(other.scores, plain.scores, atol=1e-5)
    np.testing.assert_array_equal(other.places, plain.places)


def test_a_few_absurd_scores_move_the_others_little() -> None:
    scores, plain = table(), opinions_of(table())
    scores[:4] = [1e15, -1e15, np.inf, 1e30]
    moved = opinions_of(scores)
    assert (moved.scores >= LOWEST - 1e-6).all()
    assert (moved.scores <= HIGHEST).all()
    assert np.abs(moved.scores[4:] - plain.scores[4:]).max() < 1, (
        "even the furthest moves by less than a standard deviation"
    )


@pytest.mark.parametrize("rows", [[[0.0]], [[7.0], [7.0], [np.nan]], [[np.nan], [np.nan]], [[1e308], [-1e308]]])
def test_one_candidate_equals_and_unknowns_are_answered(rows: list[list[float]]) -> None:
    found = opinions_of(np.array(rows))
    assert np.isfinite(found.scores).all()
    assert np.isfinite(found.places).all()


def test_new_items_move_nobody() -> None:
    scores = table()
    new = np.zeros(300, np.bool_)
    new[200:] = True
    more = np.concatenate([scores, np.full((100, 4), 50.0)])
    plain, other = opinions_of(scores), opinions_of(more, new=new)
    np.testing.assert_array_equal(other.scores[:200], plain.scores)
    np.testing.assert_array_equal(other.places[:200], plain.places)
    assert (other.scores[200:] > plain.scores.max(0)).all(), "and yet they stand where their scores put them"


def test_equal_values_have_no_spread() -> None:
    assert mean_and_spread(np.full(9, 0.1)) == (pytest.approx(0.1), 0.0)
    assert mean_and_spread(np.empty(0)) == (0.0, 0.0)


def test_newer_items_stand_at_fractions_between_the_others() -> None:
    old = np.array([False, False, True, True, False, True])
    found = _fractional(old)
    assert found[old].tolist() == [1, 2, 3]
    assert (np.diff(found) > 0).all()
    assert _fractional(np.zeros(0, np.bool_)).tolist() == []
