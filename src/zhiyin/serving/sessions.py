"""Sessions: a browser shows its key once and then carries a cookie that scripts cannot read and other pages cannot send.

A cookie says which key it stands for and until when, signed. Nothing is kept of it: it ends with its time, with its key
(removed, rotated or expired), or with the secret, which without ZHIYIN_SESSION_SECRET is one process's own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable

from zhiyin.serving.keys import Key, Keyring

COOKIE = "zhiyin_session"

SECONDS = 12 * 3600
"""How long a session lasts."""

_FORM = re.compile(r"([0-9a-f]{64})\.(\d{1,12})\.([0-9a-f]{64})")


class Sessions:
    """Makes and reads cookies. secret: "" for one of this process."""

    def __init__(self, keyring: Keyring, secret: str = "", clock: Callable[[], float] = time.time) -> None:
        self._keyring = keyring
        self._secret = secret.encode() or secrets.token_bytes(32)
        self._clock = clock

    def opened(self, key: Key) -> str:
        """The value of a cookie for a key."""
        until = int(self._clock()) + SECONDS
        return f"{self._who(key)}.{until}.{self._mac(key, until)}"

    def key_of(self, header: bytes) -> Key | None:
        """The key that a Cookie header stands for, None when it is none of ours, has ended, or its key has."""
        found = _FORM.fullmatch(_value(header))
        if found is None:
            return None
        who, until, mac = found[1], int(found[2]), found[3]
        key = next((one for one in self._keyring.alive() if hmac.compare_digest(self._who(one), who)), None)
        if key is None or not hmac.compare_digest(self._mac(key, until), mac) or self._clock() >= until:
            return None
        return key

    def _who(self, key: Key) -> str:
        return hmac.new(self._secret, b"who" + key.digest.encode(), hashlib.sha256).hexdigest()

    def _mac(self, key: Key, until: int) -> str:
        return hmac.new(self._secret, f"{key.digest}.{until}".encode(), hashlib.sha256).hexdigest()


def cookie(value: str, https: bool, seconds: int = SECONDS) -> str:
    """A Set-Cookie header: unread by scripts, sent by our own page alone. value: "" ends the session."""
    age = f"Max-Age={seconds if value else 0}"
    return f"{COOKIE}={value}; Path=/; {age}; HttpOnly; SameSite=Strict" + ("; Secure" if https else "")


def _value(header: bytes) -> str:
    for part in header.decode("latin-1").split(";"):
        name, _, value = part.partition("=")
        if name.strip() == COOKIE:
            return value.strip()
    return ""
