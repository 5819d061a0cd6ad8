"""What counts changes with the request: weights of predicted actions over HTTP, on a saved and loaded version."""

import pytest
from fastapi.testclient import TestClient
from serving_world import NOW, RECIPE, Folder, drinkers, fill

from zhiyin.data.weights import EventWeights
from zhiyin.ingest.build import dataset_from_store
from zhiyin.recipe import read_recipe
from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.stores.sql import SqlStore

pytest.importorskip("torch")

MULTITASK = """
[[rank]]
use = "multitask"
hidden = [8]
epochs = 4
length = 4
buckets = 256
expert = 8
experts = 2
learning_rate = 0.01
batch = 8
[value]
like = 1
purchase = 3
"""


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("value")
    store = SqlStore(f"sqlite:///{folder / 'world.db'}")
    fill(store)
    recipe = read_recipe(RECIPE + MULTITASK)
    dataset = dataset_from_store(store, EventWeights.from_table(recipe.events), None)
    dataset.items.set_vectors("text", recipe.encoders["text"].encode([one.content() for one in dataset.items.rows]))
    recipe.recommender.fit(dataset, holdout="last")
    versions = Folder(folder / "versions")
    versions.add(recipe, "0001")
    versions.promote("0001")
    engine = Engine(versions.load(), store, version="0001", versions=versions, clock=lambda: NOW)
    with TestClient(create_app(engine), raise_server_exceptions=False) as client:
        yield client
    engine.close()
    store.close()


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [one["item_id"] for one in answer.json()["items"]]


def test_the_world_shows_ratings_only_so_purchases_have_no_head(client):
    assert {event.event_type for event in drinkers()} == {"rating"}
    refused = client.get("/users/ann-3/recommendations", params={"weights": "purchase:1"})
    assert refused.status_code == 422
    assert "relevance, click, like" in refused.json()["detail"]


def test_a_weight_in_a_request_changes_the_order(client):
    path = "/users/ann-3/recommendations"
    plain = client.get(path, params={"n": 20})
    scores = [one["score"] for one in plain.json()["items"]]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)  # the recipe's own: the chance of a like
    turned = client.get(path, params={"n": 20, "weights": ["like:-1"]})
    assert ids(turned) == ids(plain)[::-1] or ids(turned)[0] != ids(plain)[0]
    body = client.post("/recommendations", json={"user_id": "ann-3", "n": 20, "weights": {"like": -1}})
    assert ids(body) == ids(turned)


@pytest.mark.parametrize("weights", ["like", "like:", "like:x", "like:1e999", ":1"])
def test_a_weight_that_is_none_is_refused(client, weights):
    answer = client.get("/users/ann-3/recommendations", params={"weights": weights})
    assert answer.status_code == 422, answer.text
