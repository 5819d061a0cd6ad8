"""Ranked lists of every part in one pass over the questions, all filtered by the recommender's own filter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Ints
from zhiyin.candidates import Candidates
from zhiyin.data.split import Cases
from zhiyin.progress import Progress, silent
from zhiyin.query import Query
from zhiyin.recommender import FOR_YOU, Recommender
from zhiyin.trace import Trace

WHOLE, FUSED = "(whole)", "(fused)"
BATCH = 256


def ranked_lists(
    recommender: Recommender,
    cases: Cases,
    depth: int,
    *,
    whole: bool = True,
    progress: Progress = silent,
    text: str = "ask",
) -> dict[str, Ints]:
    """The lists of the whole (unless whole is False), of the fused order before any ranker, and of every source alone.

    Each is [cases, depth] item positions, best first, -1 pads. A source's list is what the recommender would answer with
    that source alone: its candidates are filtered with the others', and its own ranks put them in order.
    """
    shelf = recommender.shelves[FOR_YOU]
    sources = shelf.sources or tuple(recommender.retrievers)
    names = (*((WHOLE,) if whole else ()), FUSED, *sources)
    lists = {name: np.full((len(cases), depth), -1, np.int32) for name in names}
    start = 0
    for queries, _ in cases.batches(BATCH, depth):
        traces = [Trace() for _ in queries]
        found = recommender.candidates(queries, shelf, traces)
        for row, one in enumerate(found, start):
            _put(lists[FUSED][row], one.items)
            for source in sources:
                _put(lists[source][row], in_order_of(one, source))
        if whole:
            for row, answer in enumerate(recommender.answers(queries, found, traces, shelf, explain=False), start):
                _put(lists[WHOLE][row], answer.candidates.items)
        _ask_again(
            recommender, queries, sources, {name: rows[start : start + len(queries)] for name, rows in lists.items()}
        )
        start += len(queries)
        progress(text, start, len(cases))
    return lists


def alone(recommender: Recommender, source: str) -> Recommender:
    """A recommender with one fitted source of another, its filter and its catalogue."""
    single = Recommender(
        retrieve={source: recommender.retrievers[source]},
        filter=recommender.filter,
        per_source={source: recommender.per_source[source]},
    )
    single.serve(recommender.items, recommender.users, recommender.known)
    return single


def in_order_of(candidates: Candidates, source: str) -> Ints:
    """The items a source retrieved, in its own order; none where it had nothing to say and was not asked."""
    assert candidates.source_ranks is not None
    if source not in candidates.sources:
        return candidates.items[:0]
    ranks = candidates.source_ranks[:, candidates.sources.index(source)]
    rows = np.flatnonzero(ranks)
    return candidates.items[rows[np.argsort(ranks[rows])]]


def _ask_again(
    recommender: Recommender, queries: Sequence[Query], sources: Sequence[str], lists: dict[str, Ints]
) -> None:
    """Where many items are unavailable, the union may be long enough while one source's share is not: ask it alone."""
    if len(sources) < 2 or all(recommender.items.available(now).all() for now in {query.now for query in queries}):
        return
    for source in sources:
        short = np.flatnonzero(lists[source][:, -1] < 0).tolist()
        if short:
            answers = alone(recommender, source).candidates([queries[row] for row in short])
            for row, found in zip(short, answers, strict=True):
                _put(lists[source][row], found.items)


def _put(row: Ints, items: Ints) -> None:
    count = min(len(row), len(items))
    row[:count] = items[:count]
