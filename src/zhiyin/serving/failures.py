"""Refused: a request that cannot be served, with the status and the code that say so."""

from __future__ import annotations

import errno

from sqlalchemy.exc import DBAPIError

from zhiyin.errors import DataError, MissingExtra, ModelError, SavedVersionError, SettingError, UnknownId, ZhiyinError

STATUS: tuple[tuple[type[ZhiyinError], int, str], ...] = (
    (UnknownId, 404, "unknown_id"),
    (DataError, 422, "invalid_request"),
    (SettingError, 422, "invalid_request"),
    (SavedVersionError, 409, "unusable_version"),
    (ModelError, 503, "model_failed"),
    (MissingExtra, 503, "not_installed"),
)
"""How each error raised on purpose is said over HTTP; the first that fits."""

AGAIN = 5
"""Seconds after which what failed outside may be tried again."""


class Refused(ZhiyinError):
    """A request that cannot be served. status: of HTTP. code: for programs; the message is for people.

    retry_after: seconds after which the same request may be served; None where waiting does not help.
    """

    def __init__(self, status: int, code: str, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after = retry_after


def refusal_of(error: Exception) -> Refused | None:
    """What an error means to who asked; None for one that nobody foresaw.

    A store that is locked, full or away is no fault of the request: it may be sent again.
    """
    if isinstance(error, Refused):
        return error
    if isinstance(error, ZhiyinError):
        for kind, status, code in STATUS:
            if isinstance(error, kind):
                return Refused(status, code, str(error), retry_after=AGAIN if status == 503 else None)
        return None
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(str(error))
    if isinstance(error, DBAPIError):
        return _of_store(error)
    return None


def _of_store(error: DBAPIError) -> Refused | None:
    said = str(error.orig).casefold()
    if "full" in said or "no space" in said or "could not extend" in said:
        return _full(str(error.orig))
    if "locked" in said or "busy" in said:
        return Refused(503, "store_busy", f"the store is held by somebody else ({error.orig})", retry_after=AGAIN)
    if "readonly" in said or "read-only" in said or "disk i/o" in said or "unable to open" in said:
        return Refused(503, "store_failed", f"the store cannot be used ({error.orig})", retry_after=AGAIN)
    if error.connection_invalidated or "connect" in said:
        return Refused(503, "store_failed", "the store does not answer", retry_after=AGAIN)
    return None


def _full(why: str) -> Refused:
    return Refused(
        507, "disk_full", f"there is no room left on the disk ({why}); nothing of this was kept", retry_after=AGAIN
    )
