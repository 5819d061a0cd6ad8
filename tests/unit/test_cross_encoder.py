"""cross_encoder: a real, tiny model judges wish and text; what cannot be read changes no order and is named."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")
from tiny_judge import COLOURS, THINGS, fits, tiny_judge

from zhiyin.candidates import Candidates
from zhiyin.errors import ModelError
from zhiyin.item import Item, Items
from zhiyin.llm.judge import BLOCK, Judge
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.ranking.cross_encoder import CrossEncoder
from zhiyin.testing import check_ranker, small_dataset

TEXTS = [f"{colour} {thing}" for thing in THINGS for colour in COLOURS]
ITEMS = Items([Item(f"i{n:02}", text) for n, text in enumerate(TEXTS)])


@pytest.fixture(scope="module", params=[1, 2])
def model(request, tmp_path_factory):
    return tiny_judge(tmp_path_factory.mktemp("judge") / "model", request.param)


def shown():
    """All items, the first one best."""
    return Candidates(np.arange(len(TEXTS), dtype=np.int32), np.linspace(1, 0, len(TEXTS)).astype(np.float32))


@pytest.mark.parametrize("colour", COLOURS)
def test_what_matches_the_wish_comes_first(model, colour):
    scores = Judge(model).scores(colour, TEXTS)
    right = np.array([fits(colour, text) for text in TEXTS])
    assert scores[right].min() > scores[~right].max()


def test_a_text_alone_is_judged_as_among_others_of_any_length(model):
    texts = ["red", "", "blue horse " * 40, "word we never saw", *TEXTS[:BLOCK]]
    together = Judge(model).scores("red", texts)
    alone = [Judge(model).scores("red", [text])[0] for text in texts]
    assert np.allclose(together, alone, atol=1e-4)
    assert Judge(model).scores("red", []).shape == (0,)


def test_with_all_the_say_its_order_is_taken_and_with_none_nothing_changes(model):
    query, found = Query(text="golden"), shown()
    alone = CrossEncoder(model=model, weight=1.0, recommend=True).predict([query], [found], ITEMS)[0][:, 0]
    first = [TEXTS[row] for row in np.argsort(-alone)[: len(COLOURS)]]
    assert all(fits("golden", text) for text in first)
    assert sorted(alone) == sorted(found.scores), "the scores are the same numbers, given anew"
    none = CrossEncoder(model=model, weight=0.0, recommend=True).predict([query], [found], ITEMS)[0][:, 0]
    assert np.array_equal(none, found.scores)


def test_what_lies_below_the_best_is_not_read_and_stays_below(model):
    part = CrossEncoder(model=model, weight=1.0, candidates=12, recommend=True)
    scores = part.predict([Query(text="golden")], [shown()], ITEMS)[0][:, 0]
    assert set(np.argsort(-scores)[:12]) == set(range(12))
    assert np.array_equal(scores[12:], shown().scores[12:])


@pytest.mark.parametrize(("text", "recommend"), [("", True), ("golden", False)])
def test_without_a_wish_or_unless_told_recommendations_do_not_wait(model, text, recommend):
    part = CrossEncoder(model=str(Path(model) / "not there"), recommend=recommend)
    found = shown()
    assert np.array_equal(part.predict([Query(text=text)], [found], ITEMS)[0][:, 0], found.scores)
    assert not part._failed


def test_it_obeys_the_laws_of_rankers(model):
    check_ranker(CrossEncoder(model=model, recommend=True), small_dataset(3, users=30))


def damaged(model: str, folder: Path, how: str) -> str:
    """A copy of a model with something wrong."""
    if how == "no folder":
        return str(folder / "nowhere")
    shutil.copytree(model, folder / how)
    weights, config = folder / how / "model.safetensors", folder / how / "config.json"
    if how == "pickles":
        weights.rename(folder / how / "pytorch_model.bin")
    elif how == "cut":
        weights.write_bytes(weights.read_bytes()[:500])
    elif how == "no config":
        config.unlink()
    elif how == "encoder":
        import torch
        from transformers import AutoModel

        with torch.random.fork_rng(devices=[]):
            AutoModel.from_pretrained(model).save_pretrained(folder / how)
    elif how == "many classes":
        import torch
        from transformers import AutoConfig, AutoModelForSequenceClassification

        with torch.random.fork_rng(devices=[]):
            several = AutoConfig.from_pretrained(model, num_labels=5)
            AutoModelForSequenceClassification.from_config(several).save_pretrained(folder / how)
    return str(folder / how)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("no folder", "no such folder"),
        ("pickles", "may carry code"),
        ("cut", "cannot be loaded"),
        ("no config", "cannot be loaded"),
        ("encoder", "without a head"),
        ("many classes", "5 classes"),
    ],
)
def test_a_folder_that_cannot_judge_is_named_when_fitting_and_costs_only_the_order_when_serving(
    tmp_path_factory, tmp_path, caplog, how, why
):
    good = tiny_judge(tmp_path_factory.mktemp("judge") / "model", steps=0)
    part = CrossEncoder(model=damaged(good, tmp_path, how), recommend=True)
    with pytest.raises(ModelError, match=why):
        check_ranker(part, small_dataset(3))
    found = shown()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert np.array_equal(part.predict([Query(text="red")], [found], ITEMS)[0][:, 0], found.scores)
    said = [one for one in caplog.records if one.name == "zhiyin.ranking"]
    assert len(said) == 1, "said once, not with every search"
    assert why in caplog.text


def test_what_was_liked_stands_for_a_wish_where_it_may(model):
    things = [f"{colour} {thing}" for colour in COLOURS for thing in THINGS]
    items = Items([Item(f"i{n}", title) for n, title in enumerate((*things, "stone cloud", "golden"))])
    query = Query(Profile("ann", 0, History.of_items(np.array([36, 37], np.int32))))
    found = Candidates(np.arange(36, dtype=np.int32), np.linspace(1, 0, 36).astype(np.float32))
    told = CrossEncoder(model=model, weight=1.0, recommend=True, history=1).predict([query], [found], items)[0][:, 0]
    assert all(fits("golden", things[row]) for row in np.argsort(-told)[:6])
    untold = CrossEncoder(model=model, weight=1.0, recommend=True).predict([query], [found], items)[0][:, 0]
    assert np.array_equal(untold, found.scores)
