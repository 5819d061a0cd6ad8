"""Pieces: some rows of a file with the line each stands on, and the rows that could not be read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from zhiyin.arrays import Array

ROWS = 500_000
"""Rows of a piece at most."""


LONGEST_CELL = 200_000
"""Characters of any text at most, quoted or not; what is longer is cut there."""

READ_AS_IT_STANDS = "a quote is opened and never closed, its line was read as it stands"


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be read, and why."""

    line: int
    column: str
    value: str
    allowed: str


@dataclass(frozen=True)
class Piece:
    """Some rows of a file. lines: the line (in Parquet the row) each stands on, from 1. [rows]

    remarks: rows that were kept although something in them was not as it should be.
    """

    frame: pl.DataFrame
    lines: Array
    rejects: list[Reject] = field(default_factory=list)
    remarks: list[Reject] = field(default_factory=list)


def cut(piece: Piece) -> Piece:
    """A piece without the ends of texts that are longer than LONGEST_CELL, and a remark for each."""
    remarks = []
    columns = {}
    for name in piece.frame.columns:
        column = piece.frame[name]
        if column.dtype == pl.String and bool((long := (column.str.len_bytes() > LONGEST_CELL).fill_null(False)).any()):
            said = f"longer than {LONGEST_CELL:,} characters, the rest was cut off"
            rows = (long & (column.str.len_chars() > LONGEST_CELL)).arg_true()
            remarks += [Reject(int(piece.lines[row]), name, str(column[int(row)])[:200], said) for row in rows]
            columns[name] = column.str.slice(0, LONGEST_CELL)
    if not remarks:
        return piece
    frame = piece.frame.with_columns(column.alias(name) for name, column in columns.items())
    return replace(piece, frame=frame, remarks=[*piece.remarks, *remarks])


def piece_of(rows: Iterable[tuple[int, list[str], str]], columns: list[str]) -> Piece:
    """A piece of (line, cells, remark). Cells too many that are empty are left off, other rows of the wrong width refused."""
    width = len(columns)
    right: list[list[str]] = []
    lines: list[int] = []
    rejects: list[Reject] = []
    remarks: list[Reject] = []
    for line, cells, remark in rows:
        if len(cells) > width and not any(cells[width:]):
            cells = cells[:width]
        if len(cells) == width:
            right.append(cells)
            lines.append(line)
            if remark:
                remarks.append(Reject(line, "", " | ".join(cells)[:200], READ_AS_IT_STANDS))
        else:
            allowed = remark or f"{width} cells, found {len(cells)}"
            rejects.append(Reject(line, "", " | ".join(cells)[:200], allowed))
    frame = pl.DataFrame(right, schema=dict.fromkeys(columns, pl.String), orient="row")
    return Piece(frame, np.array(lines, np.int64), rejects, remarks)
