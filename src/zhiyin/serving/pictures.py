"""Pictures: an item's picture for its card. Files are untrusted: only what its first bytes say is a known picture is sent.

A path is looked up inside one folder; an address is sent on to, where its host is allowed, and never fetched from here.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Header
from fastapi import Path as InPath
from fastapi.responses import RedirectResponse, Response

from zhiyin.encoders.pictures import VIDEOS, Unreadable, resolved
from zhiyin.item import Item
from zhiyin.serving import wire
from zhiyin.serving.callers import Needs
from zhiyin.serving.engine import Engine
from zhiyin.serving.failures import Refused
from zhiyin.serving.pools import Pools

MOST_BYTES = 8 * 1024 * 1024
MOST_PIXELS = 40_000_000
"""A small file may unpack to more than a telephone holds."""

TRIED = 4
"""Of an item's pictures, those looked at until one can be shown."""

KEPT = "private, max-age=600"

_BYTES = {"schema": {"type": "string", "format": "binary"}}
PICTURE: dict[int | str, dict[str, Any]] = {
    200: {"content": dict.fromkeys(("image/png", "image/jpeg", "image/webp", "image/gif"), _BYTES)},
    302: {"description": "The picture is at another host, one of those allowed."},
    304: {"description": "The picture is the one that the caller has."},
}


def shape_of(content: bytes) -> tuple[str, int, int]:
    """Media type, width and height of a picture, read off its first bytes. Raises Unreadable for anything else.

    What a file is called says nothing: a page named .png stays a page. SVG is none of them, since it may hold scripts.
    """
    try:
        if content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR":
            return "image/png", *struct.unpack(">II", content[16:24])
        if content[:6] in (b"GIF87a", b"GIF89a"):
            return "image/gif", *struct.unpack("<HH", content[6:10])
        if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
            return "image/webp", *_webp(content)
        if content[:3] == b"\xff\xd8\xff":
            return "image/jpeg", *_jpeg(content)
    except (struct.error, IndexError) as error:
        raise Unreadable("the file ends too early") from error
    raise Unreadable("neither PNG, JPEG, WebP nor GIF")


def _webp(content: bytes) -> tuple[int, int]:
    kind = content[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", content[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise Unreadable("a WebP of no known kind")


def _jpeg(content: bytes) -> tuple[int, int]:
    """The frame header, found by going from segment to segment."""
    at = 2
    while content[at] == 0xFF:
        kind = content[at + 1]
        if kind == 0xFF:
            at += 1
            continue
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        at += 2 + struct.unpack(">H", content[at + 2 : at + 4])[0]
    raise Unreadable("a JPEG without a frame")


def read_picture(path: str, root: Path) -> tuple[bytes, str]:
    """A picture inside a folder and its media type. Raises Unreadable."""
    file = resolved(path, root)
    if file.suffix.lower() in VIDEOS:
        raise Unreadable("a video")
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unreadable(str(error)) from error
    if len(content) > MOST_BYTES:
        raise Unreadable(f"larger than {MOST_BYTES // 1024**2} MB")
    kind, width, height = shape_of(content)
    if not 0 < width * height <= MOST_PIXELS:
        raise Unreadable(f"{width} × {height} pixels; at most {MOST_PIXELS:,}")
    return content, kind


def allowed_address(path: str, hosts: frozenset[str]) -> str | None:
    """An https address as it may be sent to a browser; None unless its host is one of those allowed."""
    try:
        parts = urlsplit(path)
        allowed = parts.scheme == "https" and parts.netloc.casefold() in hosts and "@" not in parts.netloc
    except ValueError:
        return None
    return path if allowed and path.isascii() and path.isprintable() and "\\" not in path and " " not in path else None


def make_pictures(engine: Engine, pools: Pools) -> APIRouter:
    """The route of pictures."""
    router = APIRouter(responses={404: {"model": wire.Failure}, 422: {"model": wire.Failure}})

    @router.get(
        "/items/{item_id:id}/picture", tags=["items"], dependencies=[Depends(Needs("read"))], response_class=Response,
        responses=PICTURE,
    )  # fmt: skip
    async def picture(
        item_id: Annotated[wire.Id, InPath(description="The item's id; may hold slashes.")],
        if_none_match: Annotated[str, Header(max_length=200)] = "",
    ) -> Response:
        """The first picture of an item that can be shown: PNG, JPEG, WebP or GIF."""
        return await pools.answers(lambda: _answer(engine.item(item_id), engine, if_none_match))

    return router


def _answer(item: Item, engine: Engine, known: str) -> Response:
    for path in () if item.hidden else item.images[:TRIED]:
        address = allowed_address(path, engine.settings.picture_hosts)
        if address is not None:
            return RedirectResponse(address, 302, {"cache-control": KEPT})
        try:
            content, kind = read_picture(path, engine.settings.pictures)
        except Unreadable:
            continue
        headers = {"cache-control": KEPT, "etag": f'"{blake2b(content, digest_size=12).hexdigest()}"'}
        if known == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers={**headers, "content-disposition": "inline"})
    raise Refused(404, "no_picture", f"item '{item.item_id}' has no picture that can be shown")
