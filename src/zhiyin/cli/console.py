"""What the command line shows: progress bars, the parts, an answer."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

import rich
import rich.console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from zhiyin.errors import MissingExtra
from zhiyin.part import default_of, describe, settings_of
from zhiyin.parts import PARTS, class_of


class Console:
    """One line per thing a job does, with a bar where the amount is known and the seconds it took.

    errors: on the error output, for jobs whose output is data.
    """

    def __init__(self, errors: bool = False) -> None:
        columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), BarColumn(bar_width=24),
                   MofNCompleteColumn(), TimeElapsedColumn())  # fmt: skip
        self._progress = Progress(*columns, console=rich.console.Console(stderr=errors))
        self._task: TaskID | None = None
        self._text = ""
        self._interactive = self._progress.console.is_terminal
        self._started = time.perf_counter()

    def __enter__(self) -> Console:
        if self._interactive:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        if self._interactive:
            self._progress.stop()

    def progress(self, text: str, done: int | None = None, total: int | None = None) -> None:
        """See zhiyin.progress.Progress. Without a terminal every new text is one plain line."""
        if text != self._text:
            self._finish()
            self._text, self._started = text, time.perf_counter()
            if self._interactive:
                self._task = self._progress.add_task(text, total=total)
            else:
                print(f"  {text} …", flush=True, file=self._progress.console.file)
        if self._interactive and self._task is not None and total is not None:
            self._progress.update(self._task, completed=done or 0, total=total)

    def _finish(self) -> None:
        if self._interactive and self._task is not None:
            total = self._progress.tasks[self._task].total or 1
            self._progress.update(self._task, total=total, completed=total)
        self._task = None


def print_parts() -> None:
    """Every part we ship, by stage, with the first line of what it is for."""
    table = Table("stage", "part", "what it is for", box=None, pad_edge=False)
    for stage, parts in PARTS.items():
        for use in parts:
            try:
                text = (class_of(use).__doc__ or "").strip().splitlines()[0]
            except MissingExtra as error:
                text = f"({error})"
            table.add_row(stage, use, text)
    rich.print(table)


def print_part(use: str) -> None:
    """One part's settings: name, default, what it does."""
    cls = class_of(use)
    rich.print(f"[bold]{use}[/bold]  {(cls.__doc__ or '').strip()}\n", flush=True)
    table = Table("setting", "default", "what it does", box=None, pad_edge=False)
    texts = describe(cls)
    for field in settings_of(cls):
        table.add_row(field.name, repr(default_of(field)), texts.get(field.name, ""))
    rich.print(table)


def print_answer(answer: dict[str, Any]) -> None:
    """Recommended items with their reasons."""
    table = Table("rank", "item", "title", "score", "why", box=None, pad_edge=False)
    for item in answer["items"]:
        title = str(item.get("metadata", {}).get("title", ""))
        table.add_row(str(item["rank"]), item["item_id"], title, f"{item['score']:.3f}", item.get("explanation") or "")
    rich.print(table)
