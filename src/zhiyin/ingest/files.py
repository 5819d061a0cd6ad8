"""Files into the store: which table each is, what was new, what was known and what had to be set aside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import IO

import polars as pl

from zhiyin.data.columns import items_of
from zhiyin.data.event_ids import Occurrences, event_table
from zhiyin.data.readers import users_of
from zhiyin.data.reading.cleaning import clean_events, clean_rows, numbers
from zhiyin.data.reading.formats import Piece, Reject, pieces
from zhiyin.data.reading.names import Layout, layout_of
from zhiyin.errors import DataError
from zhiyin.ports import Store, StoredProfile
from zhiyin.progress import Progress, silent

ID_COLUMNS = {"items": ("item_id",), "users": ("user_id",), "edges": ("user_id", "friend_id")}


@dataclass
class FileSummary:
    """What became of one file. new: rows that changed the store; the other read rows were known already."""

    path: str
    table: str = ""
    read: int = 0
    new: int = 0
    quarantined: int = 0
    quarantine: str = ""
    ignored: tuple[str, ...] = ()
    examples: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        known = self.read - self.quarantined - self.new
        lines = [f"{self.path}: {self.table}, {self.read:,} rows: {self.new:,} new, {known:,} known already"]
        if self.quarantined:
            lines[0] += f", {self.quarantined:,} set aside in {self.quarantine}"
            lines += [f"    {one}" for one in self.examples]
        if self.ignored:
            lines.append(f"    columns not used: {', '.join(self.ignored)}")
        return "\n".join(lines)


@dataclass
class Summary:
    """What became of all files."""

    files: list[FileSummary]

    @property
    def new(self) -> int:
        """Rows that changed the store."""
        return sum(one.new for one in self.files)

    @property
    def quarantined(self) -> int:
        """Rows set aside."""
        return sum(one.quarantined for one in self.files)

    def __str__(self) -> str:
        return "\n".join(str(one) for one in self.files)


def ingest_files(paths: Sequence[Path], store: Store, quarantine_folder: Path, progress: Progress = silent) -> Summary:
    """Files of events, items, users and edges into the store. Ingesting a file again changes nothing.

    The table of a file is told from its columns; the names of Gorse, Amazon Personalize, Amazon reviews, MovieLens and
    RecBole are known. A row that cannot be read goes, with its line and what was allowed, to a JSONL file in the
    quarantine folder. Raises MissingColumn, DataError.
    """
    with store.log.bulk():
        return Summary([_ingest(Path(path), store, quarantine_folder, progress) for path in paths])


def _ingest(path: Path, store: Store, folder: Path, progress: Progress) -> FileSummary:
    summary = FileSummary(str(path))
    with _Quarantine(path, folder, summary) as aside:
        reader = pieces(path)
        first = next(reader)
        while not len(first.frame):  # nothing but broken rows so far
            aside.write(first.rejects)
            summary.read += len(first.rejects)
            following = next(reader, None)
            if following is None:
                raise DataError(f"{path}: not one row could be read; the reasons are in {aside.path}")
            first = following
        layout = layout_of(first.frame, str(path))
        summary.table, summary.ignored = layout.table, layout.ignored
        every = chain([first], reader)
        if layout.table == "events":
            _events(every, layout, store, aside, progress)
        else:
            _others(every, layout, store, aside)
    progress(f"{path.name}: {summary.new:,} new of {summary.read:,} {summary.table}")
    return summary


def _events(every: Iterable[Piece], layout: Layout, store: Store, aside: _Quarantine, progress: Progress) -> None:
    """Piece by piece; the next piece is read and cleaned while the database writes the last."""
    occurrences, summary = Occurrences(), aside.summary
    _agree_on_clock(store, "timestamp" in layout.renamed.values(), summary.path)
    writing: Future[int] | None = None
    with ThreadPoolExecutor(1) as pool:
        for piece in every:
            if not len(piece.frame):  # nothing left after the last full piece, or only broken rows
                aside.write(piece.rejects)
                summary.read += len(piece.rejects)
                continue
            frame, rejects = clean_events(piece, _layout_of(piece, layout, summary.path), summary.path)
            aside.write(rejects)
            summary.read += len(piece.frame) + len(piece.rejects)
            table = event_table(frame, occurrences)
            summary.new += writing.result() if writing else 0
            writing = pool.submit(store.log.append_table, table)
            progress(f"{Path(summary.path).name}: {summary.read:,} events")
        summary.new += writing.result() if writing else 0


def _agree_on_clock(store: Store, clock: bool, path: str) -> None:
    noted = store.meta.get("has_clock")
    if noted is None and not store.log.count():
        store.meta.put("has_clock", clock)
    elif (noted is not False) != clock:
        there = "times" if noted is not False else "positions without times"
        raise DataError(f"{path}: its events cannot be put beside those in the store, which have {there}; use another")


def _others(every: Iterable[Piece], layout: Layout, store: Store, aside: _Quarantine) -> None:
    frames, summary = [], aside.summary
    for piece in every:
        if not len(piece.frame):
            aside.write(piece.rejects)
            summary.read += len(piece.rejects)
            continue
        of_piece = _layout_of(piece, layout, summary.path)
        frame, rejects = clean_rows(piece, of_piece, ID_COLUMNS[layout.table])
        aside.write(rejects)
        summary.read += len(piece.frame) + len(piece.rejects)
        frames.append(frame)
    frame = pl.concat(frames, how="diagonal_relaxed")
    if layout.table == "items":
        summary.new = store.catalog.put(items_of(numbers(frame, _sequences(layout)), summary.path))
    else:
        summary.new = _users(frame, layout, store)


def _users(frame: pl.DataFrame, layout: Layout, store: Store) -> int:
    known = {one.user_id: one for one in store.profiles.all()}
    changed: dict[str, StoredProfile] = {}
    if layout.table == "users":
        for user, attributes in users_of(frame).items():
            old = known.get(user, StoredProfile(user))
            changed[user] = replace(old, attributes={**old.attributes, **attributes})
    else:
        for user, friends in frame.group_by("user_id", maintain_order=True).agg("friend_id").iter_rows():
            old = known.get(user, StoredProfile(user))
            changed[user] = replace(old, friends=tuple(dict.fromkeys([*old.friends, *friends])))
    return store.profiles.put_many(list(changed.values()))


def _layout_of(piece: Piece, first: Layout, path: str) -> Layout:
    """JSON lines may show new columns on the way."""
    if set(piece.frame.columns) <= {*first.renamed, *first.ignored} or not len(piece.frame):
        return first
    layout = layout_of(piece.frame, path)
    return layout if layout.table == first.table else first


def _sequences(layout: Layout) -> tuple[str, ...]:
    return tuple(new for name, new in layout.renamed.items() if name.endswith(":token_seq"))


class _Quarantine:
    """Writes rejected rows to a file of their own; without any there is no file."""

    def __init__(self, path: Path, folder: Path, summary: FileSummary) -> None:
        name = blake2b(str(path.resolve()).encode(), digest_size=4).hexdigest()
        self.path = folder / f"{path.name}.{name}.jsonl"
        self.summary = summary
        self.stream: IO[str] | None = None

    def __enter__(self) -> _Quarantine:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self.stream:
            self.stream.close()

    def write(self, rejects: list[Reject]) -> None:
        """Add rows, with the file they are from."""
        if not rejects:
            return
        if self.stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.stream = self.path.open("w", encoding="utf-8")
            self.summary.quarantine = str(self.path)
        rejects = sorted(rejects, key=lambda one: one.line)
        for one in rejects:
            row = {"file": self.summary.path, **asdict(one)}
            self.stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        for one in rejects[: 3 - len(self.summary.examples)]:
            column = f"{one.column} " if one.column else ""
            self.summary.examples.append(f"line {one.line}: {column}'{one.value[:60]}': must be {one.allowed}")
        self.summary.quarantined += len(rejects)
