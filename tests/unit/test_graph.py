"""graph: vectors spread over interactions, friends and like texts; what holds by construction, and what made data show."""

import numpy as np
import pytest
from scipy import sparse

from zhiyin.arrays import unit_rows
from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.item import Item, Items
from zhiyin.learning.gating import HeldOut, learn_gate
from zhiyin.learning.propagation import adjacency, gate, layers_summed, nearest_rows, normalised, propagation
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.retrieval.graph import Graph

TASTES, PER_TASTE, ITEMS = 4, 20, 48


def tasteful(seed=0, friends=True, each=6):
    """Users of four tastes who like items of their taste; friends share a taste. Item i is of taste i % 4."""
    rng = np.random.default_rng(seed)
    count = TASTES * PER_TASTE
    of_taste = [np.arange(taste, ITEMS, TASTES) for taste in range(TASTES)]
    liked = [rng.choice(of_taste[user % TASTES], each, replace=False) for user in range(count)]
    users = np.repeat(np.arange(count), each)
    vectors = unit_rows(np.eye(TASTES)[np.arange(ITEMS) % TASTES] + 0.05 * rng.normal(size=(ITEMS, TASTES)))
    items = Items([Item(f"item {number}") for number in range(ITEMS)], {"text": vectors})
    table = Interactions.sort(users, np.concatenate(liked), np.tile(np.arange(each), count))
    pairs = [(a, b) for a in range(count) for b in range(a) if a % TASTES == b % TASTES and rng.random() < 0.3]
    ties = sparse.csr_matrix((np.ones(len(pairs)), np.array(pairs).T), (count, count), dtype=np.float32)
    named = Items([Item(f"user {number}") for number in range(count)]).vocabulary
    return Dataset(named, items, table, float(each), False, (ties + ties.T).tocsr() if friends else None)


def quick(**changed):
    return Graph(**{"factors": 16, "epochs": 15, "batch": 128, "negatives": 16, "learning_rate": 0.03, **changed})


def of_taste(found, taste, n=8):
    """What share of the first n is of a taste."""
    return float(np.mean(found.items[:n] % TASTES == taste))


@pytest.fixture(scope="module")
def data():
    return tasteful()


@pytest.fixture(scope="module")
def fitted(data):
    return quick(decay=1.0).fit(data)


def test_an_edge_is_divided_by_the_roots_of_both_degrees():
    edges = normalised(sparse.csr_matrix(np.array([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])))
    assert np.allclose(edges.toarray(), [[1 / np.sqrt(2), 0.5], [0, 1 / np.sqrt(2)], [0, 0]])


def test_layers_are_the_powers_of_the_adjacency_added_up():
    rng = np.random.default_rng(0)
    edges = adjacency(sparse.random(5, 4, 0.5, format="csr", random_state=rng))
    start, dense = rng.normal(size=(9, 3)), edges.toarray()
    assert np.allclose(layers_summed(edges, start, 2), start + dense @ start + dense @ dense @ start, atol=1e-5)
    assert np.allclose(layers_summed(edges, start, 0), start)


def test_the_gradient_of_propagation_is_that_of_dense_products():
    import torch

    rng = np.random.default_rng(1)
    edges = sparse.random(6, 6, 0.5, format="csr", random_state=rng, dtype=np.float32)
    start = torch.from_numpy(rng.normal(size=(6, 2)).astype(np.float32)).requires_grad_()
    weight = torch.from_numpy(rng.normal(size=(6, 2)).astype(np.float32))
    (propagation(edges, 2)(start) * weight).sum().backward()
    ours, start.grad = start.grad, None
    matrix = torch.from_numpy(edges.toarray())
    ((start + matrix @ start + matrix @ matrix @ start) / 3 * weight).sum().backward()
    assert torch.allclose(ours, start.grad, atol=1e-5)


def test_the_gate_halves_where_it_says():
    assert gate(np.array([0, 10, 30]), 10.0).tolist() == [1.0, 0.5, 0.25]


def test_nearest_rows_are_the_closest_others_and_weigh_one_together():
    vectors = unit_rows(np.array([[1, 0], [1, 0.1], [0, 1], [-1, 0]]))
    near = nearest_rows(vectors, vectors, 1, np.arange(4)).toarray()
    assert near[0].argmax() == 1
    assert near[1].argmax() == 0
    assert near[2].argmax() == 1
    assert not near[3].any(), "what is unlike everything leans on nothing"
    assert nearest_rows(vectors, vectors[:0], 3).shape == (4, 0)


def test_a_known_user_with_the_fitted_history_gets_the_trained_vector(data, fitted):
    met = data.binary()
    users = len(data.users)
    edges = fitted._edges(met, data)
    fitted.reach = np.array([fitted.social, fitted.half], np.float32)  # requests weigh friends as training did
    whole = layers_summed(edges, np.vstack([fitted.users, fitted.ego]), fitted.layers) / (fitted.layers + 1)
    for user in range(5):
        assert np.allclose(fitted.vector(Query(data.profile(user))), whole[user], atol=1e-5)
    assert np.allclose(fitted.items, whole[users:], atol=1e-5)


@pytest.mark.parametrize("loss", ["bpr", "softmax"])
def test_guests_get_items_of_the_taste_of_their_history(data, loss):
    part = quick(loss=loss).fit(data)
    for taste in range(TASTES):
        asked = Query(Profile(history=History.of_items(np.array([taste, taste + 4], np.int32))))
        assert of_taste(part.retrieve([asked], 8)[0], taste) >= 0.9


def test_one_event_changes_the_answer(fitted):
    before = Profile("new", history=History.of_items(np.array([0], np.int32)))
    after = Profile("new", history=History.of_items(np.array([0, 1, 5], np.int32)))
    one, other = fitted.retrieve([Query(before), Query(after)], 8)
    assert of_taste(other, 1) > of_taste(one, 1)


def test_a_guest_with_friends_and_no_history_gets_what_friends_like(fitted):
    friends = np.flatnonzero(np.arange(TASTES * PER_TASTE) % TASTES == 2)[:3].astype(np.int32)
    assert of_taste(fitted.retrieve([Query(Profile(friends=friends))], 8)[0], 2) == 1.0
    assert len(fitted.retrieve([Query(Profile())], 8)[0]) == 0, "who has neither is answered with nothing"


def test_a_new_item_is_found_by_its_text_and_moves_its_reader(data):
    part = quick().fit(data)
    live = data.items.copy()
    at = live.put(Item("newcomer"), {"text": live.vectors["text"][3]})
    part.extend(live, [at])
    asked = Query(Profile(history=History.of_items(np.array([3, 7], np.int32))))
    assert at in part.retrieve([asked], 12)[0].items
    reader = Query(Profile(history=History.of_items(np.array([at], np.int32))))
    assert of_taste(part.retrieve([reader], 8)[0].take(np.arange(1, 8)), 3, 7) >= 0.8


def test_without_friends_or_texts_it_still_answers():
    bare = tasteful(friends=False)
    bare.items.vectors.clear()
    part = quick(content=1.0, epochs=5).fit(bare)
    assert part.reach[0] == 0
    assert of_taste(part.retrieve([Query(bare.profile(0))], 4)[0], 0, 4) >= 0.75


def test_friends_who_share_tastes_get_weight_and_strangers_get_less():
    data = tasteful(3)
    held = HeldOut.of(data, 40, 0)
    rng = np.random.default_rng(0)
    own = held.hide_met(0.1 * rng.normal(size=(40, ITEMS)).astype(np.float32))
    taste = (held.users[:, None] % TASTES == np.arange(ITEMS) % TASTES).astype(np.float32)
    assert learn_gate(held, [(own, taste, np.ones(40))])[0] > 0
    assert learn_gate(held, [(own, -taste, np.ones(40))])[0] == 0
    one_loses = [(own, taste, np.ones(40)), (own, -taste, np.full(40, 2))]
    assert learn_gate(held, one_loses)[0] == 0, "no length may lose for another's gain"


def test_refit_goes_on_from_what_was_learned(data):
    part = quick().fit(data)
    before = part.ego.copy()
    part.refit_epochs = 1
    part.refit(data)
    assert 0 < np.abs(part.ego - before).max() < np.abs(before).max()
