"""The gate: what every request passes, as plain ASGI: host, origin, size, key, rate, body, measurements and headers."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhiyin.serving.callers import Callers
from zhiyin.serving.failures import Refused
from zhiyin.serving.measurements import Measurements
from zhiyin.serving.origins import Headers, host_allowed, is_json, refused_origin
from zhiyin.serving.settings import Settings

LIVE = "/health/live"
"""Answered before anything is looked at, by the loop itself: it waits for nothing."""

ONCE = (b"host", b"origin", b"content-type", b"content-length", b"x-api-key")
"""Headers that decide something and must not be said twice."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'{hosts}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own files, and pictures of the hosts allowed."""

GONE = 499
"""What is counted for a client that hung up before its request had come whole."""


class Gate:
    """Refuses what comes from elsewhere, is too large, too slow, without a key, or too often; measures the rest."""

    def __init__(self, app: ASGIApp, settings: Settings, callers: Callers, measurements: Measurements) -> None:
        self.app = app
        self.settings = settings
        self.callers = callers
        self.measurements = measurements
        self._held = 0
        hosts = "".join(f" https://{host}" for host in sorted(settings.picture_hosts))
        self.headers = [
            (b"content-security-policy", POLICY.format(hosts=hosts).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"x-frame-options", b"DENY"),
            (b"referrer-policy", b"no-referrer"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if scope["path"] == LIVE and scope["method"] in ("GET", "HEAD"):
            await _answer(send, 200, {"live": True}, self.headers)
            return
        await self._measured(scope, receive, send)

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.perf_counter(), GONE

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *self.headers]
            await send(message)

        try:
            await self._served(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path_format", "other")
            self.measurements.request(scope["method"], route, status, time.perf_counter() - started)

    async def _served(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = _once(scope["headers"])
            self._admit(scope, headers)
            body = await self._read(headers, receive)
        except Refused as refused:
            await _refuse(send, refused, unread=has_body(scope["headers"]))
            return
        except HungUp:
            return  # nobody waits for an answer
        if body is None:
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, _again(body, receive), send)
        finally:
            self._held -= len(body)

    def _admit(self, scope: Scope, headers: Headers) -> None:
        """Judge a request by its head, and note its key. Raises Refused."""
        settings, path = self.settings, scope["path"]
        if not host_allowed(headers.get(b"host", b""), settings.hosts):
            raise Refused(
                421, "unknown_host", "this server does not answer to that host; ZHIYIN_HOSTS lists those it answers to"
            )
        page = path in ("/", "/docs") or path.startswith("/web/") or path.endswith("/picture")
        if why := refused_origin(scope["method"], headers, settings.origins, page):
            raise Refused(403, "foreign_page", why)
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > settings.most_bytes:
            raise _too_large(settings.most_bytes)
        scope.setdefault("state", {})["key"] = self.callers.admitted(scope, headers)
        if has_body(scope["headers"]) and not is_json(headers.get(b"content-type", b"")):
            raise Refused(415, "json_needed", "a body must be JSON: send the header Content-Type: application/json")

    async def _read(self, headers: Headers, receive: Receive) -> bytes | None:
        """The body, read before the application begins, so that nothing inside waits for a client; None without one."""
        if not has_body(headers.items()):
            return None
        seconds = self.settings.bounds.body_seconds
        try:
            with anyio.fail_after(seconds):
                return await self._whole(receive)
        except TimeoutError:
            raise Refused(408, "too_slow", f"a body must come whole within {seconds:g} s") from None

    async def _whole(self, receive: Receive) -> bytes:
        """The whole body. Raises HungUp when the client is gone first, Refused for more than is allowed of one or of all."""
        pieces, size, more = [], 0, True
        try:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise HungUp
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
                self._held += len(pieces[-1])
                more = message.get("more_body", False)
                if size > self.settings.most_bytes:
                    raise _too_large(self.settings.most_bytes)
                if self._held > self.settings.bounds.held_bytes:
                    raise Refused(503, "busy", "too many bodies are under way; try again in 2 s", retry_after=2)
            whole = b"".join(pieces)
            size = 0  # held until the answer is made, and given back by whoever asked
            return whole
        finally:
            self._held -= size


class HungUp(Exception):
    """The client is gone before its request had come whole."""


def has_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request with these headers has a body."""
    return any(
        name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0")) for name, value in headers
    )


def _once(headers: list[tuple[bytes, bytes]]) -> Headers:
    """Headers by name. Raises Refused where one that decides something comes twice: two readers might read two things."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in found and name in ONCE:
            raise Refused(400, "invalid_request", f"the header {name.decode('latin-1')} comes twice")
        found[name] = value
    return found


def _too_large(most: int) -> Refused:
    return Refused(413, "too_large", f"a body may have at most {most:,} bytes; send it in parts")


def _again(body: bytes, receive: Receive) -> Receive:
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return whole.pop() if whole else await receive()

    return again


async def _refuse(send: Send, refused: Refused, unread: bool) -> None:
    headers = [(b"connection", b"close")] if unread else []  # what is still to come of the request is not read
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(math.ceil(refused.retry_after)).encode()))
    if refused.status == 401:
        headers.append((b"www-authenticate", b"ApiKey"))
    await _answer(send, refused.status, {"detail": str(refused), "code": refused.code}, headers)


async def _answer(send: Send, status: int, value: object, headers: list[tuple[bytes, bytes]]) -> None:
    body = json.dumps(value).encode()
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})
