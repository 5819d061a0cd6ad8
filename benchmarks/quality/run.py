"""Measure recipes and parts on folders of data and put their rows into leaderboard.md.

    python benchmarks/quality/run.py --data FOLDER [FOLDER …] --recipe transition ease default --split leave-one-out

A row is replaced when the same part on the same set, split and core is measured again; rows that lose stay. The numbers
of every user go to benchmarks/quality/per_user/ (not in git), so that any two rows can be compared later.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from zhiyin.evaluation.report import Report, Row, write_report
from zhiyin.evaluation.run import SPLITS, run_evaluation

HERE = Path(__file__).parent
BOARD = HERE / "leaderboard.md"
RAW = HERE / "per_user"
HEAD = (
    "| set | split | row | kind | NDCG@10 | 95 % interval | HR@10 | Recall@20 | against best baseline | users | seconds "
    "| commit | command |"
)
RULE = "|" + "---|" * 13


def main() -> None:
    """Measure everything asked for; each finished evaluation is written at once."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", type=Path, required=True, help="folders with events.* and items.*")
    parser.add_argument("--recipe", nargs="+", default=["default"], help="recipes, recipe files or parts")
    parser.add_argument("--split", choices=list(SPLITS), default="leave-one-out")
    parser.add_argument("--core", type=int, default=0, help="leave out users and items with fewer events")
    parser.add_argument("--tune", type=int, default=8, help="trials per part and baseline, on validation")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for folder in asked.data:
        for recipe in asked.recipe:
            started = time.perf_counter()
            report = run_evaluation(
                folder, recipe, asked.split, tune_budget=asked.tune, core=asked.core, seed=asked.seed,
                cache_path=RAW / "vectors.db", progress=say,
            )  # fmt: skip
            name = report.data + (f" ({asked.core}-core)" if asked.core else "")
            keep(report, f"{name} {report.split} {report.recipe}")
            command = (
                f"run.py --data {folder.name} --recipe {Path(recipe).name} --split {asked.split} --core {asked.core} "
                f"--tune {asked.tune} --seed {asked.seed}"
            )
            update(rows_of(report, name, time.perf_counter() - started, command))
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
            print(f"{name}, {recipe}: {time.perf_counter() - started:.0f} s, peak {peak:.1f} GB", flush=True)


def say(text: str, done: int | None = None, total: int | None = None) -> None:
    """One line per thing that is done."""
    if done is None:
        print(f"  {text}", file=sys.stderr, flush=True)


def keep(report: Report, name: str) -> None:
    """The metrics of every user, and the report, beside the leaderboard."""
    RAW.mkdir(exist_ok=True)
    safe = "".join(one if one.isalnum() or one in "-_." else "_" for one in name)
    flat = {f"{row}/{metric}": one for row, metrics in report.per_user.items() for metric, one in metrics.items()}
    np.savez_compressed(RAW / f"{safe}.npz", **{key: one.astype(np.float32) for key, one in flat.items()})
    write_report(report, RAW / f"{safe}.json", RAW / f"{safe}.html")


def rows_of(report: Report, name: str, seconds: float, command: str) -> dict[tuple[str, ...], str]:
    """Lines of the table by what they measure."""
    lines = {}
    for row in report.rows:
        if row.kind == "part" and row.metrics == report.whole.metrics:
            continue  # a recipe of one part is that part
        shown = f"{report.recipe}: {row.name}" if row.kind in ("part", "fused") else row.name
        cells = (name, report.split, shown, row.kind, *_numbers(report, row), f"{report.users:,}", f"{seconds:.0f}")
        lines[cells[:4]] = "| " + " | ".join((*cells, commit(), f"`{command}`")) + " |"
    return lines


def _numbers(report: Report, row: Row) -> tuple[str, ...]:
    ends, gap = row.intervals["ndcg@10"], row.versus
    best = row.kind == "baseline" and row.name == report.best_baseline
    against = "best" if best else f"{gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})" if gap else ""
    metrics = (f"{row.metrics[metric]:.4f}" for metric in ("hr@10", "recall@20"))
    return f"{row.metrics['ndcg@10']:.4f}", f"{ends.low:.4f}-{ends.high:.4f}", *metrics, against


def commit() -> str:
    """The commit measured; a plus says that the tree held changes."""
    short = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=HERE
    ).stdout.strip()
    changed = subprocess.run(
        ["git", "status", "--porcelain", "../../src"], capture_output=True, text=True, cwd=HERE
    ).stdout
    return (short or "unknown") + ("+" if changed.strip() else "")


def update(lines: dict[tuple[str, ...], str]) -> None:
    """Replace or add lines of the leaderboard; everything above the table stays as people wrote it."""
    text = BOARD.read_text() if BOARD.is_file() else "# Leaderboard\n"
    above, _, table = text.partition(HEAD)
    known = {
        tuple(cell.strip() for cell in line.split("|")[1:5]): line
        for line in table.splitlines()
        if line.startswith("| ")
    }
    known.update(lines)
    ordered = sorted(known.items(), key=lambda one: (one[0][:2], -float(one[1].split("|")[5])))
    BOARD.write_text(above.rstrip() + "\n\n" + "\n".join([HEAD, RULE, *(line for _, line in ordered)]) + "\n")


if __name__ == "__main__":
    main()
