"""Ids in paths: an encoded slash (%2F) is part of an id, a plain one may be; so every id can be asked for.

Servers decode a path before it is routed, and the id "x/similar" would be taken for the items similar to "x". An encoded
slash therefore travels as a letter of its own up to the route's parameter.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

from fastapi import APIRouter, Response
from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

SLASH = "\ufdd0"
"""Stands for an encoded slash. Unicode keeps this sign for use inside programs; no text holds it."""

_ENCODED = re.compile(rb"%2[fF]")


class IdConvertor(Convertor[str]):
    """The rest of a path as an id: `/items/{item_id:id}`."""

    regex = "(?s:.+)"

    def convert(self, value: str) -> str:
        """The id as its owner wrote it."""
        return value.replace(SLASH, "/")

    def to_string(self, value: str) -> str:
        """The id as a part of a path."""
        return value.replace("/", "%2F")


class IdPaths:
    """Middleware that keeps encoded slashes apart from those that part a path."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        raw = scope.get("raw_path") or b""
        if scope["type"] == "http" and _ENCODED.search(raw):
            marked = _ENCODED.sub(quote(SLASH).encode(), raw.partition(b"?")[0])
            scope = {**scope, "path": unquote(marked.decode("ascii", "replace"))}
        await self.app(scope, receive, send)


METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})


def closed(router: APIRouter) -> APIRouter:
    """A router that answers 405, with what is allowed, to every other method of its paths.

    Otherwise PUT /items/x/similar would be the item "x/similar", and the Allow header would name one method of several.
    """
    methods: dict[str, set[str]] = {}
    last: dict[str, int] = {}
    for place, route in enumerate(router.routes):
        if isinstance(route, APIRoute):
            methods.setdefault(route.path, set()).update(route.methods or ())
            last[route.path] = place
    kept = []
    for place, route in enumerate(router.routes):
        kept.append(route)
        if isinstance(route, APIRoute) and last[route.path] == place:
            kept.append(_refusing(route.path, methods[route.path]))
    router.routes[:] = kept
    return router


def _refusing(path: str, allowed: set[str]) -> APIRoute:
    async def refuse() -> Response:
        raise HTTPException(405, "Method Not Allowed", {"Allow": ", ".join(sorted(allowed))})

    return APIRoute(path, refuse, methods=sorted(METHODS - allowed), include_in_schema=False)


register_url_convertor("id", IdConvertor())
