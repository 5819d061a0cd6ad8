"""A made world in which the device or the hour decides what somebody likes, and how well a ranker does there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from zhiyin.arrays import Doubles
from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.data.split import Cases, all_cases_after, moment_of
from zhiyin.item import Item, Items
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.stages import Ranker
from zhiyin.vocabulary import Vocabulary

DAY = 86_400.0
DEVICES: tuple[Mapping[str, str], ...] = ({}, {"device": "phone"}, {"device": "desktop"})


def world(decides: str, seed: int = 0, users: int = 600, items: int = 60, events: int = 12) -> Dataset:
    """Everybody comes by phone and by desktop, by day and by night, and likes the even items in one case, the odd in the
    other, nine times of ten. decides: "device" or "hour"; the other is drawn by chance."""
    rng = np.random.default_rng(seed)
    count = users * events
    who = np.repeat(np.arange(users), events)
    odd = rng.random(count) < 0.5
    usual = np.where(rng.random(count) < 0.9, odd, ~odd)
    share = 1 / np.arange(1, items // 2 + 1) ** 0.5
    what = 2 * rng.choice(items // 2, count, p=share / share.sum()) + usual
    chance = rng.random(count) < 0.5
    night, phone = (odd, chance) if decides == "hour" else (chance, odd)
    hours = np.where(night, rng.integers(0, 8, count), rng.integers(10, 18, count))
    times = 1.7e9 // DAY * DAY + DAY * rng.integers(0, 90, count) + 3600 * hours + rng.integers(0, 3600, count)
    table = Interactions.sort(who, what, times, contexts=np.where(phone, 1, 2))
    catalogue = Items([Item(f"item {number}", f"item {number}") for number in range(items)])
    names = Vocabulary([f"user {number}" for number in range(users)], "user")
    return Dataset(names, catalogue, table, float(table.times.max()), contexts=DEVICES)


def questions(dataset: Dataset, key: str) -> tuple[Dataset, Cases]:
    """The older nine tenths, and what was liked later, each in its own circumstances."""
    cases = all_cases_after(dataset, moment_of(dataset, 0.9), np.inf, keys=(key,))[0]
    return cases.known, cases


def fitted(dataset: Dataset, ranker: Ranker) -> Recommender:
    """A recommender of one source, that finds every item, and a ranker."""
    return Recommender(retrieve=[Popular()], per_source={"popular": len(dataset.items)}, rank=[ranker]).fit(dataset)


def found(recommender: Recommender, cases: Cases, *, told: bool = True) -> Doubles:
    """NDCG@10 by person, the mean of their questions. told: with their contexts, else without; then only the
    moment of asking, the same for all, says an hour."""
    queries = [cases.query(row) for row in range(len(cases))]
    queries = queries if told else [replace(one, context={}) for one in queries]
    worth = 1 / np.log2(np.arange(10) + 2)
    gained = np.zeros(len(cases))
    for row, answer in enumerate(recommender.recommend_batch(queries, explain=False)):
        right = np.isin(answer.candidates.items[:10], cases.targets[row])
        gained[row] = worth[: len(right)][right].sum() / worth[: len(cases.targets[row])].sum()
    _, person = np.unique(cases.users, return_inverse=True)
    return np.asarray(np.bincount(person, gained) / np.bincount(person), np.float64)
