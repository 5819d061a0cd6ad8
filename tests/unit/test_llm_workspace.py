"""A workspace with a language model behind a real endpoint: it earns its say at fit, is asked at requests, counted and forgotten."""

import json
import re

import pytest
from llm_endpoint import endpoint, said

from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.llm.cache import speaking_of
from zhiyin.llm.guard import PLACEHOLDERS
from zhiyin.llm.usage import usage
from zhiyin.ports import Call, Message
from zhiyin.serving.forgetting import forget_with
from zhiyin.serving.opening import open_engine
from zhiyin.workspace.workspace import Workspace

pytest.importorskip("openai")

ITEMS = 24
RECIPE = """
name = "with-llm"
[[retrieve]]
use = "popular"
[[rank]]
use = "blend"
[[rank]]
use = "llm"
places = 19
requests = 20
passes = 1
deadline = 10.0
"""


def knows_the_circle(body):
    """An endpoint that puts the item after the newest liked one first."""
    text = body["messages"][-1]["content"]
    shown = dict(re.findall(r"^([A-T]): wine (\d\d)", text, re.MULTILINE))
    newest = re.search(r"^wine (\d\d)", text, re.MULTILINE)
    after = (int(newest[1]) + 1) % ITEMS if newest else 0
    best = sorted(shown, key=lambda letter: (int(shown[letter]) - after) % ITEMS)
    return 200, said(json.dumps({"order": best}))


def workspace(folder) -> Workspace:
    """People who walk round a circle of wines, one with personal data in a title."""
    opened = Workspace(folder, clock=lambda: 2e6)
    titles = [f"wine {n:02}" + (" call 13812345678" if n == 3 else "") for n in range(ITEMS)]
    opened.store.catalog.put([Item(f"id-{n:02}", title) for n, title in enumerate(titles)])
    opened.store.log.append(
        [
            Event(f"user-{user}", f"id-{(user + step) % ITEMS:02}", "click", 1e6 + 3600 * step + user)
            for user in range(96)
            for step in range(6)
        ]
    )
    (folder / "recipe.toml").write_text(RECIPE)
    return opened


def test_a_model_that_knows_earns_its_say_and_changes_the_answer(tmp_path, monkeypatch):
    opened = workspace(tmp_path)
    with endpoint(knows_the_circle) as server:
        monkeypatch.setenv("ZHIYIN_LLM_URL", server.url)
        monkeypatch.setenv("ZHIYIN_LLM_MODEL", "m")
        opened.fit(str(tmp_path / "recipe.toml"))
        ranker = opened.load().recommender.rankers[-1]
        assert ranker.weight > 0
        engine = open_engine(opened)
        answer = engine.recommend(user_id="user-0", n=5, trace=True)
        assert answer["items"][0]["item_id"] == "id-06", "the wine after the last one"
        step = next(one for one in answer["trace"] if one["part"] == "llm")
        assert step["note"] == ""
        assert "13812345678" not in json.dumps(server.asked)
        assert any(one in json.dumps(server.asked) for one in PLACEHOLDERS)
        assert "id-0" not in json.dumps(server.asked)
        assert "user-" not in json.dumps(server.asked)
        line = usage(opened.models.database)[0]
        assert line.use == "ranking"
        assert line.calls >= 5
    answer = engine.recommend(user_id="user-1", n=5, trace=True)
    step = next(one for one in answer["trace"] if one["part"] == "llm")
    assert "order kept" in step["note"], "an endpoint that is gone costs an answer nothing but the order"
    assert len(answer["items"]) == 5


def test_without_a_model_the_same_recipe_fits_and_serves(tmp_path, monkeypatch):
    monkeypatch.delenv("ZHIYIN_LLM_URL", raising=False)
    opened = workspace(tmp_path)
    opened.fit(str(tmp_path / "recipe.toml"))
    answer = open_engine(opened).recommend(user_id="user-0", n=5, trace=True)
    step = next(one for one in answer["trace"] if one["part"] == "llm")
    assert step["note"] == "not asked: no model"
    assert not (tmp_path / "llm.db").exists()


def test_deleting_a_user_forgets_what_a_model_said_of_them(tmp_path, monkeypatch):
    opened = workspace(tmp_path)
    (tmp_path / "recipe.toml").write_text('name = "p"\n[[retrieve]]\nuse = "popular"\n')
    with endpoint((200, said("fond of merlot"))) as server:
        monkeypatch.setenv("ZHIYIN_LLM_URL", server.url)
        monkeypatch.setenv("ZHIYIN_LLM_MODEL", "m")
        opened.fit(str(tmp_path / "recipe.toml"))
        engine = open_engine(opened)
        forget_with(engine)  # as the server does
        model = opened.models.of("profiles")
        with speaking_of("user-0"):
            model.complete(Call([Message("user", "what does this person like?")]))
        engine.delete_user("user-0")
    assert opened.models.database.read("SELECT COUNT(*) FROM replies") == [(0,)]
    assert b"merlot" not in (tmp_path / "llm.db").read_bytes()
