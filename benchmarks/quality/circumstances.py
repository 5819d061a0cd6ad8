"""What circumstances (device, place, surface, hour) are worth to a ranker, in one run with the same fitted sources.

    python benchmarks/quality/circumstances.py --data movies --users 3000

Three rankers of one kind: "with" reads circumstances that say something, "shuffled" the same dealt out anew, "without"
none. Asked twice: "each apart", every right answer in its own circumstances, and "together", as everywhere else, all
answers of a person at the moment of the cut, where hours can but do harm. Differences of NDCG@10 by person, each with
its paired interval of 95 %.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import replace
from unittest.mock import patch

import numpy as np
from rankers import RAW, folder_of

from zhiyin.arrays import Array
from zhiyin.data.dataset import Dataset
from zhiyin.data.placebo import dealt_out
from zhiyin.data.readers import read_folder
from zhiyin.data.split import Cases, all_cases_after, time_split
from zhiyin.data.weights import EventWeights
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.run import encode
from zhiyin.ranking.boosted import Boosted
from zhiyin.ranking.circumstances import LEAST, READ, telling
from zhiyin.ranking.listwise import Listwise
from zhiyin.recipe import load_recipe
from zhiyin.recommender import Recommender
from zhiyin.stages import Ranker, Refreshing
from zhiyin.testing.circumstances import found
from zhiyin.training.fit import held_out, ranking_rows

WAYS = ("with", "shuffled", "without")


def main() -> None:
    """Print what every kind of ranker gains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="a folder with events.* and items.*, or a built-in set")
    parser.add_argument("--recipe", default="default", help="whose sources to take")
    parser.add_argument("--users", type=int, default=3000, help="questions drawn at random")
    parser.add_argument(
        "--least", type=float, default=LEAST, help="what a key must be worth, 0 to try all that are sure"
    )
    asked = parser.parse_args()
    with patch("zhiyin.ranking.circumstances.LEAST", asked.least):
        compare(asked)


def compare(asked: argparse.Namespace) -> None:
    """Fit the sources once, every ranker three times, and ask."""
    started = time.process_time()
    recipe = load_recipe(asked.recipe)
    dataset = read_folder(folder_of(asked.data), EventWeights.from_table(recipe.events))
    encode(recipe, dataset, RAW / "vectors.db", lambda *told: None)
    split = time_split(dataset)
    keys = telling(split.test_fit)
    print(f"{asked.data}: of {', '.join(READ)} these say something: {', '.join(keys) or 'none'}")
    cut = split.test_fit.as_of
    questions = {
        "each apart": all_cases_after(dataset, cut, np.inf, keys=keys or READ)[0].sample(asked.users, 0),
        "together": split.test.sample(asked.users, 0),
    }
    recommender = recipe.recommender
    for name, kind in {"listwise": Listwise, "boosted": Boosted}.items():
        rankers = learned(recommender, split.test_fit, {way: kind() for way in WAYS})
        for protocol, cases in questions.items():
            values = [ndcg(recommender, ranker, cases) for ranker in rankers.values()]
            draws = Resamples(np.stack(values, 1), draws=1000, seed=0)
            print(f"{name}, {protocol}, {len(values[0])} people: NDCG@10 {np.round(draws.observed, 4).tolist()}")
            for other in (1, 2):
                gap = draws.difference(0, other)
                print(f"  with - {WAYS[other]}: {gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]", flush=True)
    print(f"{time.process_time() - started:.0f} s of CPU")


def learned(recommender: Recommender, dataset: Dataset, rankers: Mapping[str, Ranker]) -> Mapping[str, Ranker]:
    """Rankers fitted on rows of sources that have seen the past alone; afterwards the sources have seen all."""
    past, _ = held_out(dataset, "time")
    for retriever in recommender.retrievers.values():
        retriever.fit(past)
    recommender.take_catalogue(past)
    for way, ranker in rankers.items():
        data = dealt_out(dataset) if way == "shuffled" else dataset
        nothing = way == "without"
        with (
            patch("zhiyin.training.telling", (lambda _: ()) if nothing else telling),
            patch("zhiyin.ranking.circumstances.READ", () if nothing else READ),
        ):
            before, cases = held_out(data, "time")
            rows, valid = ranking_rows(recommender, cases, dataset=data)
            ranker.fit(replace(before, items=past.items), rows, valid)
            if isinstance(ranker, Refreshing):
                ranker.refresh(data)
    for retriever in recommender.retrievers.values():
        retriever.fit(dataset)
    recommender.take_catalogue(dataset)
    return rankers


def ndcg(recommender: Recommender, ranker: Ranker, cases: Cases) -> Array:
    """NDCG@10 by person."""
    recommender.rankers = [ranker]
    return found(recommender, cases)


if __name__ == "__main__":
    main()
