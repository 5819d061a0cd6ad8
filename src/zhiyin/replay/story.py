"""Story: everything a log holds in the order it happened, and what was there when the living through it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import isfinite
from pathlib import Path

import numpy as np
import polars as pl

from zhiyin.arrays import Doubles
from zhiyin.data import times
from zhiyin.errors import DataError, SettingError
from zhiyin.event import Event
from zhiyin.ingest.files import ingest_files
from zhiyin.item import Item
from zhiyin.ports import Store, StoredProfile
from zhiyin.progress import Progress, silent
from zhiyin.stores.rows import event_of

SHARE = 0.9
"""Share of the events that is known when nothing else is said."""


@dataclass(frozen=True)
class Story:
    """What happened. events: the columns of the log, in time order; equal times in order of arrival.

    known_items: whether every item was always there, to compare.
    """

    name: str
    items: Sequence[Item]
    profiles: Sequence[StoredProfile]
    events: pl.DataFrame
    known_items: bool = False

    @cached_property
    def times(self) -> Doubles:
        """When each event was. [events]"""
        return self.events["timestamp"].to_numpy()

    @cached_property
    def first_named(self) -> dict[str, float]:
        """When the first event that names an item was, by item."""
        return _firsts(self.events.filter(pl.col("item_id") != ""), "item_id")

    @cached_property
    def appears(self) -> dict[str, float]:
        """When each item is put into the catalogue: at available_from, but no later than the first event that names it.

        Of an item with neither nothing says when it came, so it was always there.
        """
        begins = {one.item_id: one.available_from for one in self.items}
        named = self.first_named
        if self.known_items:
            return dict.fromkeys(self.item_of, -np.inf)
        known = {item: _earliest(begins[item], named.get(item)) for item in begins}
        return {**known, **{item: named[item] for item in sorted(named.keys() - begins.keys())}}

    @cached_property
    def joins(self) -> dict[str, float]:
        """When each user with something to register does: just before the first event; without events they always were."""
        first = _firsts(self.events, "user_id")
        return {one.user_id: first.get(one.user_id, -np.inf) for one in self.profiles}

    @cached_property
    def item_of(self) -> dict[str, Item]:
        """Items by id; one that only events name is an id and nothing else."""
        return {**{item: Item(item) for item in self.first_named}, **{one.item_id: one for one in self.items}}

    def cut(self, begin: str | float | None) -> float:
        """The moment a replay begins: an event at that very moment is not known yet.

        begin: a share of the events (between 0 and 1), or a moment as seconds since 1970 or ISO 8601. Raises SettingError,
        DataError.
        """
        count = len(self.times)
        if not count:
            raise DataError(f"{self.name}: there are no events to replay")
        given = SHARE if begin is None else begin
        moment = float(self.times[int(count * share)]) if (share := _share(given)) else _moment(str(given))
        first, last = float(self.times[0]), float(self.times[-1])
        if not first < moment <= last:
            raise SettingError(
                f"--from {given}: nothing is known before it, or nothing happened afterwards; the {count:,} events of "
                f"{self.name} go from {day(first)} to {day(last)}; take a moment between them, or a share like {SHARE}"
            )
        return moment

    def ending(self, start: float, count: int) -> Story:
        """The story up to so many events from a moment on. When things come stays as it is."""
        ended = replace(self, events=self.events.head(int(np.searchsorted(self.times, start)) + count))
        ended.__dict__.update(appears=self.appears, joins=self.joins, item_of=self.item_of)
        return ended

    def moments(self, start: float) -> Iterator[list[tuple[int, Event]]]:
        """What happened from a moment on: the events of each moment together, each with its row."""
        begin = int(np.searchsorted(self.times, start))
        together: list[tuple[int, Event]] = []
        for row, values in enumerate(self.events.slice(begin).iter_rows(named=True), begin):
            event = event_of(values)
            if together and event.timestamp != together[0][1].timestamp:
                yield together
                together = []
            together.append((row, event))
        if together:
            yield together


def story_of(store: Store, name: str) -> Story:
    """What a store holds as a story. Raises DataError without a clock."""
    if store.meta.get("has_clock") is False:
        raise DataError(
            f"{name}: a replay needs to know when things happened, and these events have an order but no times; "
            "give them a column `timestamp`, or measure with `zhiyin evaluate --split leave-one-out`"
        )
    events = store.log.table().sort("timestamp", maintain_order=True)
    return Story(name, store.catalog.all(), store.profiles.all(), events)


def read_story(
    data: Path | Sequence[Path], store: Store, quarantine: Path, progress: Progress = silent, now: float | None = None
) -> Story:
    """Files or folders as a story, by way of an empty store. now: see ingest_files. Raises DataError."""
    paths = [data] if isinstance(data, Path) else list(data)
    where = ", ".join(map(str, paths))
    for path in paths:
        if not path.exists():
            raise DataError(f"{path}: no such folder or file")
    ingest_files(paths, store, quarantine, progress, now=now)
    if not store.log.count():
        raise DataError(f"{where}: no events file; there must be one with a user, an item and a time in each row")
    return story_of(store, ", ".join(path.resolve().name for path in paths))


def day(moment: float) -> str:
    """A moment as a date, as people read it."""
    text = np.datetime_as_string(np.datetime64(int(moment), "s"), unit="m")
    return str(text).replace("T", " ")


def _firsts(events: pl.DataFrame, column: str) -> dict[str, float]:
    return dict(events.group_by(column).agg(pl.col("timestamp").min()).iter_rows())


def _earliest(begin: float | None, named: float | None) -> float:
    known = [one for one in (begin, named) if one is not None]
    return min(known) if known else -np.inf


def _share(begin: str | float) -> float | None:
    try:
        number = float(begin)
    except ValueError:
        return None
    return number if 0 < number < 1 else None


def _moment(begin: str) -> float:
    found = times.seconds(pl.Series([begin]))[0]
    if found is None or not isfinite(found):
        raise SettingError(
            f"--from {begin!r}: must be a share of the events between 0 and 1, like {SHARE}, or a moment, like 2024-06-01"
        )
    return float(found)
