"""Conversation over HTTP: scripted dialogues on the built-in wines, every item shown judged by a rule of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from dialogues import DIALOGUES, keeps
from starlette.testclient import TestClient

from zhiyin.data.columns import items_of
from zhiyin.data.weights import EventWeights
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.demo import demo_files
from zhiyin.packs.pack import load_pack
from zhiyin.recipe import read_recipe
from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.stores.memory import MemoryStore

RECIPE = """
name = "chat"
[encode.text]
use = "hashing"
[[retrieve]]
use = "transition"
[[retrieve]]
use = "popular"
[[explain]]
use = "evidence"
[[explain]]
use = "templates"
[shelf.related]
sources = ["transition", "popular"]
rank = false
"""


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    tables = demo_files("wines")
    store = MemoryStore()
    store.catalog.put(items_of(tables["items"]))
    store.log.append_table(tables["events"].filter(pl.col("user_id").hash(seed=1) % 20 == 0))
    return store


@pytest.fixture(scope="module")
def client(store: MemoryStore) -> Iterator[TestClient]:
    recipe = read_recipe(RECIPE)
    dataset = dataset_from_store(store, EventWeights(), None)
    dataset = replace(dataset, items=dataset.items.with_pack(load_pack("wines", Path())))
    encoder = recipe.encoders["text"]
    dataset.items.set_vectors("text", encoder.encode([item.content() for item in dataset.items.rows]))
    recipe.recommender.fit(dataset)
    with TestClient(create_app(Engine(recipe, store))) as client:
        yield client


def say(client: TestClient, message: str, **more: object) -> dict:
    answer = client.post("/chat", json={"message": message, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda dialogue: dialogue[0][0])
@pytest.mark.parametrize("user_id", ["", "chatter"])
def test_every_item_of_every_answer_is_in_the_catalogue_and_keeps_the_rule(client, store, dialogue, user_id):
    conversation: dict[str, str] = {}
    for message, rule in dialogue:
        answer = say(client, message, user_id=user_id, **conversation)
        conversation = {"conversation_id": answer["conversation_id"]}
        assert answer["text"]
        if rule is None:
            assert answer["items"] == []
            continue
        assert answer["items"], f"{message}: {answer['text']}"
        assert len(answer["items"]) <= rule.get("at most", 5)
        for card in answer["items"]:
            item = store.catalog.get(card["item_id"])
            assert item is not None
            assert keeps(dict(item.attributes), rule), (message, item, answer["asked"])


def test_another_shows_what_was_not_shown(client):
    first = say(client, "white from Germany")
    second = say(client, "another", conversation_id=first["conversation_id"])
    ids = [{one["item_id"] for one in answer["items"]} for answer in (first, second)]
    assert ids[0]
    assert ids[1]
    assert not ids[0] & ids[1]


def test_a_like_is_an_event_of_the_user_and_a_guest_s_is_not_kept(client, store):
    first = say(client, "red from Chile", user_id="liker")
    liked = first["items"][1]["item_id"]
    said = say(client, "I like the second one", user_id="liker", conversation_id=first["conversation_id"])
    assert liked in [one.item_id for one in store.log.of_user("liker") if one.event_type == "like"]
    assert first["items"][1]["metadata"]["title"] in said["text"]
    before = store.log.table().filter(pl.col("event_type") != "impression").height
    guest = say(client, "red from Chile")
    say(client, "I like the second one", conversation_id=guest["conversation_id"])
    assert store.log.table().filter(pl.col("event_type") != "impression").height == before


def test_never_is_kept_in_the_profile_and_holds_in_the_next_conversation(client, store):
    say(client, "never show me Riesling again", user_id="never")
    assert ("grapes", "Riesling") in store.profiles.get("never").refusals
    later = say(client, "white from Germany", user_id="never")
    assert later["items"]
    assert all("Riesling" not in one["metadata"]["attributes"]["grapes"] for one in later["items"])
    wish = say(client, "white wine for a lovely evening with friends", user_id="never")
    assert all("Riesling" not in one["metadata"]["attributes"]["grapes"] for one in wish["items"])


def test_the_reason_is_about_the_item_asked_about(client):
    first = say(client, "red from Chile")
    why = say(client, "why the third?", conversation_id=first["conversation_id"])
    assert first["items"][2]["metadata"]["title"] in why["text"]
    assert why["items"] == []


def test_what_the_catalogue_does_not_say_is_said(client):
    first = say(client, "red")
    cheaper = say(client, "cheaper please", conversation_id=first["conversation_id"])
    assert "price" in cheaper["text"]
    assert cheaper["items"] == []


def test_what_nothing_meets_is_said_with_a_way_out(client):
    answer = say(client, "Nebbiolo from Chile")
    assert answer["items"] == []
    assert "without the" in answer["text"]


def test_a_stream_says_the_same_as_one_answer(client):
    plain = say(client, "白葡萄酒 配海鲜")
    with client.stream("POST", "/chat", json={"message": "白葡萄酒 配海鲜", "stream": True}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        raw = "".join(response.iter_text())
    events = [block.split("\n", 1) for block in raw.strip().split("\n\n")]
    names = [name.removeprefix("event: ") for name, _ in events]
    values = [json.loads(data.removeprefix("data: ")) for _, data in events]
    assert names[0] == "read"
    assert names[-2:] == ["items", "done"]
    assert "".join(value["text"] for name, value in zip(names, values, strict=True) if name == "text") == plain["text"]
    assert [one["item_id"] for one in values[-2]["items"]] == [one["item_id"] for one in plain["items"]]


def test_nobody_reads_another_user_s_conversation(client):
    first = say(client, "red from Chile", user_id="ann")
    other = say(client, "another", user_id="bob", conversation_id=first["conversation_id"])
    assert other["asked"] == ""


def test_a_conversation_outlives_the_process(client, store):
    first = say(client, "red from Chile", user_id="returning")
    engine = client.app.state.engine
    with TestClient(create_app(engine)) as fresh:
        again = say(fresh, "another", user_id="returning", conversation_id=first["conversation_id"])
    assert again["asked"] == first["asked"]
    assert not {one["item_id"] for one in again["items"]} & {one["item_id"] for one in first["items"]}


def test_deleting_a_user_deletes_the_conversation_and_everything_about_them(client, store):
    first = say(client, "red from Chile, I live in Springfield", user_id="gone")
    say(client, "never show me Merlot", user_id="gone", conversation_id=first["conversation_id"])
    assert "Springfield" in client.get("/users/gone/export").text
    assert client.delete("/users/gone").status_code == 200
    assert store.log.of_user("gone") == []
    assert store.profiles.get("gone") is None
    assert client.get("/users/gone/export").status_code == 404
    after = say(client, "another", user_id="gone", conversation_id=first["conversation_id"])
    assert after["asked"] == ""


@pytest.mark.parametrize(
    "message",
    ["\u202e\u200b\x07 red", "🍷" * 400, "的" * 1000, "(((((", "like like like like", "not not not no", "第第第", "under under 5 5 5 % %", "-1e309", "'; drop table items; --"],
)  # fmt: skip
def test_any_text_is_answered(client, message):
    assert say(client, message)["text"]


def test_a_message_that_cannot_be_is_refused(client):
    for body in (
        {"message": ""},
        {"message": "x" * 1001},
        {},
        {"message": "red", "language": "fr"},
        {"message": "a\x00b"},
    ):
        assert client.post("/chat", json=body).status_code == 422


def test_a_sentence_about_oneself_shapes_the_first_list(client, store):
    plain = client.get("/users/nobody-yet/recommendations?n=10").json()["items"]
    for user, sentence, grape in (
        ("cold-en", "I mostly drink Riesling from Germany", "Riesling"),
        ("cold-zh", "我平时最爱喝马尔贝克", "Malbec"),
    ):
        assert (
            client.put(f"/users/{user}", json={"attributes": {"about": sentence}, "personalise": True}).status_code
            == 200
        )
        found = client.get(f"/users/{user}/recommendations?n=10").json()["items"]
        having = [sum(grape in one["metadata"]["attributes"]["grapes"] for one in items) for items in (found, plain)]
        assert having[0] >= having[1] + 4
        assert grape in [one["topic"][1] for one in client.get(f"/users/{user}/profile").json()["interests"]]
