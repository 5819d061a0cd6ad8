"""Files: one or many, or folders of them, opened and told what they are before a single row is used.

Every job that learns from files reads them here, so that they all learn the same from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import polars as pl

from zhiyin.data.cells import GAPS, is_gap
from zhiyin.data.reading.asked import NOTHING, Asked
from zhiyin.data.reading.beside import Beside
from zhiyin.data.reading.catalogue import Catalogue, catalogue_of
from zhiyin.data.reading.cleaning import clean_events, clean_rows, item_ids, one_id_a_row
from zhiyin.data.reading.formats import pieces, readable
from zhiyin.data.reading.layouts import layout_of
from zhiyin.data.reading.pieces import Piece, Reject, cut
from zhiyin.data.reading.roles import Layout
from zhiyin.data.reading.summary import FileSummary, Understood, columns_said
from zhiyin.errors import DataError, TooLarge

ID_COLUMNS = {"items": ("item_id",), "users": ("user_id",), "edges": ("user_id", "friend_id")}

WHOLE = 2**30
"""Bytes of a table of items, users or edges at most: unlike events they are held as a whole."""

Aside = Callable[[list[Reject]], None]


class Sheet:
    """One file of which it is known what it is, read once from its beginning. aside: gets the rows that are refused."""

    def __init__(self, path: Path, asked: Asked = NOTHING, now: float | None = None) -> None:
        self.path = path
        self.asked = asked
        self.summary = FileSummary(str(path))
        self.aside: Aside = lambda rejects: None
        self._early: list[Reject] = []
        reader = pieces(path, asked.encoding)
        first = next(reader)
        while not len(first.frame):  # nothing but broken rows so far
            self._early += first.rejects
            following = next(reader, None)
            if following is None:
                raise DataError(f"{path}: not one row could be read; {_first(self._early)}")
            first = following
        self.layout = layout_of(first.frame, str(path), asked)
        self._every = chain([first], reader)
        self._beside = Beside(self.layout)
        self.summary.table, self.summary.ignored = self.layout.table, self.layout.ignored
        if self.layout.table == "events":
            times = self.layout.times
            clock = "timestamp" in self.layout.renamed.values()
            form = times.unit + (f", {times.zone}" if times.zone != "UTC" else "")
            self.summary.events = Understood(clock, now, form)
        self._tell()

    @property
    def table(self) -> str:
        """Which table it is."""
        return self.layout.table

    @property
    def clock(self) -> bool:
        """Whether its events have times."""
        return self.summary.events is not None and self.summary.events.clock

    def events(self) -> Iterator[pl.DataFrame]:
        """Events with the columns of Event, piece by piece, without those that are refused."""
        kept, first = 0, list(self._early)
        for read in self._pieces():
            layout = self._layout(read)
            piece = one_id_a_row(read, layout)
            frame, rejects = clean_events(piece, layout, str(self.path))
            self._took(read, rejects)
            if self.layout.beside:
                self._beside.take(piece, item_ids(piece, layout))
            kept, first = kept + len(frame), first or rejects[:1]
            if self.summary.events is not None:
                self.summary.events.take(frame)
            yield frame
        if not kept:
            raise DataError(f"{self.path}: not one row could be read; {_first(first)}")

    def catalogue_beside(self) -> Catalogue:
        """What its events said of their items, once they were read."""
        found = self._beside.catalogue(str(self.path), self.asked)
        if found.items:
            said = ", ".join(self.layout.beside)
            self.summary.told.append(
                f"items: {len(found.items):,}, of whom {said} are kept where nothing else is known"
            )
        self.summary.remark(found.remarks)
        return found

    def catalogue(self) -> Catalogue:
        """Its items."""
        frame, lines = self._whole()
        found = catalogue_of(frame, lines.to_numpy(), self.layout, str(self.path), self.asked)
        self.summary.remark(found.remarks)
        self.summary.items = len(found.items)
        return found

    def users(self) -> dict[str, dict[str, str]]:
        """Its users' attributes as text, by user; gaps are left out."""
        return users_of(self._whole()[0])

    def edges(self) -> pl.DataFrame:
        """Its ties: user_id, friend_id."""
        return self._whole()[0].select("user_id", "friend_id").drop_nulls()

    def _whole(self) -> tuple[pl.DataFrame, pl.Series]:
        frames, lines, first, size = [], [], list(self._early), 0
        for piece in self._pieces():
            frame, numbers, rejects = clean_rows(piece, self._layout(piece), ID_COLUMNS[self.table])
            self._took(piece, rejects)
            frames.append(frame)
            size += int(frame.estimated_size())
            if size > WHOLE:
                raise TooLarge(f"{self.path}: over {WHOLE / 2**30:.0f} GiB of {self.table}; give them in several files")
            lines.append(pl.Series(numbers, dtype=pl.Int64))
            first = first or rejects[:1]
        frame = pl.concat(frames, how="diagonal_relaxed") if frames else pl.DataFrame()
        if not len(frame):
            raise DataError(f"{self.path}: not one row could be read; {_first(first)}")
        return frame, pl.concat(lines)

    def _pieces(self) -> Iterator[Piece]:
        self._took(None, self._early)
        for piece in self._every:
            if len(piece.frame):
                yield cut(piece)
            else:  # nothing left after the last full piece, or only broken rows
                self._took(None, piece.rejects)

    def _took(self, piece: Piece | None, rejects: list[Reject]) -> None:
        self.summary.read += len(rejects) if piece is None else len(piece.frame) + len(piece.rejects)
        self.summary.reject(sorted(rejects, key=lambda one: one.line))
        if piece is not None:
            self.summary.remark(piece.remarks)
        if rejects:
            self.aside(rejects)

    def _layout(self, piece: Piece) -> Layout:
        """JSON lines may show new columns on the way."""
        first = self.layout
        known = {*first.renamed, *first.ignored, *first.values, *first.context, *first.beside, first.clock}
        if set(piece.frame.columns) <= known:
            return first
        later = layout_of(piece.frame, str(self.path), replace(self.asked, table=first.table))
        return replace(later, times=first.times, whole_ids=first.whole_ids, kind=first.kind)

    def _tell(self) -> None:
        if said := columns_said(self.layout):
            self.summary.told.append(f"columns: {said}")
        if self.layout.whole_ids:
            self.summary.told.append(
                f"ids written like 13085.0 in {', '.join(self.layout.whole_ids)} are read as 13085"
            )


def _first(rejects: Sequence[Reject]) -> str:
    if not rejects:
        return "there is none in it"
    one = min(rejects, key=lambda reject: reject.line)
    value = f"{one.column} {one.value[:60]!r}" if one.value else f"no {one.column}"
    return f"line {one.line}: {value} is not {one.allowed}" if one.value else f"line {one.line}: {value}: {one.allowed}"


def users_of(frame: pl.DataFrame) -> dict[str, dict[str, str]]:
    """Users' attributes as text by user id; gaps are left out."""
    names = [name for name in frame.columns if name != "user_id"]
    texts = frame.select("user_id", *(_text(frame[name]).alias(name) for name in names))
    found: dict[str, dict[str, str]] = {}
    for user, *values in texts.iter_rows():
        found.setdefault(user, {}).update({name: one for name, one in zip(names, values, strict=True) if one})
    return found


def _text(column: pl.Series) -> pl.Series:
    if column.dtype.is_float() and bool((column.drop_nulls() % 1 == 0).all()):
        column = column.cast(pl.Int64, strict=False)
    if column.dtype.is_nested():
        return pl.Series(
            [None if one is None else ", ".join(map(str, one)) for one in column.to_list()], dtype=pl.String
        )
    text = column.cast(pl.String, strict=False).str.strip_chars()
    return text.set(is_gap(text, GAPS), None)


def listed(paths: Iterable[Path | str]) -> Iterator[tuple[Path, bool]]:
    """Files, each with whether it was found in a folder rather than named. Raises DataError."""
    for path in map(Path, paths):
        if not path.is_dir():
            yield path, False
            continue
        inside = sorted(one for one in path.iterdir() if one.is_file() and not one.name.startswith("."))
        stems: dict[str, Path] = {}
        for one in inside:
            if readable(one):
                stem = one.name.lower().split(".")[0]
                if stem in stems and one.suffix != stems[stem].suffix and _same_kind(one, stems[stem]):
                    raise DataError(f"{path}: {stem} is there twice: {stems[stem].name}, {one.name}; keep one")
                stems[stem] = one
        if not stems:
            raise DataError(
                f"{path}: there is no events file in this folder, nor any other that can be read as a table"
            )
        yield from ((one, True) for one in inside)


def _same_kind(one: Path, other: Path) -> bool:
    """Not u.data and u.item, nor a.inter and a.item, which share a name and are different tables."""
    forms = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".pq")
    return all(any(form in path.name.lower() for form in forms) for path in (one, other))


def open_all(
    paths: Iterable[Path | str], asked: Asked = NOTHING, now: float | None = None
) -> tuple[list[Sheet], dict[str, str]]:
    """Every file, opened, in order; and the files of folders that are left out, with the reason.

    A file that was named and cannot be used is refused, and then nothing of any is used. Raises DataError.
    """
    sheets: list[Sheet] = []
    errors: dict[Path, DataError] = {}
    for path, found in listed(paths):
        try:
            sheets.append(Sheet(path, asked, now))
        except DataError as error:
            if not found:
                raise
            errors[path] = error
    if not sheets:
        raise next(iter(errors.values()))
    return sheets, {str(path): str(error).removeprefix(f"{path}: ") for path, error in errors.items()}
