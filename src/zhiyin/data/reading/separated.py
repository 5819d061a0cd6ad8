"""Separated text as pieces: with a header or with columns that are known, quoted or not, in any encoding."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO

import numpy as np
import polars as pl

from zhiyin.data.reading.encodings import BROKEN, Encoding, blocks, encoding_of
from zhiyin.data.reading.pieces import ROWS, Piece, Reject, piece_of
from zhiyin.data.reading.records import records
from zhiyin.errors import DataError

SEPARATORS = ("\t", ",", ";", "|", "::", "，", "；")

LONGEST_LINE = 64 * 2**20
"""Bytes of a line at most."""

CHARACTERS = 64 * 2**20
"""Of the text of a piece at most."""

HEADLESS: dict[str, tuple[str, tuple[str, ...]]] = {
    r"ratings\.dat": ("::", ("userId", "movieId", "rating", "timestamp")),
    r"movies\.dat": ("::", ("movieId", "title", "genres")),
    r"users\.dat": ("::", ("userId", "gender", "age", "occupation", "zip")),
    r"tags\.dat": ("::", ("userId", "movieId", "tag", "timestamp")),
    r"u\.data|u[1-5ab]\.(base|test)": ("\t", ("userId", "movieId", "rating", "timestamp")),
    r"u\.user": ("|", ("userId", "age", "gender", "occupation", "zip")),
    r"u\.item": ("|", ("movieId", "title", "release_date", "video_date", "url", *(f"genre_{n}" for n in range(19)))),
    r"userbehavior\.csv": (",", ("user_id", "item_id", "category_id", "behavior_type", "timestamp")),
    r"yoochoose-clicks\.dat": (",", ("session_id", "timestamp", "item_id", "category")),
    r"yoochoose-buys\.dat": (",", ("session_id", "timestamp", "item_id", "price", "quantity")),
}
"""Published files without a header: their separator and columns, by what their name is."""

Opened = Callable[[], IO[bytes]]


def separated(path: Path, opened: Opened, plain: str, asked: str = "") -> Iterator[Piece]:
    """A file piece by piece. plain: its name without .gz. asked: its encoding, "" to tell from its bytes. Raises DataError."""
    encoding = encoding_of(path, opened, asked)
    known = next((layout for name, layout in HEADLESS.items() if re.fullmatch(name, plain)), None)
    with opened() as stream:
        text = _by_line(path, blocks(stream, encoding))
        first, start = _first_line(path, text)
        if known is not None and not _names_columns(first):
            separator, columns, text, line = known[0], list(known[1]), chain([start], text), 1
        else:
            separator, columns, line = *_header(path, first), 2
            text = chain([start[start.find(b"\n") + 1 :]], text)
        found = _pieces(text, separator, columns, line, encoding)
        if (piece := next(found, None)) is None:
            raise DataError(f"{path}: there is no row after the column names {', '.join(columns)}")
        yield from chain([piece], found)


def _by_line(path: Path, every: Iterator[bytes]) -> Iterator[bytes]:
    """Blocks that end where lines end."""
    rest, line = b"", 1
    for block in every:
        if b"\r" in block and b"\n" not in block:  # the line ends of old Macs
            block = block.replace(b"\r", b"\n")
        cut = block.rfind(b"\n") + 1
        if cut:
            yield rest + block[:cut]
            line += block.count(b"\n")
            rest = block[cut:]
        else:
            rest += block
        if len(rest) > LONGEST_LINE:
            raise DataError(f"{path}: line {line} is longer than {LONGEST_LINE:,} bytes")
    if rest:
        yield rest


def _first_line(path: Path, text: Iterator[bytes]) -> tuple[str, bytes]:
    start = next(text, b"")
    if start.startswith(b"sep=") and b"\n" in start:  # spreadsheets say the separator in a line of its own
        start = start[start.find(b"\n") + 1 :]
    first = start.split(b"\n", 1)[0].decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r")
    if not first.strip():
        raise DataError(f"{path}: the first line is empty; it must name the columns")
    return first, start


def _names_columns(first: str) -> bool:
    return bool(re.search(r"(?i)\b(user|movie|item|session)_?id\b", first))


def _header(path: Path, first: str) -> tuple[str, list[str]]:
    outside = re.sub(r'"[^"]*"', "", first)
    separator = max(SEPARATORS, key=lambda one: outside.count(one) * len(one))
    cells = first.split(separator) if len(separator) > 1 else next(csv.reader([first], delimiter=separator))
    columns = [name.strip() or f"unnamed_{at}" for at, name in enumerate(cells)]
    if len(set(columns)) < len(columns):
        raise DataError(f"{path}: two columns have one name: {', '.join(columns)}")
    numbers = sum(bool(re.fullmatch(r"\s*-?\d+(\.\d+)?\s*", name)) for name in columns)
    if numbers > len(columns) / 2 or len(columns) == numbers:
        raise DataError(
            f"{path}: line 1 is a row of values, not of column names ({first[:80]}); put a line before it that names the "
            f"columns, such as user_id{separator}item_id{separator}rating{separator}timestamp"
        )
    return separator, columns


def _pieces(
    text: Iterator[bytes], separator: str, columns: list[str], line: int, encoding: Encoding
) -> Iterator[Piece]:
    """Blocks without quotes at once; from the first quote on rows may span lines, and each is looked at."""
    for block in text:
        if not block:
            continue
        if b'"' in block and len(separator) == 1:
            yield from _quoted(chain([block], text), separator, columns, line, encoding)
            return
        yield _sifted(_fast(block, separator, columns, line), encoding)
        line += block.count(b"\n")


def _fast(block: bytes, separator: str, columns: list[str], line: int) -> Piece:
    cut = separator.encode()
    if len(cut) > 1:
        block, cut, separator = block.replace(cut, b"\x1f"), b"\x1f", "\x1f"
    count = block.count(b"\n") + (not block.endswith(b"\n"))
    if block.count(cut) == count * (len(columns) - 1):
        try:
            frame = pl.read_csv(
                block,
                has_header=False,
                new_columns=columns,
                separator=separator,
                quote_char=None,
                infer_schema=False,
                schema=dict.fromkeys(columns, pl.String),
            )
            if len(frame) == count:
                return Piece(frame, np.arange(line, line + count))
        except pl.exceptions.PolarsError:
            pass  # a row with too many cells: find it
    lines = block.decode().split("\n")
    rows = (
        (number, one.rstrip("\r").split(separator), "") for number, one in enumerate(lines, line) if one.strip("\r")
    )
    return piece_of(rows, columns)


def _quoted(
    text: Iterator[bytes], separator: str, columns: list[str], line: int, encoding: Encoding
) -> Iterator[Piece]:
    lines = (one for block in text for one in _lines(block.decode()))
    rows = records(lines, separator, len(columns), line)
    while some := list(_some(rows)):
        yield _sifted(piece_of(some, columns), encoding)


def _some(rows: Iterator[tuple[int, list[str], str]]) -> Iterator[tuple[int, list[str], str]]:
    """The next rows, so many that they are read in the same memory however long they are."""
    characters = 0
    for row in islice(rows, ROWS // 5):
        yield row
        characters += sum(map(len, row[1]))
        if characters > CHARACTERS:
            return


def _lines(text: str) -> Iterator[str]:
    """Lines with their ends; unlike str.splitlines only at line feeds."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start : end + 1]
        start = end + 1
    if start < len(text):
        yield text[start:]


def _sifted(piece: Piece, encoding: Encoding) -> Piece:
    """Without the rows in which bytes were no letters."""
    if not encoding.mends or not len(piece.frame):
        return piece
    bad = piece.frame.select(
        pl.any_horizontal(pl.all().str.contains(BROKEN, literal=True)).fill_null(False)
    ).to_series()
    rejects = [
        Reject(
            int(piece.lines[row]), "", " | ".join(str(one) for one in piece.frame.row(row))[:200], "letters in UTF-8"
        )
        for row in bad.arg_true()
    ]
    keep = ~bad
    return Piece(piece.frame.filter(keep), piece.lines[keep.to_numpy()], [*piece.rejects, *rejects], piece.remarks)
