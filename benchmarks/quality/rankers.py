"""Measure rankers side by side: the same sources, the same candidates, the same users; only what orders them differs.

    python benchmarks/quality/rankers.py --data wines --recipe full --rank blend boosted din --split time --users 3000

--data: a folder with events.* and items.*, or the name of a built-in set. The sources of the recipe are fitted once on the
data before the holdout and once on all of it, as in training; every ranker learns from the same rows and orders the same
test candidates. With several --seeds a row is the mean over the seeds of every user's numbers. Rows of kind "ranker" go to
leaderboard.md with the CPU seconds of one fit of that ranker; its milliseconds per request, the figures of each seed and
the paired differences to the first ranker named are printed. A ranker may be followed by settings: "din(softmax=True,
trust=0.5)"; with a seed among them it is fitted by that one alone. --encode: text vectors by the default recipe's encoder where the recipe itself wants none.
"""

from __future__ import annotations

import argparse
import re
import shlex
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from run import RAW, rows_of, update

from zhiyin.arrays import Doubles, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.readers import read_folder
from zhiyin.data.split import Split, core
from zhiyin.data.weights import EventWeights
from zhiyin.encoders.cache import encode_items
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.lists import in_order_of
from zhiyin.evaluation.measure import MAIN, Measure
from zhiyin.evaluation.report import Report, Row
from zhiyin.evaluation.run import SPLITS, encode
from zhiyin.ingest.demo import demo_files, demo_names
from zhiyin.parts import class_of
from zhiyin.query import Query
from zhiyin.recipe import load_recipe
from zhiyin.recommender import Recommender
from zhiyin.stages import RankingRows, Refreshing
from zhiyin.training.fit import held_out, ranking_rows

DEPTH = 20
BASELINES = ("transition", "item_knn", "ease")


@dataclass
class World:
    """What all rankers share, and the lists of each row so far. lists: by ranker and seed; seconds: of each fit."""

    split: Split
    past: Any
    rows: RankingRows
    valid: RankingRows
    recommender: Recommender
    queries: list[Query] = field(default_factory=list)
    candidates: list[Candidates] = field(default_factory=list)
    lists: dict[tuple[str, int], Ints] = field(default_factory=dict)
    seconds: dict[str, list[float]] = field(default_factory=dict)


def main() -> None:
    """Measure every ranker named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with events.* and items.*, or a built-in set")
    parser.add_argument("--recipe", default="full", help="whose sources to take")
    parser.add_argument("--rank", nargs="+", default=["boosted", "blend"])
    parser.add_argument("--split", choices=list(SPLITS), default="time")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--users", type=int, default=0, help="test cases drawn at random; 0 for all")
    parser.add_argument(
        "--requests", type=int, default=0, help="requests to learn from; 0 for as many as the recipe says"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--encode", action="store_true", help="give the items text vectors")
    parser.add_argument("--dry", action="store_true", help="leave leaderboard.md alone")
    asked = parser.parse_args()
    folder = folder_of(asked.data)
    world = prepared(asked, folder)
    for done, seed in enumerate(asked.seeds, 1):
        for text in asked.rank:
            measured(world, text, seed, first=done == 1)
        show(world, asked, folder.name, asked.seeds[:done])


def show(world: World, asked: argparse.Namespace, data: str, seeds: list[int]) -> None:
    """Print what is known after these seeds, and put it into the table with the command that gives it."""
    report = reported(world, asked, data)
    told = shlex.join([data if one == asked.data else one for one in sys.argv[1:]])
    command = "rankers.py " + re.sub(r"--seeds( \d+)+", f"--seeds {' '.join(map(str, seeds))}", told)
    name = data + (f" ({asked.core}-core)" if asked.core else "")
    for row in report.rows:
        print(f"{row.name:40} NDCG@10 {row.metrics[MAIN]:.4f}  HR@10 {row.metrics['hr@10']:.4f}", flush=True)
        if row.kind == "ranker" and not asked.dry:
            spent = world.seconds[row.name.removeprefix(f"{report.recipe} + ")]
            update(rows_of(replace(report, rows=[row]), name, float(np.mean(spent)), command))


def folder_of(data: str) -> Path:
    """The folder named, or one with the tables of the built-in set named, beside the numbers of every user."""
    if data not in demo_names() or Path(data).is_dir():
        return Path(data)
    folder = RAW / data
    folder.mkdir(parents=True, exist_ok=True)
    for table, frame in demo_files(data).items():
        frame.write_parquet(folder / f"{table}.parquet")
    return folder


def prepared(asked: argparse.Namespace, folder: Path) -> World:
    """Sources fitted, rows to learn from, and the candidates of the test."""
    recipe = load_recipe(asked.recipe)
    recommender = recipe.recommender
    recommender.requests = asked.requests or recommender.requests
    dataset = read_folder(folder, EventWeights.from_table(recipe.events))
    if asked.core:
        dataset = core(dataset, asked.core)
    encode(recipe, dataset, RAW / "vectors.db", lambda *told: None)
    if asked.encode and not dataset.items.vectors:
        encode_items(dataset.items, "text", load_recipe("default").encoders["text"], RAW / "vectors.db")
    split = SPLITS[asked.split](dataset)
    if asked.users:
        split = replace(split, test=split.test.sample(asked.users, 0))
    past, cases = held_out(split.test_fit, "time" if asked.split == "time" else "last")
    for retriever in recommender.retrievers.values():
        retriever.fit(past)
    recommender.take_catalogue(past)
    rows, valid = ranking_rows(recommender, cases, dataset=split.test_fit)
    world = World(split, past, rows, valid, recommender)
    for retriever in recommender.retrievers.values():
        retriever.fit(split.test_fit)
    recommender.take_catalogue(split.test_fit)
    for questions, _ in split.test.batches(256, DEPTH):
        world.queries += questions
        world.candidates += [replace(one, dropped=()) for one in recommender.candidates(questions)]
    for name in [one for one in BASELINES if one in recommender.retrievers]:
        world.lists[name, 0] = firsts([in_order_of(one, name) for one in world.candidates])
    print(f"{len(rows):,} requests to learn from, {len(valid):,} to stop by, {len(split.test):,} to ask", flush=True)
    return world


def measured(world: World, text: str, seed: int, first: bool) -> None:
    """Fit a ranker by a seed and put the test candidates in its order. first: the only seed for one that needs none."""
    name, settings = re.fullmatch(r"(\w+)(?:\((.*)\))?", text).groups()  # type: ignore[union-attr]
    kind, own = class_of(name), eval(f"dict({settings or ''})", {})
    chance = "seed" in kind.__dataclass_fields__ and "seed" not in own
    if not chance and not first:
        return
    ranker = kind(**own, seed=seed) if chance else kind(**own)
    started = time.process_time()
    ranker.fit(world.past, world.rows, world.valid)
    if isinstance(ranker, Refreshing):
        ranker.refresh(world.split.test_fit)
    fitted, found = time.process_time(), []
    for query, shown in zip(world.queries, world.candidates, strict=True):
        scores = ranker.predict([query], [shown], world.recommender.items)[0][:, 0]
        found.append(shown.items[np.argsort(-scores, kind="stable")])
    each = (time.process_time() - fitted) / len(found) * 1000
    world.lists[text, seed] = firsts(found)
    world.seconds.setdefault(text, []).append(fitted - started)
    print(f"{text}, seed {seed}: fit {fitted - started:.0f} s, {each:.1f} ms per request (CPU time)", flush=True)
    if getattr(ranker, "course", None):
        print(f"    {ranker.course}", flush=True)


def firsts(ordered: list[Ints]) -> Ints:
    """The first of every list, padded with -1."""
    lists = np.full((len(ordered), DEPTH), -1, np.int32)
    for row, items in enumerate(ordered):
        lists[row, : min(DEPTH, len(items))] = items[:DEPTH]
    return lists


def reported(world: World, asked: argparse.Namespace, data: str) -> Report:
    """Every row's numbers, each user's the mean over the seeds; prints how each ranker differs from the first."""
    recipe = Path(asked.recipe).stem
    measure = Measure(world.split, DEPTH)
    single = [Row(f"{text}:{seed}", "ranker" if text in asked.rank else "baseline", {}) for text, seed in world.lists]
    found = measure.fill(single, list(world.lists.values()), 0)
    rows, users = [], {}
    for text in dict.fromkeys(text for text, _ in world.lists):
        kind = "ranker" if text in asked.rank else "baseline"
        each = [found[f"{kind}:{name}:{seed}"] for name, seed in world.lists if name == text]
        row = Row(f"{recipe} + {text}" if kind == "ranker" else text, kind, {})
        users[f"{kind}:{row.name}"] = {one: np.mean([user[one] for user in each], 0) for one in each[0]}
        rows.append(row)
        if kind == "ranker":
            print(f"{text}: NDCG@10 by seed {', '.join(f'{user[MAIN].mean():.4f}' for user in each)}", flush=True)
    best = measure.best_baseline.partition(":")[0]
    compared(rows, users, best)
    RAW.mkdir(exist_ok=True)
    table = np.stack([users[f"ranker:{recipe} + {one}"][MAIN] for one in asked.rank], 1)
    np.savez_compressed(RAW / f"{data}_{asked.split}_rankers_{recipe}.npz", ndcg=table, names=np.array(asked.rank))
    draws = Resamples(table, seed=0)
    for column, one in enumerate(asked.rank[1:], 1):
        gap = draws.difference(column, 0)
        print(f"{one} against {asked.rank[0]}: {gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})", flush=True)
    return Report(data, recipe, asked.split, len(world.split.test), {}, rows, best_baseline=best, per_user=users)


def compared(rows: list[Row], users: dict[str, dict[str, Doubles]], best: str) -> None:
    """Give rows their means, intervals and differences to the best baseline."""
    mine = [users[f"{row.kind}:{row.name}"] for row in rows]
    draws = Resamples(np.stack([one[MAIN] for one in mine], 1), seed=0)
    rival = next((place for place, row in enumerate(rows) if row.kind == "baseline" and row.name == best), None)
    for place, (row, one) in enumerate(zip(rows, mine, strict=True)):
        row.metrics = {name: float(values.mean()) for name, values in one.items()}
        row.intervals = {MAIN: draws.interval(place)}
        row.versus = draws.difference(place, rival) if rival is not None else None


if __name__ == "__main__":
    main()
