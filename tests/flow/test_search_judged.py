"""A search over HTTP with a cross-encoder in the recipe: a real tiny model orders what was found; without it search goes on."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("transformers")
sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from fastapi.testclient import TestClient
from tiny_judge import COLOURS, THINGS, fits, tiny_judge

import zhiyin.llm.judge
from zhiyin.errors import ModelError
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.serving.opening import open_engine
from zhiyin.workspace.workspace import Workspace

RECIPE = """
name = "judged"
[[retrieve]]
use = "popular"
[[rank]]
use = "cross_encoder"
model = "{model}"
weight = 1.0
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return tiny_judge(tmp_path_factory.mktemp("judge") / "model")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of colours and things; the things stand in the order of THINGS."""
    space = Workspace(tmp_path / "space")
    texts = [f"{colour} {thing}" for thing in THINGS for colour in COLOURS]
    space.store.catalog.put([Item(text.replace(" ", "-"), text) for text in texts])
    space.store.log.append(
        [Event(f"u{n % 9}", texts[n * 7 % 36].replace(" ", "-"), "like", 1e9 + n, event_id=f"e{n}") for n in range(60)]
    )
    yield space
    space.store.close()


def fitted(space: Workspace, model: str) -> Engine:
    recipe = space.folder / "judged.toml"
    recipe.write_text(RECIPE.format(model=model))
    space.fit(str(recipe))
    return open_engine(Workspace(space.folder))  # as another process would


def found(engine: Engine, text: str, **asked: object) -> list[str]:
    with TestClient(create_app(engine)) as client:
        answer = client.get("/search", params={"q": text, "n": 6, **asked})
    assert answer.status_code == 200, answer.text
    return [one["item_id"].replace("-", " ") for one in answer.json()["items"]]


@pytest.mark.parametrize("colour", COLOURS)
def test_the_judge_puts_first_what_no_word_could_tell(world: Workspace, model: str, colour: str) -> None:
    engine = fitted(world, model)
    listed = found(engine, colour)
    assert set(listed) == {f"{colour} {thing}" for thing in THINGS}, "words find it, the judge only orders"
    assert fits(colour, listed[0])
    engine.close()


def test_a_model_that_is_gone_leaves_the_search_as_it_would_be_without(
    world: Workspace, model: str, tmp_path: Path
) -> None:
    copy = shutil.copytree(model, tmp_path / "copy")
    engine = fitted(world, str(copy))
    plain = fitted(world, "")
    shutil.rmtree(copy)
    zhiyin.llm.judge._loaded.cache_clear()  # another process has nothing in memory
    for colour in COLOURS:
        assert found(engine, colour) == found(plain, colour)
    assert world.load("0001").recommender.rankers, "the version still loads"
    engine.close(), plain.close()


def test_fitting_with_a_broken_model_says_what_is_wrong_and_keeps_the_version_that_serves(
    world: Workspace, model: str, tmp_path: Path
) -> None:
    fitted(world, model).close()
    (tmp_path / "broken").mkdir()
    with pytest.raises(ModelError, match=r"broken: holds no \*\.safetensors"):
        fitted(world, str(tmp_path / "broken"))
    assert world.current() == "0001"


def test_an_item_hidden_while_the_judge_reads_is_not_shown(world: Workspace, model: str) -> None:
    engine = fitted(world, model)
    judge = engine.live.search.judge
    assert judge is not None
    asked = judge.judged

    def meanwhile(*given: object) -> object:
        engine.delete_item("red-river")
        return asked(*given)  # type: ignore[arg-type]

    judge.judged = meanwhile  # type: ignore[method-assign,assignment]
    assert "red river" not in found(engine, "red")
    engine.close()
