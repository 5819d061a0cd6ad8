"""Findings: what a replay found: hits and NDCG@10 of everyone asked, over time and by segment, with paired intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from zhiyin.arrays import Bools, Doubles, Ints
from zhiyin.evaluation.bootstrap import Difference, Interval, Resamples
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.replay.living import LIVE, PARTS, Lived, Plan

METRICS = ("hr@10", "ndcg@10")


@dataclass
class Line:
    """One of those who were asked. kind: live, frozen, popularity, source or known items.

    metrics: means over questions; intervals: at 95 %, people drawn with all their questions. gaps: the engine minus this
    one, paired. segments: by name, {"questions", "hr@10", "ndcg@10"}. parts: the same for every part of the time.
    """

    name: str
    kind: str
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    gaps: dict[str, Difference] = field(default_factory=dict)
    segments: dict[str, dict[str, float]] = field(default_factory=dict)
    parts: list[dict[str, float]] = field(default_factory=list)


@dataclass
class Part:
    """A stretch of what was lived through. begin: its moment. bystanders: the share of their lists that changed in it."""

    begin: float
    events: int
    questions: int
    items_put: int
    bystanders: float


@dataclass
class Spread:
    """How long something took, in seconds: the median, 99 of 100, the longest and all together. Zeros where it never was."""

    median: float
    p99: float
    most: float
    all: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Spread:
        """From every single duration."""
        taken = np.asarray(seconds or [0.0])
        return cls(float(np.median(taken)), float(np.quantile(taken, 0.99)), float(taken.max()), float(taken.sum()))


@dataclass
class Findings:
    """Everything a replay found. start: the moment it began. wanted: events that were wanted, of which `questions` were asked, by
    `asked` answers: what a person wanted in one moment is asked for once.

    moved: the share of a list that the person's list before did not hold; shown_again: the share they had been shown
    before; met: items shown that they had met; each over the engine's lists. answers, puts: of the engine's answers, and of putting
    what appears at one moment.
    """

    data: str
    recipe: str
    start: float
    known: int
    events: int
    wanted: int
    questions: int
    asked: int
    people: int
    refits: int
    lines: list[Line]
    parts: list[Part]
    moved: float
    shown_again: float
    met: int
    answers: Spread
    puts: Spread
    notes: list[str] = field(default_factory=list)

    @property
    def live(self) -> Line:
        """The line of the engine itself."""
        return self.lines[0]

    def document(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Measure:
    """Turns lists into lines. kinds: of everyone asked, by name."""

    plan: Plan
    kinds: Mapping[str, str]
    seed: int = 0

    def lines(self, lists: Mapping[str, Ints]) -> list[Line]:
        """A line for everyone asked, the engine first."""
        facts, asked = self.plan.facts, self.plan.asked
        targets = Targets.of(facts.items[asked])
        values = {name: per_user(one, targets, (10,), ("hr", "ndcg")) for name, one in lists.items()}
        table = np.column_stack([values[name][metric] for name in lists for metric in METRICS])
        draws = Resamples.by_group(table, facts.users[asked], seed=self.seed)
        segments, parts = self.segments(), self.plan.part(asked)
        lines = []
        for place, name in enumerate(lists):
            columns = {metric: place * len(METRICS) + at for at, metric in enumerate(METRICS)}
            line = Line(name, self.kinds[name], {}, {})
            line.metrics = {metric: float(draws.observed[at]) for metric, at in columns.items()}
            line.intervals = {metric: draws.interval(at) for metric, at in columns.items()}
            if name != LIVE:
                line.gaps = {metric: draws.difference(at % len(METRICS), at) for metric, at in columns.items()}
            line.segments = {of: _means(values[name], rows) for of, rows in segments.items() if rows.any()}
            line.parts = [_means(values[name], parts == part) for part in range(PARTS)]
            lines.append(line)
        return lines

    def segments(self) -> dict[str, Bools]:
        """Questions by name of their segment. [questions]"""
        facts, asked, start = self.plan.facts, self.plan.asked, self.plan.start
        appears = self.plan.story.appears
        put = np.array([appears.get(one, np.inf) for one in facts.item_names], np.float64)[facts.items[asked]]
        came = facts.first_of_user()[facts.users[asked]] >= start
        first = put == facts.times[asked]
        return {
            "people known before": ~came,
            "newcomers": came,
            "without a history": facts.before(asked) == 0,
            "items known before": put < start,
            "new items": put >= start,
            "new items' first event": (put >= start) & first,
        }

    def stretches(self, lived: Lived) -> list[Part]:
        """The parts of the time."""
        times, begin = self.plan.facts.times, self.plan.begin
        of = self.plan.part(np.arange(begin, len(times), dtype=np.int32))
        counts = np.bincount(of, minlength=PARTS)
        asked = np.bincount(self.plan.part(self.plan.asked), minlength=PARTS)
        firsts = begin + np.searchsorted(of, np.arange(PARTS))
        moved = [*lived.bystanders, *([0.0] * PARTS)]
        return [
            Part(float(times[min(at, len(times) - 1)]), int(n), int(q), int(put), moved[number])
            for number, (at, n, q, put) in enumerate(zip(firsts, counts, asked, lived.put, strict=True))
        ]


def _means(values: Mapping[str, Doubles], rows: Bools) -> dict[str, float]:
    count = int(rows.sum())
    means = {metric: float(values[f"{metric}"][rows].mean()) if count else 0.0 for metric in METRICS}
    return {"questions": count, **means}
