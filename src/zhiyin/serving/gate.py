"""The gate: what every request passes, as plain ASGI: size, key, rate, measurements and headers."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zhiyin.serving.engine import Engine
from zhiyin.trace import Trace

LOG = logging.getLogger("zhiyin.serving")

OPEN = ("/health/live", "/health/ready")
"""Answered without a key."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; img-src 'self'{hosts}; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""What the page may load: its own files, and pictures of the hosts allowed."""
MILLISECONDS = (0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.024, 0.032, 0.064, 0.128, 0.5, 2.0)


class Measurements:
    """What Prometheus may read of one server."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "zhiyin_requests_total",
            "Requests by route and status.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "zhiyin_request_seconds", "Time of a request.", ("route",), buckets=MILLISECONDS, registry=self.registry
        )
        self.stages = Histogram(
            "zhiyin_stage_seconds", "Time of a stage.", ("stage", "part"), buckets=MILLISECONDS, registry=self.registry
        )
        self.events = Counter(
            "zhiyin_events_total", "Events by what became of them.", ("outcome",), registry=self.registry
        )
        self._gauge("zhiyin_items", "Items in the catalogue.", lambda: len(engine.live.recommender.items))
        self._gauge("zhiyin_items_without_vectors", "Items still to be encoded.", lambda: engine.live.encoding.waiting)
        self._gauge("zhiyin_impressions_written", "Impressions on disk.", lambda: engine.impressions.written)
        self._gauge("zhiyin_impressions_dropped", "Impressions lost.", lambda: engine.impressions.dropped)
        self._gauge("zhiyin_profile_hits", "Profiles found in memory.", lambda: engine.live.profiles.hits)
        self._gauge("zhiyin_profile_misses", "Profiles read from the log.", lambda: engine.live.profiles.misses)
        engine.observe = self.trace

    def _gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        Gauge(name, text, registry=self.registry).set_function(value)

    def trace(self, trace: Trace) -> None:
        """Count the stages of an answer."""
        for step in trace.steps:
            self.stages.labels(step.stage, step.part).observe(step.milliseconds / 1000)


class Buckets:
    """One token bucket per caller: `burst` at once, refilled `rate` a second."""

    def __init__(self, rate: float, burst: int, most: int = 10_000) -> None:
        self.rate, self.burst, self.most = rate, burst, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float) -> float:
        """0 when a token was there, else the seconds until one is. now: any steady clock."""
        if self.rate <= 0:
            return 0.0
        left, since = self._left.pop(caller, (float(self.burst), now))
        left = min(self.burst, left + (now - since) * self.rate)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        if len(self._left) > self.most:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.rate


class Gate:
    """Refuses what is too large, without a key, or too often; measures the rest."""

    def __init__(self, app: ASGIApp, engine: Engine, measurements: Measurements) -> None:
        self.app = app
        self.settings = engine.settings
        self.measurements = measurements
        self.buckets = Buckets(engine.settings.rate, engine.settings.burst)
        hosts = "".join(f" https://{host}" for host in sorted(engine.settings.picture_hosts))
        self.headers = [
            (b"content-security-policy", POLICY.format(hosts=hosts).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"no-referrer"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *self.headers]
            await send(message)

        headers = dict(scope["headers"])
        try:
            refused = self._refused(scope, headers)
            if refused is not None:
                await _answer(watched, *refused)
            elif b"content-length" in headers:
                await self.app(scope, receive, watched)
            else:
                await self._limited(scope, receive, watched)
        finally:
            # The route's pattern, never the path: a label per user would grow without end.
            route = getattr(scope.get("route"), "path_format", "other")
            self.measurements.requests.labels(scope["method"], route, str(status)).inc()
            self.measurements.seconds.labels(route).observe(time.perf_counter() - started)

    def _refused(self, scope: Scope, headers: dict[bytes, bytes]) -> tuple[int, str, str] | None:
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > self.settings.most_bytes:
            return 413, "too_large", f"a body may have at most {self.settings.most_bytes:,} bytes; send it in parts"
        if scope["path"] in OPEN:
            return None
        key = headers.get(b"x-api-key", b"")
        if self.settings.keys and not known_key(key, self.settings.keys):
            return 401, "key_needed", "send a valid key in the header X-API-Key"
        caller = hashlib.sha256(key).hexdigest() if self.settings.keys else str((scope.get("client") or ("",))[0])
        wait = self.buckets.take(caller, time.monotonic())
        if wait:
            return 429, "too_many_requests", f"more than {self.settings.rate:g} requests a second; wait {wait:.2f} s"
        return None

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A body sent in pieces is counted as it comes, and read before the application begins."""
        pieces, size, more = [], 0, scope["method"] in ("POST", "PUT", "PATCH")
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            pieces.append(message.get("body", b""))
            size += len(pieces[-1])
            more = message.get("more_body", False)
            if size > self.settings.most_bytes:
                await _answer(send, 413, "too_large", f"a body may have at most {self.settings.most_bytes:,} bytes")
                return
        whole: list[Message] = [{"type": "http.request", "body": b"".join(pieces), "more_body": False}]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        await self.app(scope, again, send)


def known_key(key: bytes, keys: frozenset[str]) -> bool:
    """Whether a key's hash is among those allowed; how far a hash agrees tells nothing about a key."""
    given = hashlib.sha256(key).hexdigest()
    return any(hmac.compare_digest(given, one) for one in keys)


async def _answer(send: Send, status: int, code: str, detail: str) -> None:
    body = json.dumps({"detail": detail, "code": code}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
