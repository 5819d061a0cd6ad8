"""Measure rankers side by side: the same sources, the same candidates, the same users; only what orders them differs.

    python benchmarks/quality/rankers.py --data FOLDER --recipe full --rank blend boosted din --split time --users 3000

The sources of the recipe are fitted once on the data before the holdout and once on all of it, as in training; every
ranker learns from the same rows and orders the same test candidates. Rows of kind "ranker" go to leaderboard.md with the
CPU seconds of that ranker's own fit; its milliseconds per request and the paired difference to the first ranker named are
printed. A ranker may be followed by settings: "din(softmax=True, trust=0.5)".
"""

from __future__ import annotations

import argparse
import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from run import RAW, rows_of, update

from zhiyin.arrays import Ints
from zhiyin.candidates import Candidates
from zhiyin.data.readers import read_folder
from zhiyin.data.split import Split, core
from zhiyin.data.weights import EventWeights
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.lists import in_order_of
from zhiyin.evaluation.measure import Measure
from zhiyin.evaluation.report import Report, Row
from zhiyin.evaluation.run import SPLITS, encode
from zhiyin.parts import class_of
from zhiyin.query import Query
from zhiyin.recipe import load_recipe
from zhiyin.recommender import Recommender
from zhiyin.stages import RankingRows, Refreshing
from zhiyin.training import held_out, ranking_rows

DEPTH = 20
BASELINES = ("transition", "item_knn", "ease")


@dataclass
class World:
    """What all rankers share, and the lists of each row so far."""

    split: Split
    past: Any
    rows: RankingRows
    valid: RankingRows
    recommender: Recommender
    queries: list[Query] = field(default_factory=list)
    candidates: list[Candidates] = field(default_factory=list)
    lists: dict[str, Ints] = field(default_factory=dict)


def main() -> None:
    """Measure every ranker named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with events.* and items.*")
    parser.add_argument("--recipe", default="full", help="whose sources to take")
    parser.add_argument("--rank", nargs="+", default=["boosted", "blend"])
    parser.add_argument("--split", choices=list(SPLITS), default="time")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--users", type=int, default=0, help="test cases drawn at random; 0 for all")
    parser.add_argument("--dry", action="store_true", help="leave leaderboard.md alone")
    asked = parser.parse_args()
    world = prepared(asked)
    seconds = {text: measured(world, text) for text in asked.rank}
    report = reported(world, asked, [*seconds])
    command = f"rankers.py --data {asked.data.name} --recipe {Path(asked.recipe).name} --split {asked.split} --core {asked.core} --users {asked.users}"
    name = asked.data.name + (f" ({asked.core}-core)" if asked.core else "")
    for row in report.rows:
        own = {f"{report.recipe} + {text}": spent for text, spent in seconds.items()}.get(row.name)
        print(
            f"{row.name:40} NDCG@10 {row.metrics['ndcg@10']:.4f}  HR@10 {row.metrics['hr@10']:.4f}  fit {own or 0:.0f} s"
        )
        if own is not None and not asked.dry:
            text = row.name.removeprefix(f"{report.recipe} + ")
            update(rows_of(replace(report, rows=[row]), name, own, f"{command} --rank {text}"))


def prepared(asked: argparse.Namespace) -> World:
    """Sources fitted, rows to learn from, and the candidates of the test."""
    recipe = load_recipe(asked.recipe)
    recommender = recipe.recommender
    dataset = read_folder(asked.data, EventWeights.from_table(recipe.events))
    if asked.core:
        dataset = core(dataset, asked.core)
    encode(recipe, dataset, Path(__file__).parent / "per_user" / "vectors.db", lambda *told: None)
    split = SPLITS[asked.split](dataset)
    if asked.users:
        split = replace(split, test=split.test.sample(asked.users, 0))
    past, cases = held_out(split.test_fit, "time" if asked.split == "time" else "last")
    for retriever in recommender.retrievers.values():
        retriever.fit(past)
    recommender.take_catalogue(past)
    rows, valid = ranking_rows(recommender, cases)
    world = World(split, past, rows, valid, recommender)
    for retriever in recommender.retrievers.values():
        retriever.fit(split.test_fit)
    recommender.take_catalogue(split.test_fit)
    for questions, _ in split.test.batches(256, DEPTH):
        world.queries += questions
        world.candidates += [replace(one, dropped=()) for one in recommender.candidates(questions)]
    for name in [one for one in BASELINES if one in recommender.retrievers]:
        put(world, name, [in_order_of(one, name) for one in world.candidates])
    print(f"{len(rows):,} requests to learn from, {len(split.test):,} to ask", flush=True)
    return world


def measured(world: World, text: str) -> float:
    """Fit a ranker, put the test candidates in its order, and return the CPU seconds of its fit."""
    name, settings = re.fullmatch(r"(\w+)(?:\((.*)\))?", text).groups()  # type: ignore[union-attr]
    ranker = class_of(name)(**eval(f"dict({settings or ''})", {}))
    started = time.process_time()
    ranker.fit(world.past, world.rows, world.valid)
    if isinstance(ranker, Refreshing):
        ranker.refresh(world.split.test_fit)
    fitted, asked = time.process_time() - started, time.process_time()
    found = []
    for query, shown in zip(world.queries, world.candidates, strict=True):
        scores = ranker.predict([query], [shown], world.recommender.items)[0][:, 0]
        found.append(shown.items[np.argsort(-scores, kind="stable")])
    put(world, text, found)
    each = (time.process_time() - asked) / len(found) * 1000
    print(f"{text}: fit {fitted:.0f} s, {each:.1f} ms per request (CPU time)", flush=True)
    return fitted


def put(world: World, name: str, ordered: list[Ints]) -> None:
    """Keep the first of every list, padded with -1."""
    lists = world.lists[name] = np.full((len(ordered), DEPTH), -1, np.int32)
    for row, items in enumerate(ordered):
        lists[row, : min(DEPTH, len(items))] = items[:DEPTH]


def reported(world: World, asked: argparse.Namespace, rankers: list[str]) -> Report:
    """Every row's numbers; prints how each ranker differs from the first."""
    recipe = Path(asked.recipe).stem
    rows = [
        Row(f"{recipe} + {one}", "ranker", {}) if one in rankers else Row(one, "baseline", {}) for one in world.lists
    ]
    measure = Measure(world.split, DEPTH)
    users = measure.fill(rows, list(world.lists.values()), 0)
    table = np.stack([users[f"ranker:{recipe} + {one}"]["ndcg@10"] for one in rankers], 1)
    RAW.mkdir(exist_ok=True)
    np.savez_compressed(
        RAW / f"{asked.data.name}_{asked.split}_rankers_{recipe}.npz", ndcg=table, names=np.array(rankers)
    )
    draws = Resamples(table, seed=0)
    for column, one in enumerate(rankers[1:], 1):
        gap = draws.difference(column, 0)
        print(f"{one} against {rankers[0]}: {gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})", flush=True)
    return Report(
        asked.data.name,
        recipe,
        asked.split,
        len(world.split.test),
        {},
        rows,
        best_baseline=measure.best_baseline,
        per_user=users,
    )


if __name__ == "__main__":
    main()
