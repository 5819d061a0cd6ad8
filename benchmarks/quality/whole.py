"""Measure a recipe whose slow parts were trained before: they are loaded where they would have been fitted.

    python benchmarks/quality/whole.py --data ml-1m --recipe deep --kept next_item=FOLDER

FOLDER-past holds the part fitted on what a ranker may not see, FOLDER the one fitted on all training data, as
next_item.py keeps them. A part is refused when it is handed other data than it was kept from: nothing can leak.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from run import RAW, keep, rows_of, say, update

from zhiyin.arrays import Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.evaluation.evaluate import evaluate
from zhiyin.evaluation.run import SPLITS, prepared
from zhiyin.part import part, setting, settings
from zhiyin.query import Query
from zhiyin.training.fit import held_out
from zhiyin.workspace.saving import load_part


@part
class Kept:
    """A retriever that takes what was learned before from a folder instead of learning it again."""

    folder: str = setting("")
    """The part fitted on all training data; the one fitted on the past lies beside it."""
    past: int = setting(0)
    """Events of the past."""
    whole: int = setting(0)
    """Events of all training data."""

    def __post_init__(self) -> None:
        self.part: Any = None

    def fit(self, dataset: Dataset) -> Kept:
        """Load the part kept from this dataset. Raises ValueError when none was."""
        events = len(dataset.interactions)
        if events not in (self.past, self.whole):
            raise ValueError(f"{self.folder}: kept from {self.past:,} or {self.whole:,} events, asked for {events:,}")
        self.part = load_part(Path(self.folder + ("-past" if events == self.past else "")))
        return self

    def retrieve(self, queries: Sequence[Query], n: int) -> list[Candidates]:
        """See Retriever."""
        return list(self.part.retrieve(queries, n))

    def score(self, queries: Sequence[Query], items: Sequence[Ints]) -> list[Floats]:
        """See Retriever."""
        return list(self.part.score(queries, items))


def main() -> None:
    """Measure and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with events.* and items.*")
    parser.add_argument("--recipe", default="deep", help="a recipe or recipe file")
    parser.add_argument("--kept", nargs="*", default=[], help="name=FOLDER of parts trained before")
    parser.add_argument("--split", choices=list(SPLITS), default="leave-one-out")
    parser.add_argument("--core", type=int, default=0, help="leave out users and items with fewer events")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    started = time.perf_counter()
    recipe, split, _ = prepared(asked.data, asked.recipe, asked.split, asked.core, RAW / "vectors.db", say)
    past, _ = held_out(split.test_fit, "time" if asked.split == "time" else "last")
    for one in asked.kept:
        name, _, folder = one.partition("=")
        sizes = len(past.interactions), len(split.test_fit.interactions)
        recipe.recommender.retrievers[name] = Kept(folder=folder, past=sizes[0], whole=sizes[1])
        say(f"{name}: {settings(load_part(Path(folder)))}")
    report = evaluate(recipe, split, data=asked.data.name, seed=asked.seed, progress=say)
    name = report.data + (f" ({asked.core}-core)" if asked.core else "")
    keep(report, f"{name} {report.split} {report.recipe}")
    command = f"whole.py --data {asked.data.name} --recipe {Path(asked.recipe).name} --kept {' '.join(asked.kept)}"
    command += f" --split {asked.split} --core {asked.core}"
    rows = rows_of(report, name, time.perf_counter() - started, command)
    # Baselines here are untuned: their rows come from run.py.
    update({key: line for key, line in rows.items() if key[3] != "baseline"})
    whole = report.whole
    print(f"{name} {report.recipe}: NDCG@10 {whole.metrics['ndcg@10']:.4f} {whole.intervals['ndcg@10']}")


if __name__ == "__main__":
    main()
