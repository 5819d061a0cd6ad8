"""Do explanations cite what carried the score? Taking the cited items away must cost more than taking away others.

    python benchmarks/quality/explanations.py [--data wines] [--recipe default] [--users 300]

For each recommended item with a reason that cites history items, the events of the cited items are removed from the
history and the candidates are scored again by all sources and the ranker; then the same number of other items is removed instead, at
random (the mean of five draws). The recipe must end with a blend. Only histories with at least twice as many items as are cited are used.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import time_split
from zhiyin.data.weights import EventWeights
from zhiyin.evaluation.run import encode
from zhiyin.explanation.templates import joined
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.demo import ingest_demo
from zhiyin.item import Items
from zhiyin.packs.pack import load_pack
from zhiyin.progress import silent
from zhiyin.query import Query
from zhiyin.recipe import load_recipe
from zhiyin.recommender import Recommender
from zhiyin.stores.memory import MemoryStore

DRAWS = 5


def scores_without(recommender: Recommender, query: Query, found: Candidates, gone: np.ndarray) -> Floats:
    """Every candidate's score by the blend when some items never were in the history.

    The blend divides each source by its best in the list; the best with the whole history stays the divisor, so that
    scores before and after can be subtracted.
    """
    history = query.profile.history
    asked = replace(query, profile=query.profile.with_history(history.where(~np.isin(history.items, gone))))
    columns = [recommender.retrievers[name].score([asked], [found.items])[0] for name in found.sources]
    fresh = np.nan_to_num(np.stack(columns, 1))
    best = np.nanmax(np.where(np.isfinite(found.source_scores), found.source_scores, 0), 0)
    ranker = recommender.rankers[-1]
    return (fresh / np.where(best > 0, best, 1)) @ np.asarray(ranker.weights)


def measure(recommender: Recommender, items: Items, queries: list[Query]) -> None:
    """Print the share of cases in which the cited items mattered more, per kind of reason, and the time taken."""
    chance, wins, cases, said, took = np.random.default_rng(0), Counter(), Counter(), [], []
    for query in queries:
        answer = recommender.recommend(query)
        took.append(sum(step.milliseconds for step in answer.trace.steps if step.stage == "explain"))
        found = answer.candidates
        own = np.unique(query.profile.history.items)
        whole = scores_without(recommender, query, found, np.empty(0, np.int32))
        for row, reasons in enumerate(found.reasons):
            said.append(joined(reasons))
            for reason in reasons:
                cited = items.vocabulary.positions(reason.items)
                others = np.setdiff1d(own, cited)
                if not len(cited) or len(others) < len(cited):
                    continue
                lost = whole[row] - scores_without(recommender, query, found, cited)[row]
                by_chance = np.mean(
                    [
                        whole[row]
                        - scores_without(recommender, query, found, chance.choice(others, len(cited), replace=False))[
                            row
                        ]
                        for _ in range(DRAWS)
                    ]
                )
                cases[reason.kind] += 1
                wins[reason.kind] += bool(lost > by_chance)
    print(f"{len(queries)} answers, {len(said)} items, {sum(map(bool, said))} explained")
    for kind in cases:
        print(f"{kind}: removing what is cited costs more in {wins[kind] / cases[kind]:.1%} of {cases[kind]} cases")
    print(f"explaining took {np.median(took):.2f} ms, p95 {np.percentile(took, 95):.2f} ms for an answer of 10")
    for sentence in said[:12]:
        print("  ", sentence)


def main() -> None:
    """Fit on everything before the last tenth of the events, explain answers to users of that tenth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="wines")
    parser.add_argument("--recipe", default="default")
    parser.add_argument("--cache", type=Path, help="where encoded texts are kept")
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--least", type=int, default=6, help="distinct items a history must have")
    given = parser.parse_args()
    recipe, dataset = load_recipe(given.recipe), demo_dataset(given.data)
    encode(recipe, dataset, given.cache, silent)
    split = time_split(dataset)
    recommender = recipe.recommender.fit(split.test_fit)
    queries = [split.test.query(row) for row in range(len(split.test))]
    long = [one for one in queries if len(np.unique(one.profile.history.liked.items)) >= given.least]
    measure(recommender, recommender.items, long[: given.users])


def demo_dataset(name: str) -> Dataset:
    """A built-in data set."""
    store = MemoryStore()
    ingest_demo(name, store)
    dataset = dataset_from_store(store, EventWeights(), None)
    return replace(dataset, items=dataset.items.with_pack(load_pack(name, Path())))


if __name__ == "__main__":
    main()
