"""Report: what an evaluation found, as JSON for machines and as a table for people. report_html.py draws the page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.arrays import Doubles
from zhiyin.errors import DataError
from zhiyin.evaluation.bootstrap import Difference, Interval

KINDS = ("whole", "fused", "part", "baseline")
SHOWN = ("ndcg@10", "hr@10", "recall@20", "mrr@10")
WIDE = 140
"""Columns of a terminal that the whole table needs."""


@dataclass
class Row:
    """One line of the table.

    kind: the whole recipe, its candidates in fused order before the ranker, one part alone, or a baseline. metrics: means
    over users; intervals: of each at 95 %. versus: NDCG@10 against the best baseline. beyond: see beyond_accuracy, on
    ten items. segments: by name, {"users", "ndcg@10", "hr@10"}.
    """

    name: str
    kind: str
    metrics: dict[str, float]
    intervals: dict[str, Interval] = field(default_factory=dict)
    versus: Difference | None = None
    beyond: dict[str, float] = field(default_factory=dict)
    segments: dict[str, dict[str, float]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass
class Trial:
    """One try of one part's settings on validation. ndcg is of validation users, never of test; nan when it failed."""

    part: str
    settings: dict[str, Any]
    ndcg: float
    seconds: float
    chosen: bool = False
    note: str = ""


@dataclass
class Report:
    """Everything an evaluation found.

    seconds: by what was done. notes: what a reader must know. recipe_text: the recipe as measured. per_user: by row and
    metric, [users]; kept in memory only. newcomers: the same rows for people without a history. mask: what every list
    leaves out of what its user met before, "" where a report of an earlier version does not say.
    """

    data: str
    recipe: str
    split: str
    users: int
    seconds: dict[str, float]
    rows: list[Row]
    best_baseline: str = ""
    trials: list[Trial] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    recipe_text: str = ""
    per_user: dict[str, dict[str, Doubles]] = field(default_factory=dict, repr=False)
    newcomers: list[Row] = field(default_factory=list)
    mask: str = ""

    def of_kind(self, kind: str) -> list[Row]:
        """The rows of one kind."""
        return [row for row in self.rows if row.kind == kind]

    @property
    def whole(self) -> Row:
        """The row of the whole recipe."""
        return self.of_kind("whole")[0]

    def document(self) -> dict[str, Any]:
        """As JSON values: the short summary first, then every row in full."""
        whole = self.whole
        return {
            "data": self.data,
            "recipe": self.recipe,
            "split": self.split,
            "users": self.users,
            "mask": self.mask,
            "seconds": round(sum(self.seconds.values()), 3),
            "metrics": whole.metrics,
            "parts": {row.name: row.metrics for row in self.of_kind("part")},
            "baselines": {row.name: row.metrics for row in self.of_kind("baseline")},
            "seconds_of": self.seconds,
            "best_baseline": self.best_baseline,
            "notes": self.notes,
            "rows": [asdict(row) for row in self.rows],
            "newcomers": [asdict(row) for row in self.newcomers],
            "tuning": [asdict(trial) | {"ndcg": _finite(trial.ndcg)} for trial in self.trials],
            "recipe_text": self.recipe_text,
        }


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def write_report(
    report: Report, json_path: Path | None = None, html_path: Path | None = None, more: Sequence[str] = ()
) -> None:
    """Write a report as JSON, as a page, or both. more: HTML for the end of the page."""
    if json_path is not None:
        json_path.write_text(json.dumps(report.document(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    if html_path is not None:
        from zhiyin.evaluation.report_html import page

        html_path.write_text(page(report, more))


def read_report(path: Path) -> Report:
    """A report from its JSON. Raises DataError when the file is not one."""
    try:
        document = json.loads(path.read_text())
        rows = [_row(one) for one in document["rows"]]
        new = [_row(one) for one in document.get("newcomers", ())]  # reports of earlier versions have none
        trials = [
            Trial(**one | {"ndcg": float("nan") if one["ndcg"] is None else one["ndcg"]}) for one in document["tuning"]
        ]
        same = ("data", "recipe", "split", "users", "best_baseline", "notes", "recipe_text")
        return Report(
            **{name: document[name] for name in same},
            seconds=document["seconds_of"],
            rows=rows,
            trials=trials,
            newcomers=new,
            mask=document.get("mask", ""),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not a report of an evaluation ({error}); evaluate again") from error


def _row(values: dict[str, Any]) -> Row:
    intervals = {name: Interval(**one) for name, one in values["intervals"].items()}
    versus = Difference(**values["versus"]) if values["versus"] else None
    return Row(**values | {"intervals": intervals, "versus": versus})


def print_report(report: Report) -> None:
    """The table on the terminal: fewer columns where it is narrow, all of them in a file."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, WIDE))
    wide = console.width >= WIDE
    title = escape(f"{report.recipe} on {report.data}, split {report.split}, {report.users:,} users, full ranking")
    table = Table(title=title, caption="\\[95 % interval]; the difference is NDCG@10 against the best baseline, paired")
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("row", no_wrap=True)
    for name in (*SHOWN, "vs best baseline", "coverage", "novelty") if wide else (*SHOWN[:3], "vs best"):
        table.add_column(name, justify="right", no_wrap=True)
    for kind in KINDS:
        for row in report.of_kind(kind):
            cells = _cells(report, row, wide)
            table.add_row(kind, escape(row.name), *map(escape, cells), style="bold" if kind == "whole" else None)
        table.add_section()
    console.print(table)
    for note in (*masked(report), *report.notes, *of_newcomers(report)):
        console.print(f"  · {note}", highlight=False, markup=False)
    console.print("  · " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items()))


def masked(report: Report) -> list[str]:
    """One sentence on what all lists leave out; none where the report does not say."""
    return [f"mask: every list leaves out {report.mask}"] if report.mask else []


def of_newcomers(report: Report) -> list[str]:
    """One sentence on people without a history; none when nobody was asked."""
    if not report.newcomers:
        return []
    whole, *others = report.newcomers
    ends, gap = whole.intervals["ndcg@10"], whole.versus
    told = f"people without a history: NDCG@10 {whole.metrics['ndcg@10']:.4f} [{ends.low:.4f}, {ends.high:.4f}]"
    rivals = [row for row in others if row.kind == "baseline"]
    if gap is not None and rivals:
        best = max(rivals, key=lambda row: row.metrics["ndcg@10"])
        told += f", {gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}] against {best.name}, the best baseline for them"
    return [told]


def _cells(report: Report, row: Row, wide: bool) -> list[str]:
    # Intervals of every metric would not fit on a terminal; the JSON and the page have them all.
    ends, gap = row.intervals["ndcg@10"], row.versus
    shown = [f"{row.metrics[name]:.4f}" for name in (SHOWN if wide else SHOWN[:3])]
    shown[0] += f" [{ends.low:.4f}, {ends.high:.4f}]"
    if gap is None or (row.name == report.best_baseline and row.kind == "baseline"):
        against = "best" if gap else ""
    else:
        against = f"{gap.mean:+.4f}" + (f" [{gap.low:+.4f}, {gap.high:+.4f}]" if wide else "")
    return [*shown, against, *([f"{row.beyond['coverage']:.3f}", f"{row.beyond['novelty']:.2f}"] if wide else [])]
