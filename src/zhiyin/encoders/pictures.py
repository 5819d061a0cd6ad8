"""Pictures and videos of items, read as untrusted files: known formats, bounded size, from one folder only."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from zhiyin.errors import require

LOG = logging.getLogger(__name__)

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
"""What Pillow may open: its other readers have seen less use, and some call programs."""

VIDEOS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")

MOST_BYTES = 200 * 1024 * 1024
MOST_PIXELS = 50_000_000
"""Larger files and pictures are refused before they are decoded."""

SIDE = 512
"""Pictures are shrunk to this many pixels a side: more than any encoder here looks at, little to hold."""


class Unreadable(Exception):
    """A picture that cannot be used, and why. Never leaves the encoders: an item goes without its picture."""


def pictures_of(paths: Sequence[str], root: Path, frames: int) -> list[list[Any]]:
    """For each path its pictures, RGB: one of a photograph, up to `frames` of a video or an animation, evenly spread.

    A path that cannot be read gives an empty list; what was wrong is logged in one line.
    """
    found, wrong = [], []
    for path in paths:
        try:
            found.append(_read(resolved(path, root), frames))
        except Unreadable as error:
            found.append([])
            wrong.append(f"{path}: {error}")
    if wrong:
        LOG.warning("%d of %d pictures cannot be read; first: %s", len(wrong), len(paths), wrong[0])
    return found


def key_of_pictures(paths: Sequence[str], root: Path) -> str:
    """Changes when a picture's content does, or appears where it was missing."""
    digest = blake2b(digest_size=16)
    for path in paths:
        digest.update(path.encode() + b"\x00")
        try:
            with resolved(path, root).open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
        except (Unreadable, OSError):
            digest.update(b"missing")
    return digest.hexdigest()


def resolved(path: str, root: Path) -> Path:
    """The file a path names inside root. Raises Unreadable: for a URL, a path that leaves root, a file that is not there.

    Addresses are never fetched: whoever may write an item could make the server call hosts it should not.
    """
    if "://" in path:
        raise Unreadable("an address, not a file: download it into the pictures' folder and give the path")
    try:
        folder = root.resolve()
        file = (folder / path).resolve()
        if not file.is_relative_to(folder):
            raise Unreadable(f"outside the pictures' folder {folder}")
        if not file.is_file():
            raise Unreadable(f"no such file in {folder}")
        if file.stat().st_size > MOST_BYTES:
            raise Unreadable(f"larger than {MOST_BYTES // 1024**2} MB")
    except (OSError, ValueError) as error:
        raise Unreadable(str(error)) from error
    return file


def _read(file: Path, frames: int) -> list[Any]:
    return _video(file, frames) if file.suffix.lower() in VIDEOS else _picture(file, frames)


def _picture(file: Path, frames: int) -> list[Any]:
    images = require("PIL.Image", "vision")
    try:
        with warnings.catch_warnings(), images.open(file, formats=FORMATS) as opened:
            warnings.simplefilter("ignore")
            if opened.width * opened.height > MOST_PIXELS:
                raise Unreadable(f"{opened.width} × {opened.height} pixels; at most {MOST_PIXELS:,}")
            found = []
            for at in spread(getattr(opened, "n_frames", 1), frames):
                opened.seek(at)
                found.append(_shrunk(opened))
            return found
    except Unreadable:
        raise
    except Exception as error:  # decoders raise whatever a damaged file makes them raise
        raise Unreadable(f"cannot be decoded as {', '.join(FORMATS)} ({type(error).__name__})") from error


def _video(file: Path, frames: int) -> list[Any]:
    av = require("av", "video")
    try:
        with av.open(str(file), options={"protocol_whitelist": "file"}) as opened:
            stream = opened.streams.video[0]
            if stream.width * stream.height > MOST_PIXELS:
                raise Unreadable(f"{stream.width} × {stream.height} pixels; at most {MOST_PIXELS:,}")
            length = float(opened.duration or 0) / 1e6
            return [one for at in range(frames) if (one := _frame(opened, stream, (at + 0.5) / frames * length))]
    except Unreadable:
        raise
    except Exception as error:  # decoders raise whatever a damaged file makes them raise
        raise Unreadable(f"cannot be decoded as a video ({type(error).__name__})") from error


def _frame(opened: Any, stream: Any, second: float) -> Any:
    """The frame shown at a moment: the decoder starts at the key frame before it."""
    opened.seek(int(second * 1e6), backward=True)
    last = None
    for frame in opened.decode(stream):
        last = frame
        if frame.time is None or frame.time >= second:
            break
    return _shrunk(last.to_image()) if last is not None else None


def _shrunk(image: Any) -> Any:
    copy = image.convert("RGB")
    copy.thumbnail((SIDE, SIDE))
    return copy


def spread(count: int, wanted: int) -> list[int]:
    """Up to `wanted` of 0 … count - 1, evenly spread and away from the ends (which are often black or a title)."""
    wanted = min(count, wanted)
    return [int(at) for at in ((np.arange(wanted) + 0.5) / wanted * count)] if wanted else []
