"""What became of a file, and what its columns were taken for: told to whoever gave it, before they learn it from lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import polars as pl

from zhiyin.behaviour.kinds import CODES
from zhiyin.data.reading.alike import alike
from zhiyin.data.reading.names import ITEMS, plain
from zhiyin.data.reading.pieces import Reject
from zhiyin.data.reading.roles import Layout
from zhiyin.data.scales import scale_of
from zhiyin.data.weights import EventWeights

EARLY = 631_152_000.0
"""1990-01-01: events before it are told of."""

DAY = 86_400.0

KNOWN = 0.01
"""Of the items that events name, those a catalogue must know to be a catalogue of theirs."""

EXAMPLES = 3

ITEM_ROLES = ("item_id", "property", "property_value", *ITEMS)

WORDS = {
    "value": "the number",
    "rating": "the rating",
    "purchase": "how many",
    "listen": "how often",
    "dwell": "how long",
    "finish": "what share",
}


@dataclass
class FileSummary:
    """What became of one file. new, changed: rows that changed the store; the other read rows were known already.

    stored: None where there is no store, False where nothing was to be stored. items: distinct items of an items file. remarks: rows kept with something left out. told: what else its reader should know, a line each.
    """

    path: str
    table: str = ""
    read: int = 0
    new: int = 0
    changed: int = 0
    items: int = 0
    quarantined: int = 0
    quarantine: str = ""
    stored: bool | None = True
    ignored: tuple[str, ...] = ()
    examples: list[str] = field(default_factory=list)
    remarks: dict[str, list[Reject]] = field(default_factory=dict)
    remarked: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    events: Understood | None = None

    def reject(self, rejects: Iterable[Reject]) -> None:
        """Count rows that were set aside, and keep the first as examples."""
        for one in rejects:
            self.quarantined += 1
            if len(self.examples) < EXAMPLES:
                self.examples.append(_said(one))

    def remark(self, remarks: Iterable[Reject]) -> None:
        """Count rows that were kept without something, and keep the first of each reason."""
        for one in remarks:
            reason = f"{one.column}: {one.allowed}" if one.column else one.allowed
            self.remarked[reason] += 1
            first = self.remarks.setdefault(reason, [])
            if len(first) < EXAMPLES:
                first.append(one)

    def __str__(self) -> str:
        of_items = f" of {self.items:,} items" if self.items not in (0, self.read - self.quarantined) else ""
        lines = [f"{self.path}: {self.table}, {self.read:,} rows{of_items}: {self._became()}"]
        if self.quarantined:
            lines[0] += f", {self.quarantined:,} set aside" + (f" in {self.quarantine}" if self.quarantine else "")
            lines += [f"    {one}" for one in self.examples]
        lines += [f"    {one}" for one in self.told]
        for reason, first in self.remarks.items():
            shown = ", ".join(f"line {one.line} {one.value[:40]!r}" for one in first[:EXAMPLES])
            lines.append(f"    {self.remarked[reason]:,} times {reason} ({shown})")
        if self.events is not None:
            lines += [f"    {one}" for one in self.events.lines()]
        if self.ignored:
            lines.append(f"    columns not used: {', '.join(self.ignored)}")
        return "\n".join(lines)

    def _became(self) -> str:
        if not self.stored:
            return "read" if self.stored is None else "read, nothing stored"
        same = (self.items or self.read - self.quarantined) - self.new - self.changed
        if self.table == "items":
            return f"{self.new:,} new, {self.changed:,} changed, {max(same, 0):,} untouched"
        return f"{self.new + self.changed:,} new, {max(same, 0):,} known already"


def _said(one: Reject) -> str:
    column = f"{one.column} " if one.column else ""
    return f"line {one.line}: {column}'{one.value[:60]}': must be {one.allowed}"


def columns_said(layout: Layout) -> str:
    """Which column was taken for what."""
    roles = {"items": ITEM_ROLES, "users": ("user_id",)}.get(layout.table, tuple(layout.renamed.values()))
    parts = [f"{column} is {new}" for column, new in layout.renamed.items() if new in roles and plain(column) != new]
    parts += [f"{column} {WORDS[kind]}" for column, kind in layout.values.items() if column != kind]
    parts += [f"{column} {key}" for column, key in layout.context.items() if column != key]
    if layout.clock:
        parts.append(f"{layout.clock} the time of day")
    return "; ".join(parts)


@dataclass(frozen=True)
class Unknown:
    """Ids in events of which there is no row. share: of all ids that have one. alike: why they may match nothing."""

    ids: int
    events: int
    share: float
    alike: str


@dataclass
class Understood:
    """What a file's events are, gathered piece by piece. now: seconds since 1970, None when nothing is too late."""

    clock: bool
    now: float | None = None
    form: str = ""
    kinds: Counter[str] = field(default_factory=Counter)
    users: Counter[str] = field(default_factory=Counter)
    items: Counter[str] = field(default_factory=Counter)
    first: float = np.inf
    last: float = -np.inf
    early: int = 0
    late: int = 0
    repeats: int = 0
    ratings: list[pl.DataFrame] = field(default_factory=list)
    unknown: dict[str, Unknown] = field(default_factory=dict)

    def take(self, table: pl.DataFrame) -> None:
        """Look at some of the events."""
        for name, counter in (("event_type", self.kinds), ("item_id", self.items), ("user_id", self.users)):
            counts = table[name].value_counts()
            counter.update(dict(zip(counts[name].to_list(), counts["count"].to_list(), strict=True)))
        times = table["timestamp"]
        if len(times):
            self.first, self.last = min(self.first, float(times.min())), max(self.last, float(times.max()))  # type: ignore[arg-type]
            self.early += int((times < EARLY).sum())
            self.late += 0 if self.now is None else int((times > self.now + DAY).sum())
        rated = table.filter(pl.col("event_type").is_in(["rating", "comment"]) & pl.col("value").is_not_null())
        if len(rated):
            self.ratings.append(rated["value"].value_counts())

    def check(self, catalogue: Iterable[str], people: Iterable[str]) -> None:
        """Count what names items and users that have no row."""
        for name, counter, known in (("items", self.items, set(catalogue)), ("users", self.users, set(people))):
            gone = {one: count for one, count in counter.items() if one and one not in known}
            if known and gone:
                share = 1 - len(gone) / len(counter)
                self.unknown[name] = Unknown(len(gone), sum(gone.values()), share, alike(gone, known))

    def lines(self) -> list[str]:
        """What to say of it."""
        count = sum(self.kinds.values())
        kinds = ", ".join(f"{number:,} {kind}" for kind, number in self.kinds.most_common())
        said = [f"kinds: {kinds}; {len(self.users):,} users, {len(self.items):,} items"]
        if self.clock and count:
            said.append(f"times: {_day(self.first)} to {_day(self.last)}{f' ({self.form})' if self.form else ''}")
            said += self._odd_times(count)
        elif count:
            said.append("times: none; the order of the rows counts, and nothing is newer or older across users")
        if self.repeats:
            said.append(
                f"repeats: {self.repeats:,} rows are equal to an earlier one; each is kept as an event of its own"
            )
        return [*said, *self._rating_lines(), *self._coverage(count)]

    def _odd_times(self, count: int) -> list[str]:
        said = []
        if self.early:
            said.append(
                f"{self.early:,} of {count:,} times lie before 1990: if that is wrong, say their unit, as --times"
            )
        if self.late:
            said.append(f"{self.late:,} of {count:,} times lie after tomorrow")
        return said

    def _rating_lines(self) -> list[str]:
        if not self.ratings:
            return []
        counts = pl.concat(self.ratings).group_by("value").agg(pl.col("count").sum()).sort("value")
        values = np.repeat(counts["value"].to_numpy(), counts["count"].to_numpy())
        return ratings_said(values)

    def _coverage(self, count: int) -> list[str]:
        said = []
        if (gone := self.unknown.get("items")) is not None:
            shown = "they are learned from, and not shown" if gone.share >= KNOWN else "they are shown by their id"
            said.append(
                f"{gone.events:,} of {count:,} events name {gone.ids:,} items that are not in the catalogue: {shown}"
            )
        if (gone := self.unknown.get("users")) is not None:
            said.append(f"{gone.events:,} of {count:,} events are by {gone.ids:,} users of whom no row was read")
        return [*said, *(one.alike for one in self.unknown.values() if one.alike)]


def ratings_said(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[str]:
    """The scale that ratings were read on, and how many of them count against their items."""
    scale = scale_of(values)
    if scale is None:
        return []
    if scale.counts:
        return [f"ratings: {len(values):,} numbers up to {values.max():g} that look like counts, and are read as such"]
    codes = np.full(len(values), CODES["rating"])
    low = int((EventWeights().with_scale_of(codes, values).weigh(codes, values) < 0).sum())
    said = [
        f"ratings: from {scale.low:g} to {scale.high:g}; {low:,} of {len(values):,} are low and count against their items"
    ]
    for mark in scale.unrated:
        there = int((values == mark).sum())
        said.append(f'ratings: {there:,} are {mark:g}, which is read as "not rated": the item was met, no more')
    return said


def _day(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M")


@dataclass
class Summary:
    """What became of all files. skipped: files of a folder that are none of ours, and why."""

    files: list[FileSummary]
    skipped: Mapping[str, str] = field(default_factory=dict)

    @property
    def new(self) -> int:
        """Rows that changed the store."""
        return sum(one.new + one.changed for one in self.files)

    @property
    def quarantined(self) -> int:
        """Rows set aside."""
        return sum(one.quarantined for one in self.files)

    def __str__(self) -> str:
        return "\n".join([*map(str, self.files), *(f"{path}: left out: {why}" for path, why in self.skipped.items())])
