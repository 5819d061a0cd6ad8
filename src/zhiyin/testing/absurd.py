"""The laws of absurd rows: what one visitor's wrong or endless events say moves nobody else's list.

Each absurdity has a plain twin, the same visitor's events once each and at usual times. A law is asked of a whole
recommender, fitted on both: nobody else can tell which of the two was the visitor.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from zhiyin.arrays import Array
from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.data.moments import DAY, window
from zhiyin.query import Query
from zhiyin.recommender import Recommender
from zhiyin.stages import Fittable, Refreshing
from zhiyin.testing.made import copy_of
from zhiyin.testing.motion import KEPT, answered, encoded, kept_share, questions
from zhiyin.vocabulary import Vocabulary

THOUSAND = 1000


@dataclass(frozen=True)
class Visit:
    """Events of one visitor: item positions, times in days from the end of the data, weights and values. All [events]."""

    items: Array
    days: Array
    weights: Array
    values: Array

    @classmethod
    def of(cls, items: Array | list[int], days: Array | float, weight: float = 1.0, value: float = np.nan) -> Visit:
        """Events that are alike but for their items and times."""
        items = np.asarray(items)
        size = len(items)
        return cls(items, np.broadcast_to(days, size), np.full(size, weight), np.full(size, value))


def visits(items: int, end: float, seed: int) -> dict[str, tuple[Visit, Visit]]:
    """Absurd visits by name, each with its plain twin. items: how many there are; end: of the data, in seconds."""
    rng = np.random.default_rng(seed)
    midnight = -30 - end / DAY % 1
    one, other = (int(at) for at in rng.choice(items, 2, replace=items < 2))
    every = rng.permutation(items)
    plain, both = Visit.of([one], -30.0), Visit.of([one, other], midnight + np.array([0, 0.01]))
    thousand = np.arange(THOUSAND) / THOUSAND
    found = {
        year: (Visit.of([one], (moment - end) / DAY), plain)
        for year, moment in {"in the year 1": -6.2e10, "in 1970": 0.0, "in 2099": 4.07e9, "in 9999": 2.5e11}.items()
    }
    return found | {
        "long after everybody": (Visit.of([one], 3000.0), plain),
        "of a weight of 3": (Visit.of([one], -30.0, weight=3.0), plain),
        "of a value of 10^15": (Visit.of([one], -30.0, value=1e15), plain),
        "of a value of 0": (Visit.of([one], -30.0, value=0.0), plain),
        "a thousand times in an hour": (Visit.of([one] * THOUSAND, midnight + thousand / 24), plain),
        "a thousand times at one moment": (Visit.of([one] * THOUSAND, -30.0), plain),
        "a thousand times in a month": (Visit.of([one] * THOUSAND, 30 * thousand - 30), Visit.of([one], -0.03)),
        "a thousand times after everybody": (Visit.of([one] * THOUSAND, 40 * thousand + 1), Visit.of([one], 40.96)),
        "to and fro five hundred times": (Visit.of([one, other] * (THOUSAND // 2), midnight + thousand / 24), both),
        "through everything ten times": (
            Visit.of(np.tile(every, 10), midnight + np.linspace(0, 0.5, 10 * items)),
            Visit.of(every, midnight + np.linspace(0, 0.5, items)),
        ),
    }


ABSURD = tuple(visits(2, 0.0, 0))
"""The names of all absurd visits."""


def check_absurd(make: Callable[[], Recommender], dataset: Dataset, name: str, seed: int = 0) -> None:
    """An absurd visit leaves the items that were not visited in their order in everybody else's list.

    make: an unfitted recommender, each time a new one. name: one of ABSURD.
    """
    dataset = encoded(dataset)
    absurd, plain = visits(len(dataset.items), float(dataset.interactions.times.max()), seed)[name]
    others = set(dataset.items.vocabulary.ids)
    if len(np.unique(absurd.items)) < len(others):
        others -= {dataset.items[int(at)].item_id for at in absurd.items}
    fitted = [make().fit(visited(dataset, visit)) for visit in (absurd, plain)]
    for query in _questions(dataset):
        given, want = (answered(one, query) for one in fitted)
        share = kept_share(want, given, others)
        assert share >= KEPT, f"one visitor {name}: {share:.1%} of the pairs of other items keep their order"


def _questions(dataset: Dataset) -> list[Query]:
    """Asked after all visits, as a server is."""
    return [replace(query, now=float(dataset.interactions.times.max()) + 3100 * DAY) for query in questions(dataset)]


def check_absurd_facts(fitted: Recommender, dataset: Dataset, name: str, seed: int = 0) -> None:
    """As check_absurd, for what rankers weigh: learned before the visit, and with the facts of today.

    How a ranker weighs is learned from a few hundred requests and may differ from fit to fit; what is known of the items
    may not. fitted: on `encoded(dataset)`.
    """
    dataset = encoded(dataset)
    absurd, plain = visits(len(dataset.items), float(dataset.interactions.times.max()), seed)[name]
    others = set(dataset.items.vocabulary.ids)
    if len(np.unique(absurd.items)) < len(others):
        others -= {dataset.items[int(at)].item_id for at in absurd.items}
    given, want = (_refreshed(fitted, visited(dataset, visit)) for visit in (absurd, plain))
    for query in _questions(dataset):
        share = kept_share(answered(want, query), answered(given, query), others)
        assert share >= KEPT, f"one visitor {name}: {share:.1%} of the pairs of other items keep their order"


def _refreshed(fitted: Recommender, dataset: Dataset) -> Recommender:
    """Sources and rerankers fitted on newer data; rankers as they learned, with newer facts."""
    made = copy(fitted)
    made.retrievers = {name: copy_of(part).fit(dataset) for name, part in fitted.retrievers.items()}
    made.rerankers = tuple(copy_of(part) for part in fitted.rerankers)
    for part in made.rerankers:
        if isinstance(part, Fittable):
            part.fit(dataset)
    made.rankers = tuple(copy(part) for part in fitted.rankers)
    for ranker in made.rankers:
        if isinstance(ranker, Refreshing):
            ranker.refresh(dataset)
    made.take_catalogue(dataset)
    return made


def visited(dataset: Dataset, visit: Visit) -> Dataset:
    """The dataset with one visitor more, as it would be read from a log a month after its usual end."""
    table, size = dataset.interactions, len(dataset.users)
    end = float(table.times.max())
    times = end + visit.days * DAY
    columns = (
        np.append(table.users, np.full(len(times), size)),
        np.append(table.items, visit.items),
        np.append(table.times, times),
        np.append(table.weights, visit.weights),
        np.append(table.kinds, np.full(len(times), 2)),
        np.append(table.values, visit.values),
    )
    rows = Interactions.sort(*columns)
    # The clock of whoever reads the log: a visit of years later is read years later.
    read = end + 30 * DAY + max(0.0, float(visit.days[visit.days < 10_000].max(initial=0.0)) * DAY)
    within = window(rows.times, read)
    latest = float(rows.times[(rows.times >= within[0]) & (rows.times <= within[1])].max())
    users = Vocabulary([*dataset.users.ids, "a visitor"], "user")
    friends = dataset.friends
    if friends is not None:
        friends = friends.copy()
        friends.resize(size + 1, size + 1)
    return replace(dataset, users=users, interactions=rows, as_of=latest, friends=friends, window=within)
