"""social: friends' histories through EASE, by a gate on the length of one's own; and the placebo that must lose the gain."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st
from scipy import sparse
from test_graph import ITEMS, TASTES, of_taste, tasteful

from zhiyin.data.placebo import rewired
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.retrieval.ease import Ease
from zhiyin.retrieval.graph import Graph
from zhiyin.retrieval.item_knn import ItemKNN
from zhiyin.retrieval.social import Social

MAKE = {
    "social": lambda: Social(decay=1.0, regularization=5.0),
    "graph": lambda: Graph(decay=1.0, factors=8, epochs=12, batch=128, negatives=16, learning_rate=0.03),
}


def short_histories(data, length=1):
    """Requests of users who did not take part in fitting, each with the friends of a fitted user and a short history."""
    return [
        Query(
            Profile("new", -1, History.of_items(data.history(user).items[:length]), friends=data.profile(user).friends)
        )
        for user in range(0, len(data.users), 3)
    ]


def quality(part, data, queries):
    """The mean share of the first eight items that are of the user's taste."""
    found = part.retrieve(queries, 8)
    return float(np.mean([of_taste(one, user * 3 % TASTES) for user, one in enumerate(found)]))


@tries(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), users=st.integers(1, 40), share=st.floats(0, 0.5))
def test_rewiring_keeps_how_many_friends_everyone_has(seed, users, share):
    some = sparse.random(users, users, share, format="csr", random_state=np.random.default_rng(seed))
    ties = ((sparse.triu(some, 1) + sparse.triu(some, 1).T) > 0).astype(np.float32).tocsr()
    found = rewired(ties, seed)
    assert np.array_equal(np.diff(found.indptr), np.diff(ties.indptr))
    assert (found != found.T).nnz == 0
    assert not found.diagonal().any()
    assert set(found.data.tolist()) <= {1.0}


def test_rewiring_changes_who_the_friends_are():
    data = tasteful()
    assert rewired(data.friends).multiply(data.friends).nnz < 0.3 * data.friends.nnz


@pytest.mark.parametrize("use", MAKE)
def test_friends_help_short_histories_and_rewired_friends_do_not(use):
    data = noisy()
    fitted = {
        "real": MAKE[use]().fit(data),
        "rewired": MAKE[use]().fit(replace(data, friends=rewired(data.friends))),
    }
    queries = short_histories(data)
    alone = [replace(query, profile=replace(query.profile, friends=np.empty(0, np.int32))) for query in queries]
    with_friends, without = (quality(fitted["real"], data, asked) for asked in (queries, alone))
    assert with_friends > without + 0.1
    strangers = short_histories(replace(data, friends=rewired(data.friends)))
    assert quality(fitted["rewired"], data, strangers) < without + 0.05


def noisy():
    """Tastes with a third of the items taken at random, so that one event says little."""
    data = tasteful(5)
    rng = np.random.default_rng(1)
    table = data.interactions
    random = rng.random(len(table)) < 0.35
    items = np.where(random, rng.integers(0, ITEMS, len(table)), table.items).astype(np.int32)
    return replace(data, interactions=replace(table, items=items))


def test_without_friends_it_is_ease_or_item_knn():
    data = tasteful(friends=False)
    queries = [Query(data.profile(user)) for user in (0, 1)]
    assert np.array_equal(
        Social(regularization=5.0).fit(data).scores(queries), Ease(regularization=5.0).fit(data).scores(queries)
    )
    by_cosine, knn = (part.fit(data).retrieve(queries, 5) for part in (Social(by="cosine"), ItemKNN()))
    for one, other in zip(by_cosine, knn, strict=True):
        assert np.array_equal(one.items, other.items)
        assert np.allclose(one.scores, other.scores, rtol=1e-4)


def test_a_long_history_listens_less_to_friends():
    data = tasteful()
    part = MAKE["social"]().fit(data)
    part.reach = np.array([1.0, 2.0], np.float32)
    friends = data.profile(1).friends
    said = []
    for length in (1, 6):
        history = data.history(0).where(np.arange(6) < length)
        both, alone = (Query(Profile("", -1, history, friends=one)) for one in (friends, friends[:0]))
        rows = np.nan_to_num(part.scores([both, alone]), neginf=0)
        said.append(float(np.abs(rows[0] - rows[1]).sum()))
    assert said[1] == pytest.approx(said[0] * (2 / 8) / (2 / 3), rel=1e-3)


def test_friends_say_the_same_whether_rows_are_copied_or_read_in_place(monkeypatch):
    data = tasteful()
    part = MAKE["social"]().fit(data)
    part.reach = np.array([1.0, 2.0], np.float32)
    said = []
    for share in (0.0, 1.0):
        monkeypatch.setattr("zhiyin.retrieval.social.COPIED", share)
        said.append(part.scores([Query(data.profile(user)) for user in range(4)]))
    assert np.allclose(*said, atol=1e-6)
