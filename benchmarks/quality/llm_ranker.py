"""Does a language model's order of the best twenty help? Wines, leave-one-out, EASE's list, the weight from validation.

    python benchmarks/quality/llm_ranker.py [--model FILE.gguf] [--valid 30] [--users 120] [--passes 2] [--line 60] [--kept FILE.db]

The model is asked where the right answer is among the twenty, since it can change nothing elsewhere; everyone else counts
with what EASE gave them. Validation and test people are drawn by lot. "cap": how far an item may move (1 is the default, 19 no
limit). Rows of fixed weights saw the test answers and choose nothing. Replies are kept in a file, so that a run goes on
where it stopped.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.candidates import Candidates
from zhiyin.data.split import Cases, leave_one_out
from zhiyin.data.weights import EventWeights
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.demo import ingest_demo
from zhiyin.llm.cache import Cached
from zhiyin.llm.database import Database
from zhiyin.llm.listwise import permutation
from zhiyin.llm.local import Local
from zhiyin.ports import Call, LanguageModel, Reply
from zhiyin.ranking.llm import LLM, WEIGHTS, best_weight, blended
from zhiyin.recommender import Recommender
from zhiyin.retrieval.ease import Ease
from zhiyin.stores.memory import MemoryStore
from zhiyin.training.fit import labelled

TOP = 20


class Watched:
    """Passes calls on, and notes how often the answer was the order shown, and how many letters it named."""

    def __init__(self, model: LanguageModel) -> None:
        self.model, self.identity = model, model.identity
        self.as_shown, self.named = list[bool](), list[int]()

    def complete(self, call: Call) -> Reply:
        """See LanguageModel."""
        reply = self.model.complete(call)
        order, named = permutation(reply.text, TOP)
        self.as_shown.append(order == list(range(TOP)))
        self.named.append(named)
        return reply


def ndcg(labels: Floats) -> float:
    """NDCG@10 of a list with one right answer."""
    at = np.flatnonzero(labels[:10])
    return float(1 / np.log2(at[0] + 2)) if len(at) else 0.0


def asked(
    ranker: LLM, recommender: Recommender, cases: Cases, most: int
) -> tuple[list[tuple[Floats, Floats]], list[float], int]:
    """(a model's places, labels) of lists it could change; what EASE gave everyone; how many people it took.

    most: lists to ask about at most; 0 for all.
    """
    lists: list[tuple[Floats, Floats]] = []
    base: list[float] = []
    for row in range(len(cases)):
        query = cases.query(row)
        found = recommender.candidates([query])[0].first(TOP)
        found = Candidates(found.items, found.scores)
        labels = labelled(found, cases.targets[row])
        base.append(ndcg(labels))
        if not labels.any():
            continue
        said = ranker._ask(query, found, np.arange(len(found), dtype=np.int32), recommender.items, None)
        places = np.arange(len(found)) / max(len(found) - 1, 1) if said is None or said.places is None else said.places
        lists.append((places.astype(np.float32), labels))
        print(f"  {row + 1} people, {len(lists)} lists asked about", end="\r", flush=True)
        if most and len(lists) >= most:
            break
    return lists, base, len(base)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="")
    parser.add_argument("--valid", type=int, default=30, help="validation lists to choose the weight on")
    parser.add_argument("--users", type=int, default=120, help="test people")
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--line", type=int, default=60)
    parser.add_argument("--history", type=int, default=5)
    parser.add_argument("--kept", type=Path, default=None)
    given = parser.parse_args()
    store = MemoryStore()
    ingest_demo("wines", store)
    split = leave_one_out(dataset_from_store(store, EventWeights(), None))
    recommender = Recommender(retrieve=[Ease(regularization=500.0, decay=0.9)]).fit(split.test_fit)
    local: LanguageModel = Local(given.model)
    model = Watched(Cached(local, Database(given.kept)) if given.kept else local)
    ranker = LLM(candidates=TOP, passes=given.passes, line=given.line, history=given.history)
    ranker.speak_with(model)
    started, cpu = time.perf_counter(), time.process_time()
    shuffled = split.valid.rows(np.random.default_rng(0).permutation(len(split.valid)))
    valid, _, seen = asked(ranker, recommender, shuffled, given.valid)
    test, base, people = asked(ranker, recommender, split.test.sample(given.users, seed=1), 0)
    calls = len(model.named)
    print(f"{local.identity}: {calls} replies, {time.perf_counter() - started:.0f} s, {time.process_time() - cpu:.0f} cpu-s; "
          f"letters named {np.mean(model.named):.1f} of {TOP}, exactly the order shown {np.mean(model.as_shown):.0%}")  # fmt: skip
    print(f"validation: {len(valid)} lists of {seen} people; test: {len(test)} lists of {people} people")
    rest = np.zeros(people - len(test))
    own = np.concatenate([[ndcg(labels) for _, labels in test], rest])
    print(f"EASE alone            NDCG@10 {own.mean():.4f}")
    assert np.isclose(own.mean(), np.mean(base))
    for cap in (1, TOP - 1):
        chosen = best_weight(valid, cap)
        print(f"cap {cap:>2}: weight {chosen['weight']} chosen on validation {chosen['ndcg']}")
        for weight in WEIGHTS:
            new = [ndcg(labels[blended(places, weight, min(cap, len(labels) - 1))]) for places, labels in test]
            values = np.concatenate([new, rest])
            gap = Resamples(np.stack([values, own], 1)).difference(0, 1)
            mark = "  <- chosen" if weight == chosen["weight"] else ""
            print(
                f"  weight {weight:<4}         NDCG@10 {values.mean():.4f}  {gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f}){mark}"
            )


if __name__ == "__main__":
    main()
