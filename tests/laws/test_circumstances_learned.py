"""Rankers learn what device and hour decide, lose it when circumstances are dealt out anew, and ignore strange values."""

from dataclasses import replace

import numpy as np
import pytest

from zhiyin.data.placebo import dealt_out
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.ranking.boosted import Boosted
from zhiyin.ranking.circumstances import learn_fits, telling
from zhiyin.ranking.deepfm import DeepFM
from zhiyin.ranking.listwise import Listwise
from zhiyin.testing import circumstances

RANKERS = {
    "listwise": lambda: Listwise(epochs=4, networks=1),
    "boosted": lambda: Boosted(trees=60),
    "deepfm": lambda: DeepFM(epochs=6, embedding=4, hidden=(16,), buckets=1 << 10),
}


@pytest.mark.parametrize("decides", ["device", "hour"])
@pytest.mark.parametrize("name", RANKERS)
def test_what_decides_is_learned_and_lost_when_shuffled(name: str, decides: str) -> None:
    data = circumstances.world(decides)
    _, cases = circumstances.questions(data, decides)
    real = circumstances.fitted(data, RANKERS[name]())
    shuffled = circumstances.fitted(dealt_out(data), RANKERS[name]())
    rows = [circumstances.found(real, cases), circumstances.found(real, cases, told=False)]
    rows += [circumstances.found(shuffled, cases, told=one) for one in (True, False)]
    draws = Resamples(np.stack(rows, 1), draws=500, seed=0)
    gain, beside_shuffled, placebo = draws.difference(0, 1), draws.difference(0, 2), draws.difference(2, 3)
    print(name, decides, gain, beside_shuffled, placebo)
    assert gain.low > 0.02
    assert beside_shuffled.low > 0.02
    assert placebo.low <= 0 <= placebo.high


def test_only_what_says_something_is_read() -> None:
    for decides in ("device", "hour"):
        data = circumstances.world(decides)
        assert telling(data) == (decides,)
        for seed in range(5):
            assert telling(dealt_out(data, seed)) == ()
            assert learn_fits(dealt_out(data, seed)) == {}


@pytest.mark.parametrize("name", RANKERS)
def test_a_value_nobody_has_seen_changes_nothing(name: str) -> None:
    data = circumstances.world("device", users=200)
    recommender = circumstances.fitted(data, RANKERS[name]())
    _, cases = circumstances.questions(data, "device")
    for row in range(10):
        query = cases.query(row)
        answers = recommender.recommend_batch(
            [replace(query, context=one) for one in ({}, {"device": "fridge"}, {"mood": "phone"}, {"device": "\ud800"})]
        )
        for other in answers[1:]:
            assert other.candidates.items.tolist() == answers[0].candidates.items.tolist()
            assert np.array_equal(other.candidates.scores, answers[0].candidates.scores)
