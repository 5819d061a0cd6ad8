"""Made data to run laws on, and requests that break careless parts."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, unit_rows
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.item import Item, Items
from zhiyin.part import settings
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.vocabulary import Vocabulary

Part = TypeVar("Part")

WORDS = ("red", "dry", "sweet", "old", "young", "river", "stone", "green", "红", "甜茶", "山谷", "light")


def small_dataset(
    seed: int = 0, users: int = 40, items: int = 60, events: int = 12, *, clock: bool = True, friends: bool = True
) -> Dataset:
    """Made data with all that real data has: tastes, titles, tags, vectors, dislikes, repeats, times and friends.

    Every user has 1 to 2 · events - 1 events, mostly with items of a taste of their own; a sixth of the events are dislikes.
    """
    rng = np.random.default_rng(seed)
    catalogue = _catalogue(rng, items)
    counts = rng.integers(1, 2 * events, users)
    who = np.repeat(np.arange(users), counts)
    own = rng.random(len(who)) < 0.7
    what = np.where(own, rng.integers(0, items, len(who)) // 4 * 4 + who % 4, rng.integers(0, items, len(who)))
    what = np.minimum(what, items - 1)
    times = rng.integers(0, 90 * 86_400, len(who)) + 1.7e9 if clock else _places(counts)
    weights = np.where(rng.random(len(who)) < 1 / 6, -1, 1).astype(np.float32)
    table = Interactions.sort(who, what, np.asarray(times, np.float64), weights)
    names = Vocabulary([f"user {number}" for number in range(users)], "user")
    tied = sparse.random(users, users, 0.1, format="csr", random_state=rng, dtype=np.float32)
    return Dataset(names, catalogue, table, float(table.times.max()), clock, tied + tied.T if friends else None)


def registered(dataset: Dataset) -> Dataset:
    """small_dataset's people with attributes that go with their tastes, all but every fifth, and some that say nothing."""
    told = {
        name: {"Country": f"Land {number % 2}", "age": str(20 + number % 30), "mail": f"{number}@example.com"}
        for number, name in ((int(name.split()[-1]), name) for name in dataset.users)
        if number % 5
    }
    return replace(dataset, user_attributes=told)


def _places(counts: Array) -> Array:
    return np.concatenate([np.arange(count) for count in counts])


def _catalogue(rng: np.random.Generator, count: int) -> Items:
    rows = [
        Item(
            f"item {number}",
            " ".join(rng.choice(WORDS, 3)),
            attributes={
                "kind": f"kind {number % 4}",
                "notes": tuple(rng.choice(WORDS, 2).tolist()),
                "price": float(number),
            },
            available_from=1.69e9 + 86_400.0 * number if number % 2 else None,
        )
        for number in range(count)
    ]
    vectors = rng.normal(size=(count, 8)) + 2 * np.eye(8)[np.arange(count) % 4]
    vectors[count // 2] = 0  # an item that has no vector yet
    return Items(rows, {"text": unit_rows(vectors)})


def odd_queries(dataset: Dataset) -> list[Query]:
    """Requests that break careless parts: a guest, an unknown user, later items, dislikes only, one event, a wish, many."""
    size = len(dataset.items)
    later = History.of_items(np.array([0, size, size + 7], np.int32))
    only_later = History.of_items(np.array([size + 3], np.int32))
    one = History.of_items(np.array([0, 0], np.int32))
    disliked = replace(one, weights=np.full(2, -1, np.float32))
    profiles = [Profile(), *(Profile("nobody", history=h) for h in (later, only_later, one, disliked))]
    profiles += [dataset.profile(user) for user in range(min(6, len(dataset.users)))]
    now = dataset.as_of + 1
    wish = {space: matrix[0] for space, matrix in dataset.items.vectors.items()}
    return [
        *(Query(profile, now=now, seed=place) for place, profile in enumerate(profiles)),
        Query(now=now, text="red 甜茶", text_vectors=wish),
        Query(now=now, text="a word nobody wrote"),
    ]


def copy_of(part: Part) -> Part:
    """A part with the same settings that has learned nothing."""
    return type(part)(**settings(part))


def made_candidates(dataset: Dataset) -> tuple[Recommender, list[Query], list[Candidates]]:
    """A fitted recommender of two sources, and its candidates for odd queries: something to rank and rerank."""
    recommender = Recommender(retrieve=[Popular(), Transition()]).fit(dataset)
    queries = odd_queries(dataset)
    return recommender, queries, recommender.candidates(queries)


def bytes_of(dataset: Dataset) -> bytes:
    table = dataset.interactions
    columns: list[Array] = [table.users, table.items, table.times, table.weights, table.kinds, table.values]
    columns += dataset.items.vectors.values()
    return b"".join(column.tobytes() for column in columns)
