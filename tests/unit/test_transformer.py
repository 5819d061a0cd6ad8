"""The transformer, its sequences and its losses: what a request computes, what looks where, and what is cut how."""

import numpy as np
import pytest

from zhiyin.data.dataset import build
from zhiyin.item import Item, Items
from zhiyin.learning.forward import last_state
from zhiyin.learning.sequences import BUCKETS, Sequences, gap_buckets
from zhiyin.retrieval.text_axes import projected, text_axes

torch = pytest.importorskip("torch")
from zhiyin.learning.losses import softmax_loss, softmax_loss_over  # noqa: E402
from zhiyin.learning.transformer import Shape, Transformer  # noqa: E402


def test_equal_times_keep_the_order_in_which_they_came():
    data = build(["u"] * 4, Items([Item(name) for name in "abcd"]), list("cabd"), np.zeros(4))
    sequences = Sequences.of(data, 10)
    inputs, targets, _, _ = sequences.padded(np.array([0]))
    assert inputs.tolist() == [[2, 0, 1]]
    assert targets.tolist() == [[0, 1, 3]]


def test_long_histories_are_read_from_their_end_and_cut_into_stretches():
    data = build(["u"] * 8, Items([Item(str(one)) for one in range(8)]), [str(one) for one in range(8)], np.arange(8))
    newest, before, first = (Sequences.of(data, 3, windows=3).padded(np.array([row])) for row in range(3))
    assert (newest[0].tolist(), newest[1].tolist()) == ([[4, 5, 6]], [[5, 6, 7]])
    assert (before[0].tolist(), before[1].tolist()) == ([[1, 2, 3]], [[2, 3, 4]])
    assert (first[0].tolist(), first[1].tolist()) == ([[0]], [[1]])
    assert len(Sequences.of(data, 3, windows=9)) == 3
    kept_out = Sequences.of(data, 3, without_last=np.array([0])).padded(np.array([0]))
    assert kept_out[1].tolist() == [[4, 5, 6]]


def test_time_spans_fall_into_doubling_buckets():
    assert gap_buckets(np.array([np.nan, -5, 0, 1, 2, 3, 7, 1e30])).tolist() == [0, 0, 1, 2, 2, 3, 4, BUCKETS - 1]


def model(ligr=True, **changes):
    torch.manual_seed(3)
    made = Transformer(Shape(20, 8, 10, 2, 2, 16, BUCKETS, ligr), **changes).eval()
    with torch.no_grad():
        for weights in made.parameters():
            weights += 0.3 * torch.randn_like(weights)
    return made


def states(made, items, gaps):
    with torch.no_grad():
        rows = torch.from_numpy(np.asarray(items))[None], torch.tensor([len(items)]), torch.from_numpy(gaps)[None]
        return made(made.vectors(), *rows)[0].numpy()


@pytest.mark.parametrize("ligr", [True, False])
@pytest.mark.parametrize("events", [1, 2, 10])
def test_a_request_computes_what_was_trained(ligr, events):
    made = model(ligr)
    items, gaps = np.arange(events) * 3 % 20, np.arange(events)
    weights = {name: array.detach().numpy() for name, array in made.state_dict().items()}
    vectors = made.vectors().detach().numpy()[items]
    np.testing.assert_allclose(last_state(weights, 2, vectors, gaps), states(made, items, gaps)[-1], atol=1e-5)


@pytest.mark.parametrize("ligr", [True, False])
def test_several_histories_at_once_are_each_computed_alone(ligr):
    made = model(ligr)
    weights = {name: array.detach().numpy() for name, array in made.state_dict().items()}
    items, gaps = np.array([[4, 7, 1], [9, 9, 2]]), np.array([[1, 2, 3], [0, 5, 1]])
    vectors = made.vectors().detach().numpy()[items]
    alone = [last_state(weights, 2, vectors[row], gaps[row]) for row in range(2)]
    np.testing.assert_allclose(last_state(weights, 2, vectors, gaps), alone, atol=1e-5)


@pytest.mark.parametrize("ligr", [True, False])
def test_no_place_looks_ahead_and_padding_changes_nothing(ligr):
    made = model(ligr)
    items, gaps = np.array([4, 7, 1, 9]), np.array([1, 2, 3, 4])
    whole = states(made, items, gaps)
    with torch.no_grad():
        rows = torch.tensor([[4, 7, 1, 9, 0, 0], [3, 3, 3, 3, 3, 3]])
        padded = made(made.vectors(), rows, torch.tensor([4, 6]), torch.tensor([[1, 2, 3, 4, 0, 0], [0] * 6]))
        # The same places from the end, so that only what comes later differs.
        changed = made(made.vectors(), torch.tensor([[4, 7, 1, 15]]), torch.tensor([4]), torch.tensor([[1, 2, 3, 0]]))
    np.testing.assert_allclose(padded[0, :4].numpy(), whole, atol=1e-5)
    np.testing.assert_allclose(changed[0, :3].numpy(), whole[:3], atol=1e-5)
    assert not np.allclose(changed[0, 3].numpy(), whole[3], atol=1e-3)


@pytest.mark.parametrize("chunk", [3, 1000])
def test_the_loss_made_in_chunks_is_cross_entropy_with_its_gradient(chunk):
    torch.manual_seed(0)
    rows, table, targets = torch.randn(7, 4), torch.randn(5, 4), torch.tensor([0, 4, 2, 2, 1, 3, 0])
    found = []
    for loss in (lambda s, t: softmax_loss(s @ t.T, targets), lambda s, t: softmax_loss_over(s, t, targets, chunk)):
        s, t = rows.clone().requires_grad_(), table.clone().requires_grad_()
        value = loss(s, t)
        (3 * value).backward()
        found.append((value.detach(), s.grad, t.grad))
    for expected, got in zip(*found, strict=True):
        torch.testing.assert_close(got, expected)


def test_an_own_vector_is_bounded_where_there_is_a_text():
    texts = torch.ones(20, 8)
    texts[3] = 0
    made = model(texts=texts, bound=0.5)
    with torch.no_grad():
        own = made.vectors() - texts @ made.turn.T
    lengths = own.norm(dim=1)
    assert lengths[torch.arange(20) != 3].max() <= 0.5 + 1e-5
    torch.testing.assert_close(own[3], made.items[3].detach())


def test_main_axes_of_texts_keep_what_tells_them_apart():
    vectors = np.zeros((5, 3), np.float32)
    vectors[:4, 1] = [1, 2, 3, 4]
    axes = text_axes(vectors, 2)
    found = projected(axes, vectors)
    assert np.allclose(np.abs(np.diff(found[:4, 0])), np.abs(found[1, 0] - found[0, 0]))
    assert abs(found[1, 0] - found[0, 0]) > 0.01
    assert not found[:, 1].any()
    assert not found[4].any(), "an item without a text has no place"
    assert text_axes(np.ones((4, 3), np.float32), 2) == text_axes(None, 2) == {}
