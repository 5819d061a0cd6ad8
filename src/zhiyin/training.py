"""How a Recommender learns: retrievers before the holdout, rankers on what those found, then retrievers on everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from zhiyin.arrays import Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import Cases, cases_after, last_event_cases
from zhiyin.errors import SettingError
from zhiyin.query import Query
from zhiyin.stages import Fittable, RankingRows

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender

MOST_REQUESTS = 20_000
"""Requests a ranker learns from at most; more cost time and change little."""


def fit_recommender(
    recommender: Recommender, dataset: Dataset, *, holdout: str, progress: Callable[[str], None]
) -> None:
    """Fit every stage of a recommender. See Recommender.fit."""
    if recommender.rankers:
        past, cases = held_out(dataset, holdout)
        for name, retriever in recommender.retrievers.items():
            progress(f"fit {name} on the past")
            retriever.fit(past)
        progress("collect candidates to learn ranking from")
        recommender.take_catalogue(past)
        rows, valid = ranking_rows(recommender, cases.sample(MOST_REQUESTS, seed=0))
        for ranker in recommender.rankers:
            progress(f"fit {type(ranker).__name__.lower()} on {len(rows):,} requests")
            ranker.fit(past, rows, valid)
    for name, retriever in recommender.retrievers.items():
        progress(f"fit {name}")
        retriever.fit(dataset)
    shelved = (part for shelf in recommender.shelves.values() for part in shelf.rerank or ())
    for part in (*recommender.rerankers, *shelved, *recommender.explainers):
        if isinstance(part, Fittable):
            part.fit(dataset)


def held_out(dataset: Dataset, holdout: str) -> tuple[Dataset, Cases]:
    """The data before the holdout, and the questions whose answers lie in it.

    No answer of a case is in the data returned with it.
    """
    if holdout not in ("auto", "time", "last"):
        raise SettingError(f"holdout = {holdout!r}: must be one of 'auto', 'time', 'last'")
    if holdout == "last" or (holdout == "auto" and not dataset.has_clock):
        return dataset.without_last(1), last_event_cases(dataset)
    times = np.sort(dataset.interactions.times)
    start = float(times[int(len(times) * 0.9)]) if len(times) else 0.0
    return dataset.before(start), cases_after(dataset, start, np.inf)


def ranking_rows(recommender: Recommender, cases: Cases, batch: int = 256) -> tuple[RankingRows, RankingRows]:
    """Candidates and labels for nine tenths of the cases to learn from, and for the rest to stop by.

    Requests whose candidates hold no right answer teach no order and are left out.
    """
    queries: list[Query] = []
    shown: list[Candidates] = []
    labels: list[Floats] = []
    for asked, targets in cases.batches(batch):
        for query, found, right in zip(asked, recommender.candidates(asked), targets, strict=True):
            label = labelled(found, right)
            if label.any():
                queries.append(query)
                shown.append(found)
                labels.append(label)
    cut = np.random.default_rng(0).random(len(queries)) < 0.9
    return _part(queries, shown, labels, cut), _part(queries, shown, labels, ~cut)


def labelled(candidates: Candidates, right: Ints) -> Floats:
    """1 for candidates that are right answers, 0 for the others."""
    return np.isin(candidates.items, right).astype(np.float32)


def _part(queries: list[Query], shown: list[Candidates], labels: list[Floats], chosen: np.ndarray) -> RankingRows:
    rows = np.flatnonzero(chosen)
    return RankingRows([queries[r] for r in rows], [shown[r] for r in rows], [labels[r] for r in rows])
