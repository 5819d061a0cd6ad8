"""The built-in data sets through a store: a live profile is what training saw."""

import random

import numpy as np
import polars as pl
import pytest

from zhiyin.data.columns import items_of
from zhiyin.data.dataset import Dataset
from zhiyin.data.weights import EventWeights
from zhiyin.errors import SettingError
from zhiyin.event import CODES
from zhiyin.ingest.build import dataset_from_store, weights_for
from zhiyin.ingest.demo import demo_files, demo_names, ingest_demo
from zhiyin.ingest.profiles import live_profile
from zhiyin.stores.sql import SqlStore

SIZES = {"wines": (10_561, 1_007, 150_000), "movies": (16_554, 10_506, 100_000), "retail": (4_339, 3_665, 397_924)}

Ingested = tuple[str, SqlStore, Dataset]


@pytest.fixture(scope="module", params=sorted(SIZES))
def ingested(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    store = SqlStore(f"sqlite:///{tmp_path_factory.mktemp('demo') / 'z.db'}")
    ingest_demo(request.param, store)
    return request.param, store, dataset_from_store(store, EventWeights(), None)


def test_every_event_and_item_arrives(ingested: Ingested) -> None:
    name, _, dataset = ingested
    assert (len(dataset.users), len(dataset.items), len(dataset.interactions)) == SIZES[name]
    assert all(row.title for row in dataset.items.rows)


def test_ingesting_again_changes_nothing(ingested: Ingested) -> None:
    name, store, _ = ingested
    before = store.fingerprint()
    assert ingest_demo(name, store) == 0
    assert store.fingerprint() == before


def test_a_live_profile_has_the_history_that_training_sees(ingested: Ingested) -> None:
    _, store, dataset = ingested
    weights = weights_for(store, EventWeights())
    assert weights == dataset.weights
    for user in random.Random(0).sample(range(len(dataset.users)), 60):
        name = dataset.users[user]
        events, stored = store.log.of_user(name), store.profiles.get(name)
        profile = live_profile(name, events, stored, dataset.items, dataset.users, weights)
        trained = dataset.profile(user)
        for field in ("items", "times", "weights", "kinds"):
            np.testing.assert_array_equal(getattr(profile.history, field), getattr(trained.history, field), strict=True)
        assert profile.position == user
        assert dict(profile.attributes) == dict(trained.attributes)
        assert {one for interest in profile.interests for one in interest.evidence} <= set(profile.history.events)


def test_a_dataset_as_of_a_moment_knows_nothing_later(ingested: Ingested) -> None:
    _, store, dataset = ingested
    times = dataset.interactions.times
    moment = float(np.sort(times)[len(times) // 2])
    past = dataset_from_store(store, EventWeights(), moment)
    assert past.interactions.times.max() == moment == past.as_of
    assert len(past.interactions) == int((times <= moment).sum())


def test_low_wine_ratings_are_negative() -> None:
    values = demo_files("wines")["events"]["value"].to_numpy()
    weights = EventWeights(rating_scale=(1, 5)).weigh(np.full(len(values), CODES["rating"]), values)
    assert int((weights < 0).sum()) == 6_651


def test_the_lines_of_an_invoice_share_one_time() -> None:
    lines = demo_files("retail")["events"]
    assert lines.group_by("session_id").agg(pl.col("timestamp").n_unique())["timestamp"].max() == 1


def test_attributes_are_typed() -> None:
    wine = items_of(demo_files("wines")["items"])[0]
    assert wine.title == "Espumante Moscatel, Casa Perini"
    assert wine.attributes["food"] == ("Pork", "Rich Fish", "Shellfish")
    assert wine.attributes["abv"] == 7.5
    movie = items_of(demo_files("movies")["items"])[1]
    assert (movie.title, movie.attributes) == ("The Bank (1915)", {"year": 1915.0, "genres": ("Comedy", "Short")})
    postage = next(one for one in items_of(demo_files("retail")["items"]) if one.item_id == "POST")
    assert postage.hidden


def test_an_unknown_name_is_refused() -> None:
    assert demo_names() == sorted(SIZES)
    with pytest.raises(SettingError, match="movies, retail, wines"):
        demo_files("books")
