"""A shop that was at rest for years does not forget what was liked there once ten people come again."""

import numpy as np
import pytest
from test_lately import dataset, lately

import zhiyin.data.continued
from zhiyin.behaviour.lately import Lately
from zhiyin.data.moments import DAY
from zhiyin.query import Query
from zhiyin.ranking.features import learn_facts
from zhiyin.ranking.standing import HALF_LIVES, standing
from zhiyin.retrieval.trending import Trending

# Each day one person more likes item 0 than item 1, and so on; ten strangers come years later and like item 4.
BEFORE = [(10 * day + at, at % (1 + day % 4), day + at / 10) for day in range(1, 40) for at in range(8)]
STRANGERS = [(1000 + at, 4, 5000.0 + at / 100) for at in range(10)]


def liked(since: Lately) -> np.ndarray:
    part = Trending(half_life=2.0).fit(dataset(BEFORE))
    return part.scores([Query(now=6000 * DAY, lately=since)])[0]


def test_the_first_few_after_a_rest_join_what_was_liked_before():
    before, after = liked(Lately()), liked(lately([*BEFORE, *STRANGERS], 100))
    np.testing.assert_array_equal(np.argsort(-after[:4]), np.argsort(-before[:4]))
    assert after[0] > before[0] / 2, "a rest of years took less than a half life"
    assert after[4] > before[4], "and the strangers were heard"


def test_rankers_see_a_rest_alike():
    facts, everything = learn_facts(dataset(BEFORE)), np.arange(4, dtype=np.int32)
    recent = slice(-len(HALF_LIVES), None)
    before = standing(facts, 6000 * DAY, everything)[:, recent]
    after = standing(facts, 6000 * DAY, everything, lately([*BEFORE, *STRANGERS], 100))[:, recent]
    assert np.abs(after - before).max() < 1


def test_this_test_can_fail(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(zhiyin.data.continued, "LONG", np.inf)
    assert liked(lately([*BEFORE, *STRANGERS], 100))[0] < liked(Lately())[0] / 100
