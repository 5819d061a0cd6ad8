"""Compare ways to fuse a recipe's sources, in one run: the same fitted sources, questions and candidates, paired intervals.

    python benchmarks/quality/fusion.py --data wines --recipe default --split time

ratio      scores divided by the row's best, weights by coordinate ascent, relevance stretched from the worst to the best of
           the pool: the fusion that Zhiyin had up to 21a6726
blend      the weighted mean of opinions (zhiyin.ranking.blend)
listwise   a logit and a small network under a guard (zhiyin.ranking.listwise)

Each with the recipe's rerankers, and the last also without ("alone"). People without a history are asked apart. --users
draws test cases. The rows go to leaderboard.md, with their difference to "ratio" as the
best baseline, unless --dry.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rankers import DEPTH, World, firsts, folder_of, prepared
from run import rows_of, update

from zhiyin.arrays import Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.split import Split
from zhiyin.evaluation.evaluate import NEWCOMERS
from zhiyin.evaluation.measure import MAIN, Measure
from zhiyin.evaluation.report import Report, Row
from zhiyin.evaluation.run import SPLITS
from zhiyin.item import Items
from zhiyin.opinions import SPAN, mean_and_spread
from zhiyin.query import Query
from zhiyin.ranking.blend import Blend, ascend, is_new
from zhiyin.ranking.listwise import Listwise
from zhiyin.recipe import load_recipe
from zhiyin.recommender import FOR_YOU, Recommender
from zhiyin.reranking.mmr import MMR
from zhiyin.stages import RankingRows, Refreshing, Selection
from zhiyin.trace import Trace


class Ratio:
    """The blend as it was up to 21a6726."""

    actions = ("relevance",)

    def fit(self, dataset: Any, rows: RankingRows, valid: RankingRows | None = None) -> Ratio:
        """See Ranker."""
        rng, new = np.random.default_rng(0), np.array([is_new(query) for query in rows.queries], np.bool_)
        self.weights = self._learned(rows.only(~new), rng)
        self.first_weights = self._learned(rows.only(new), rng) if new.any() else self.weights
        return self

    def _learned(self, rows: RankingRows, rng: np.random.Generator) -> Floats:
        chosen = rng.permutation(len(rows))[:3000]
        return ascend([ratios(rows.candidates[row]) for row in chosen], [rows.labels[row] for row in chosen], 3, rng)

    def predict(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> list[Floats]:
        """See Ranker."""
        found = zip(queries, candidates, strict=True)
        return [
            (ratios(one) @ (self.first_weights if is_new(query) else self.weights))[:, None] for query, one in found
        ]


def ratios(candidates: Candidates) -> Floats:
    """Each source's scores divided by the row's best; 0 where it gave none. [candidates, sources]"""
    assert candidates.source_scores is not None
    scores = candidates.source_scores
    silent = ~np.isfinite(scores)
    best = np.where(silent, 0, scores).max(0, initial=0)
    return np.asarray(np.where(silent | (best <= 0), 0, scores) / np.where(best > 0, best, 1), np.float32)


class Stretched:
    """MMR with relevance as it was up to 21a6726: from the worst to the best of the pool."""

    def __init__(self, part: MMR) -> None:
        self.part = part

    def select(self, query: Query, candidates: Candidates, items: Items, n: int) -> Selection:
        """See Reranker."""
        pool = candidates.scores[: max(self.part.pool, n)]
        if len(pool) < 2 or not np.ptp(pool) > 0:
            return self.part.select(query, candidates, items, n)
        # The part counts in spans of its own, so its balance is moved by how much longer or shorter they are.
        worth = self.part.balance * SPAN * mean_and_spread(pool)[1] / float(np.ptp(pool))
        balance = worth / (worth + 1 - self.part.balance)
        return MMR(balance=balance, space=self.part.space, pool=self.part.pool).select(query, candidates, items, n)


def main() -> None:
    """Measure every way and write its rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with events.* and items.*, or a built-in set")
    parser.add_argument("--recipe", default="default", help="whose sources and rerankers to take")
    parser.add_argument("--split", choices=list(SPLITS), default="time")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--users", type=int, default=0, help="test cases drawn at random; 0 for all")
    parser.add_argument("--dry", action="store_true", help="leave leaderboard.md alone")
    asked = parser.parse_args()
    asked.requests, asked.encode = 0, False
    folder, started = folder_of(asked.data), time.process_time()
    world = prepared(asked, folder)
    rerankers = load_recipe(asked.recipe).recommender.rerankers
    older = [Stretched(one) if isinstance(one, MMR) else one for one in rerankers]
    ways: dict[str, tuple[Any, Sequence[Any]]] = {
        "ratio": (Ratio(), older),
        "blend": (Blend(), rerankers),
        "listwise": (Listwise(), rerankers),
        "listwise alone": (Listwise(), ()),
    }
    lists, newcomers = {}, {}
    for name, (ranker, after) in ways.items():
        begun = time.process_time()
        ranker.fit(world.past, world.rows, world.valid)
        if isinstance(ranker, Refreshing):
            ranker.refresh(world.split.test_fit)
        print(f"{name}: fit {time.process_time() - begun:.0f} s", getattr(ranker, "course", ""), flush=True)
        world.recommender.rankers, world.recommender.rerankers = (ranker,), tuple(after)
        lists[name] = answered(world.recommender, world.queries, world.candidates)
        newcomers[name] = of_newcomers(world)
    report = compared(world.split, lists, asked.recipe, folder.name)
    if newcomers["ratio"] is not None:
        split = replace(world.split, test=world.split.newcomers.sample(NEWCOMERS, 0))  # type: ignore[union-attr]
        print("people without a history:")
        compared(split, newcomers, asked.recipe, folder.name)
    if not asked.dry:
        told = shlex.join([folder.name if one == asked.data else one for one in sys.argv[1:]])
        name = folder.name + (f" ({asked.core}-core)" if asked.core else "")
        update(rows_of(report, name, time.process_time() - started, "fusion.py " + told))


def answered(recommender: Recommender, queries: Sequence[Query], candidates: Sequence[Candidates]) -> Ints:
    """The lists of the whole for candidates that are there already. [queries, DEPTH]"""
    shelf, found = recommender.shelves[FOR_YOU], []
    for query, one in zip(queries, candidates, strict=True):
        asked = replace(query, n=DEPTH)
        found += recommender.answers([asked], [one], [Trace()], shelf, explain=False)
    return firsts([one.candidates.items for one in found])


def of_newcomers(world: World) -> Ints | None:
    """The lists of people without a history, a thousand at most; None where the split knows of none."""
    if world.split.newcomers is None or not len(world.split.newcomers):
        return None
    queries = [one for some, _ in world.split.newcomers.sample(NEWCOMERS, 0).batches(256, DEPTH) for one in some]
    return answered(world.recommender, queries, world.recommender.candidates(queries))


def compared(split: Split, lists: dict[str, Ints], recipe: str, data: str) -> Report:
    """The numbers of every way and its difference to the first; printed as well."""
    measure = Measure(split, DEPTH)
    rows = [Row(f"{Path(recipe).stem} + {name}", "baseline" if name == "ratio" else "ranker", {}) for name in lists]
    users = measure.fill(rows, list(lists.values()), 0)
    for row in rows:
        gap = f"{row.versus.mean:+.4f} ({row.versus.low:+.4f} to {row.versus.high:+.4f})" if row.versus else ""
        print(f"  {row.name:30} NDCG@10 {row.metrics[MAIN]:.4f}  {gap}", flush=True)
    return Report(
        data, recipe, split.name, len(split.test), {}, rows, best_baseline=measure.best_baseline, per_user=users
    )


if __name__ == "__main__":
    main()
