"""Beyond accuracy: lists small enough to count on fingers."""

import numpy as np
import pytest
from scipy import sparse

from zhiyin.evaluation import beyond_accuracy as beyond
from zhiyin.evaluation.ranking_metrics import Targets

SAME = np.array([[0, 1], [0, 1]], np.int32)
SPREAD = np.array([[0, 1], [2, 3]], np.int32)


def test_coverage_and_gini_tell_the_same_list_for_all_from_a_spread():
    assert beyond.coverage(SAME, 4) == 0.5
    assert beyond.coverage(SPREAD, 4) == 1
    assert beyond.gini(SPREAD, 4) == 0
    assert beyond.gini(SAME, 4) == pytest.approx(0.5)


def test_padding_shows_nothing():
    empty = np.full((2, 3), -1, np.int32)
    assert beyond.coverage(empty, 4) == beyond.gini(empty, 4) == beyond.novelty(empty, np.ones(4), 2) == 0
    assert beyond.intra_list_distance(empty, np.eye(4)) == 0


def test_novelty_counts_bits():
    assert beyond.novelty(np.array([[0, 1]], np.int32), np.array([8, 2]), 8) == pytest.approx((0 + 2) / 2)


def test_the_tail_is_what_few_met():
    popularity = np.array([100, 5, 4, 3, 2, 0])
    assert beyond.tail_items(popularity).tolist() == [False, True, True, True, True, True]
    assert beyond.tail_share(np.array([[0, 1]], np.int32), popularity) == 0.5


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix])
def test_distance_within_a_list_over_pairs(kind):
    vectors = kind(np.array([[1, 0], [1, 0], [0, 2], [0, 0]], np.float32))
    assert beyond.intra_list_distance(np.array([[0, 1]], np.int32), vectors) == pytest.approx(0)
    assert beyond.intra_list_distance(np.array([[0, 2]], np.int32), vectors) == pytest.approx(1)
    assert beyond.intra_list_distance(np.array([[0, 1, 2]], np.int32), vectors) == pytest.approx(2 / 3)
    assert beyond.intra_list_distance(np.array([[0, 2, 3]], np.int32), vectors) == pytest.approx(1)


def test_a_list_with_the_mix_of_the_history_is_calibrated():
    tags = sparse.csr_matrix(np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32))
    history = sparse.csr_matrix(np.array([[1, 0, 1, 0]], np.float32))
    fitting, other = np.array([[1, 3]], np.int32), np.array([[0, 1]], np.int32)
    assert beyond.calibration(fitting, history, tags) == pytest.approx(0)
    q = 0.99 + 0.005
    assert beyond.calibration(other, history, tags) == pytest.approx(0.5 * np.log(0.5 / q) + 0.5 * np.log(0.5 / 0.005))


def test_a_hit_on_the_most_popular_item_surprises_nobody():
    popularity = np.array([9, 5, 1, 0])
    hit = Targets.of(np.array([0], np.int32)), Targets.of(np.array([3], np.int32))
    assert beyond.serendipity(np.array([[0]], np.int32), hit[0], popularity) == 0
    assert beyond.serendipity(np.array([[3]], np.int32), hit[1], popularity) == pytest.approx(3 / 4)


def test_debiased_hits_count_rare_targets_more():
    popularity = np.array([100, 1])
    targets = Targets.of(np.array([0, 1], np.int32))
    popular_found = beyond.debiased_hit_rate(np.array([[0], [0]], np.int32), targets, popularity)
    rare_found = beyond.debiased_hit_rate(np.array([[1], [1]], np.int32), targets, popularity)
    assert popular_found == pytest.approx(0.1 / 1.1)
    assert rare_found == pytest.approx(1 / 1.1)
