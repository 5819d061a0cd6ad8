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
from zhiyin.data.reading.separated import HEADLESS, separated
from zhiyin.data.reading.typed import untyped
from zhiyin.errors import DataError, first_line

KINDS = ".csv, .tsv, .jsonl, .ndjson, .json (each also .gz), .parquet, .inter, .item, .user, .net, ratings.dat, u.data"

TEXTS = (".csv", ".tsv", ".tab", ".txt", ".dat", ".inter", ".item", ".user", ".net")

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
    return gzip.open(path, "rb") if path.name.lower().endswith(".gz") else path.open("rb")  # type: ignore[return-value]


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
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    rejects: list[Reject] = []
    found = False
    with _open(path) as stream:
        for number, text in enumerate(_text_lines(blocks(stream, encoding)), 1):
            if not text:
                continue
            if not found and text[0] == "[":
                raise DataError(f"{path}: one JSON array; there must be one JSON object a line, e.g. jq -c '.[]'")
            found = True
            row = _object(text, number, rejects, encoding.mends)
            if row is None:
                continue
            rows.append({name: _cell(value) for name, value in row.items()})
            lines.append(number)
            if len(rows) == ROWS // 5:
                yield _json_piece(rows, lines, rejects)
                rows, lines, rejects = [], [], []
    if not found:
        raise DataError(f"{path}: the file is empty")
    yield _json_piece(rows, lines, rejects)


def _text_lines(every: Iterator[bytes]) -> Iterator[str]:
    rest = b""
    for block in every:
        *lines, rest = (rest + block).split(b"\n")
        yield from (line.decode().strip().removeprefix("\ufeff") for line in lines)
    yield rest.decode().strip().removeprefix("\ufeff")


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
