"""Rankers in a chain: the second learns from the scores the first one gives, as it will when it serves."""

import numpy as np

from zhiyin.part import learned, part
from zhiyin.query import Query
from zhiyin.ranking.blend import Blend
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.testing import small_dataset


@part
class Reading:
    """Remembers the scores it learned from, and gives them back."""

    seen: list[object] = learned()
    listwise = True
    actions = ("relevance",)

    def fit(self, dataset, rows, valid=None):
        self.seen = list(rows.candidates)
        self.queries = rows.queries
        return self

    def predict(self, queries, candidates, items):
        return [np.asarray(one.scores)[:, None] for one in candidates]


def test_the_second_ranker_learns_from_the_scores_of_the_first():
    data = small_dataset(0)
    blend, reading = Blend(), Reading()
    recommender = Recommender(retrieve=[Popular(), Transition()], rank=[blend, reading]).fit(data, holdout="last")
    numbers = blend.predict(reading.queries, reading.seen, data.items)
    assert reading.seen
    for one, table in zip(reading.seen, numbers, strict=True):
        assert np.allclose(one.scores, table[:, 0])
        assert one.actions == blend.actions
    answer = recommender.recommend(Query(data.profile(0), now=data.as_of + 1))
    assert (np.diff(answer.candidates.scores) <= 0).all()
