"""Refused: a request that cannot be served, with the status and the code that say so."""

from __future__ import annotations

from zhiyin.errors import ZhiyinError


class Refused(ZhiyinError):
    """A request that cannot be served. status: of HTTP. code: for programs; the message is for people."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
