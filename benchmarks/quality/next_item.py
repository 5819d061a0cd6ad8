"""Train next_item as a recommender would, measure it alone, and time its requests.

    python benchmarks/quality/next_item.py --data FOLDER --set width=128 heads=2 length=200 --keep FOLDER

It is fitted on what a ranker may not see (the past), then goes on with all of the split's training data, as
training.py does; both are kept, in FOLDER-past and FOLDER, beside run.json with what they cost. --load FOLDER measures
one that was kept. The row of the leaderboard stands against transition with the decay given.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import time
from pathlib import Path
from typing import Any

import numpy as np
from run import RAW, keep, rows_of, update

from zhiyin.data.readers import read_folder
from zhiyin.data.split import Cases, Split
from zhiyin.data.split import core as k_core
from zhiyin.encoders.cache import encode_items
from zhiyin.evaluation.evaluate import DEPTH
from zhiyin.evaluation.lists import ranked_lists
from zhiyin.evaluation.measure import Measure
from zhiyin.evaluation.report import Report, Row
from zhiyin.evaluation.run import SPLITS
from zhiyin.part import settings
from zhiyin.parts import class_of
from zhiyin.recommender import Recommender
from zhiyin.retrieval.next_item import NextItem
from zhiyin.retrieval.transition import Transition
from zhiyin.training.fit import held_out
from zhiyin.workspace.saving import load_part, save_part


def main() -> None:
    """Fit or load, measure, write the row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with events.* and items.*")
    parser.add_argument("--split", choices=list(SPLITS), default="leave-one-out")
    parser.add_argument("--core", type=int, default=0, help="leave out users and items with fewer events")
    parser.add_argument("--set", nargs="*", default=[], help="settings of next_item as name=value")
    parser.add_argument("--encoder", default="e5", help="of the items' texts, where next_item's space is not empty")
    parser.add_argument("--decay", type=float, default=0.5, help="of transition, which it stands against")
    parser.add_argument("--keep", type=Path, help="where the fitted part goes")
    parser.add_argument("--load", type=Path, help="measure a part kept before")
    parser.add_argument("--no-row", action="store_true", help="leave the leaderboard as it is")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    split, given = prepared(asked)
    if asked.load:
        part, cost = load_part(asked.load), json.loads((asked.load / "run.json").read_text())
    else:
        part, cost = trained(NextItem(**given), split, asked.split, asked.keep)
    report = measured(part, split, asked.data.name, asked.decay)
    row = report.whole
    ends = row.intervals["ndcg@10"]
    print(f"course {json.dumps(part.course)}\ncost {json.dumps(cost)}")
    print(
        f"NDCG@10 {row.metrics['ndcg@10']:.4f} [{ends.low:.4f}, {ends.high:.4f}]  HR@10 {row.metrics['hr@10']:.4f}  "
        f"Recall@20 {row.metrics['recall@20']:.4f}  against transition {row.versus}"
    )
    print(timed(part, split.test))
    name = report.data + (f" ({asked.core}-core)" if asked.core else "")
    keep(report, f"{name} {report.split} next_item")
    told = " ".join(f"{key}={value}" for key, value in sorted(given.items()))
    command = (
        f"next_item.py --data {asked.data.name} --split {asked.split} --core {asked.core} --encoder {asked.encoder}"
    )
    command += f" --set {told}"
    if not asked.no_row:
        lines = rows_of(report, name, cost["fit_seconds"] + cost["refit_seconds"], command)
        update({key: line for key, line in lines.items() if key[3] == "whole"})


def prepared(asked: argparse.Namespace) -> tuple[Split, dict[str, Any]]:
    """The split, its items encoded where the settings name a space, and the settings."""
    given = {key: _read(value) for key, _, value in (one.partition("=") for one in asked.set)}
    dataset = read_folder(asked.data)
    if asked.core:
        dataset = k_core(dataset, asked.core)
    if given.get("space", "text"):
        encode_items(dataset.items, "text", class_of(asked.encoder)(), RAW / "vectors.db")
    return SPLITS[asked.split](dataset), given


def _read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


def trained(part: NextItem, split: Split, name: str, folder: Path | None) -> tuple[NextItem, dict[str, float]]:
    """Fitted on the past, then on all, with what each step cost."""
    cost: dict[str, float] = {}
    past, _ = held_out(split.test_fit, "time" if name == "time" else "last")
    for what, data in (("fit", past), ("refit", split.test_fit)):
        started = time.perf_counter()
        getattr(part, what)(data)
        cost[f"{what}_seconds"] = round(time.perf_counter() - started, 1)
        cost["peak_gb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2, 2)
        if folder is not None:
            at = folder.with_name(folder.name + ("-past" if what == "fit" else ""))
            save_part(part, at)
            (at / "run.json").write_text(json.dumps({**cost, "events": len(data.interactions)}))
    return part, cost


def measured(part: NextItem, split: Split, data: str, decay: float) -> Report:
    """next_item beside transition on every test case."""
    beside = Transition(decay=decay).fit(split.test_fit)
    recommender = Recommender(retrieve={"next_item": part, "transition": beside})
    recommender.take_catalogue(split.test_fit)
    lists = ranked_lists(recommender, split.test, DEPTH, whole=False)
    measure = Measure(split, DEPTH)
    rows = [
        Row("next_item", "whole", {}, settings=settings(part)),
        Row("transition", "baseline", {}, settings=settings(beside)),
    ]
    per_user = measure.fill(rows, [lists["next_item"], lists["transition"]], 0)
    return Report(
        data, "next_item", split.name, len(split.test), {}, rows, measure.best_baseline, notes=measure.notes,
        per_user=per_user,
    )  # fmt: skip


def timed(part: NextItem, cases: Cases, count: int = 1000) -> str:
    """Milliseconds of one request for its best 100, over live histories."""
    some = cases.sample(count, seed=0)
    spent, lengths = [], []
    for row in range(len(some)):
        query = some.query(row)
        started = time.perf_counter()
        part.retrieve([query], 100)
        spent.append((time.perf_counter() - started) * 1e3)
        lengths.append(len(query.profile.history))
    middle, late = np.percentile(spent, [50, 95])
    return (
        f"a request over {len(some):,} histories (median {np.median(lengths):.0f} events): "
        f"median {middle:.2f} ms, p95 {late:.2f} ms"
    )


if __name__ == "__main__":
    main()
