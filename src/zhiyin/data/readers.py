"""Readers: files or folders of tables as a Dataset, without a store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from zhiyin.data.assemble import assemble
from zhiyin.data.columns import kind_codes
from zhiyin.data.comments import sentiments
from zhiyin.data.consent import readable
from zhiyin.data.dataset import Dataset
from zhiyin.data.event_ids import Occurrences, event_table
from zhiyin.data.reading.asked import NOTHING, Asked
from zhiyin.data.reading.catalogue import complemented, merged
from zhiyin.data.reading.files import Sheet, open_all
from zhiyin.data.reading.summary import Summary
from zhiyin.data.weights import EventWeights
from zhiyin.errors import DataError
from zhiyin.item import Item
from zhiyin.progress import Progress, silent


def read_folder(path: str | Path, weights: EventWeights | None = None) -> Dataset:
    """A folder of tables as a Dataset: see read_files. Raises DataError, MissingColumn."""
    if not Path(path).is_dir():
        raise DataError(f"{path}: no such folder")
    return read_files([path], weights)[0]


def read_files(
    paths: Iterable[str | Path],
    weights: EventWeights | None = None,
    asked: Asked = NOTHING,
    now: float | None = None,
    progress: Progress = silent,
    show_unlisted: bool = False,
) -> tuple[Dataset, Summary]:
    """Files and folders as a Dataset, the one that ingesting them would make, and what was understood of each file.

    Events must be among them; items, users and edges may be. What a file is, is told from its columns. Without times a
    position gives the order, without that the file does, and the dataset has no clock. Raises DataError, MissingColumn.
    """
    sheets, skipped = open_all(paths, asked, now)
    tables = Tables()
    for sheet in sheets:
        progress(f"read {sheet.path.name}")
        tables.take(sheet)
    for sheet in sheets:
        if sheet.summary.events is not None:
            sheet.summary.events.check(tables.items, tables.users)
    where = ", ".join(str(path) for path in paths)
    dataset = tables.dataset(weights or EventWeights(), where, now, show_unlisted)
    return dataset, Summary([one.summary for one in sheets], skipped)


@dataclass
class Tables:
    """What files hold, gathered in memory; the same as a store would hold after ingesting them in this order."""

    events: list[pl.DataFrame] = field(default_factory=list)
    items: dict[str, Item] = field(default_factory=dict)
    users: dict[str, dict[str, str]] = field(default_factory=dict)
    edges: list[pl.DataFrame] = field(default_factory=list)
    clock: bool | None = None

    def take(self, sheet: Sheet) -> None:
        """Add a file. Raises DataError."""
        sheet.summary.stored = None
        if sheet.table == "events":
            self._take_events(sheet)
        elif sheet.table == "items":
            found = sheet.catalogue()
            old = {} if sheet.asked.replace else self.items
            self._add([merged(old.get(one.item_id), one, found.given) for one in found.items])
        elif sheet.table == "users":
            for user, attributes in sheet.users().items():
                self.users.setdefault(user, {}).update(attributes)
        else:
            self.edges.append(sheet.edges())

    def _add(self, items: Iterable[Item]) -> None:
        self.items.update((one.item_id, one) for one in items)

    def _take_events(self, sheet: Sheet) -> None:
        if self.clock not in (None, sheet.clock):
            raise DataError(f"{sheet.path}: {other_clock(sheet.clock)}")
        self.clock = sheet.clock
        occurrences = Occurrences()
        self.events += [event_table(frame, occurrences) for frame in sheet.events()]
        self._add(complemented(sheet.catalogue_beside(), self.items))

    def dataset(
        self, weights: EventWeights, where: str, now: float | None = None, show_unlisted: bool = False
    ) -> Dataset:
        """All of it. Raises DataError when there are no events."""
        if not self.events:
            raise DataError(
                f"{where}: no events file; there must be one with a user, an item and, best, a time in each row"
            )
        said = ["user_id", "event_id", "item_id", "event_type", "timestamp", "value"]
        table = pl.concat(self.events).unique(said, keep="first", maintain_order=True)
        return assemble(
            event_columns(table),
            self.items.values(),
            weights,
            has_clock=self.clock is not False,
            now=now,
            users={user: readable(told) for user, told in self.users.items()},
            edges=pl.concat(self.edges).unique(maintain_order=True) if self.edges else None,
            show_unlisted=show_unlisted,
        )


def event_columns(table: pl.DataFrame) -> pl.DataFrame:
    """A table of events (see event_ids) as assemble wants them: user_id, item_id, time, kind, value, context, sentiment."""
    found = table.select(
        "user_id",
        "item_id",
        pl.col("timestamp").alias("time"),
        kind_codes(table["event_type"]).alias("kind"),
        pl.col("value"),
        pl.col("context"),
    )
    rows = np.flatnonzero((table["event_type"] == "comment").to_numpy())
    if not len(rows):
        return found
    said = np.full(len(table), np.nan, np.float32)
    said[rows] = sentiments(table["context"][rows].to_list())
    return found.with_columns(sentiment=said)


def other_clock(clock: bool) -> str:
    """Why events with and without times cannot stand together. clock: whether the new ones have times."""
    there = "positions without times" if clock else "times"
    return f"its events cannot be put beside those read before, which have {there}; use another workspace or folder"
