"""Trace: what every stage took, kept and dropped for one answer, and how long it needed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Step:
    """One stage's share in an answer. milliseconds is a duration, not a time of day."""

    stage: str
    part: str
    took: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    milliseconds: float = 0.0
    note: str = ""


@dataclass(slots=True)
class Trace:
    """The steps of one answer in the order they ran."""

    steps: list[Step] = field(default_factory=list)

    @contextmanager
    def step(self, stage: str, part: str) -> Iterator[Step]:
        """Record a step around a block and measure its duration."""
        step = Step(stage, part)
        started = time.perf_counter()
        token = _running.set(step)
        try:
            yield step
        finally:
            _running.reset(token)
            step.milliseconds = (time.perf_counter() - started) * 1000
            self.steps.append(step)

    def rows(self) -> list[dict[str, object]]:
        """The steps as plain values, for JSON."""
        return [
            {
                "stage": step.stage,
                "part": step.part,
                "took": step.took,
                "kept": step.kept,
                "dropped": dict(step.dropped),
                "milliseconds": round(step.milliseconds, 3),
                "note": step.note,
            }
            for step in self.steps
        ]


_running: ContextVar[Step | None] = ContextVar("running", default=None)


def note(text: str) -> None:
    """Add a word to the step that is running, for whoever reads the trace; nothing outside of a step."""
    step = _running.get()
    if step is not None and text not in step.note:
        step.note = "; ".join(one for one in (step.note, text) if one)
