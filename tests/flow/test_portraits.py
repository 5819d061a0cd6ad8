"""Portraits through the server: written beside the requests, edits win, and a deleted user stays deleted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from llm_endpoint import endpoint, said

from zhiyin.cli.app import app
from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.item import Item
from zhiyin.llm.fake import Fake
from zhiyin.recipe import read_recipe
from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.serving.portraits import Portraits
from zhiyin.stores.memory import MemoryStore
from zhiyin.workspace.workspace import Workspace

ITEMS = [
    Item(f"{grape}-{n}", f"{grape} {n}", attributes={"grapes": (grape,)})
    for grape in ("Merlot", "Riesling")
    for n in range(6)
]


def opened() -> Engine:
    store = MemoryStore()
    store.catalog.put(ITEMS)
    store.log.append([Event(f"v{n}", ITEMS[n % 12].item_id, "like", 100.0 + n) for n in range(30)])
    recipe = read_recipe('name = "p"\n[[retrieve]]\nuse = "popular"\n')
    recipe.recommender.fit(dataset_from_store(store, EventWeights(), None))
    return Engine(recipe, store, clock=lambda: 1_000.0)


def likes(user: str, count: int = 6) -> list[Event]:
    return [Event(user, f"Merlot-{n}", "like", 200.0 + n) for n in range(count)]


def test_a_portrait_is_written_after_the_events_an_edit_takes_it_back_and_so_does_a_rollback():
    engine = opened()
    portraits = Portraits(engine, Fake(lambda messages: {"summary": "Takes to Merlot.", "latent": []}))
    engine.on_record.append(portraits.heard)
    with TestClient(create_app(engine)) as client:
        engine.record(likes("u"))
        portraits.settle()
        assert client.get("/users/u/profile").json()["summary"] == "Takes to Merlot."
        edited = client.patch("/users/u/profile", json={"refuse": [["grapes", "Merlot"]]}).json()
        assert edited["summary"] != "Takes to Merlot."
        assert ["grapes", "Merlot"] not in [one["topic"] for one in edited["interests"]]
        back = client.post("/users/u/profile/rollback?version=1").json()
        assert (back["summary"], back["version"], back["refusals"]) == ("Takes to Merlot.", 3, [])
        assert client.post("/users/u/profile/rollback?version=77").status_code == 404


def test_a_user_who_is_deleted_while_the_model_thinks_stays_deleted():
    engine = opened()
    engine.record(likes("gone"))
    portraits = Portraits(
        engine, Fake(lambda messages: engine.delete_user("gone") and {"summary": "Takes to Merlot.", "latent": []})
    )
    assert portraits.refresh("gone") is False
    assert engine.store.profiles.get("gone") is None
    assert engine.store.log.of_user("gone") == []


def test_many_profiles_are_written_at_once_and_what_a_thousand_cost_is_said(tmp_path, monkeypatch):
    """`zhiyin portraits` over a real store, with a model behind a real endpoint."""
    pytest.importorskip("openai")
    space = Workspace(tmp_path)
    space.store.catalog.put(ITEMS)
    people = [f"p{n}" for n in range(9)]
    space.store.log.append([event for person in people for event in likes(person, 6 if person < "p6" else 3)])
    (tmp_path / "popular.toml").write_text('name = "p"\n[[retrieve]]\nuse = "popular"\n')
    space.fit(str(tmp_path / "popular.toml"))
    with endpoint((200, said(json.dumps({"summary": "Takes to Merlot.", "latent": []}))), pause=0.05) as server:
        monkeypatch.setenv("ZHIYIN_LLM_URL", server.url)
        monkeypatch.setenv("ZHIYIN_LLM_MODEL", "m")
        first = CliRunner().invoke(app, ["portraits", "-w", str(tmp_path)])
        again = CliRunner().invoke(app, ["portraits", "-w", str(tmp_path)])
        few = CliRunner().invoke(app, ["portraits", "-w", str(tmp_path), "--all", "--most", "2"])
    assert first.exit_code == again.exit_code == few.exit_code == 0, first.output
    assert "6 written, 3 not due, 0 failed" in first.output
    assert "1,000 users: 18,000 tokens" in first.output, "18 for one, as the endpoint says"
    assert "0 written, 9 not due, 0 failed" in again.output
    assert "2 written, 0 not due, 0 failed" in few.output
    assert server.most_at_once > 1
    assert space.store.profiles.get("p3").summary == "Takes to Merlot."
    assert space.store.profiles.get("p7") is None


def test_a_few_seconds_of_descriptions_go_to_the_output_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("ZHIYIN_LLM_URL", raising=False)
    space = Workspace(tmp_path)
    space.store.catalog.put(ITEMS)
    told = CliRunner().invoke(app, ["enrich", "-w", str(tmp_path), "--most", "5"])
    assert told.exit_code == 0
    rows = [json.loads(line) for line in told.stdout.splitlines()]
    assert [row["item_id"] for row in rows] == [item.item_id for item in ITEMS[:5]]
    assert "describe items" in told.stderr
