"""Pages of an SQLite file: whether a text still stands where no row is.

`secure_delete` clears what a deletion frees. But when SQLite spreads the rows of a full page over others, what it moved
stays between the rows of the old page and its list of them, and a later deletion clears only the row that moved. So a file
is looked through, and written anew (VACUUM) where something was found. See sqlite.org/fileformat2.html, section 1.6.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TABLE_OR_INDEX = {2: 12, 5: 12, 10: 8, 13: 8}
"""The kinds of pages that hold rows, and how long the head of each is."""

FILE_HEAD = 100
"""Bytes of the file's own head, before the first page's."""


def left_behind(file: Path, texts: Sequence[bytes]) -> bool:
    """Whether one of some texts stands in an SQLite file outside the rows. The write-ahead log must be empty."""
    line = [sys.executable, "-I", "-S", __file__, str(file)]
    asked = "\n".join(text.hex() for text in texts).encode()  # not as arguments, which others on the machine can read
    done = subprocess.run(line, input=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    return done.stdout.strip() != b"clean"  # where it cannot be told, the file is written anew


def _found(file: Path, texts: Sequence[bytes]) -> bool:
    with file.open("rb") as opened:
        head = opened.read(FILE_HEAD)
        size = int.from_bytes(head[16:18], "big")
        size = 65_536 if size == 1 else size
        opened.seek(0)
        start = FILE_HEAD
        while page := opened.read(size):
            outside = _outside_rows(page, start).strip(b"\x00")
            if outside and any(text in outside for text in texts):
                return True
            start = 0
    return False


def _outside_rows(page: bytes, start: int) -> bytes:
    """The part of a page that no row is in; all of a page of another kind, whose rows cannot be told."""
    head = TABLE_OR_INDEX.get(page[start])
    if head is None:
        return page
    rows = int.from_bytes(page[start + 3 : start + 5], "big")
    content = int.from_bytes(page[start + 5 : start + 7], "big") or 65_536
    return page[start + head + 2 * rows : content]


if __name__ == "__main__":
    wanted = [bytes.fromhex(line) for line in sys.stdin.read().split()]
    print("found" if _found(Path(sys.argv[1]), wanted) else "clean")
