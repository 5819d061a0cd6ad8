"""Contrastive fine-tuning: pairs, the loss against hand-made numbers, the text model cut in two, and its outcome."""

import json
import math

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from zhiyin.cli.finetune import app
from zhiyin.data.dataset import build
from zhiyin.errors import DataError, ModelError, SettingError
from zhiyin.item import Item, Items
from zhiyin.recipe import read_recipe

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from zhiyin.encoders.finetuned import Finetuned, read_adapter, write_adapter  # noqa: E402
from zhiyin.evaluation.cold_items import cold_items, hold_out  # noqa: E402
from zhiyin.evaluation.finetune import GAIN, NO_GAIN, finetune_encoder  # noqa: E402
from zhiyin.learning.contrastive import Contrast, fine_tune, info_nce, met_together, pairs_of  # noqa: E402
from zhiyin.learning.text_model import TextModel, adapted, merged, read_base  # noqa: E402

TEXTS = ["red wine", "", "a longer text about a river and a stone", "甜酒"]


def walks(*sequences):
    """Users who met items in this order."""
    users = [f"u{row}" for row, items in enumerate(sequences) for _ in items]
    items = [str(item) for items in sequences for item in items]
    catalogue = Items([Item(str(number), f"title {number}") for number in range(8)])
    return build(users, catalogue, items, np.concatenate([np.arange(len(one), dtype=float) for one in sequences]))


def test_pairs_are_items_met_at_most_a_window_apart_by_one_user():
    found = pairs_of(walks([0, 1, 2, 3], [5, 5]), window=2, cap=100)
    assert {frozenset(one) for one in found.tolist()} == {
        frozenset(p) for p in ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3))
    }


def test_a_popular_item_is_in_no_more_pairs_than_the_cap_on_each_side():
    data = walks(*([0, other] for other in range(1, 8)))
    found = pairs_of(data, window=5, cap=2)
    assert max(np.bincount(found[:, 0]).max(), np.bincount(found[:, 1]).max()) <= 2
    assert len(pairs_of(data, window=5, cap=100)) == 7


def test_without_two_different_items_there_is_nothing_to_learn():
    with pytest.raises(DataError, match="two different items"):
        pairs_of(walks([0], [1, 1]), window=5, cap=5)


def test_items_met_together_are_no_wrong_answers_to_each_other():
    known = met_together(walks([0, 1], [2, 3]), window=5).toarray()
    assert known[0, 1]
    assert known[1, 0]
    assert known[2, 2]
    assert not known[0, 2]


def test_the_loss_of_equal_vectors_is_the_log_of_the_batch_and_hits_are_left_out():
    same, none = torch.ones(4, 2), torch.zeros(4, 4, dtype=torch.bool)
    assert info_nce(same, same, none, 0.1).item() == pytest.approx(math.log(4), rel=1e-6)
    hits = none.clone()
    hits[0, 1] = hits[1, 0] = True
    # Two rows and two columns have three answers left, the other two have four.
    expected = (2 * math.log(3) + 2 * math.log(4)) / 4
    assert info_nce(same, same, hits, 0.1).item() == pytest.approx(expected, rel=1e-6)
    assert info_nce(same, same, ~none, 0.1).item() == pytest.approx(0, abs=1e-6)


def test_a_right_pair_costs_less_than_a_wrong_one():
    basis, none = torch.eye(3), torch.zeros(3, 3, dtype=torch.bool)
    assert info_nce(basis, basis, none, 0.1) < info_nce(basis, basis.roll(1, 0), none, 0.1)


@pytest.mark.parametrize("layers", [0, 1, 2])
def test_a_model_cut_in_two_reads_as_the_whole(layers):
    whole, cut = Finetuned(base="tiny").encode(TEXTS), TextModel(read_base("tiny"), layers)
    states = cut.read(TEXTS, 64)
    assert np.allclose(cut.vectors(states, fast=False), whole, atol=2e-3)  # states are kept in half precision
    assert not cut.vectors(states)[1].any()
    assert np.allclose(cut.vectors(states, np.array([2]), fast=False)[0], whole[2], atol=2e-3)


def test_low_rank_training_leaves_the_weights_and_merges_into_them():
    model = TextModel(read_base("tiny"), 1, rank=2)
    named = dict(model.upper.named_parameters())
    trained = {name for name, weight in named.items() if weight.requires_grad}
    assert trained == {name for name in named if name.endswith((".up", ".down"))}
    plain = TextModel(read_base("tiny"), 1)
    states = plain.read(TEXTS, 64)
    assert np.allclose(model.vectors(states, fast=False), plain.vectors(states, fast=False), atol=1e-6)
    for name, weight in named.items():
        if name.endswith(".up"):
            torch.nn.init.normal_(weight, generator=torch.Generator().manual_seed(0))
    changed = model.vectors(states, fast=False)
    weights = merged(model)
    assert set(weights) == set(plain.state_dict())
    assert np.allclose(adapted("tiny", weights).vectors(states, fast=False), changed, atol=1e-5)
    assert not np.allclose(changed, plain.vectors(states, fast=False), atol=1e-3)


def hidden_tastes(users=200, seed=0):
    """Items whose taste is one word of their text; users who keep to one taste. The base knows nothing of the words."""
    chance = np.random.default_rng(seed)
    taste = np.arange(80) % 4
    words = [("amber", "slate"), ("birch", "clover"), ("copper", "velvet"), ("drift", "ember")]
    filler = ["north", "south", "early", "late", "small", "plain"]
    rows = [
        Item(str(n), f"{chance.choice(filler)} {chance.choice(words[taste[n]])} {chance.choice(filler)}")
        for n in range(80)
    ]
    sequences = [chance.choice(np.flatnonzero(taste == user % 4), 6, replace=False) for user in range(users)]
    names = [f"u{user}" for user in range(users) for _ in range(6)]
    return build(names, Items(rows), [str(n) for n in np.concatenate(sequences)], np.tile(np.arange(6.0), users))


QUICK = Contrast(pairs=2048, batch=64, epochs=3, learning_rate=1e-2, cap=100, temperature=0.05)


def test_training_moves_the_encoder_and_brings_together_what_is_met_together():
    data = hidden_tastes()
    model = TextModel(read_base("tiny"), 1, head=False)
    states = model.read([row.content() for row in data.items.rows], 64)
    before, first = model.vectors(states), {n: w.detach().clone() for n, w in model.named_parameters()}
    fine_tune(model, states, data, QUICK)
    assert all(
        (weight - first[name]).abs().max() > 1e-5 for name, weight in model.named_parameters() if "weight" in name
    )
    same = (np.arange(80) % 4)[:, None] == np.arange(80) % 4

    def contrast(vectors):
        cosines = vectors @ vectors.T
        return cosines[same].mean() - cosines[~same].mean()

    assert contrast(model.vectors(states)) > contrast(before) + 0.1


def test_a_gain_is_kept_in_a_folder_that_the_encoder_reads(tmp_path):
    data = hidden_tastes()
    done = finetune_encoder(data, "tiny", 1, 0, settings=QUICK, folder=tmp_path, max_tokens=64)
    assert done.verdict == GAIN
    assert done.valid["after"] > done.valid["before"]
    assert done.test["low"] > 0
    part, plain = Finetuned(base="tiny", folder=str(tmp_path)), Finetuned(base="tiny")
    assert part.identity != plain.identity
    texts = [row.content() for row in data.items.rows]
    assert np.allclose(
        part.encode(texts),
        adapted("tiny", done.weights).vectors(TextModel(read_base("tiny"), 1).read(texts, 64), fast=False),
        atol=5e-3,
    )
    assert not np.allclose(part.encode(texts), plain.encode(texts), atol=0.05)
    assert json.loads((tmp_path / "adapter.json").read_text())["report"]["verdict"] == GAIN


def test_where_people_met_items_by_chance_the_frozen_one_is_kept(tmp_path):
    data = hidden_tastes()
    mixed = np.random.default_rng(1).permutation(data.interactions.items)
    by_chance = build(
        [data.users[user] for user in data.interactions.users], data.items,
        [data.items[int(item)].item_id for item in mixed], data.interactions.times,
    )  # fmt: skip
    done = finetune_encoder(by_chance, "tiny", 1, 0, settings=QUICK, folder=tmp_path, max_tokens=64)
    assert done.verdict == NO_GAIN
    assert not done.weights
    part, plain = Finetuned(base="tiny", folder=str(tmp_path)), Finetuned(base="tiny")
    assert np.array_equal(part.encode(TEXTS), plain.encode(TEXTS))


def test_held_out_items_are_in_no_pair_and_are_ranked_alone():
    data = hidden_tastes()
    warm, (valid, test) = hold_out(data, (0.1, 0.2))
    assert valid.sum() == 8
    assert test.sum() == 16
    assert not (valid & test).any()
    assert not (valid | test)[warm.interactions.items].any()
    asked = cold_items(data, warm, test)
    taste = np.eye(4, dtype=np.float32)[np.arange(80) % 4]
    # Four of the sixteen share the user's taste on average: with the tastes known, all targets are on top.
    assert asked.by_vectors(taste, k=8).mean() > 0.99
    assert asked.by_vectors(np.roll(taste, 1, 0), k=2).mean() == pytest.approx(asked.by_vectors(taste, k=2).mean())


def test_trained_layers_of_another_base_or_damaged_ones_are_refused(tmp_path):
    write_adapter(tmp_path, "tiny", merged(TextModel(read_base("tiny"), 1)), {})
    with pytest.raises(SettingError, match="trained for 'tiny'"):
        read_adapter(tmp_path, "minilm")
    (tmp_path / "adapter.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="cannot be read"):
        Finetuned(base="tiny", folder=str(tmp_path)).encode(["a"])
    with pytest.raises(ModelError, match="cannot be read"):
        Finetuned(base="tiny", folder=str(tmp_path / "nowhere")).encode(["a"])
    with pytest.raises(ModelError, match="do not fit"):
        adapted("tiny", {"upper.0.nonsense": np.zeros(3, np.float32)})
    with pytest.raises(SettingError, match="minilm, tiny or a folder"):
        read_base("no such folder")


def test_the_command_leaves_a_folder_that_a_recipe_reads(tmp_path):
    data = hidden_tastes(60)
    table = data.interactions
    events = {
        "user_id": [data.users[u] for u in table.users],
        "item_id": [data.items[int(i)].item_id for i in table.items],
    }
    pl.DataFrame({**events, "timestamp": table.times}).write_parquet(tmp_path / "events.parquet")
    rows = data.items.rows
    titles = {"item_id": [row.item_id for row in rows], "title": [row.title for row in rows]}
    pl.DataFrame(titles).write_parquet(tmp_path / "items.parquet")
    asked = ["encoder", "--data", str(tmp_path), "--out", str(tmp_path / "trained"), "--base", "tiny"]
    done = CliRunner().invoke(app, [*asked, "--epochs", "1", "--pairs", "128"])
    assert done.exit_code == 0, done.output
    assert "difference" in done.output
    assert (GAIN in done.output) != (NO_GAIN in done.output)
    report = json.loads((tmp_path / "trained" / "adapter.json").read_text())["report"]
    assert report["settings"]["pairs"] == 128
    assert report["test"]["users"] > 0
    folder = f"[encode.text]\nuse = 'finetuned'\nbase = 'tiny'\nfolder = '{tmp_path / 'trained'}'\n"
    encoder = read_recipe(folder + "[[retrieve]]\nuse = 'popular'\n").encoders["text"]
    assert encoder.encode(["a red wine"]).shape == (1, 16)
