"""Deadline: how long somebody waits for all calls of a language model together, however often each of them is tried.

    with within(12.0):
        …       every call made here, and every attempt of it, ends when the twelve seconds are over

A model that hangs is left alone: the call ends, its thread when the model lets it go, and while too many hang nobody asks.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, replace

from zhiyin.errors import ModelError
from zhiyin.ports import Call, LanguageModel, Reply

_UNTIL: ContextVar[float | None] = ContextVar("until", default=None)

HANGING = 16
"""Calls that may hang at once in one process."""

_hanging = threading.BoundedSemaphore(HANGING)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Calls made inside end in time, all of them together; of two around each other the earlier end holds."""
    until, outer = time.monotonic() + seconds, _UNTIL.get()
    token = _UNTIL.set(until if outer is None else min(until, outer))
    try:
        yield
    finally:
        _UNTIL.reset(token)


def left(timeout: float | None) -> float | None:
    """Seconds that a call may take: its own limit or what is left of the deadline. None for no limit, at least 0."""
    until = _UNTIL.get()
    if until is None:
        return timeout
    rest = max(until - time.monotonic(), 0.0)
    return rest if timeout is None else min(timeout, rest)


@dataclass(frozen=True)
class Timely:
    """A language model whose callers wait no longer than they said, whatever the model does."""

    model: LanguageModel

    @property
    def identity(self) -> str:
        """See LanguageModel."""
        return self.model.identity

    def complete(self, call: Call) -> Reply:
        """See LanguageModel. Raises ModelError when the time is up."""
        seconds = left(call.timeout)
        if seconds is None:
            return self.model.complete(call)
        if seconds <= 0:
            raise ModelError(f"{self.model.identity}: no time is left for this call")
        if not _hanging.acquire(blocking=False):
            raise ModelError(f"{self.model.identity}: {HANGING} calls do not come back; no further one is made")
        future: Future[Reply] = Future()
        context = copy_context()
        bounded = replace(call, timeout=seconds)

        def ask() -> None:
            try:
                future.set_result(context.run(self.model.complete, bounded))
            except BaseException as error:  # it is raised where the reply is waited for
                future.set_exception(error)
            finally:
                _hanging.release()

        threading.Thread(target=ask, name="language model", daemon=True).start()
        try:
            return future.result(seconds)
        except TimeoutError:
            raise ModelError(f"{self.model.identity}: no reply within {seconds:.1f} s") from None
