"""Does what a language model expects a person to say next order EASE's best twenty? Before and after fine-tuning, wines, leave-one-out.

    python benchmarks/quality/llm_titles.py [--adapter FOLDER] [--valid 30] [--users 120]

The model reads the five newest titles (the prompt `next_title`) and gives each of the twenty titles its mean log probability a token.
"plain" orders by that; "gain" by what the history adds to it, the same without any history taken off, since some titles are likelier
than others whoever is asked. The order is blended with EASE's by a weight chosen on validation (zhiyin.ranking.llm.best_weight, 0 unless
it gains two standard errors), nobody moved by more than 19 places. Rows of fixed weights saw the test answers and choose nothing.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import Cases, leave_one_out
from zhiyin.data.weights import EventWeights
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.demo import ingest_demo
from zhiyin.llm.finetune import Question, Tuning, _Head, _World
from zhiyin.llm.huggingface import load
from zhiyin.ranking.llm import WEIGHTS, best_weight, blended
from zhiyin.recommender import Recommender
from zhiyin.retrieval.ease import Ease
from zhiyin.stores.memory import MemoryStore
from zhiyin.training.fit import labelled

TOP = 20


class Reader:
    """A model that says how likely titles are after a history."""

    def __init__(self, dataset: Dataset, model: str, adapter: str) -> None:
        self.model, tokenizer = load(model, adapter)
        self.world = _World(dataset, tokenizer, 5)
        self.head = _Head(self.model, tokenizer.pad_token_id or 0, "cpu", Tuning())
        self.alone: dict[int, float] = {}

    def means(self, items: Array, titles: Array) -> Array:
        """Mean log probability a token of each title. [titles]"""
        torch: Any = self.head.torch
        from zhiyin.learning.machines import halved

        one = Question(self.world.told(items), [self.world.title(int(item)) for item in titles], 0.0)
        with torch.no_grad(), halved("cpu", "auto"):
            return self.head.means(one)

    def gains(self, titles: Array, means: Array) -> Array:
        """What a history adds to each title. [titles]"""
        new = [int(one) for one in titles if int(one) not in self.alone]
        if new:
            self.alone |= dict(zip(new, self.means(np.empty(0, np.int32), np.array(new)).tolist(), strict=True))
        return means - np.array([self.alone[int(one)] for one in titles])


def ndcg(labels: Floats) -> float:
    """NDCG@10 of a list with one right answer."""
    at = np.flatnonzero(labels[:10])
    return float(1 / np.log2(at[0] + 2)) if len(at) else 0.0


def asked(
    readers: dict[str, Reader], recommender: Recommender, cases: Cases, most: int
) -> tuple[dict[str, list[tuple[Floats, Floats]]], int]:
    """By reader and way, (places, labels) of the lists that could change; and how many people that took."""
    lists: dict[str, list[tuple[Floats, Floats]]] = {}
    count = 0
    for row in range(len(cases)):
        query = cases.query(row)
        found = recommender.candidates([query])[0].first(TOP)
        found = Candidates(found.items, found.scores)
        labels = labelled(found, cases.targets[row])
        if not labels.any():
            continue
        count += 1
        history = query.profile.history.newest_first[:5][::-1]
        for name, reader in readers.items():
            means = reader.means(history, found.items)
            for way, values in (("plain", means), ("gain", reader.gains(found.items, means))):
                places = np.empty(len(found), np.float32)
                places[np.argsort(-values, kind="stable")] = np.arange(len(found)) / max(len(found) - 1, 1)
                lists.setdefault(f"{name}, {way}", []).append((places, labels))
        if most and count >= most:
            return lists, row + 1
    return lists, len(cases)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="")
    parser.add_argument("--adapter", default="", help="what `zhiyin llm finetune` wrote")
    parser.add_argument("--valid", type=int, default=30, help="validation lists to choose the weight on")
    parser.add_argument("--users", type=int, default=120, help="test people")
    given = parser.parse_args()
    store = MemoryStore()
    ingest_demo("wines", store)
    dataset = dataset_from_store(store, EventWeights(), None)
    split = leave_one_out(dataset)
    recommender = Recommender(retrieve=[Ease(regularization=500.0, decay=0.9)]).fit(split.test_fit)
    cpu = time.process_time()
    shuffled = split.valid.rows(np.random.default_rng(0).permutation(len(split.valid)))
    test_cases = split.test.sample(given.users, seed=1)
    for name, adapter in (("as it came", ""), ("fine-tuned", given.adapter)):
        if name == "fine-tuned" and not adapter:
            continue
        readers = {name: Reader(split.test_fit, given.model, adapter)}
        valid, seen = asked(readers, recommender, shuffled, given.valid)
        test, people = asked(readers, recommender, test_cases, 0)
        for way, lists in test.items():
            rest = np.zeros(people - len(lists))
            own = np.concatenate([[ndcg(labels) for _, labels in lists], rest])
            chosen = best_weight(valid[way], TOP - 1)
            print(f"{way}: validation {len(valid[way])} lists of {seen} people, test {len(lists)} of {people}; EASE {own.mean():.4f}; "
                  f"weight {chosen['weight']} chosen {chosen['ndcg']}")  # fmt: skip
            for weight in WEIGHTS:
                new = [ndcg(labels[blended(places, weight, len(labels) - 1)]) for places, labels in lists]
                values = np.concatenate([new, rest])
                gap = Resamples(np.stack([values, own], 1)).difference(0, 1)
                mark = "  <- chosen" if weight == chosen["weight"] else ""
                print(
                    f"  weight {weight:<4} NDCG@10 {values.mean():.4f}  {gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f}){mark}",
                    flush=True,
                )
    print(f"{time.process_time() - cpu:.0f} cpu-s")


if __name__ == "__main__":
    main()
