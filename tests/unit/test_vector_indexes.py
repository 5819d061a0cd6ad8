"""Every vector index passes the same tests."""

import numpy as np
import pytest

from zhiyin.arrays import unit_rows
from zhiyin.errors import SavedVersionError
from zhiyin.stores.faiss_index import ExactIndex, FlatIndex, HnswIndex

INDEXES = [ExactIndex, FlatIndex, HnswIndex]


def made(count=300, width=8, seed=0):
    return unit_rows(np.random.default_rng(seed).normal(size=(count, width)))


@pytest.mark.parametrize("kind", INDEXES)
def test_the_nearest_come_best_first(kind):
    vectors = made()
    index = kind()
    index.build(vectors)
    found, products = index.search(vectors[:20], 5)
    assert found[:, 0].tolist() == list(range(20))
    assert (np.diff(products, axis=1) <= 1e-6).all()
    truth = np.argsort(-(vectors[:20] @ vectors.T), axis=1)[:, :5]
    assert np.mean([len(set(a) & set(b)) / 5 for a, b in zip(found.tolist(), truth.tolist(), strict=True)]) > 0.98


@pytest.mark.parametrize("kind", INDEXES)
def test_fewer_than_asked_are_filled_with_minus_one(kind):
    index = kind()
    index.build(made(3))
    found, products = index.search(made(1), 5)
    assert sorted(found[0, :3].tolist()) == [0, 1, 2]
    assert found[0, 3:].tolist() == [-1, -1]
    assert np.isneginf(products[0, 3:]).all()


@pytest.mark.parametrize("kind", INDEXES)
def test_added_changed_deleted_and_empty_vectors(kind):
    vectors = made()
    vectors[7] = 0
    index = kind()
    index.build(vectors)
    target = -vectors[0]
    index.upsert(np.array([5, 302], np.int32), np.stack([target, target]))
    assert set(index.search(target[None], 2)[0][0].tolist()) == {5, 302}
    index.delete(np.array([5], np.int32))
    assert index.search(target[None], 1)[0][0].tolist() == [302]
    everything = index.search(target[None], 400)[0][0]
    assert not {5, 7, 300, 301} & set(everything.tolist())


@pytest.mark.parametrize("kind", INDEXES)
def test_only_allowed_positions_are_found(kind):
    vectors = made()
    index = kind()
    index.build(vectors)
    allowed = np.zeros(300, np.bool_)
    allowed[[3, 4]] = True
    assert set(index.search(vectors[:1], 10, allowed)[0][0].tolist()) == {3, 4, -1}


def test_a_graph_reads_back_with_what_changed_since():
    vectors = made()
    index = HnswIndex()
    index.build(vectors)
    target = -vectors[0]
    index.upsert(np.array([300], np.int32), target[None])
    read = HnswIndex.read(index.state(), np.vstack([vectors, target[None]]))
    assert np.array_equal(read.search(vectors[:5], 7)[0], index.search(vectors[:5], 7)[0])
    assert read.search(target[None], 1)[0][0].tolist() == [300]


def test_a_graph_of_other_vectors_is_refused():
    index = HnswIndex()
    index.build(made())
    with pytest.raises(SavedVersionError):
        HnswIndex.read(index.state(), made(10))
    with pytest.raises(SavedVersionError):
        HnswIndex.read({**index.state(), "graph": np.zeros(40, np.uint8)}, made())
