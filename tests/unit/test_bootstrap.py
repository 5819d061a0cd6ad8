"""Paired bootstrap: the intervals cover, the pairs are kept, the seed decides."""

import numpy as np
import pytest

from zhiyin.errors import DataError
from zhiyin.evaluation.bootstrap import Resamples


def test_the_interval_is_as_wide_as_theory_says():
    values = np.random.default_rng(1).random((4000, 1)) < 0.3
    interval = Resamples(values, draws=2000).interval(0)
    assert interval.mean == pytest.approx(values.mean())
    wanted = 2 * 1.96 * np.sqrt(0.3 * 0.7 / 4000)
    assert interval.high - interval.low == pytest.approx(wanted, rel=0.1)


def test_differences_are_paired():
    base = np.random.default_rng(2).random(500)
    gap = Resamples(np.stack([base + 0.01, base], 1)).difference(0, 1)
    assert (gap.low, gap.mean, gap.high) == pytest.approx((0.01, 0.01, 0.01))
    assert gap.better == 1
    assert Resamples(np.stack([base, base], 1)).difference(0, 1).better == 0.5


def test_blocks_and_seed():
    values = np.random.default_rng(3).random((300, 2))
    one, two, other = (Resamples(values, seed=seed).means for seed in (5, 5, 6))
    assert one.shape == (1000, 2)
    assert (one == two).all()
    assert (one != other).any()


def test_no_users_is_refused():
    with pytest.raises(DataError, match="at least one user"):
        Resamples(np.empty((0, 2)))
