"""Files into the store: which table each is, what was new, what was known and what had to be set aside."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO

import polars as pl

from zhiyin.data.consent import told
from zhiyin.data.event_ids import Occurrences, event_table
from zhiyin.data.readers import other_clock
from zhiyin.data.reading.asked import NOTHING, Asked
from zhiyin.data.reading.catalogue import complemented, merged
from zhiyin.data.reading.files import Sheet, open_all
from zhiyin.data.reading.pieces import Reject
from zhiyin.data.reading.summary import FileSummary, Summary
from zhiyin.durable import draft_folder
from zhiyin.errors import DataError
from zhiyin.ports import Store, StoredProfile
from zhiyin.progress import Progress, silent

FILES = 50
"""Files of which the store keeps what their columns were taken for, the last."""


def ingest_files(
    paths: Sequence[Path],
    store: Store,
    quarantine_folder: Path,
    progress: Progress = silent,
    *,
    asked: Asked = NOTHING,
    now: float | None = None,
    dry: bool = False,
) -> Summary:
    """Files of events, items, users and edges, or folders of them, into the store. A second time changes nothing.

    The table of a file is told from its columns; see data/reading/names.py for those that are known. A row that cannot be
    read goes, with its line and what was allowed, to a JSONL file in the quarantine folder. A file that is refused changes
    nothing: each is read to its end before anything of it is stored. now: seconds since 1970, for times that lie after
    it. dry: only read, and say what was understood. Raises MissingColumn, DataError.
    """
    sheets, skipped = open_all(paths, asked, now)
    _agree_on_clock(store, [one for one in sheets if one.table == "events"])
    with store.log.bulk():
        for sheet in sheets:
            _ingest(sheet, store, quarantine_folder, progress, dry)
    summary = Summary([one.summary for one in sheets], skipped)
    _check(summary, store)
    if not dry:
        notes = {**(store.meta.get("files") or {}), **{one.path.name: one.summary.told for one in sheets}}
        store.meta.put("files", dict(list(notes.items())[-FILES:]))
    return summary


def _ingest(sheet: Sheet, store: Store, folder: Path, progress: Progress, dry: bool) -> None:
    summary = sheet.summary
    with _Quarantine(sheet.path, folder, summary, dry) as aside:
        sheet.aside = aside.write
        if sheet.table == "events":
            _events(sheet, store, folder.parent, progress, dry)
        elif sheet.table == "items":
            _items(sheet, store, dry)
        else:
            _users(sheet, store, dry)
    summary.stored = not dry
    progress(f"{sheet.path.name}: {summary.new + summary.changed:,} new of {summary.read:,} {summary.table}")


# -- events -----------------------------------------------------------------------------------------------------------------


def _events(sheet: Sheet, store: Store, beside: Path, progress: Progress, dry: bool) -> None:
    """Read to the end first, on disk where it is long; then written, a piece being prepared while the last is stored."""
    name, summary = sheet.path.name, sheet.summary
    # Beside the store: what a killed process leaves of people's events is swept from there at the next start.
    with draft_folder(beside, ".incoming-") as folder:
        kept = _Kept(folder)
        for frame in sheet.events():
            if not dry:
                kept.add(frame)
            progress(f"{name}: {summary.read:,} events read")
        if dry:
            return
        if store.meta.get("has_clock") is None:
            store.meta.put("has_clock", sheet.clock)
        occurrences = Occurrences()
        writing: Future[int] | None = None
        with ThreadPoolExecutor(1) as pool:
            for frame in kept.frames():
                table = event_table(frame, occurrences)
                summary.new += writing.result() if writing else 0
                writing = pool.submit(store.log.append_table, table)
                if writing and summary.new:
                    progress(f"{name}: {summary.new:,} of {summary.read:,} events stored")
            summary.new += writing.result() if writing else 0
        if summary.events is not None:
            summary.events.repeats = occurrences.repeated
    if (told := sheet.catalogue_beside()).items:
        store.catalog.put(complemented(told, {one.item_id: one for one in store.catalog.all()}))


class _Kept:
    """Frames of one file until all of it was read: the only one in memory, several on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.first: pl.DataFrame | None = None
        self.files: list[Path] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Keep a frame."""
        if self.first is None and not self.files:
            self.first = frame
            return
        if self.first is not None:
            self._write(self.first)
            self.first = None
        self._write(frame)

    def _write(self, frame: pl.DataFrame) -> None:
        self.files.append(self.folder / f"{len(self.files)}.arrow")
        frame.write_ipc(self.files[-1], compression="lz4")

    def frames(self) -> Iterator[pl.DataFrame]:
        """What was kept, in order; each is gone from the disk once it was given."""
        if self.first is not None:
            yield self.first
        for file in self.files:
            yield pl.read_ipc(file)
            file.unlink()


def _agree_on_clock(store: Store, sheets: list[Sheet]) -> None:
    """Times and mere positions cannot stand together. Checked before anything is stored, noted when something is."""
    noted = store.meta.get("has_clock")
    if noted is None and store.log.count():
        noted = True
    elif noted is not None and not store.log.count():
        store.meta.put("has_clock", None)  # left behind by a file that was refused
        noted = None
    for sheet in sheets:
        if noted is not None and noted != sheet.clock:
            raise DataError(f"{sheet.path}: {other_clock(sheet.clock)}")
        noted = sheet.clock


# -- items and users ----------------------------------------------------------------------------------------------------------


def _items(sheet: Sheet, store: Store, dry: bool) -> None:
    found = sheet.catalogue()
    known = {one.item_id: one for one in store.catalog.all()}
    items = [merged(None if sheet.asked.replace else known.get(one.item_id), one, found.given) for one in found.items]
    if not dry:
        sheet.summary.new = sum(one.item_id not in known for one in items)
        sheet.summary.changed = store.catalog.put(items) - sheet.summary.new


def _users(sheet: Sheet, store: Store, dry: bool) -> None:
    known = {one.user_id: one for one in store.profiles.all()}
    changed: dict[str, StoredProfile] = {}
    if sheet.table == "users":
        for user, attributes in sheet.users().items():
            old = known.get(user, StoredProfile(user))
            kept = {} if sheet.asked.replace else old.attributes
            given, agreed = told(attributes, True if sheet.asked.personalise else None)
            changed[user] = replace(old.agreeing(agreed), attributes={**kept, **given})
        unread = sum(bool(one.attributes) and not one.personalise for one in changed.values())
        if unread:
            sheet.summary.told.append(
                f"attributes of {unread:,} users are kept and not read for recommending: no column 'personalise' says yes"
            )
    else:
        for user, friends in sheet.edges().group_by("user_id", maintain_order=True).agg("friend_id").iter_rows():
            old = known.get(user, StoredProfile(user))
            changed[user] = replace(old, friends=tuple(dict.fromkeys([*old.friends, *friends])))
    if not dry:
        sheet.summary.new = store.profiles.put_many(list(changed.values()))


def _check(summary: Summary, store: Store) -> None:
    """What of the events names items and users that nothing is known of, once all files are in."""
    if any(one.events is not None for one in summary.files):
        items, users = set(store.catalog.ids()), set(store.profiles.users())
        for one in summary.files:
            if one.events is not None:
                one.events.check(items, users)


class _Quarantine:
    """Writes rejected rows to a file of their own; without any there is no file."""

    def __init__(self, path: Path, folder: Path, summary: FileSummary, dry: bool) -> None:
        name = blake2b(str(path.resolve()).encode(), digest_size=4).hexdigest()
        self.path = folder / f"{path.name}.{name}.jsonl"
        self.summary = summary
        self.dry = dry
        self.stream: IO[str] | None = None

    def __enter__(self) -> _Quarantine:
        if not self.dry:
            self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.stream:
            self.stream.close()

    def write(self, rejects: list[Reject]) -> None:
        """Add rows, with the file they are from."""
        if not rejects or self.dry:
            return
        if self.stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.stream = self.path.open("w", encoding="utf-8")
            self.summary.quarantine = str(self.path)
        for one in sorted(rejects, key=lambda reject: reject.line):
            row = {"file": self.summary.path, **asdict(one)}
            self.stream.write(json.dumps(row, ensure_ascii=False) + "\n")
