"""How a Recommender learns: retrievers before the holdout, rankers on what those found, then retrievers on everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from zhiyin.arrays import Floats, Ints
from zhiyin.behaviour.seen import Hiding
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.data.split import ALL, Cases, all_cases_after, last_event_cases, moment_of
from zhiyin.errors import SettingError
from zhiyin.item import Items
from zhiyin.query import Query
from zhiyin.ranking.circumstances import telling
from zhiyin.stages import Fittable, Ranker, RankingRows, Refitting, Refreshing

if TYPE_CHECKING:
    from zhiyin.recommender import Recommender

LAST_EVENTS = 2
"""Events at the end of every sequence that are questions to learn from, where there is no cut in time."""

SHORTEST = 2
"""Events that stay in a sequence whose end is held out; shorter ones teach the retrievers more than the ranker."""

NEWCOMERS = 500
"""Requests without a history, at most, that rankers learn from: few, so that they do not outweigh the others."""


def fit_recommender(
    recommender: Recommender, dataset: Dataset, *, holdout: str, progress: Callable[[str], None]
) -> None:
    """Fit every stage of a recommender. See Recommender.fit."""
    if recommender.rankers:
        past, cases = held_out(dataset, holdout, recommender.filter.hiding)
        for name, retriever in recommender.retrievers.items():
            progress(f"fit {name} on the past")
            retriever.fit(past)
        progress("collect candidates to learn ranking from")
        recommender.take_catalogue(past)
        rows, valid = ranking_rows(recommender, cases, dataset=dataset)
        for number, ranker in enumerate(recommender.rankers):
            progress(f"fit {type(ranker).__name__.lower()} on {len(rows):,} requests")
            ranker.fit(past, rows, valid)
            if number + 1 < len(recommender.rankers):
                rows, valid = (scored_by(ranker, one, past.items) for one in (rows, valid))
            if isinstance(ranker, Refreshing):
                ranker.refresh(dataset)
    for name, retriever in recommender.retrievers.items():
        progress(f"fit {name}")
        if recommender.rankers and isinstance(retriever, Refitting):
            retriever.refit(dataset)
        else:
            retriever.fit(dataset)
    shelved = (part for shelf in recommender.shelves.values() for part in shelf.rerank or ())
    for part in (*recommender.rerankers, *shelved, *recommender.explainers):
        if isinstance(part, Fittable):
            part.fit(dataset)


def scored_by(ranker: Ranker, rows: RankingRows, items: Items) -> RankingRows:
    """Rows as the next ranker meets them when it serves: with the scores of the one before. Their order stays."""
    numbers = ranker.predict(rows.queries, rows.candidates, items)
    scored = [
        replace(one, actions=ranker.actions, predictions=table, scores=table[:, 0].astype(np.float32))
        for one, table in zip(rows.candidates, numbers, strict=True)
    ]
    return replace(rows, candidates=scored)


def held_out(dataset: Dataset, holdout: str, hiding: Hiding = ALL) -> tuple[Dataset, list[Cases]]:
    """The data before the holdout, and the questions whose answers lie in it.

    No answer of a case is in the data returned with it, nor among what lists leave out (hiding). "last" holds out the
    last events of every sequence, each of them a question of its own with the history that ended before it. The last
    cases are of people without a history. A question carries the circumstances of its answers, where those say something.
    """
    if holdout not in ("auto", "time", "last"):
        raise SettingError(f"holdout = {holdout!r}: must be one of 'auto', 'time', 'last'")
    if holdout == "last" or (holdout == "auto" and not dataset.has_clock):
        return _ends_held_out(dataset)
    cut = moment_of(dataset, 0.9)
    asked, newcomers = all_cases_after(dataset, cut, np.inf, hiding, telling(dataset.before(cut)))
    return asked.known, [asked, newcomers.sample(NEWCOMERS, seed=0)]


def _ends_held_out(dataset: Dataset) -> tuple[Dataset, list[Cases]]:
    lengths = np.diff(dataset.offsets)
    held = np.clip(lengths - SHORTEST, np.minimum(1, lengths - 1), LAST_EVENTS)
    from_end = dataset.offsets[dataset.interactions.users + 1] - np.arange(len(dataset.interactions))
    past = dataset.only(from_end > held[dataset.interactions.users])
    asked = [
        cases.only(held[cases.users] > back)
        for back in range(LAST_EVENTS)
        if len(cases := last_event_cases(dataset, back))
    ]
    return past, [*asked, *(_as_newcomers(cases) for cases in asked[:1])]


def _as_newcomers(cases: Cases) -> Cases:
    """A tenth of the cases, asked as if these people had never been there."""
    some = cases.sample(min(NEWCOMERS, len(cases) // 10), seed=0)
    known = some.known
    return replace(some, known=known.only(~np.isin(known.interactions.users, some.users)))


def ranking_rows(
    recommender: Recommender, asked: Cases | Sequence[Cases], batch: int = 256, dataset: Dataset | None = None
) -> tuple[RankingRows, RankingRows]:
    """Candidates and labels for the requests of nine tenths of the users to learn from, and of the rest to stop by.

    Requests whose candidates hold no right answer teach no order and are left out. dataset: with what came after the
    cases, from which outcomes are taken.
    """
    asked = [asked] if isinstance(asked, Cases) else asked
    total = sum(len(cases) for cases in asked)
    queries: list[Query] = []
    shown: list[Candidates] = []
    labels: list[Floats] = []
    for cases in asked:
        some = cases.sample(int(np.ceil(recommender.requests * len(cases) / max(total, 1))), seed=0)
        for questions, targets in some.batches(batch):
            for query, found, right in zip(questions, recommender.candidates(questions), targets, strict=True):
                label = labelled(found, right)
                if label.any():
                    queries.append(query)
                    shown.append(replace(found, dropped=()))
                    labels.append(label)
    kept = _of_tenth(queries)
    outcomes = [] if dataset is None else [outcome(dataset, query) for query in queries]
    return _part(queries, shown, labels, outcomes, ~kept), _part(queries, shown, labels, outcomes, kept)


def outcome(dataset: Dataset, query: Query) -> Interactions:
    """What a person did after the history of a question. The history is how their events in the dataset begin."""
    user = query.profile.position
    rows = np.arange(dataset.offsets[user] + len(query.profile.history), dataset.offsets[user + 1])
    return dataset.interactions.rows(rows)


def labelled(candidates: Candidates, right: Ints) -> Floats:
    """1 for candidates that are right answers, 0 for the others."""
    return np.isin(candidates.items, right).astype(np.float32)


def _of_tenth(queries: Sequence[Query]) -> np.ndarray:
    """Which requests come from a fixed random tenth of the users, so that no user is on both sides."""
    positions = np.array([query.profile.position for query in queries], np.int64)
    chance = np.random.default_rng(0).random(int(positions.max(initial=0)) + 1)
    return np.asarray(chance[positions] < 0.1, np.bool_)


def _part(
    queries: list[Query],
    shown: list[Candidates],
    labels: list[Floats],
    outcomes: list[Interactions],
    chosen: np.ndarray,
) -> RankingRows:
    rows = np.flatnonzero(chosen)
    after = [outcomes[r] for r in rows] if outcomes else ()
    return RankingRows([queries[r] for r in rows], [shown[r] for r in rows], [labels[r] for r in rows], after)
