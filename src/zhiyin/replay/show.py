"""Findings on the terminal and in files."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from zhiyin.replay.findings import Findings, Line
from zhiyin.replay.story import day

WIDE = 140
"""Columns of a file, where there is no terminal."""


def write_findings(found: Findings, json_path: Path | None = None, html_path: Path | None = None) -> None:
    """Write findings as JSON, as a page, or both."""
    if json_path is not None:
        json_path.write_text(json.dumps(found.document(), indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    if html_path is not None:
        from zhiyin.replay.page import page

        html_path.write_text(page(found))


def print_findings(found: Findings) -> None:
    """The lines with their intervals, the time, and what else is known."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=max(console.width, WIDE))
    console.print(
        f"{found.recipe} on {found.data}: fitted on the {found.known:,} events before {day(found.start)}, then lived through "
        f"{found.events:,}; {found.questions:,} questions of {found.people:,} people",
        highlight=False, markup=False,
    )  # fmt: skip
    console.print(_lines(found))
    console.print(_parts(found))
    for note in notes(found):
        console.print(f"  · {note}", highlight=False, markup=False)


def _lines(found: Findings) -> Table:
    table = Table(caption="\\[95 % interval], people drawn; paired differences are of HR@10")
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("asked", no_wrap=True)
    segments = [one for one in found.live.segments if one != "people known before" and one != "items known before"]
    for name in ("HR@10", "NDCG@10", "live is above it by"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in segments:
        table.add_column(f"{name} ({_count(found, name):,})", justify="right")
    for line in found.lines:
        parts = [f"{line.segments[one]['hr@10']:.3f}" for one in segments]
        table.add_row(line.kind, escape(line.name), *map(escape, (*_cells(line), *parts)))
    return table


def _count(found: Findings, segment: str) -> int:
    return int(found.live.segments[segment]["questions"])


def _cells(line: Line) -> tuple[str, str, str]:
    ends, gap = line.intervals["hr@10"], line.gaps.get("hr@10")
    against = f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]" if gap else ""
    return f"{ends.mean:.4f} [{ends.low:.4f}, {ends.high:.4f}]", f"{line.metrics['ndcg@10']:.4f}", against


def _parts(found: Findings) -> Table:
    shown = [line for line in found.lines if line.kind != "source"]
    table = Table(title="HR@10 over time")
    names = ("from", "events", "questions", "items put", *(line.name for line in shown), "bystanders' lists changed")
    for name in names:
        table.add_column(escape(name), justify="right")
    for number, part in enumerate(found.parts):
        values = [f"{line.parts[number]['hr@10']:.3f}" if part.questions else "" for line in shown]
        counts = (part.events, part.questions, part.items_put)
        table.add_row(day(part.begin), *(f"{one:,}" for one in counts), *values, f"{part.bystanders:.1%}")
    return table


def notes(found: Findings) -> list[str]:
    """What else is known, a sentence each."""
    taken, puts = found.answers, found.puts
    rate = found.asked / taken.all if taken.all else 0.0
    told = [
        f"{found.wanted:,} events were wanted (liked and new to the person); {found.questions:,} of them were asked, what a "
        f"person wanted in one moment at once: {found.asked:,} answers",
        f"from one list of a person to the next {found.moved:.1%} of the items change; {found.shown_again:.1%} of what is "
        f"shown was shown to the same person before; {found.met:,} items shown had been met",
        f"an answer takes {taken.median * 1e3:.1f} ms (p99 {taken.p99 * 1e3:.1f}, most {taken.most * 1e3:.0f}), {rate:,.0f} a "
        f"second; putting what appears takes {puts.median * 1e3:.0f} ms (most {puts.most * 1e3:.0f}), {puts.all:.1f} s in all",
    ]
    if found.refits:
        told.append(f"everything was fitted again {found.refits} times")
    return [*told, *found.notes]
