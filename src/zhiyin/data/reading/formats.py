"""Files as pieces of tables with line numbers: CSV, TSV, JSONL (each plain or gz), Parquet, RecBole's and MovieLens' own."""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl

from zhiyin.data.reading.encodings import BROKEN, blocks, encoding_of
from zhiyin.data.reading.pieces import ROWS, Piece, Reject
from zhiyin.data.reading.separated import CHARACTERS, HEADLESS, LONGEST_LINE, separated
from zhiyin.data.reading.typed import untyped
from zhiyin.errors import DataError, first_line

KINDS = ".csv, .tsv, .jsonl, .ndjson, .json (each also .gz), .parquet, .inter, .item, .user, .net, ratings.dat, u.data"

TEXTS = (".csv", ".tsv", ".tab", ".txt", ".dat", ".inter", ".item", ".user", ".net")

CELLS = 10_000_000
"""Of a piece at most, empty ones included."""

MOST_NAMES = 10_000
"""Different names in the objects of a file at most."""

UNPACKED, TIMES = 2**30, 100
"""Bytes that a packed file may hold, or so many times its own size where that is more."""

ADVICE = {
    ".zip": "unpack it first, e.g. unzip",
    ".7z": "unpack it first",
    ".tar": "unpack it first, e.g. tar -xf",
    ".bz2": "unpack it first, e.g. bunzip2",
    ".xz": "unpack it first, e.g. unxz",
    ".zst": "unpack it first, e.g. unzstd",
    ".xlsx": "save it as CSV (UTF-8) in the spreadsheet",
    ".xls": "save it as CSV (UTF-8) in the spreadsheet",
    ".ods": "save it as CSV (UTF-8) in the spreadsheet",
    ".pkl": "save it as Parquet, e.g. pandas.read_pickle(…).to_parquet(…)",
    ".feather": "save it as Parquet",
    ".sqlite": "write its tables out as CSV",
    ".db": "write its tables out as CSV",
}
"""What to do with files of other kinds."""


def readable(path: Path) -> bool:
    """Whether a file's name is of a kind that is read."""
    plain = path.name.lower().removesuffix(".gz")
    return plain.endswith((*TEXTS, ".parquet", ".pq", ".jsonl", ".ndjson", ".json")) or plain.startswith(
        ("u.data", "u.user")
    )


def pieces(path: Path, encoding: str = "") -> Iterator[Piece]:
    """A file piece by piece; cells of text files stay text. encoding: of text, "" to tell from its bytes.

    Raises DataError that names the file, the line and why.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: the file is empty")
    try:
        yield from _pieces(path, encoding)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: the gzip data is cut off or damaged ({error}); nothing of it was stored") from error
    except UnicodeError as error:
        raise DataError(f"{path}: not text in the encoding of its beginning ({first_line(error)})") from error
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {first_line(error)}") from error


def _pieces(path: Path, encoding: str) -> Iterator[Piece]:
    name = path.name.lower()
    if name.endswith((".parquet", ".pq")):
        yield from _parquet(path)
        return
    plain = name.removesuffix(".gz")
    opened = partial(_open, path)
    if plain.endswith((".jsonl", ".ndjson", ".json")):
        yield from _json(path, encoding)
    elif plain.endswith(TEXTS) or plain in ("u.data", "u.user", "u.item") or _headless(plain):
        yield from separated(path, opened, plain, encoding)
    else:
        advice = next((f"; {one}" for end, one in ADVICE.items() if plain.endswith(end)), "")
        raise DataError(f"{path}: what this file is cannot be told from its name{advice}; there may be {KINDS}")


def _headless(plain: str) -> bool:
    return any(re.fullmatch(name, plain) for name in HEADLESS)


def _open(path: Path) -> IO[bytes]:
    if not path.name.lower().endswith(".gz"):
        return path.open("rb")
    return _Unpacked(path)  # type: ignore[return-value]


class _Unpacked(gzip.GzipFile):
    """A packed file, read up to a limit: a few bytes may hold more than a disk. Raises DataError beyond it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self.path = path
        self.most = max(UNPACKED, TIMES * path.stat().st_size)

    def read(self, size: int | None = -1) -> bytes:
        """See IO."""
        found = super().read(self.most + 1 if size is None or size < 0 else size)
        if self.tell() > self.most:
            raise DataError(
                f"{self.path}: unpacks to more than {self.most / 2**30:.1f} GiB, the most that is unpacked of a file of "
                f"{self.path.stat().st_size:,} bytes; if that is right, unpack it first (gunzip) and give the plain file"
            )
        return found


def _parquet(path: Path) -> Iterator[Piece]:
    scan = pl.scan_parquet(path)
    count = int(scan.select(pl.len()).collect().item())
    for start in range(0, count, ROWS):
        frame = untyped(scan.slice(start, ROWS).collect())
        yield Piece(frame, np.arange(start + 1, start + 1 + len(frame)))
    if not count:
        raise DataError(f"{path}: there are no rows in it; columns: {', '.join(scan.collect_schema().names())}")


# -- JSON lines -----------------------------------------------------------------------------------------------------


def _json(path: Path, asked: str) -> Iterator[Piece]:
    encoding = encoding_of(path, partial(_open, path), asked)
    some = _Some(path)
    found = False
    with _open(path) as stream:
        for number, text in enumerate(_text_lines(path, blocks(stream, encoding)), 1):
            if not text:
                continue
            if not found and text[0] == "[":
                raise DataError(f"{path}: one JSON array; there must be one JSON object a line, e.g. jq -c '.[]'")
            found = True
            row = _object(text, number, some.rejects, encoding.mends)
            if row is not None and some.full(row, number, len(text)):
                yield some.piece()
    if not found:
        raise DataError(f"{path}: the file is empty")
    yield some.piece()


class _Some:
    """Rows of JSON until they are enough for a piece: many, long, or with so many names that most cells are empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.named: set[str] = set()
        self._begin()

    def _begin(self) -> None:
        self.rows: list[dict[str, str | None]] = []
        self.lines: list[int] = []
        self.rejects: list[Reject] = []
        self.names: set[str] = set()
        self.characters = 0

    def full(self, row: dict[str, Any], number: int, characters: int) -> bool:
        """Take a row; whether there are enough now. Raises DataError for more names than a table has."""
        self.rows.append({name: _cell(value) for name, value in row.items()})
        self.lines.append(number)
        self.characters += characters
        self.names.update(row)
        self.named.update(row)
        if len(self.named) > MOST_NAMES:
            raise DataError(
                f"{self.path}: line {number}: over {MOST_NAMES:,} different names in its objects; is it a table?"
            )
        cells = len(self.rows) * len(self.names)
        return len(self.rows) == ROWS // 5 or self.characters > CHARACTERS or cells > CELLS

    def piece(self) -> Piece:
        """What was taken, as a piece; the next one begins."""
        made = _json_piece(self.rows, self.lines, self.rejects)
        self._begin()
        return made


def _text_lines(path: Path, every: Iterator[bytes]) -> Iterator[str]:
    rest: list[bytes] = []  # of a line that goes on in the next block; joined once
    number = 1
    for block in every:
        first, *lines = block.split(b"\n")
        rest.append(first)
        if not lines:
            if sum(map(len, rest)) > LONGEST_LINE:
                raise DataError(f"{path}: line {number} is longer than {LONGEST_LINE:,} bytes")
            continue
        yield from (_text(line) for line in (b"".join(rest), *lines[:-1]))
        number += len(lines)
        rest = [lines[-1]]
    yield _text(b"".join(rest))


def _text(line: bytes) -> str:
    return line.decode().strip().removeprefix("\ufeff")


def _object(text: str, number: int, rejects: list[Reject], mends: bool) -> dict[str, Any] | None:
    why = "letters in UTF-8" if mends and BROKEN in text else ""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        row, why = None, f"one JSON object a line: {error}"
    if isinstance(row, dict) and not why:
        return row
    rejects.append(Reject(number, "", text[:200], why or "one JSON object a line"))
    return None


def _json_piece(rows: list[dict[str, Any]], lines: list[int], rejects: list[Reject]) -> Piece:
    try:
        return _named(rows, lines, rejects)
    except UnicodeEncodeError:  # half of a pair of surrogates, which JSON can write and no text can hold
        whole = [{_letters(name): value and _letters(value) for name, value in row.items()} for row in rows]
        return _named(whole, lines, rejects)


def _letters(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _named(rows: list[dict[str, Any]], lines: list[int], rejects: list[Reject]) -> Piece:
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
