"""Does it help that the recommender's loss reaches the text encoder? `joint` with its upper layers trained against frozen.

    python benchmarks/quality/joint.py --data FOLDER [--users 3000 --seeds 0 1 2 --core 5]

A fifth of the items loses all of its events. The rest is split leave-one-out; both models are fitted on the same events, with
the same settings, epochs and seeds: first both without the encoder, then one with it and one, just as long, without. Reported: NDCG@10 of each user's last event among all items, and Recall@20 of the held-out
items among themselves for everyone who liked one and something else. Prints lines of a table for leaderboard.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zhiyin.arrays import Doubles, top_n
from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import read_folder
from zhiyin.data.split import Cases, core, leave_one_out
from zhiyin.evaluation.bootstrap import Difference, Resamples
from zhiyin.evaluation.cold_items import ColdItems, cold_items, hold_out
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.learning.text_model import States, TextModel
from zhiyin.query import Query
from zhiyin.retrieval.joint import Joint

HELD = 0.2
"""Share of the items with events that are cold."""


def main() -> None:
    """Every seed: frozen, then trained; then both over all seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with events.* and items.*")
    parser.add_argument("--users", type=int, default=3000, help="learn from and ask so many people; 0 for all")
    parser.add_argument("--core", type=int, default=5)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--layers", type=int, default=1)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--fresh", type=int, default=64)
    parser.add_argument("--resting", type=int, default=8, help="epochs at most before the encoder joins")
    parser.add_argument("--epochs", type=int, default=8, help="epochs at most after that")
    parser.add_argument("--patience", type=int, default=4)
    parser.add_argument("--encoder-rate", type=float, default=0.1, help="share of the learning rate")
    parser.add_argument("--hide", type=float, default=0.1)
    parser.add_argument("--base", default="minilm")
    asked = parser.parse_args()
    read_once()
    dataset = sampled(core(read_folder(asked.data), asked.core), asked.users)
    warm, (held,) = hold_out(dataset, (HELD,))
    split = leave_one_out(warm)
    cold = cold_items(dataset, split.fit, held)
    print(
        f"{asked.data.name}: {len(split.test):,} people, {len(cold.users):,} of them asked for {len(cold.items):,} cold items"
    )
    rows: dict[int, list[tuple[Doubles, Doubles]]] = {0: [], asked.layers: []}
    for seed in asked.seeds:
        for layers, found in rows.items():
            started = time.process_time()
            part = Joint(
                base=asked.base, layers=layers, rank=asked.rank, fresh=asked.fresh, resting=asked.resting,
                epochs=asked.epochs, patience=asked.patience, encoder_rate=asked.encoder_rate, hide=asked.hide, seed=seed,
            ).fit(split.fit)  # fmt: skip
            found.append((last_event(part, split.test), among_cold(part, split.fit, cold)))
            both = [one.mean() for one in found[-1]]
            print(
                f"  seed {seed}, {layers} layers trained: NDCG@10 {both[0]:.4f}, cold Recall@20 {both[1]:.4f}, "
                f"{time.process_time() - started:.0f} CPU s, {part.course}",
                flush=True,
            )
        report(asked.data.name, rows[0], rows[asked.layers])


def read_once() -> None:
    """Keep what the frozen lower layers read: it is the same for all seeds, and most of the time of a short training."""
    kept: dict[tuple[int, int, int], States] = {}
    reading = TextModel.read

    def read(self: TextModel, texts: Sequence[str], max_tokens: int, progress: object = None) -> States:
        key = (len(self.upper), max_tokens, hash(tuple(texts)))
        if key not in kept:
            kept[key] = reading(self, texts, max_tokens)
        return kept[key]

    TextModel.read = read  # type: ignore[assignment]


def sampled(dataset: Dataset, users: int) -> Dataset:
    """The events of some people, drawn once for all seeds."""
    having = np.flatnonzero(np.diff(dataset.offsets))
    if not users or len(having) <= users:
        return dataset
    kept = np.zeros(len(dataset.users), np.bool_)
    kept[np.random.default_rng(0).choice(having, users, replace=False)] = True
    return dataset.only(kept[dataset.interactions.users])


def last_event(part: Joint, cases: Cases) -> Doubles:
    """NDCG@10 among all items a person has not met. [cases]"""
    lists = np.full((len(cases), 10), -1, np.int32)
    for row in range(len(cases)):
        query = cases.query(row)
        scores = part.scores([query])[0]
        scores[query.profile.history.items] = -np.inf
        best = top_n(scores, 10)
        lists[row, : len(best)] = best
    return per_user(lists, Targets.of(cases.targets), (10,), ("ndcg",))["ndcg@10"]


def among_cold(part: Joint, known: Dataset, asked: ColdItems) -> Doubles:
    """Recall@20 of the held-out items among themselves. [users asked]"""
    queries = [Query(known.profile(int(user)), now=known.as_of) for user in asked.users]
    return asked.recall(lambda some: part.scores(queries[some])[:, asked.items])


def report(name: str, frozen: list[tuple[Doubles, Doubles]], trained: list[tuple[Doubles, Doubles]]) -> None:
    """One line per measure over the seeds so far; people are drawn, each with the mean of their seeds."""
    for place, measure in enumerate(("NDCG@10", "cold Recall@20")):
        before, after = (np.mean([one[place] for one in rows], 0) for rows in (frozen, trained))
        gap = Resamples(np.stack([after, before], 1)).difference(0, 1)
        by_seed = ", ".join(f"{b[place].mean() - a[place].mean():+.4f}" for a, b in zip(frozen, trained, strict=True))
        print(
            f"| {name} | {measure} | {before.mean():.4f} | {after.mean():.4f} | {within(gap)} | {by_seed} | {len(before):,} |",
            flush=True,
        )


def within(gap: Difference) -> str:
    """A difference and its 95 % interval."""
    return f"{gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})"


if __name__ == "__main__":
    main()
