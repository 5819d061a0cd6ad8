"""finetune: a tiny model learns which title follows which, the report shows it, and the adapter brings it back."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tiny_chat import tiny_chat

from zhiyin.data.dataset import Dataset, build
from zhiyin.errors import DataError
from zhiyin.item import Item, Items
from zhiyin.ports import Call, Message

pytest.importorskip("peft")

from zhiyin.llm.finetune import Question, Tuning, _Head, finetune
from zhiyin.llm.huggingface import HuggingFace, load
from zhiyin.llm.tuning_report import Measured, as_text

LETTERS = "abcdefghijkl"


def circle(users: int = 40, titles: bool = True) -> Dataset:
    """People who walk round a circle of twelve items: after a comes b."""
    items = Items([Item(f"i{n:02}", letter * 3 if titles else "") for n, letter in enumerate(LETTERS)])
    start = np.repeat(np.arange(users), 6)
    step = np.tile(np.arange(6), users)
    ids = [f"i{(one + two) % 12:02}" for one, two in zip(start, step, strict=True)]
    return build([f"u{n}" for n in start], items, ids, step.astype(float))


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune")
    model = tiny_chat(folder / "model")
    tuning = Tuning(steps=100, batch=8, rank=8, history=1, learning_rate=1e-2, users=20, precision="float32")
    return model, folder / "adapter", finetune(circle(), folder / "adapter", model, tuning)


def test_the_loss_falls_and_the_right_title_comes_first_more_often(tuned):
    _, _, report = tuned
    assert report.after.loss < 0.5 * report.before.loss
    assert report.after.first > max(report.before.first, 0.5)
    assert 0 <= report.before.mrr <= report.after.mrr <= 1
    assert report.losses[0] > report.losses[-1]
    text = as_text(report)
    assert f"-> {report.after.loss:.3f}" in text
    assert "by popularity" in text
    assert report.helps
    assert "leave the adapter out" not in text


def test_an_adapter_that_ranks_worse_is_left_out_though_its_loss_fell(tuned):
    report = replace(tuned[2], before=Measured(5.4, 0.2, 0.38), after=Measured(2.8, 0.13, 0.30))
    assert not report.helps
    assert "ranks people's next one worse: leave the adapter out" in as_text(report)


def test_the_adapter_is_safe_small_and_changes_what_is_said(tuned):
    model, adapter, report = tuned
    names = {file.name for file in adapter.iterdir()}
    assert {"adapter_model.safetensors", "adapter_config.json", "report.json"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pkl"))]
    assert json.loads((adapter / "report.json").read_text())["after"]["loss"] == report.after.loss
    told = [Message("user", "Liked so far, oldest first:\nccc\nWhich title comes next?")]
    plain, changed = HuggingFace(model), HuggingFace(model, str(adapter))
    assert plain.complete(Call(told, max_tokens=4)).text != changed.complete(Call(told, max_tokens=4)).text
    assert plain.identity != changed.identity


def test_the_model_itself_stays_as_it_was(tuned):
    model = tuned[0]
    names = [name for name, _ in load(model)[0].named_parameters()]
    assert not [name for name in names if "lora" in name]


def test_reading_what_is_told_once_for_all_titles_changes_no_score(tuned):
    import torch

    model, tokenizer = load(tuned[0])
    head = _Head(model, tokenizer.pad_token_id, "cpu", Tuning())
    one = Question([5, 9, 40, 7], [[1, 2, 3], [8], [30, 31, 32, 33, 34]], 0.0)
    with torch.no_grad():
        logs, right = head.logs([(one.told, title) for title in one.titles])
        assert np.allclose(head.means(one), ((logs * right).sum(1) / right.sum(1)).numpy(), atol=1e-4)


@pytest.mark.parametrize("data", [circle(titles=False), circle().without_last(5)])
def test_data_that_teaches_nothing_is_named(tuned, tmp_path, data):
    with pytest.raises(DataError, match="fine-tuning needs"):
        finetune(data, tmp_path, tuned[0], Tuning(steps=1))
