"""Semantic ids and the search along them: codes are used, items are told apart, and every beam ends at an item."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.arrays import unit_rows
from zhiyin.data.dataset import build
from zhiyin.errors import DataError, SettingError
from zhiyin.item import Item, Items
from zhiyin.learning.code_decoder import Choices, CodeDecoder
from zhiyin.learning.code_search import CodeSearch
from zhiyin.learning.loop import weights_of
from zhiyin.learning.semantic_ids import SemanticIds, Trie, centroids, with_room
from zhiyin.learning.transformer import Shape
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.retrieval.generative import Generative
from zhiyin.testing import small_dataset

QUICK = {"width": 16, "axes_kept": 8, "codes": 8, "levels": 2, "heads": 1, "blocks": 1, "validated": 0, "dropout": 0.0}


def clusters(count=400, width=12, seed=0):
    rng = np.random.default_rng(seed)
    return unit_rows(rng.normal(size=(8, width))[rng.integers(0, 8, count)] + 0.4 * rng.normal(size=(count, width)))


def test_ids_are_apart_and_every_code_is_used():
    ids = SemanticIds.of(clusters(), 3, 16, 0)
    assert ids.collision() <= 0.05
    assert (ids.use() >= 0.8).all()
    assert len(np.unique(ids.codes, axis=0)) == 400
    assert np.bincount(ids.codes[:, 0]).max() <= 2 * 400 / 16


def test_like_items_begin_alike():
    vectors = clusters()
    first = SemanticIds.of(vectors, 3, 8, 0).codes[:, 0]
    likeness = vectors @ vectors.T
    same = first[:, None] == first[None, :]
    assert likeness[same].mean() > likeness[~same].mean() + 0.3


def test_items_of_one_text_get_different_codes_and_then_extra_tokens():
    ids = SemanticIds.of(np.ones((6, 3), np.float32), 1, 4, 0)
    assert len(np.unique(ids.codes, axis=0)) == 6
    assert np.bincount(ids.codes[:, 0]).tolist() == [2, 2, 1, 1]
    assert sorted(ids.codes[:, 1].tolist()) == [0, 0, 0, 0, 1, 1]


def test_when_no_id_is_left_it_says_so():
    with pytest.raises(DataError, match="give more codes or levels"):
        SemanticIds.of(np.ones((260, 2), np.float32), 1, 1, 0)


def test_a_lost_centroid_starts_again():
    vectors = np.array([[0, 0], [0, 0], [0, 0], [9, 9]], np.float32)
    assert len(np.unique(centroids(vectors, 2, np.random.default_rng(0)), axis=0)) == 2


def test_a_full_code_sends_the_farther_ones_on():
    apart = np.array([[1, 5], [2, 9], [0, 3]], np.float32)
    assert with_room(apart, 2).tolist() == [0, 1, 0]


def search(codes, seed, width=4):
    torch.manual_seed(seed)
    sizes = tuple(int(column.max(initial=0)) + 1 for column in codes.T)
    model = CodeDecoder(Shape(1, width, 3, 1, 1, 4, 0, True), sizes, 0.0).eval()
    with torch.no_grad():
        for one in model.parameters():
            one.copy_(torch.randn_like(one))
    return model, CodeSearch(weights_of(model), Trie.of(codes))


CODES = st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=1, max_size=40, unique=True)


@settings(deadline=None, max_examples=40)
@given(codes=CODES, seed=st.integers(0, 99), beam=st.integers(1, 50))
def test_every_beam_ends_at_an_item_and_chances_sum_to_one(codes, seed, beam):
    codes = np.array(codes, np.int32)
    found = search(codes, seed)[1]
    state = np.random.default_rng(seed).normal(size=4).astype(np.float32)
    items, chances = found.best(state, beam)
    assert len(items) == len(np.unique(items)) <= beam
    assert ((items >= 0) & (items < len(codes))).all()
    assert (np.diff(chances) <= 0).all()
    everything = found.of(state, np.arange(len(codes), dtype=np.int32))
    assert np.exp(everything).sum() == pytest.approx(1)
    assert np.allclose(everything[items], chances)
    if beam >= len(codes):
        assert set(items.tolist()) == set(range(len(codes)))


def test_the_search_in_numpy_equals_the_decoder_in_torch():
    codes = np.stack(np.meshgrid(range(3), range(4), indexing="ij"), -1).reshape(-1, 2).astype(np.int32)
    model, found = search(codes, 3)
    state = torch.randn(1, 4)
    items = torch.arange(12)
    with torch.no_grad():
        losses = Choices.of(codes, (3, 4)).losses(model, state.repeat(12, 1), items)
    assert np.allclose(found.of(state[0].numpy(), np.arange(12, dtype=np.int32)), -losses.numpy(), atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(codes=CODES, seed=st.integers(0, 99))
def test_it_learns_from_the_chances_that_the_search_gives(codes, seed):
    codes = np.array(codes, np.int32)
    model, found = search(codes, seed)
    states = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, 4)).astype(np.float32))
    every = np.arange(len(codes), dtype=np.int32)
    for state in states:
        with torch.no_grad():
            losses = Choices.of(codes, tuple(codes.max(0) + 1)).losses(
                model, state.repeat(len(codes), 1), torch.from_numpy(every).long()
            )
        assert np.allclose(found.of(state.numpy(), every), -losses.numpy(), atol=1e-4)


def test_a_code_that_is_certain_costs_nothing():
    codes = np.array([[0, 1, 0], [1, 0, 0], [1, 2, 0]], np.int32)
    model, state = search(codes, 0)[0], torch.randn(1, 4).repeat(3, 1)
    choices = Choices.of(codes, (2, 3, 1))
    with torch.no_grad():
        before = choices.losses(model, state, torch.arange(3))
        model.write[1].add_(torch.randn_like(model.write[1]))
        after = choices.losses(model, state, torch.arange(3))
    assert after[0] == before[0]  # the first item is alone after its first code
    assert (after[1:] != before[1:]).all()


@pytest.fixture(scope="module")
def fitted():
    """Two worlds that alternate: red then boat, green then river; vectors say which kind an item is."""
    rng = np.random.default_rng(0)
    kinds = ("red", "green", "boat", "river")
    items = Items.of([Item(f"{kind} {number}", kind) for kind in kinds for number in range(6)])
    centre = dict(zip(kinds, np.eye(8), strict=False))
    items.set_vectors(
        "text", unit_rows(np.stack([centre[one.title] for one in items.rows]) + 0.1 * rng.normal(size=(24, 8)))
    )
    rows = []
    for user in range(120):
        first, second = (("red", "boat"), ("green", "river"))[user % 2]
        rows += [(f"u{user}", f"{first} {rng.integers(6)}", 0.0), (f"u{user}", f"{second} {rng.integers(6)}", 1.0)]
    users, ids, times = zip(*rows, strict=True)
    dataset = build(users, items, ids, np.array(times))
    return dataset, Generative(**QUICK, epochs=25, batch=30, learning_rate=0.02).fit(dataset)


def asked(dataset, *ids):
    return Query(Profile(history=History.of_items(dataset.items.vocabulary.positions(ids))), now=2.0)


def test_it_writes_the_ids_that_follow(fitted):
    dataset, part = fitted
    for first, second in (("red 1", "boat"), ("green 1", "river")):
        found = part.retrieve([asked(dataset, first)], 4)[0].items
        assert [dataset.items[int(one)].title for one in found] == [second] * 4


def test_a_new_item_is_written_without_a_fit(fitted):
    dataset, part = fitted
    live, before = dataset.items.copy(), part.hosts
    added = live.put(
        Item("boat new", "boat"), {"text": dataset.items.vectors["text"][dataset.items.vocabulary.get("boat 2")]}
    )
    part.extend(live, [added])
    likely = part.score([asked(dataset, "red 1"), asked(dataset, "green 1")], [np.array([added], np.int32)] * 2)
    found = part.retrieve([asked(dataset, "red 1")], 7)[0].items
    likeliest = dataset.items.vocabulary.get("boat 2")
    assert part.hosts[added] == likeliest
    part.hosts = before
    assert likely[0][0] > likely[1][0] + 1
    assert added in found


def test_what_it_cannot_work_with_is_refused():
    dataset = small_dataset(0)
    with pytest.raises(DataError, match="no 'pictures' vectors; it has"):
        Generative(space="pictures").fit(dataset)
    with pytest.raises(SettingError, match="multiple of heads"):
        Generative(width=6, heads=4)
    part = Generative(**QUICK, epochs=1).fit(dataset)
    with pytest.raises(DataError, match="50 items, but learned on 60"):
        part.refit(small_dataset(0, items=50))
