"""The guard of listwise: of a few ways to order, from simple to rich, the simplest that no richer one beats on people it has
not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Bools, Doubles, Floats, Longs
from zhiyin.data.worth import surely
from zhiyin.ranking.listwise_columns import Questions

DEPTH = 10


@dataclass(frozen=True)
class Choice:
    """name: of the way chosen. worth: the mean NDCG@10 of each way over all requests, by name."""

    name: str
    worth: dict[str, float]


Scorer = Callable[[Questions], Floats]
"""Scores of all candidates of some requests. [rows]"""


def guarded(asked: Questions, ways: Mapping[str, Callable[[Questions], Scorer]], seed: int) -> Choice:
    """Learn every way on half of the people, judge it on the other half, and the other way round.

    ways: by name, simple ones first: from the requests to learn from to what then scores. A way is taken over a simpler one
    only where it gains more than its standard error over the requests, so that on a tie the simpler one stays.
    """
    halves = _halves(asked.people, seed)
    values = {name: np.zeros(len(asked)) for name in ways}
    for half in (halves, ~halves):
        learned_from, judged = asked.only(half), asked.only(~half)
        if not len(judged) or not len(learned_from):
            continue
        for name, learn in ways.items():
            values[name][~half] = ndcg(learn(learned_from)(judged), judged.labels, judged.starts)
    return Choice(_simplest(values), {name: round(float(one.mean()), 5) for name, one in values.items()})


def _halves(people: Longs, seed: int) -> Bools:
    """Which requests are of one half of the people; requests of nobody known are people of their own."""
    known = np.where(people >= 0, people, people.max(initial=0) + 1 + np.arange(len(people)))
    if len(np.unique(known)) < 2:  # one person alone: their requests are halved
        known = np.arange(len(people))
    names, index = np.unique(known, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray((order < len(names) / 2)[index], np.bool_)


def _simplest(values: Mapping[str, Doubles]) -> str:
    names = list(values)
    chosen = names[0]
    for name in names[1:]:
        gain = values[name] - values[chosen]
        if len(gain) > 1 and surely(gain, 1, 1e-9):
            chosen = name
    return chosen


def ndcg(scores: Floats, labels: Floats, starts: Longs) -> Doubles:
    """NDCG@10 of each request, equal scores counting as half before each other. [requests]"""
    result = np.zeros(len(starts))
    places = 1 / np.log2(np.arange(2, DEPTH + 2))
    for row, (begin, end) in enumerate(zip(starts, np.append(starts[1:], len(labels)), strict=True)):
        right = np.flatnonzero(labels[begin:end] > 0)
        mine, all_of = scores[begin:end][right][:, None], scores[begin:end][None]
        ranks = (all_of > mine).sum(1) + ((all_of == mine).sum(1) - 1) / 2
        worth = np.where(ranks < DEPTH, 1 / np.log2(ranks + 2), 0).sum()
        result[row] = worth / max(places[: len(right)].sum(), 1e-12)
    return result


def gone_mad(asked: Questions, sources: Sequence[str]) -> list[str]:
    """Sources that put the right answers they know no higher than chance: mean rank among what they know not below one half
    by more than two standard errors."""
    mad = []
    for column, source in enumerate(sources):
        said, found = asked.table[:, column], []
        for begin, end in zip(asked.starts, asked.ends, strict=True):
            some, right = said[begin:end], asked.labels[begin:end] > 0
            known = some > some.min()
            if (known & right).any():
                mine = some[known & right][:, None]
                above = (some[known][None] > mine).sum(1) + ((some[known][None] == mine).sum(1) - 1) / 2
                found.append(float((above / max(known.sum() - 1, 1)).mean()))
        if len(found) >= 30 and np.mean(found) > 0.5 - 2 * np.std(found) / np.sqrt(len(found)):
            mad.append(source)
    return mad
