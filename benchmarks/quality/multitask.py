"""Several tasks against one, on the same candidates: what heads and understanding cost or give, and what weights change.

    python benchmarks/quality/multitask.py --data wines [--users 2000 --requests 3000 --seeds 0]

--data: a folder with events.* and items.*, or the name of a built-in set. Retrievers are fitted once before the holdout to learn ranking from and once before the test; every ranker sees the same
candidates. NDCG@10 of the order (time split where there is a clock, else leave-one-out); per head the AUC over candidates,
its mean chance beside how often the action happened, and how far the two lie apart on average over ten bins of equally many
candidates, sorted by chance, over all requests and over those whose candidates hold a right answer (heads learn from these
alone); liked items among the first ten by each weighing, with no fit between. "shuffled" is the placebo:
every item has another item's attributes, so that there is a semantic task with nothing to understand. Prints lines of a
table for leaderboard.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rankers import folder_of

from zhiyin.arrays import Array, Bools, Doubles, Floats
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import read_folder
from zhiyin.data.split import core, leave_one_out, time_split
from zhiyin.encoders.cache import encode_items
from zhiyin.encoders.minilm import MiniLM
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.item import Items
from zhiyin.query import Query
from zhiyin.ranking.blend import Blend
from zhiyin.ranking.boosted import Boosted
from zhiyin.ranking.multitask import MultiTask
from zhiyin.ranking.outcomes import ACTIONS, action_labels
from zhiyin.ranking.value import value
from zhiyin.recommender import Recommender
from zhiyin.retrieval.dense import Dense
from zhiyin.retrieval.ease import Ease
from zhiyin.retrieval.item_knn import ItemKNN
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.training.fit import held_out, outcome, ranking_rows

RANKERS: dict[str, tuple[type, dict[str, Any]]] = {
    "blend": (Blend, {}),
    "boosted": (Boosted, {}),
    "one task": (MultiTask, {"heads": (), "semantic": 0.0}),
    "mmoe": (MultiTask, {}),
    "ple": (MultiTask, {"kind": "ple"}),
    "mmoe, no semantic task": (MultiTask, {"semantic": 0.0}),
    "mmoe, uncertainty": (MultiTask, {"balance": "uncertainty"}),
    "mmoe, shuffled": (MultiTask, {}),
}


def main() -> None:
    """Candidates once, then every ranker."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with events.* and items.*, or a built-in set")
    parser.add_argument("--users", type=int, default=2000, help="people asked, at random")
    parser.add_argument("--requests", type=int, default=3000, help="requests to learn from at most")
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--ranker", nargs="+", default=list(RANKERS), choices=list(RANKERS))
    parser.add_argument("--cache", type=Path, default=Path(__file__).parent / "per_user" / "vectors.db")
    asked = parser.parse_args()
    folder = folder_of(asked.data)
    dataset = read_folder(folder)
    dataset = core(dataset, asked.core) if asked.core else dataset
    encode_items(dataset.items, "text", MiniLM(), asked.cache)
    split = time_split(dataset) if dataset.has_clock else leave_one_out(dataset)
    recommender = Recommender(retrieve=[Transition(), ItemKNN(), Ease(), Popular(), Dense()], requests=asked.requests)
    past, cases = held_out(split.test_fit, "auto")
    for retriever in recommender.retrievers.values():
        retriever.fit(past)
    recommender.take_catalogue(past)
    rows, valid = ranking_rows(recommender, cases, dataset=split.test_fit)
    for retriever in recommender.retrievers.values():
        retriever.fit(split.test_fit)
    recommender.take_catalogue(split.test_fit)
    test = split.test.sample(asked.users, 0)
    queries = [test.query(row) for row in range(len(test))]
    shown = recommender.candidates(queries)
    print(f"{folder.name}, {split.name}: {len(rows):,} requests to learn from, {len(test):,} people asked", flush=True)
    bench = Bench(dataset, queries, shown, Targets.of(test.targets))
    bench.answered = np.concatenate(
        [np.full(len(one), np.isin(one.items, right).any()) for one, right in zip(shown, test.targets, strict=True)]
    )
    for name in asked.ranker:
        kind, settings = RANKERS[name]
        for seed in asked.seeds if kind is MultiTask else [0]:
            started = time.process_time()
            ranker = kind(**settings, seed=seed) if kind is not Blend else kind(**settings)
            shown_items = shuffled(dataset.items, seed) if name.endswith("shuffled") else dataset.items
            ranker.fit(replace(past, items=shown_items), rows, valid)
            if hasattr(ranker, "refresh"):
                ranker.refresh(replace(split.test_fit, items=shown_items))
            bench.show(folder.name, name, seed, ranker, shown_items, time.process_time() - started)


def shuffled(items: Items, seed: int) -> Items:
    """The placebo: the same items, ids and vectors, each with the attributes of another one drawn at random."""
    others = np.random.default_rng(seed).permutation(len(items))
    rows = [replace(row, attributes=items[other].attributes) for row, other in zip(items.rows, others, strict=True)]
    return Items(rows, items.vectors)


class Bench:
    """The questions, their candidates, and what people then did with those."""

    def __init__(self, dataset: Dataset, queries: list[Query], shown: list[Candidates], targets: Targets) -> None:
        self.dataset, self.queries, self.shown, self.targets = dataset, queries, shown, targets
        after = [outcome(dataset, query) for query in queries]
        self.done = [action_labels(one, some.items, dataset.weights) for one, some in zip(after, shown, strict=True)]
        self.best: Doubles | None = None
        self.answered: Bools = np.ones(sum(map(len, shown)), np.bool_)

    def show(self, data: str, name: str, seed: int, ranker: Any, items: Items, seconds: float) -> None:
        """One line for the order, one per head, and what its weights do."""
        found = ranker.predict(self.queries, self.shown, items)
        gains = self.ndcg([one[:, 0] for one in found])
        self.best = gains if name == "boosted" or self.best is None else self.best
        gap = Resamples(np.stack([gains, self.best], 1)).difference(0, 1)
        print(
            f"| {data} | {name} | {seed} | {gains.mean():.4f} | {gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f}) "
            f"| {seconds:.0f} |",
            flush=True,
        )
        for column, action in enumerate(ranker.actions[1:], 1):
            labels = np.concatenate([one[:, ACTIONS.index(action)] for one in self.done])
            chances = np.concatenate([one[:, column] for one in found])
            print(
                f"    {action}: AUC {auc(chances, labels > 0):.4f}, mean chance {chances.mean():.4f}, "
                f"happened {labels.mean():.4f}, apart {apart(chances, labels):.4f}; where a candidate is right "
                f"{chances[self.answered].mean():.4f}, {labels[self.answered].mean():.4f}, "
                f"{apart(chances[self.answered], labels[self.answered]):.4f}"
            )
        if "like" in ranker.actions:
            for weights in ({}, {"click": 1.0}, {"like": 1.0}, {"relevance": 1.0, "like": 5.0}):
                scores = [value(one, ranker.actions, weights) for one in found]
                print(f"    weights {weights}: NDCG@10 {self.ndcg(scores).mean():.4f}, {self.liked(scores)}")
        if isinstance(ranker, MultiTask):
            told = {key: one for key, one in ranker.course.items() if key != "by epoch"}
            print(f"    {told}, {len(ranker.course.get('by epoch', []))} epochs", flush=True)

    def ndcg(self, scores: list[Floats]) -> Doubles:
        """NDCG@10 of every question."""
        return per_user(self.lists(scores), self.targets, (10,), ("ndcg",))["ndcg@10"]

    def lists(self, scores: list[Floats]) -> Array:
        """The first ten candidates of every question."""
        lists = np.full((len(scores), 10), -1, np.int32)
        for row, (one, some) in enumerate(zip(scores, self.shown, strict=True)):
            best = some.items[np.argsort(-one, kind="stable")[:10]]
            lists[row, : len(best)] = best
        return lists

    def liked(self, scores: list[Floats]) -> str:
        """How many of the first ten were met, and how many of those liked."""
        met = liked = 0.0
        for one, done in zip(scores, self.done, strict=True):
            first = done[np.argsort(-one, kind="stable")[:10]]
            met += float((first[:, :3].max(1, initial=0) > 0).sum())
            liked += float(first[:, ACTIONS.index("like")].sum())
        count = len(scores)
        return f"met {met / count:.4f} of ten, liked {liked / count:.4f}, liked of met {liked / max(met, 1):.4f}"


def auc(scores: Array, right: Array) -> float:
    """The chance that a right one is above a wrong one; ties count half."""
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    places = (np.searchsorted(ranked, scores, "left") + np.searchsorted(ranked, scores, "right") + 1) / 2
    count = float(right.sum())
    rest = float(len(right) - count)
    return float((places[right].sum() - count * (count + 1) / 2) / max(count * rest, 1))


def apart(chances: Array, labels: Array, bins: int = 10) -> float:
    """How far a chance and what happened lie apart: the mean over bins of equally many, sorted by chance."""
    order = np.argsort(chances, kind="stable")
    return float(np.mean([abs(chances[some].mean() - labels[some].mean()) for some in np.array_split(order, bins)]))


if __name__ == "__main__":
    main()
