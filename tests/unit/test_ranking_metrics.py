"""Ranking metrics: answers one can see by eye, and the definition written out slowly as an oracle."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.errors import DataError
from zhiyin.evaluation.ranking_metrics import Targets, hits, per_user


def ints(*values):
    return np.array(values, np.int32)


def test_one_target_at_the_second_place():
    got = per_user(np.array([[5, 3, 9]], np.int32), Targets.of([ints(3)]), ks=(1, 3))
    assert got["ndcg@3"] == pytest.approx(1 / np.log2(3))
    assert got["mrr@3"] == got["map@3"] == 0.5
    assert got["hr@3"] == got["recall@3"] == 1
    assert got["precision@3"] == pytest.approx(1 / 3)
    assert all(got[f"{metric}@1"] == 0 for metric in ("ndcg", "hr", "recall", "precision", "mrr", "map"))


def test_two_of_three_targets():
    got = per_user(np.array([[7, 1, 8, 2]], np.int32), Targets.of([ints(1, 2, 3)]), ks=(4,))
    assert got["recall@4"] == pytest.approx(2 / 3)
    assert got["map@4"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    ideal = 1 + 1 / np.log2(3) + 1 / 2
    assert got["ndcg@4"] == pytest.approx((1 / np.log2(3) + 1 / np.log2(5)) / ideal)


def test_padding_is_never_a_hit_and_short_lists_are_allowed():
    lists = np.array([[-1, -1], [4, -1]], np.int32)
    assert not hits(lists, Targets.of([ints(0), ints(1, 2)])).any()
    assert per_user(lists, Targets.of([ints(0), ints(4, 2)]), ks=(20,))["recall@20"].tolist() == [0, 0.5]


def test_bad_input_is_named():
    with pytest.raises(DataError, match="no right answer"):
        Targets.of([ints(1), ints()])
    with pytest.raises(DataError, match="2 users"):
        per_user(np.zeros((3, 2), np.int32), Targets.of(ints(1, 2)))
    with pytest.raises(DataError, match="auc"):
        per_user(np.zeros((1, 2), np.int32), Targets.of(ints(1)), metrics=("auc",))


cases = st.lists(
    st.tuples(
        st.lists(st.integers(0, 15), min_size=5, max_size=5, unique=True),
        st.lists(st.integers(0, 15), min_size=1, max_size=8, unique=True),
    ),
    min_size=1,
    max_size=6,
)


@given(cases)
def test_equals_the_definitions_written_out_slowly(rows):
    lists = np.array([shown for shown, _ in rows], np.int32)
    got = per_user(lists, Targets.of([ints(*right) for _, right in rows]), ks=(3, 5))
    for row, (shown, right) in enumerate(rows):
        for k in (3, 5):
            found = [one in right for one in shown[:k]]
            dcg = sum(hit / np.log2(place + 2) for place, hit in enumerate(found))
            best = sum(1 / np.log2(place + 2) for place in range(min(k, len(right))))
            precisions = [sum(found[: place + 1]) / (place + 1) for place, hit in enumerate(found) if hit]
            want = {
                "ndcg": dcg / best, "hr": float(any(found)), "recall": sum(found) / len(right), "precision": sum(found) / k,
                "mrr": 1 / (found.index(True) + 1) if any(found) else 0,
                "map": sum(precisions) / min(k, len(right)),
            }  # fmt: skip
            for metric, value in want.items():
                assert got[f"{metric}@{k}"][row] == pytest.approx(value), metric


@given(cases)
def test_targets_of_a_stratum_keep_their_users(rows):
    targets = Targets.of([ints(*right) for _, right in rows])
    even, users = targets.only(targets.items % 2 == 0)
    assert users.tolist() == [row for row, (_, right) in enumerate(rows) if any(one % 2 == 0 for one in right)]
    assert even.counts.sum() == (targets.items % 2 == 0).sum()
