"""The laws of rankers, rerankers, explainers and encoders."""

from __future__ import annotations

from typing import Any

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.data.split import last_event_cases
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.stages import Encoder, Explainer, Fittable, RankingRows, Reranker
from zhiyin.testing.made import copy_of, made_candidates, odd_queries
from zhiyin.training.fit import ranking_rows


def fitted_ranker(part: Any, dataset: Dataset) -> tuple[Any, Recommender]:
    """A copy of a ranker that learned from candidates of the past, and the recommender that found them."""
    past = dataset.without_last(1)
    recommender = Recommender(retrieve=[Popular(), Transition()]).fit(past)
    rows, valid = ranking_rows(recommender, [last_event_cases(dataset)])
    return copy_of(part).fit(past, RankingRows(rows.queries, rows.candidates, rows.labels), valid), recommender


def check_ranker(part: Any, dataset: Dataset) -> None:
    """One finite number per candidate and action; the order of candidates does not matter, nor, unless the part is
    `listwise`, which others are there; a batch answers as singles do; two fits agree."""
    ranker, recommender = fitted_ranker(part, dataset)
    queries = odd_queries(dataset)
    shown = recommender.candidates(queries)
    items = recommender.items
    numbers = ranker.predict(queries, shown, items)
    again = fitted_ranker(part, dataset)[0].predict(queries, shown, items)
    for query, one, values, other in zip(queries, shown, numbers, again, strict=True):
        assert values.shape == (len(one), len(ranker.actions)), "predict gives [candidates, actions]"
        assert np.isfinite(values).all(), "predictions are finite"
        assert np.allclose(values, other, atol=1e-5), "two fits of one part agree"
        back = np.arange(len(one))[::-1].astype(np.int32)
        turned = ranker.predict([query], [one.take(back)], items)[0]
        assert np.allclose(turned, values[back], atol=1e-5), "the order of candidates does not matter"
        if not getattr(ranker, "listwise", False) and len(one) > 1:
            alone = ranker.predict([query], [one.take(back[:1])], items)[0]
            assert np.allclose(alone, values[back[:1]], atol=1e-5), "a score does not depend on the other candidates"
    none = ranker.predict(queries[:1], [shown[0].take(np.empty(0, np.int32))], items)[0]
    assert none.shape == (0, len(ranker.actions)), "no candidates, no numbers"


def check_reranker(part: Reranker, dataset: Dataset) -> None:
    """Rows are kept at most once and all exist, every row left out at a place that has room has its why, and the
    candidates stay as they are."""
    recommender, queries, shown = made_candidates(dataset)
    fitted = copy_of(part)
    if isinstance(fitted, Fittable):
        fitted.fit(dataset)
    for query, one in zip(queries, shown, strict=True):
        for n in (1, 5, 1000):
            scores = one.scores.copy()
            selection = fitted.select(query, one, recommender.items, n)
            kept = np.asarray(selection.kept, np.int64)
            assert len(np.unique(kept)) == len(kept), "no row is kept twice"
            assert ((kept >= 0) & (kept < len(one))).all(), "nothing is invented"
            dropped = [row for row, _ in selection.dropped]
            assert not set(dropped) & set(kept.tolist()), "no row is both kept and dropped"
            assert all(0 <= row < len(one) and why for row, why in selection.dropped), "every drop has its why"
            assert np.array_equal(scores, one.scores), "scores are untouched"
            same = fitted.select(query, one, recommender.items, n)
            assert np.array_equal(same.kept, selection.kept), "the same request gives the same order"


def check_explainer(part: Explainer, dataset: Dataset) -> None:
    """One tuple of reasons per candidate; every item, event and topic cited exists; shares lie in 0 to 1."""
    fitted = copy_of(part)
    if isinstance(fitted, Fittable):
        fitted.fit(dataset)
    recommender = Recommender(retrieve=[Popular(), Transition()]).fit(dataset)
    recommender.explainers = (fitted,)
    for query in odd_queries(dataset):
        answer = recommender.recommend(query)
        reasons = answer.candidates.reasons
        assert len(reasons) in (0, len(answer.candidates)), "one tuple of reasons per candidate"
        topics = set(recommender.items.tags.names)
        for reason in (reason for one in reasons for reason in one):
            assert all(item in recommender.items.vocabulary for item in reason.items), "every cited item exists"
            assert set(reason.events) <= set(query.profile.history.events), "every cited event exists"
            assert reason.topic is None or reason.topic in topics, "every cited topic exists"
            assert 0 <= reason.share <= 1 + 1e-6, "shares lie in 0 to 1"


def check_encoder(part: Encoder) -> None:
    """Finite float32 rows of the declared width and of length 1; a text alone gives what it gives in a batch."""
    texts = ["red chair", "", "a much longer text about a river and a stone " * 5, "山谷 甜茶", "red chair"]
    vectors = part.encode(texts)
    assert vectors.shape == (len(texts), part.width), "encode gives [texts, width]"
    assert vectors.dtype == np.float32, "vectors are float32"
    assert np.isfinite(vectors).all(), "vectors are finite"
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.allclose(lengths[lengths > 0], 1, atol=1e-3), "rows have length 1, or are zeros where a text says nothing"
    assert part.encode([]).shape == (0, part.width), "no texts, no rows"
    for text, vector in zip(texts, vectors, strict=True):
        assert np.allclose(part.encode([text])[0], vector, atol=1e-5), "a text alone equals the text in a batch"
    asked = part.encode_query("red chair")
    assert asked.shape == (part.width,), "encode_query gives [width]"
    assert np.isfinite(asked).all(), "the query vector is finite"
    assert isinstance(part.identity, str), "identity is a text"
    assert part.identity, "identity names the model"
