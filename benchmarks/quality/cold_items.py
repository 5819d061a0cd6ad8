"""Measure what finds the right people for items nobody has met: a fifth of a catalogue loses all of its events.

    python benchmarks/quality/cold_items.py --data FOLDER --encoder minilm --seeds 0 1 2

Every method is fitted without the events of the cold items and ranks the cold items alone for everyone who liked one of
them and something else; Recall@20 among them. Settings and mixtures are picked on a second set of items held out of the
training data; the test items are read once per row. Prints a table for leaderboard.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import read_folder
from zhiyin.encoders.cache import encode_items
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.cold_items import ColdItems, cold_items, hold_out
from zhiyin.parts import class_of
from zhiyin.query import Query

HERE = Path(__file__).parent
VALID, TEST = 0.16, 0.2
"""Shares of the items with events; the validation items are a fifth of those that are not for testing."""

SINGLES: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "content": ("content", [{"decay": decay} for decay in (0.8, 0.9, 1.0)]),
    "dense": ("dense", [{"decay": decay, "pool": pool} for pool in ("mean", "max") for decay in (0.9, 1.0)]),
    "bridge": (
        "bridge",
        [{"relatives": count, "balance": balance, "decay": 1.0} for count in (5, 10) for balance in (0.5, 1.0)],
    ),
    "two_tower": ("two_tower", [{}]),
    "generative": ("generative", [{}]),
}
"""Parts and the settings tried."""


def main() -> None:
    """Tune on validation items, then measure on the test items, for every seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with events.* and items.*")
    parser.add_argument("--encoder", default="minilm", help="which encoder gives the text vectors")
    parser.add_argument("--method", nargs="+", default=list(SINGLES), choices=list(SINGLES))
    parser.add_argument("--set", default="{}", help="settings of the methods as JSON: {method: {setting: value}}")
    parser.add_argument("--users", type=int, default=6000, help="people asked, at random; 0 for all")
    parser.add_argument(
        "--people", type=int, default=0, help="learn from so many people's events only, at random; 0 for all"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument(
        "--no-mixture", action="store_true", help="methods alone; those with one setting need no validation"
    )
    parser.add_argument("--only-valid", action="store_true", help="stop before the test items are read")
    asked = parser.parse_args()
    dataset = read_folder(asked.data)
    if asked.people:
        kept = np.random.default_rng(0).permutation(len(dataset.users))[: asked.people]
        dataset = dataset.only(np.isin(dataset.interactions.users, kept))
    encode_items(dataset.items, "text", class_of(asked.encoder)(), HERE / "per_user" / "vectors.db")
    for seed in asked.seeds:
        measure(dataset, seed, asked)


def measure(dataset: Dataset, seed: int, asked: argparse.Namespace) -> None:
    """One seed: which items are cold, who is asked, and what every method makes of it."""
    warm, (valid, tested) = hold_out(dataset, (VALID, TEST), seed)
    questions = cold_items(dataset, warm, valid, asked.users, seed)
    given = json.loads(asked.set)
    chosen: dict[str, dict[str, Any]] = {}
    scored: dict[str, Floats] = {}
    for method in asked.method:
        tried = candidates(method, given.get(method, {}))
        chosen[method] = tried[0]
        if len(tried) > 1 or asked.only_valid or not asked.no_mixture:
            scored[method], chosen[method] = best_of(method, tried, warm, questions)
    weights = {} if asked.no_mixture else best_mixture(scored, questions)
    if asked.only_valid:
        return
    known = dataset.only(~tested[dataset.interactions.items])
    test = cold_items(dataset, known, tested, asked.users, seed)
    found: dict[str, Floats] = {}
    for method in asked.method:
        started = time.perf_counter()
        part = class_of(SINGLES[method][0])(**chosen[method]).fit(known)
        found[method] = scores_of(part, known, test)
        recall = test.recall(lambda rows, table=found[method]: table[rows])
        show(seed, method, recall, time.perf_counter() - started, chosen[method])
    if weights:
        mixed = mixture(found, weights)
        show(seed, "mixture", test.recall(lambda rows: mixed[rows]), 0.0, weights)
        best = max(found, key=lambda name: test.recall(lambda rows, table=found[name]: table[rows]).mean())
        for other in dict.fromkeys(["content", best]):
            if other in found:
                gap = test.recall(lambda rows: mixed[rows]) - test.recall(lambda rows, table=found[other]: table[rows])
                print(f"seed {seed}: mixture - {other}: {within(gap)}", flush=True)


def candidates(method: str, given: dict[str, Any]) -> list[dict[str, Any]]:
    """The settings to try, each once."""
    tried = [{**one, **given} for one in SINGLES[method][1]]
    return [one for place, one in enumerate(tried) if one not in tried[:place]]


def best_of(method: str, grid: list[dict[str, Any]], warm: Dataset, asked: ColdItems) -> tuple[Floats, dict[str, Any]]:
    """The scores of a method's best settings on the validation items, and those settings."""
    use = SINGLES[method][0]
    best: tuple[float, Floats, dict[str, Any]] | None = None
    for tried in grid:
        started = time.perf_counter()
        table = scores_of(class_of(use)(**tried).fit(warm), warm, asked)
        recall = float(asked.recall(lambda rows, table=table: table[rows]).mean())
        say(f"validation: {method} {tried} {recall:.4f} in {time.perf_counter() - started:.0f} s")
        if best is None or recall > best[0]:
            best = (recall, table, tried)
    assert best is not None
    return best[1], best[2]


def scores_of(part: Any, known: Dataset, asked: ColdItems) -> Floats:
    """A part's scores of the cold items for everyone asked; what it does not score comes last. [users, cold items]"""
    table = np.empty((len(asked.users), len(asked.items)), np.float32)
    for row, user in enumerate(asked.users):
        query = Query(known.profile(int(user)), now=known.as_of)
        table[row] = part.score([query], [asked.items])[0]
    return np.where(np.isfinite(table), table, -1e9).astype(np.float32)


def mixture(tables: dict[str, Floats], weights: dict[str, float]) -> Floats:
    """Σ weight · score, each person's scores with mean 0 and deviation 1. [users, cold items]"""
    total = np.zeros_like(next(iter(tables.values())))
    for name, table in tables.items():
        if weights.get(name):
            low = np.where(table > -1e8, table, np.inf).min(1, keepdims=True)
            usable = np.where(table > -1e8, table, np.where(np.isfinite(low), low, 0))
            spread = np.maximum(usable.std(1, keepdims=True), 1e-9)
            total += weights[name] * (usable - usable.mean(1, keepdims=True)) / spread
    return total


def best_mixture(tables: dict[str, Floats], asked: ColdItems) -> dict[str, float]:
    """The weights with the highest Recall@20 on the validation items, out of a grid."""
    names = list(tables)
    best: tuple[float, dict[str, float]] = (-1.0, {})
    for values in itertools.product((0.0, 0.5, 1.0), repeat=len(names)):
        if max(values) < 1.0:
            continue
        weights = dict(zip(names, values, strict=True))
        mixed = mixture(tables, weights)
        recall = float(asked.recall(lambda rows, mixed=mixed: mixed[rows]).mean())
        best = max(best, (recall, weights), key=lambda one: one[0])
    say(f"validation: mixture {best[0]:.4f} {best[1]}")
    return best[1]


def show(seed: int, method: str, recall: Any, seconds: float, what: dict[str, Any]) -> None:
    """One row: mean and a bootstrap interval over the people asked."""
    print(
        f"seed {seed}: {method}: Recall@20 {within(recall)}, {len(recall):,} users, {seconds:.0f} s, {what}", flush=True
    )


def within(values: Any) -> str:
    """A mean and its 95 % interval."""
    found = Resamples(np.asarray(values)[:, None]).interval(0)
    return f"{found.mean:.4f} ({found.low:.4f} to {found.high:.4f})"


def say(text: str) -> None:
    """Progress."""
    print(f"  {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
