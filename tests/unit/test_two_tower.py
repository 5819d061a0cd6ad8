"""Two towers: both passes agree, negatives are corrected and fair, new items and live histories count without a fit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from zhiyin.arrays import unit_rows
from zhiyin.data.dataset import build
from zhiyin.errors import DataError
from zhiyin.item import Item, Items
from zhiyin.learning.losses import sampled_softmax_loss, softmax_loss
from zhiyin.learning.matching import Matching
from zhiyin.learning.negatives import Negatives
from zhiyin.learning.sequences import Sequences
from zhiyin.learning.towers import Towers, TowerShape
from zhiyin.learning.towers_forward import attention, item_vectors, user_vector
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.retrieval.content_axes import centred, content_axes
from zhiyin.retrieval.two_tower import TwoTower
from zhiyin.testing import small_dataset

SMALL = {
    "width": 16,
    "buckets": 256,
    "negatives": 64,
    "batch": 30,
    "epochs": 15,
    "validated": 0,
    "hide": 0.5,
    "learning_rate": 0.01,
}


def towers(items=7, width=6):
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    texts = torch.from_numpy(rng.normal(size=(items, width)).astype(np.float32))
    words = torch.from_numpy(rng.integers(1, 20, (items, 4)))
    weights = torch.from_numpy(rng.random((items, 4)).astype(np.float32))
    model = Towers(TowerShape(items, width, 20, 9, 3), torch.randn(20, width), texts, words, weights, 0.0).eval()
    with torch.no_grad():
        for one in model.parameters():
            one.copy_(torch.randn_like(one))
    return model


def test_requests_in_numpy_equal_training_in_torch():
    model = towers()
    weights = {name: one.detach().numpy() for name, one in model.state_dict().items()}
    with torch.no_grad():
        vectors = model.items(torch.arange(7), torch.ones(7))
    texts, words, shares = model.texts.numpy(), model.item_words.numpy(), model.word_weights.numpy()
    assert np.allclose(item_vectors(weights, weights["own"], texts, words, shares), vectors.numpy(), atol=1e-5)
    history, attributes = np.array([3, 1, 4, 0]), np.array([5, 2, 0, 0])
    with torch.no_grad():
        asked = (vectors[history][None], model.texts[history][None], torch.from_numpy(attributes)[None])
        states = model.prefixes(*asked, torch.ones(1, 4, dtype=torch.bool))[0]
        told = model.by_text(model.texts[:1], torch.from_numpy(attributes)[None])[0]
    for count in range(5):
        met = history[:count]
        one = user_vector(weights, vectors.numpy()[met], texts[met], attributes)
        assert np.allclose(one, states[count].numpy(), atol=1e-5)
    assert np.allclose(
        user_vector(weights, vectors.numpy()[history], texts[history], attributes, texts[0]), told, atol=1e-5
    )
    assert attention(weights, vectors.numpy()[history]).sum() == pytest.approx(1)


def test_padding_never_changes_a_person():
    model = towers()
    vectors, nobody = torch.randn(1, 5, 6), torch.zeros(1, 4, dtype=torch.long)
    real = torch.tensor([[True, True, False, False, False]])
    with torch.no_grad():
        padded = model.prefixes(vectors, vectors, nobody, real)[:, :3]
        alone = model.prefixes(vectors[:, :2], vectors[:, :2], nobody, real[:, :2])
    assert torch.allclose(padded, alone, atol=1e-6)


def test_corrected_samples_estimate_the_softmax_over_all_items_and_uncorrected_ones_do_not():
    rng = np.random.default_rng(0)
    logits, counts = torch.from_numpy(rng.normal(size=(1, 50)).astype(np.float32)), 1 / np.arange(1, 51)
    mixed, target = Negatives.mixed(counts, 0.3), torch.tensor([7])
    corrected, plain = [], []
    for _ in range(200):
        drawn = mixed.draw(400, rng)
        log_q = torch.from_numpy(mixed.log_expected(drawn, 400))
        arguments = (logits[0, target], logits[:, drawn])
        corrected.append(float(sampled_softmax_loss(*arguments, log_q, target, torch.from_numpy(drawn))))
        plain.append(float(sampled_softmax_loss(*arguments, log_q * 0, target, torch.from_numpy(drawn))))
    exact = float(softmax_loss(logits, target))
    assert np.mean(corrected) == pytest.approx(exact, abs=0.02)
    assert abs(np.mean(plain) - exact) > 1


def matching(dataset, negatives):
    sequences = Sequences.of(dataset, 50)
    owners, popularity = dataset.sequence.users[sequences.starts], np.bincount(dataset.liked.items, minlength=60)
    nobody = np.zeros((len(dataset.users), 1), np.int64)
    return Matching(towers(60), sequences, sequences, owners, owners, nobody, popularity, negatives, 0, 0.1)


def test_evenly_drawn_items_and_the_batch_are_corrected_for_how_often_both_bring_them():
    task = matching(small_dataset(0), 30)
    right = np.array([3, 3, 8])
    columns, log_q = task._columns(right, np.random.default_rng(0))
    assert len(columns) == 33
    assert columns[:3].tolist() == [3, 3, 8]
    shares = task.popularity / task.popularity.sum()
    assert np.allclose(log_q[2], np.log(3 * shares[8] + 30 / 60))
    everything, nothing = matching(small_dataset(0), 60)._columns(right, np.random.default_rng(0))
    assert everything.tolist() == list(range(60))
    assert not nothing.any()


def test_what_a_person_liked_is_no_negative_for_them():
    used, inputs = np.array([10, 11, 12, 13]), np.array([0, 1, 2, 2])
    own = Matching._own(used, inputs, np.array([1, 3]), np.array([0, 1, 2, 3]), np.array([0, 1]), (2, 2))
    assert own.tolist() == [[True, True, False, False], [False, False, True, True]]


@pytest.fixture(scope="module")
def pairs():
    """Everyone who likes a red thing then likes a boat, and after a green thing a river; titles say the kind alone."""
    items = [
        Item(f"{kind} {number}", f"{kind} {number}")
        for kind in ("red", "green", "boat", "river")
        for number in range(8)
    ]
    rng, rows = np.random.default_rng(0), []
    for user in range(120):
        first, second = (("red", "boat"), ("green", "river"))[user % 2]
        rows += [(f"u{user}", f"{first} {rng.integers(7)}", 0.0), (f"u{user}", f"{second} {rng.integers(8)}", 1.0)]
    users, ids, times = zip(*rows, strict=True)
    dataset = build(users, Items.of(items), ids, np.array(times))
    return dataset, TwoTower(**SMALL).fit(dataset)


def asked(dataset, *ids):
    return Query(Profile(history=History.of_items(dataset.items.vocabulary.positions(ids))))


def kinds(part, items, query, n):
    """The kinds of the best items beside what was met, which no model filters."""
    found = part.retrieve([query], n + 1)[0].items
    return [items[int(item)].item_id.split()[0] for item in found if item not in query.profile.history.items][:n]


def test_it_learns_what_follows_what_and_reads_the_live_history(pairs):
    dataset, part = pairs
    assert set(kinds(part, dataset.items, asked(dataset, "red 1"), 4)) == {"boat"}
    assert set(kinds(part, dataset.items, asked(dataset, "green 2"), 4)) == {"river"}


def test_an_item_nobody_met_is_read_by_its_words(pairs):
    dataset, part = pairs
    assert dataset.popularity()[dataset.items.vocabulary.get("red 7")] == 0
    for unmet, follows in (("red 7", "boat"), ("green 7", "river")):
        found = kinds(part, dataset.items, asked(dataset, unmet), 10)
        assert next(kind for kind in found if kind in ("boat", "river")) == follows


def test_axes_keep_what_words_and_texts_say_of_likeness():
    rng = np.random.default_rng(0)
    words, weights = np.array([[1, 2], [1, 3], [4, 5]]), np.full((3, 2), 0.5**0.5, np.float32)
    texts = unit_rows(rng.normal(size=(3, 6)))
    start, axes, mean = content_axes(words, weights, 8, texts, 3)
    told = sum(start[words[:, at]] * weights[:, at : at + 1] for at in range(2)) + centred(texts, mean) @ axes
    assert np.allclose(told.T @ told, np.eye(3) * (told**2).sum() / 3, atol=1e-4), "every axis counts alike"
    alone, nothing, _ = content_axes(words, weights, 8, None, 5)
    made = sum(alone[words[:, at]] * weights[:, at : at + 1] for at in range(2))
    assert nothing.shape == (0, 5)
    assert not made[:, 3:].any(), "three items span three axes"
    assert np.linalg.norm(made, axis=1).mean() == pytest.approx(1, abs=1e-4)


def test_a_new_item_is_found_without_a_fit(pairs):
    dataset, part = pairs
    live, one = dataset.items.copy(), TwoTower(**SMALL)
    for name in ("weights", "vectors", "axes", "rarity", "texts", "graph", "course"):
        setattr(one, name, getattr(part, name))
    added = live.put(Item("boat new", "boat"))
    one.extend(live, [added])
    assert added in one.retrieve([asked(dataset, "red 1")], 9)[0].items
    assert added not in one.retrieve([asked(dataset, "green 1")], 9)[0].items
    assert len(part.vectors) == 32, "the table in use is not changed under a request"


def test_a_guest_is_answered_and_a_wish_takes_the_place_of_the_history():
    dataset = small_dataset(0)
    part = TwoTower(**{**SMALL, "epochs": 2}).fit(dataset)
    assert len(part.retrieve([Query()], 5)[0]) == 5
    wish = unit_rows(dataset.items.vectors["text"][:1])[0]
    known = Query(dataset.profile(0), text_vectors={"text": wish})
    assert np.allclose(part.person(known), part.person(replace(known, profile=Profile())))


def test_a_graph_finds_what_comparing_all_finds():
    dataset = small_dataset(0)
    exact = TwoTower(**{**SMALL, "epochs": 1}).fit(dataset)
    graph = TwoTower(**{**SMALL, "epochs": 1}, exact_up_to=10).fit(dataset)
    queries = [Query(dataset.profile(user)) for user in range(10)]
    for one, other in zip(exact.retrieve(queries, 5), graph.retrieve(queries, 5), strict=True):
        assert one.items.tolist() == other.items.tolist()


def test_going_on_needs_the_same_catalogue():
    part = TwoTower(**{**SMALL, "epochs": 1}).fit(small_dataset(0))
    with pytest.raises(DataError, match="40 items, but learned on 60"):
        part.refit(small_dataset(0, items=40))
    before = part.weights["user_in.weight"].copy()
    assert not np.array_equal(part.refit(small_dataset(0)).weights["user_in.weight"], before)
