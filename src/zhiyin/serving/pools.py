"""Pools: threads for each kind of work that can wait, and room for so many requests behind them. Nothing waits in the loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import anyio
from anyio import to_thread

from zhiyin.serving.failures import Refused

Made = TypeVar("Made")

AGAIN = 2
"""Seconds after which a request that found no room may try again."""


class Pool:
    """Threads of one kind of work. Beyond `threads` at work and `waiting` behind them a request is refused at once.

    So a store, an encoder or a model that hangs holds these threads and no others.
    """

    def __init__(self, name: str, threads: int, waiting: int) -> None:
        self.name = name
        self.threads = threads
        self.most = threads + waiting
        self.inside = 0
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, work: Callable[[], Made]) -> Made:
        """Do work in a thread. Raises Refused (503, with the seconds to wait) when there is no room."""
        if self.inside >= self.most:
            raise Refused(
                503, "busy", f"{self.inside} requests wait for {self.name}; try again in {AGAIN} s", retry_after=AGAIN
            )
        if self._limiter is None:  # made here, since it belongs to a loop
            self._limiter = anyio.CapacityLimiter(self.threads)
        self.inside += 1
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        finally:
            self.inside -= 1


class Pools:
    """The pools of one server. answers: reading and recommending. encoding: what runs an encoder. writes: what the store
    must confirm. erasing: one goes at a time, through every file, and may wait for another process. versions: one is
    loaded and tried at a time. chat: conversations, which may ask a model. checks: readiness."""

    def __init__(self) -> None:
        self.answers = Pool("an answer", 8, 64)
        self.encoding = Pool("an encoder", 4, 32)
        self.writes = Pool("the store", 8, 64)
        self.erasing = Pool("an erasure", 1, 24)
        self.versions = Pool("a version", 1, 4)
        self.chat = Pool("a conversation", 8, 24)
        self.checks = Pool("a check", 1, 1)
