"""Callers: who asks, by key or session, and whether they may. Judged from the head of a request, before its body is read."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from fastapi import Request
from starlette.types import Scope as Asked

from zhiyin.serving.failures import Refused
from zhiyin.serving.keys import Key, Keyring, Scope, digest_of
from zhiyin.serving.origins import UNSAFE, own_page
from zhiyin.serving.rates import Buckets, Guesses, neighbourhood
from zhiyin.serving.sessions import Sessions
from zhiyin.serving.settings import Settings

OPEN = frozenset({"/", "/health/live", "/health/ready", "/session"})
"""Paths for which no key is asked; the page's files under /web are the others."""

STRANGER = "whoever can reach the server"
"""Who acts on a server without keys, in the audit."""

Headers = Mapping[bytes, bytes]


def needs_no_key(path: str) -> bool:
    """Whether a path tells nothing that a key protects."""
    return path in OPEN or path.startswith("/web/")


class Callers:
    """Keys, sessions and rates of one server. clock: seconds since 1970, for keys; ticks: any steady clock, for rates."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.keyring = Keyring(settings.keys, settings.key_file, clock, ticks)
        self.sessions = Sessions(self.keyring, settings.session_secret, clock)
        self._guesses = Guesses()
        self._buckets = Buckets(settings.rate, settings.burst)
        self._ticks = ticks

    def admitted(self, asked: Asked, headers: Headers) -> Key | None:
        """The key a request comes with; None where none is asked for. Raises Refused (401, 403, 429)."""
        address = address_of(asked)
        key = None
        if self.keyring.guarded and not needs_no_key(asked["path"]):
            given = headers.get(b"x-api-key")
            key = self._by_session(asked, headers) if given is None else self.by_key(given, address)
        wait = self._buckets.take(address if key is None else key.digest, self._ticks())
        if wait:
            rate = f"more than {self._buckets.rate:g} requests a second"
            raise Refused(429, "too_many_requests", f"{rate}; wait {wait:.2f} s", retry_after=wait)
        return key

    def by_key(self, given: bytes, address: str) -> Key:
        """The key with this text. Raises Refused: 401 for a wrong one, 429 after many wrong ones from an address."""
        digest, now = digest_of(given), self._ticks()
        wait = self._guesses.wait(address, digest, now)
        if wait:
            raise Refused(429, "too_many_wrong_keys", f"too many wrong keys; wait {wait:.0f} s", retry_after=wait)
        key = self.keyring.named(digest)
        if key is None:
            self._guesses.wrong(address, now)
            raise Refused(
                401, "key_needed", "this key is unknown or has expired; send a valid one in the header X-API-Key"
            )
        self._guesses.right(address, digest)
        return key

    def _by_session(self, asked: Asked, headers: Headers) -> Key:
        key = self.sessions.key_of(headers.get(b"cookie", b""))
        if key is None:
            raise Refused(401, "key_needed", "send a valid key in the header X-API-Key, or log in on the page")
        if asked["method"] in UNSAFE and not own_page(headers):
            raise Refused(
                403, "foreign_page", "a session is for the server's own page; send a key in the header X-API-Key"
            )
        return key


def address_of(asked: Asked) -> str:
    """The address a request comes from; that of a whole network where one caller has a network."""
    return neighbourhood(str((asked.get("client") or ("",))[0]))


class Needs:
    """A dependency of a route: the scope that its caller's key must have."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> None:
        """Raises Refused (403)."""
        key: Key | None = getattr(request.state, "key", None)
        if key is not None and not key.may(self.scope):
            has = ", ".join(key.scopes)
            raise Refused(403, "scope_needed", f"this needs the scope '{self.scope}'; the key '{key.name}' has: {has}")


def name_of(request: Request) -> str:
    """Who asks, for the audit."""
    key: Key | None = getattr(request.state, "key", None)
    return STRANGER if key is None else key.name
