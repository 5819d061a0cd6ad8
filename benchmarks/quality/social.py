"""What friends are worth: recall with real friends, with rewired ones (the placebo) and with none.

    python benchmarks/quality/social.py --data FOLDER --core 3 --folds 5 --only 0
    python benchmarks/quality/social.py --published FOLDER

The data has no times, so each user's items are dealt at random into folds, one of which is asked (--data), or the split
is one that others published (--published: a folder with data1.txt, test1.txt and trustnetwork.txt, user, item or friend
per line, as in data/lastfm of gusye1234/LightGCN-PyTorch). Asked over the whole catalogue, met items hidden. With --cut,
a fifth of the users keep one event, everything is fitted on that, and only they are asked. Rows go to leaderboard.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from run import commit, update
from scipy import sparse

from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.data.placebo import rewired
from zhiyin.data.readers import read_folder
from zhiyin.data.split import Cases, core
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.lists import FUSED, WHOLE, ranked_lists
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.item import Item, Items
from zhiyin.ranking.blend import Blend
from zhiyin.recommender import Recommender
from zhiyin.retrieval.als import ALS
from zhiyin.retrieval.ease import Ease
from zhiyin.retrieval.graph import Graph
from zhiyin.retrieval.item_knn import ItemKNN
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.social import Social
from zhiyin.retrieval.user_knn import UserKNN
from zhiyin.vocabulary import Vocabulary

DEPTH = 20
LAMBDA = 100.0
MAKE = {
    "popular": Popular,
    "item_knn": lambda: ItemKNN(decay=1.0),
    "user_knn": lambda: UserKNN(decay=1.0),
    "als": lambda: ALS(decay=1.0, zeros=1763.2, regularization=0.03),
    "ease": lambda: Ease(decay=1.0, regularization=LAMBDA),
    "social": lambda: Social(decay=1.0, regularization=LAMBDA),
    "social_cosine": lambda: Social(decay=1.0, by="cosine"),
    "graph": lambda: Graph(decay=1.0),
    "lightgcn": lambda: Graph(decay=1.0, loss="bpr", social=0.0, epochs=150, patience=8),
}
"""The parts, none of which reads an order that is not there."""


def main() -> None:
    """Measure every kind of friends asked for on the same questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--data", type=Path, help="a folder with events.* and edges.*")
    where.add_argument("--published", type=Path, help="a folder with a published split")
    parser.add_argument("--core", type=int, default=0, help="leave out users and items with fewer events")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", type=int, nargs="*", help="the folds to ask; all when left out")
    parser.add_argument(
        "--friends", nargs="+", choices=["real", "rewired", "none"], default=["real", "rewired", "none"]
    )
    parser.add_argument("--cut", action="store_true", help="a fifth of the users keep one event, and they are asked")
    parser.add_argument("--parts", nargs="+", choices=list(MAKE), default=["social", "social_cosine", "graph"])
    parser.add_argument("--blend", action="store_true", help="also the whole of the parts, blended")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    splits = [published(asked.published)] if asked.published else list(folds(asked))
    found: dict[str, list[np.ndarray]] = {}
    started = time.perf_counter()
    for fitted, targets in splits:
        if asked.cut:
            fitted, targets = cut(fitted, targets, 0.2, asked.seed)
        for kind in asked.friends:
            for name, values in measured(with_friends(fitted, kind, asked.seed), targets, asked).items():
                found.setdefault(f"{name} ({kind} friends)", []).append(values)
                print(f"{name:>10} {kind:>8} friends: recall@20 {values[2].mean():.4f}", flush=True)
    write(found, asked, time.perf_counter() - started)


def published(folder: Path) -> tuple[Dataset, dict[int, np.ndarray]]:
    """What is fitted on and the right answers by user, of a split in three text files."""
    train, test, ties = (
        np.loadtxt(folder / f"{name}.txt", usecols=(0, 1)).astype(int) - 1
        for name in ("data1", "test1", "trustnetwork")
    )
    users, items = (int(max(train[:, side].max(), test[:, side].max())) + 1 for side in (0, 1))
    order = np.random.default_rng(0).permutation(len(train))
    table = Interactions.sort(*train[order].T, np.arange(len(train)))
    names = Vocabulary([f"user {number}" for number in range(users)], "user")
    catalogue = Items([Item(f"item {number}") for number in range(items)])
    friends = sparse.csr_matrix((np.ones(len(ties), np.float32), ties.T), (users, users))
    friends.data[:] = 1.0
    data = Dataset(names, catalogue, table, float(len(train)), False, friends)
    return data, {int(user): np.unique(test[test[:, 0] == user, 1]).astype(np.int32) for user in np.unique(test[:, 0])}


def folds(asked: argparse.Namespace) -> Iterator[tuple[Dataset, dict[int, np.ndarray]]]:
    """Each user's items dealt at random into folds: all but one to fit on, that one to ask."""
    data = read_folder(asked.data)
    data = core(data, asked.core) if asked.core else data
    rng = np.random.default_rng(asked.seed)
    table = data.interactions
    # A random order of each user's items, then fold numbers in turn: every fold gets its share of every user.
    order = np.lexsort((rng.random(len(table)), table.users))
    place = np.arange(len(table)) - data.offsets[table.users]
    fold = np.empty(len(table), np.int64)
    fold[order] = (place + rng.integers(0, asked.folds, len(data.users))[table.users]) % asked.folds
    for number in range(asked.folds) if asked.only is None else asked.only:
        hidden = table.where(fold == number)
        ends = np.searchsorted(hidden.users, np.arange(len(data.users) + 1))
        fitted = data.only(fold != number)
        some = np.flatnonzero((np.diff(ends) > 0) & (np.diff(fitted.offsets) > 0))
        yield fitted, {int(user): hidden.items[ends[user] : ends[user + 1]] for user in some}


def cut(
    data: Dataset, targets: dict[int, np.ndarray], share: float, seed: int
) -> tuple[Dataset, dict[int, np.ndarray]]:
    """A share of the users with all but one event taken away, drawn at random; only they are asked."""
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(rng.random(len(data.users)) < share)
    kept = np.ones(len(data.interactions), np.bool_)
    for user in chosen:
        start, end = data.offsets[user], data.offsets[user + 1]
        kept[start:end] = np.arange(start, end) == start + rng.integers(max(end - start, 1))
    return data.only(kept), {user: right for user, right in targets.items() if user in set(chosen.tolist())}


def with_friends(data: Dataset, kind: str, seed: int) -> Dataset:
    """The same data with the friends it has, with as many drawn at random, or with none."""
    if kind == "none":
        return replace(data, friends=None)
    return replace(data, friends=rewired(data.friends, seed)) if kind == "rewired" else data


def measured(data: Dataset, targets: dict[int, np.ndarray], asked: argparse.Namespace) -> dict[str, np.ndarray]:
    """NDCG@10, hit rate@10 and recall@20 of every user asked, by row. [3, users]"""
    recommender = Recommender(
        retrieve={name: MAKE[name]() for name in asked.parts}, rank=[Blend()] if asked.blend else []
    )
    recommender.fit(data, holdout="last", progress=lambda text: print(f"  {text}", file=sys.stderr, flush=True))
    if asked.blend:
        print(
            "  weights",
            dict(zip(recommender.rankers[0].sources, recommender.rankers[0].weights.tolist(), strict=True)),
            flush=True,
        )
    users = np.array(sorted(targets), np.int32)
    cases = Cases(data, users, (data.as_of,) * len(users), tuple(targets[int(user)] for user in users))
    lists = ranked_lists(recommender, cases, DEPTH, whole=asked.blend)
    shown = {WHOLE: "blend of " + ", ".join(asked.parts), FUSED: "fused ranks"}
    right = Targets.of(list(cases.targets))
    result = {}
    for name, ranked in lists.items():
        if name != FUSED or len(asked.parts) > 1:
            numbers = per_user(ranked, right, (10, DEPTH), ("ndcg", "hr", "recall"))
            result[shown.get(name, name)] = np.stack([numbers[one] for one in ("ndcg@10", "hr@10", "recall@20")])
    return result


def write(found: dict[str, list[np.ndarray]], asked: argparse.Namespace, seconds: float) -> None:
    """Rows of the leaderboard: over the users of all folds asked, with the interval of recall beside it."""
    folder = asked.data or asked.published
    split = "published split" if asked.published else f"{asked.folds}-fold"
    split += ", users with one event" if asked.cut else ""
    split += f", seed {asked.seed}" if asked.seed else ""
    name = folder.name + (f" ({asked.core}-core)" if asked.core else "")
    line = "social.py " + " ".join(Path(one).name if Path(one).is_dir() else one for one in sys.argv[1:])
    rows = {}
    for row, parts in found.items():
        values = np.concatenate(parts, 1)
        draws = Resamples(values.T, seed=0)
        ndcg, recall = draws.interval(0), draws.interval(2)
        cells = (
            name, split, row, "whole" if row.startswith("blend") else "part", f"{ndcg.mean:.4f}",
            f"{ndcg.low:.4f}-{ndcg.high:.4f}", f"{values[1].mean():.4f}",
            f"{recall.mean:.4f} ({recall.low:.4f}-{recall.high:.4f})", "", f"{values.shape[1]:,}", f"{seconds:.0f}",
        )  # fmt: skip
        rows[cells[:4]] = "| " + " | ".join((*cells, commit(), f"`{line}`")) + " |"
        print(row, *cells[4:8], flush=True)
    update(rows)


if __name__ == "__main__":
    main()
