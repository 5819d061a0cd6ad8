"""Many people at once get what each would get alone, number by number."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.arrays import NEVER, top_n, top_rows
from zhiyin.parts import class_of
from zhiyin.profile import History
from zhiyin.query import Query
from zhiyin.retrieval import history
from zhiyin.testing import small_dataset
from zhiyin.testing.made import odd_queries

PARTS = ("als", "ease", "transition", "item_knn")


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), rows=st.integers(0, 6), size=st.integers(0, 40), n=st.integers(0, 45))
def test_the_best_of_many_rows_are_the_best_of_each(seed, rows, size, n):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 6, (rows, size)).astype(np.float32)
    scores[rng.random(scores.shape) < rng.random()] = NEVER
    scores[rng.random(scores.shape) < 0.1 * rng.integers(0, 2)] = np.nan
    for row, found in zip(scores, top_rows(scores, n), strict=True):
        assert np.array_equal(found, top_n(row, n))


@pytest.mark.parametrize("full", [0, 4096])
@pytest.mark.parametrize("name", PARTS)
def test_a_batch_scores_each_person_as_alone(name, full, monkeypatch):
    monkeypatch.setattr(history, "SMALL", full)  # below it a table is read as a full matrix
    monkeypatch.setattr(history, "MEDIUM", full)
    dataset = small_dataset(3, users=90, items=300, events=40)
    part = class_of(name)().fit(dataset)
    queries = [*odd_queries(dataset), *(Query(dataset.profile(user)) for user in range(len(dataset.users)))]
    together = part.scores(queries)
    for row, query in zip(together, queries, strict=True):
        assert np.array_equal(part.scores([query])[0], row)


def test_histories_are_the_liked_fitted_events_each_counting_less():
    dataset = small_dataset(1)
    size = len(dataset.items)
    queries = [*odd_queries(dataset), Query()]
    table = history.histories(queries, size, 0.7).toarray()
    for row, query in zip(table, queries, strict=True):
        items, weights = history.known_events(query, size, 0.7)
        assert np.allclose(row, np.bincount(items, weights, minlength=size))
    places = np.where(np.arange(size) % 3 == 0, np.arange(size) // 3, -1).astype(np.int32)
    some = history.histories(queries, size // 3 + 1, 0.7, places).toarray()
    assert np.allclose(some[:, : len(places[places >= 0])], table[:, places >= 0])
    assert history.histories([], size, 0.7).shape == (0, size)


def test_an_event_too_faint_to_be_noticed_says_nothing():
    long = History.of_items(np.arange(200, dtype=np.int32))
    weights = history.decayed(long, 0.8)
    assert weights[-62:].all()
    assert not weights[:-62].any()
    assert history.decayed(long, 1.0).all()
