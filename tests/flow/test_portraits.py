"""Portraits through the server: written beside the requests, edits win, and a deleted user stays deleted."""

from __future__ import annotations

from starlette.testclient import TestClient

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
        assert client.post("/users/u/profile/rollback?version=77").status_code == 422


def test_a_user_who_is_deleted_while_the_model_thinks_stays_deleted():
    engine = opened()
    engine.record(likes("gone"))
    portraits = Portraits(
        engine, Fake(lambda messages: engine.delete_user("gone") and {"summary": "Takes to Merlot.", "latent": []})
    )
    assert portraits.refresh("gone") is False
    assert engine.store.profiles.get("gone") is None
    assert engine.store.log.of_user("gone") == []
