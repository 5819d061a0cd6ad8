"""Sealed: what the server writes into events for itself, so that it takes back nothing a client wrote there.

An event's context is everybody's: clients post events, files hold them. What is inside is believed only with a code that
the store's own secret makes of it and of what it is about, and is checked even then.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from zhiyin.ports import Meta

NAME = "seal"


class Seal:
    """Seals texts with a secret of the store, made when first needed."""

    def __init__(self, meta: Meta) -> None:
        self._meta = meta

    def close(self, about: str, text: str) -> str:
        """A text with its seal. about: what it belongs to; it opens nowhere else."""
        return f"{self._code(self._secret(), about, text)}.{text}"

    def open(self, about: str, sealed: object) -> str | None:
        """The text of a seal; None for whatever else."""
        code, dot, text = sealed.partition(".") if isinstance(sealed, str) else ("", "", "")
        if not dot or not hmac.compare_digest(code.encode(), self._code(self._secret(), about, text).encode()):
            return None
        return text

    def _secret(self) -> str:
        found = self._meta.get(NAME)
        if not isinstance(found, str) or len(found) < 32:
            self._meta.put(NAME, secrets.token_hex(32))
            found = self._meta.get(NAME)  # another process may have come between
        return str(found)

    @staticmethod
    def _code(secret: str, about: str, text: str) -> str:
        said = f"{len(about)}:{about}{text}".encode("utf-8", "surrogatepass")
        return hmac.new(secret.encode(), said, hashlib.sha256).hexdigest()
