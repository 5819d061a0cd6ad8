"""joint: the text encoder learns from what people do next, and new items are read by it."""

import numpy as np
import pytest

from zhiyin.data.dataset import build
from zhiyin.data.split import leave_one_out
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.retrieval.joint import Joint

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from zhiyin.learning.joint_model import JointTask, bounded  # noqa: E402
from zhiyin.learning.negatives import Negatives  # noqa: E402
from zhiyin.learning.next_event import NextEvent  # noqa: E402
from zhiyin.learning.sequences import Sequences  # noqa: E402
from zhiyin.learning.text_model import TextModel, read_base  # noqa: E402

SMALL = {
    "base": "tiny", "width": 16, "length": 8, "resting": 2, "epochs": 8, "batch": 32, "max_tokens": 16, "learning_rate": 5e-3,
    "encoder_rate": 1.0, "warmup": 2,
}  # fmt: skip
COLOURS = ("amber", "birch", "copper", "drift", "ember", "flint")


def rounds(users=150, seed=0, length=8):
    """Items named by a colour; after an item of one colour comes one of the next colour, any of four."""
    chance = np.random.default_rng(seed)
    rows = [Item(f"i{n}", f"{COLOURS[n % 6]} {chance.choice(['north', 'south', 'plain'])}") for n in range(24)]
    places = (np.arange(length)[None] + np.arange(users)[:, None]) % 6
    items = places + 6 * chance.integers(0, 4, (users, length))
    names = [f"u{user}" for user in range(users) for _ in range(length)]
    return build(names, Items(rows), [f"i{n}" for n in items.ravel()], np.tile(np.arange(float(length)), users))


def task_of(part, data):
    model = part._model(data)
    sequences = Sequences.of(data, part.length)
    return model, JointTask(model, NextEvent(model, sequences, sequences, Negatives.mixed(data.popularity())), 8, 0.1)


@pytest.mark.parametrize("rank", [0, 2])
def test_the_one_loss_reaches_the_text_encoder(rank):
    model, task = task_of(Joint(**{**SMALL, "rank": rank}), rounds())
    for _ in range(2):  # low-rank changes start at zero on one side, so the other moves from the second step on
        model.zero_grad()
        task.loss(np.arange(16), torch.Generator().manual_seed(0)).backward()
        torch.optim.SGD(model.parameters(), 0.1).step()
    trained = {name: weight for name, weight in model.text.named_parameters() if weight.requires_grad}
    assert trained
    # A shift of all keys alike changes no softmax, so the key's bias alone has no gradient.
    still = [name for name, weight in trained.items() if not weight.grad.abs().max() > 0 and "key.bias" not in name]
    assert not still
    assert model.project.weight.grad.abs().max() > 0


def test_a_frozen_encoder_has_nothing_to_train():
    model, task = task_of(Joint(**{**SMALL, "layers": 0}), rounds())
    before = model.read.clone()
    task.loss(np.arange(16), torch.Generator().manual_seed(0)).backward()
    assert not list(model.text.parameters())
    assert torch.equal(before, model.read)


def test_a_resting_encoder_is_left_alone_and_the_rest_learns():
    model, task = task_of(Joint(**{**SMALL, "rank": 0}), rounds())
    model.rests, before = True, model.read.clone()
    task.loss(np.arange(16), torch.Generator().manual_seed(0)).backward()
    assert all(weight.grad is None for weight in model.text.parameters())
    assert model.project.weight.grad.abs().max() > 0
    assert torch.equal(before, model.read)


def test_a_frozen_twin_runs_the_same_two_trainings():
    data = rounds(60)
    parts = [
        Joint(**{**SMALL, "layers": layers, "resting": 2, "epochs": 3, "patience": 9}).fit(data) for layers in (0, 1)
    ]
    for part in parts:
        assert [one["epochs"] for one in part.course.values()] == [2, 3]
    # Until the encoder joins there is nothing between them but how exactly the last layer's numbers are kept.
    resting = [part.course["resting"]["ndcg@10"] for part in parts]
    assert resting[0] == pytest.approx(resting[1], abs=0.05)


def test_what_made_nothing_better_is_not_kept():
    data, settings = rounds(60), {**SMALL, "resting": 4, "patience": 9}
    part = Joint(**{**settings, "epochs": 1, "warmup": 10**9, "layers": 0, "dropout": 0.0, "hide": 0.0}).fit(data)
    alone = Joint(**{**settings, "resting": 0, "epochs": 4, "warmup": 0, "layers": 0, "dropout": 0.0, "hide": 0.0}).fit(
        data
    )
    assert part.course["fit"]["ndcg@10"][0] <= max(part.course["resting"]["ndcg@10"])
    assert np.array_equal(part.vectors, alone.vectors)


def test_training_moves_the_encoders_weights():
    data = rounds()
    part, plain = (
        Joint(**{**SMALL, "resting": 0, "epochs": 1, "rank": 0}).fit(data),
        TextModel(read_base("tiny"), 1, head=False),
    )
    first = {name: weight.detach().numpy() for name, weight in plain.state_dict().items()}
    assert set(part.text) == set(first)
    assert max(np.abs(part.text[name] - first[name]).max() for name in first) > 1e-3


def test_texts_not_read_anew_are_taken_as_last_read():
    model, _ = task_of(Joint(**SMALL), rounds())
    model.train()
    model.read[:] = 0.5
    model.fresh, model.hidden = np.array([3]), None
    model.vectors()
    changed = (model.read != 0.5).any(1).numpy()
    assert np.flatnonzero(changed).tolist() == [3]
    model.eval()
    model.reread()
    assert (model.read != 0.5).any(1).all()


def test_an_items_own_vector_is_bounded_only_where_it_has_a_text():
    own = torch.tensor([[3.0, 4.0], [3.0, 4.0], [0.3, 0.4]])
    found = bounded(own, torch.tensor([[True], [False], [True]]), 1.0)
    assert torch.allclose(found, torch.tensor([[0.6, 0.8], [3.0, 4.0], [0.3, 0.4]]))


def test_it_learns_which_colour_comes_next():
    split = leave_one_out(rounds())
    part = Joint(**{**SMALL, "epochs": 14}).fit(split.fit)
    hits = [COLOURS.index(split.fit.items[int(part.retrieve([split.test.query(row)], 1)[0].items[0])].title.split()[0])
            == split.test.targets[row][0] % 6 for row in range(60)]  # fmt: skip
    assert np.mean(hits) > 0.8  # one in six by chance
    fit = part.course["fit"]
    assert fit["ndcg@10"][fit["best"] - 1] == max(fit["ndcg@10"])


def test_a_new_item_is_read_by_the_trained_encoder():
    data = rounds()
    part = Joint(**{**SMALL, "hide": 0.3, "epochs": 12}).fit(data)
    live = data.items.copy()
    added = [live.put(Item(f"new {colour}", f"{colour} fresh")) for colour in COLOURS]
    part.extend(live, added)
    assert part.vectors.shape == (30, 16)
    right = 0
    for user in range(60):
        ends_with = int(data.history(user).items[-1]) % 6
        right += int(np.argmax(part.scores([Query(data.profile(user))])[0][added])) == (ends_with + 1) % 6
    assert right > 30  # ten by chance


def test_extending_keeps_a_known_items_vector_and_follows_its_new_text():
    data = rounds()
    part = Joint(**{**SMALL, "epochs": 1}).fit(data)
    before = part.vectors.copy()
    live = data.items.copy()
    part.extend(live, [5])
    assert np.allclose(part.vectors[5], before[5], atol=5e-3)
    live.put(Item("i5", "something else altogether"))
    part.extend(live, [5])
    assert np.abs(part.vectors[5] - before[5]).max() > 0.03
    assert np.array_equal(np.delete(part.vectors, 5, 0), np.delete(before, 5, 0))
