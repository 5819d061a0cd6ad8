"""Rows of separated text with quotes, each with the line it begins on, where a quote that nobody closed costs one row."""

from __future__ import annotations

import csv
import sys
from collections import deque
from collections.abc import Iterable, Iterator

RUNAWAY = 50
"""Lines in a quoted cell that by themselves would each be a row of the right width: then the quote was never closed."""

LONGEST = 16 * 2**20
"""Characters of a quoted cell and its row, beyond which the quote was never closed."""

UNCLOSED = "every quote that opens a cell to be closed"

csv.field_size_limit(sys.maxsize)  # the limit of a cell is ours, and the same for quoted and plain ones


class _Runaway(Exception):
    """More lines in one cell than anybody means."""


class _Lines:
    """Numbered lines for csv.reader; those of the row being read can be taken back."""

    def __init__(self, lines: Iterable[str], separator: str, width: int) -> None:
        self.lines = iter(lines)
        self.waiting: deque[str] = deque()
        self.row: list[str] = []
        self.length = 0
        self.alone = 0
        self.between = (separator, width - 1)

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        if len(self.row) > 1:
            separator, count = self.between
            self.alone = self.alone + 1 if self.row[-1].count(separator) == count else 0
            if self.alone >= RUNAWAY or self.length > LONGEST:
                raise _Runaway
        line = self.waiting.popleft() if self.waiting else next(self.lines)
        self.row.append(line)
        self.length += len(line)
        return line

    def taken(self) -> list[str]:
        """The lines of the row just read."""
        row, self.row, self.length, self.alone = self.row, [], 0, 0
        return row


def records(lines: Iterable[str], separator: str, width: int, line: int) -> Iterator[tuple[int, list[str], str]]:
    """Rows as (line, cells, remark). remark: "" or UNCLOSED, where a line was read as it stands, quotes and all.

    lines: with their ends. line: the number of the first. Quotes double inside quotes, or follow a backslash.
    """
    feed = _Lines(lines, separator, width)
    while True:
        reader = csv.reader(feed, delimiter=separator)
        try:
            for cells in reader:
                used = feed.taken()
                found = _sure(cells, used, separator, width)
                if found is None:
                    yield line, _plain(used[0], separator), UNCLOSED
                    feed.waiting.extendleft(reversed(used[1:]))
                    line += 1
                    break  # a new reader, since this one has read ahead
                if cells:
                    yield line, found, ""
                line += len(used)
            else:
                return
        except (_Runaway, csv.Error):
            used = feed.taken()
            yield line, _plain(used[0], separator), UNCLOSED
            feed.waiting.extendleft(reversed(used[1:]))
            line += 1


def _sure(cells: list[str], used: list[str], separator: str, width: int) -> list[str] | None:
    """The cells of a row, None where its quotes cannot be meant so."""
    if len(used) == 1 and '\\"' not in used[0]:
        # An open quote at the very end of a file keeps the line's end.
        return [*cells[:-1], cells[-1].rstrip("\r\n")] if cells else cells
    text = "".join(used)
    strict = _strictly(text, separator)
    if '\\"' in text and (strict is None or len(strict) != width):
        escaped = _strictly(text, separator, escaped=True)
        if escaped is not None and len(escaped) == width:
            return escaped
    if len(used) == 1:
        return cells if strict is None else strict
    inner = used[1:-1]
    rows = len(inner) >= 3 and all(one.count(separator) == width - 1 for one in inner)
    return None if rows else strict


def _strictly(text: str, separator: str, escaped: bool = False) -> list[str] | None:
    """The one row that a text is by the rules, None where it breaks them."""
    how = {"doublequote": False, "escapechar": "\\"} if escaped else {}
    try:
        found = list(csv.reader([text], delimiter=separator, strict=True, **how))  # type: ignore[arg-type]
    except csv.Error:
        return None
    return found[0] if len(found) == 1 else None


def _plain(line: str, separator: str) -> list[str]:
    """A line cut at its separators; a quote that opens a cell and is alone in it goes."""
    cells = line.rstrip("\r\n").split(separator)
    return [cell[1:] if cell.startswith('"') and cell.count('"') == 1 else cell for cell in cells]
