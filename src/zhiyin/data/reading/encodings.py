"""Which encoding a text file is in, told from its bytes, so that its letters come out right or it is refused."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from zhiyin.errors import DataError

BLOCK = 16 * 2**20
"""Bytes read at once from a text file."""

BROKEN = "\ufffd"
"""Stands for bytes that are no letter; rows that hold it are set aside."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

FEW = 0.01
"""Of the letters beyond ASCII that may be broken in a UTF-8 file; its rows with them are set aside."""

_RUNS = re.compile(rb"[\x80-\xff]+")
_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


@dataclass(frozen=True)
class Encoding:
    """name: of the encoding. mends: whether bytes in it may be broken, so that BROKEN stands for them."""

    name: str
    mends: bool = False


def encoding_of(path: Path, opened: Callable[[], IO[bytes]], asked: str = "") -> Encoding:
    """What a text file is in; every byte is looked at, so that a file that is refused is refused before it is read.

    UTF-8, UTF-16 and UTF-32 are told by their marks and by what is valid, GB18030 (with GBK and GB2312) and Windows-1252
    (with Latin-1) by how their letters stand together. Raises DataError that names what to do.
    """
    if asked:
        return _checked(path, opened, asked)
    with opened() as stream:
        head = stream.read(4096)
    for mark, name in MARKS:
        if head.startswith(mark):
            return _checked(path, opened, name)
    if head[1::2].count(0) > len(head) / 6 or head[::2].count(0) > len(head) / 6:
        name = "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        return _checked(path, opened, name)
    if _valid(opened, "utf-8"):
        return Encoding("utf-8")
    return _other(path, opened)


def blocks(opened: IO[bytes], encoding: Encoding) -> Iterator[bytes]:
    """A stream as UTF-8 in blocks, without its mark."""
    if encoding.name == "utf-8" and not encoding.mends:
        while block := opened.read(BLOCK):
            yield block
        return
    errors = "replace" if encoding.mends else "strict"
    decoder = codecs.getincrementaldecoder(encoding.name)(errors)
    while block := opened.read(BLOCK):
        yield decoder.decode(block).encode("utf-8", "replace")
    yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def _checked(path: Path, opened: Callable[[], IO[bytes]], name: str) -> Encoding:
    if _valid(opened, name):
        return Encoding(codecs.lookup(name).name if name not in ("utf-8-sig", "utf-16", "utf-32") else name)
    if codecs.lookup(name).name in ("utf-8", "utf-8-sig") and _share_broken(opened) <= FEW:
        return Encoding(name, mends=True)
    raise DataError(
        f"{path}: not text in {name}, line {_line_of_first(opened, name)}; give another --encoding, or convert the file, "
        f"e.g. iconv -f gb18030 -t utf-8"
    )


def _valid(opened: Callable[[], IO[bytes]], name: str) -> bool:
    decoder = codecs.getincrementaldecoder(name)("strict")
    plain = name.startswith(("utf-8", "gb", "cp", "latin", "iso"))
    try:
        with opened() as stream:
            while block := stream.read(BLOCK):
                if not (plain and block.isascii() and not decoder.getstate()[0]):
                    decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def _other(path: Path, opened: Callable[[], IO[bytes]]) -> Encoding:
    """Not UTF-8: broken UTF-8, Chinese, or Western European. Letters of Chinese stand together, accents stand alone."""
    if _share_broken(opened) <= FEW:
        return Encoding("utf-8", mends=True)
    sample = _beyond_ascii(opened)
    runs = _RUNS.findall(sample)
    together = sum(len(run) for run in runs if len(run) > 1) / max(sum(len(run) for run in runs), 1)
    if together > 0.7 and _common(sample) and _valid(opened, "gb18030"):
        return Encoding("gb18030")
    if together < 0.7 and _valid(opened, "cp1252"):
        return Encoding("cp1252")
    if together < 0.7 and not re.search(rb"[\x80-\x9f]", sample):
        return Encoding("latin-1")
    line = _line_of_first(opened, "utf-8")
    raise DataError(
        f"{path}: not UTF-8 text (line {line}), and its encoding cannot be told for certain. Say it, e.g. "
        f"--encoding gb18030 (Chinese), big5, shift_jis, euc-kr, cp1251 or latin-1; or convert the file first, e.g. "
        f"iconv -f gb18030 -t utf-8"
    )


def _common(sample: bytes) -> bool:
    """Whether text read as GB18030 is of common characters: the first plane of GB2312 (lead bytes B0 to D7), or marks."""
    pairs = [one for run in _RUNS.findall(sample) for one in run[: len(run) // 2 * 2 : 2]]
    common = sum(0xB0 <= lead <= 0xD7 or 0xA1 <= lead <= 0xA3 for lead in pairs)
    return bool(common >= 0.8 * max(len(pairs), 1))


def _beyond_ascii(opened: Callable[[], IO[bytes]]) -> bytes:
    """The first lines that hold more than ASCII, a million bytes at most."""
    found = bytearray()
    with opened() as stream:
        while (block := stream.read(BLOCK)) and len(found) < 1_000_000:
            for line in block.splitlines():
                if not line.isascii():
                    found += line + b"\n"
                if len(found) >= 1_000_000:
                    break
    return bytes(found)


def _share_broken(opened: Callable[[], IO[bytes]]) -> float:
    sample = _beyond_ascii(opened)
    high = sum(map(len, _RUNS.findall(sample)))
    valid = sum(map(len, _UTF8.findall(sample)))
    return 1 - valid / high if high else 0.0


def _line_of_first(opened: Callable[[], IO[bytes]], name: str) -> int:
    """The line on which the first byte stands that is no letter."""
    decoder = codecs.getincrementaldecoder(name)("strict")
    line = 1
    with opened() as stream:
        while block := stream.read(BLOCK):
            try:
                decoder.decode(block)
            except UnicodeDecodeError as error:
                return line + block[: error.start].count(b"\n")
            line += block.count(b"\n")
    return line
