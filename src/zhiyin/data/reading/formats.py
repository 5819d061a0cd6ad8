"""Files as pieces of tables with line numbers: CSV, TSV, JSONL (each plain or gz), Parquet, RecBole's and MovieLens' own."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from zhiyin.arrays import Array
from zhiyin.errors import DataError

ROWS = 500_000
"""Rows of a piece at most."""

BLOCK = 16 * 2**20
"""Bytes read at once from a text file."""

MOVIELENS: dict[str, tuple[str, tuple[str, ...]]] = {
    "ratings.dat": ("::", ("userId", "movieId", "rating", "timestamp")),
    "movies.dat": ("::", ("movieId", "title", "genres")),
    "users.dat": ("::", ("userId", "gender", "age", "occupation", "zip")),
    "u.data": ("\t", ("userId", "movieId", "rating", "timestamp")),
    "u.user": ("|", ("userId", "age", "gender", "occupation", "zip")),
    "u.item": ("|", ("movieId", "title", "release_date", "video_date", "url", *(f"genre_{n}" for n in range(19)))),
}
"""Files without a header: their separator and columns. They are in Latin-1."""

KINDS = ".csv, .tsv, .jsonl, .ndjson, .json (each also .gz), .parquet, .inter, .item, .user, .net, ratings.dat, u.data"


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read, and why."""

    line: int
    column: str
    value: str
    allowed: str


@dataclass(frozen=True)
class Piece:
    """Some rows of a file. lines: the line (in Parquet the row) each stands on, from 1. [rows]"""

    frame: pl.DataFrame
    lines: Array
    rejects: list[Reject] = field(default_factory=list)


def pieces(path: Path) -> Iterator[Piece]:
    """A file piece by piece; cells of text files stay text. Raises DataError that names the file, the line and why."""
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    try:
        yield from _pieces(path)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(
            f"{path}: the gzip data is cut off or damaged ({error}); what came before it is kept"
        ) from error
    except UnicodeDecodeError as error:
        found = error.object[error.start : error.start + 1]
        raise DataError(
            f"{path}: not UTF-8 text (byte {found!r}); convert it first, e.g. iconv -f latin1 -t utf-8"
        ) from error
    except (pl.exceptions.PolarsError, OSError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _pieces(path: Path) -> Iterator[Piece]:
    name = path.name.lower()
    if name.endswith(".parquet"):
        yield from _parquet(path)
        return
    plain = name.removesuffix(".gz")
    with gzip.open(path, "rb") if name.endswith(".gz") else path.open("rb") as opened:
        stream: Any = opened
        if plain in MOVIELENS:
            separator, columns = MOVIELENS[plain]
            yield from _lines(path, stream, separator, list(columns), 1, "latin-1")
        elif plain.endswith((".jsonl", ".ndjson", ".json")):
            yield from _json(path, stream)
        elif plain.endswith((".csv", ".tsv", ".txt", ".inter", ".item", ".user", ".net")):
            yield from _with_header(path, stream)
        else:
            raise DataError(f"{path}: what this file is cannot be told from its name; there may be {KINDS}")


def _parquet(path: Path) -> Iterator[Piece]:
    scan = pl.scan_parquet(path)
    count = int(scan.select(pl.len()).collect().item())
    for start in range(0, count, ROWS):
        frame = scan.slice(start, ROWS).collect()
        yield Piece(frame, np.arange(start + 1, start + 1 + len(frame)))
    if not count:
        raise DataError(f"{path}: there are no rows in it; columns: {', '.join(scan.collect_schema().names())}")


# -- separated text -------------------------------------------------------------------------------------------------


def _with_header(path: Path, stream: IO[bytes]) -> Iterator[Piece]:
    first = stream.readline()
    if first.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: this is UTF-16; convert it first, e.g. iconv -f utf-16 -t utf-8")
    text = first.decode("utf-8-sig").rstrip("\r\n")
    if not text.strip():
        raise DataError(f"{path}: the first line is empty; it must name the columns")
    separator = max(",\t;|", key=text.count)
    columns = next(csv.reader([text], delimiter=separator))
    if len(set(columns)) < len(columns):
        raise DataError(f"{path}: two columns have one name: {', '.join(columns)}")
    yield from _lines(path, stream, separator, columns, 2, "utf-8")


def _lines(
    path: Path, stream: IO[bytes], separator: str, columns: list[str], line: int, encoding: str
) -> Iterator[Piece]:
    """Blocks of whole lines. From the first quote on, rows may span lines and the slow, exact reader takes over."""
    rest = b""
    empty = True
    while block := stream.read(BLOCK):
        empty = False
        if b'"' in block and len(separator) == 1:
            text = io.TextIOWrapper(_Joined(rest + block, stream), encoding, newline="")  # type: ignore[type-var]
            yield from _csv_rows(text, separator, columns, line)
            return
        block = rest + block
        cut = block.rfind(b"\n") + 1
        block, rest = block[:cut], block[cut:]
        if block:
            yield _fast(block.decode(encoding), separator, columns, line)
            line += block.count(b"\n")
        if len(rest) > 4 * BLOCK:
            raise DataError(f"{path}: line {line} is longer than {4 * BLOCK:,} bytes")
    if rest:
        yield _fast(rest.decode(encoding), separator, columns, line)
    if empty:
        raise DataError(f"{path}: there is no row after the column names {', '.join(columns)}")


def _fast(text: str, separator: str, columns: list[str], line: int) -> Piece:
    if len(separator) > 1:
        text, separator = text.replace(separator, "\x1f"), "\x1f"
    count = text.count("\n") + (not text.endswith("\n"))
    try:
        frame = pl.read_csv(
            text.encode(),
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
    rows = ((number, one.split(separator)) for number, one in enumerate(text.splitlines(), line) if one.strip())
    return _piece(list(rows), columns)


def _csv_rows(text: IO[str], separator: str, columns: list[str], line: int) -> Iterator[Piece]:
    reader = csv.reader(text, delimiter=separator)
    rows: list[tuple[int, list[str]]] = []
    start = 0
    for cells in reader:
        if cells:
            rows.append((line + start, cells))
        start = reader.line_num
        if len(rows) == ROWS // 5:
            yield _piece(rows, columns)
            rows = []
    yield _piece(rows, columns)


def _piece(rows: list[tuple[int, list[str]]], columns: list[str]) -> Piece:
    width = len(columns)
    rejects = [
        Reject(line, "", separated[:200], f"{width} cells, found {len(cells)}")
        for line, cells in rows
        if len(cells) != width
        for separated in (" | ".join(cells),)
    ]
    right = [(line, cells) for line, cells in rows if len(cells) == width]
    frame = pl.DataFrame([cells for _, cells in right], schema=dict.fromkeys(columns, pl.String), orient="row")
    return Piece(frame, np.array([line for line, _ in right], np.int64), rejects)


class _Joined(io.RawIOBase):
    """What was read already, and then the rest of the stream."""

    def __init__(self, head: bytes, tail: IO[bytes]) -> None:
        self.head = head
        self.tail = tail

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        return self.read(size)

    def read(self, size: int = -1) -> bytes:
        if self.head:
            size = len(self.head) if size < 0 else size
            found, self.head = self.head[:size], self.head[size:]
            return found
        return self.tail.read(size)


# -- JSON lines -----------------------------------------------------------------------------------------------------


def _json(path: Path, stream: IO[bytes]) -> Iterator[Piece]:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    rejects: list[Reject] = []
    found = False
    for number, raw in enumerate(stream, 1):
        text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        if not text:
            continue
        if number == 1 and text[0] == "[":
            raise DataError(f"{path}: one JSON array; there must be one JSON object a line, e.g. jq -c '.[]'")
        found = True
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            rejects.append(Reject(number, "", text[:200], f"one JSON object a line: {error}"))
            continue
        if not isinstance(row, dict):
            rejects.append(Reject(number, "", text[:200], "one JSON object a line"))
            continue
        rows.append({name: _cell(value) for name, value in row.items()})
        lines.append(number)
        if len(rows) == ROWS // 5:
            yield _json_piece(rows, lines, rejects)
            rows, lines, rejects = [], [], []
    if not found:
        raise DataError(f"{path}: the file is empty")
    yield _json_piece(rows, lines, rejects)


def _json_piece(rows: list[dict[str, Any]], lines: list[int], rejects: list[Reject]) -> Piece:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: pl.Series(name, [row.get(name) for row in rows], pl.String) for name in names}
    return Piece(pl.DataFrame(columns), np.array(lines, np.int64), rejects)


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return (
        str(value)
        if isinstance(value, int | float) and not isinstance(value, bool)
        else json.dumps(value, ensure_ascii=False)
    )
