"""Watching: what other processes write (`ingest`, `fit`, `promote`, `erase`) is served within a second, on a thread of its own."""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import TYPE_CHECKING

from zhiyin.errors import ZhiyinError
from zhiyin.ports import Marks, Watched
from zhiyin.serving.erasing import notice
from zhiyin.serving.people import UNCOUNTED

if TYPE_CHECKING:
    from zhiyin.serving.engine import Engine

LOG = logging.getLogger("zhiyin.serving")

PAUSE = 0.25
"""Seconds between two looks."""

MANY = 2_000
"""Events beyond which everybody is read again, instead of those who did something."""


class Watching:
    """Looks for marks that moved: what was written since is taken in, and the version that was made current served.

    Of its own process's writes it takes no notice, but for events, whose users are then read once more.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._store = engine.store if isinstance(engine.store, Watched) else None
        self._marks = self._store.marks() if self._store is not None else Marks(0, 0, (0, 0))
        self._digests = self._store.digests() if self._store is not None else {}
        self._erasures = engine.store.erasures.mark()
        self._current = self._named()
        self._ended = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Look from now on."""
        self._thread = Thread(target=self._run, name="watching", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self) -> None:
        while not self._ended.wait(PAUSE):
            try:
                self.look()
            except Exception:  # the store may be locked, or gone for a moment: look again
                LOG.exception("what other processes wrote could not be read")

    def look(self) -> None:
        """Take in what was written since the last look."""
        if self._store is not None:
            marks, before = self._store.marks(), self._marks
            if marks.items != before.items or marks.users != before.users:
                self._take_items(self._store)
            if marks.users != before.users:
                self._engine.reread(None)
            elif marks.events != before.events:
                self._engine.reread(self._store.users_since(before.events, MANY, UNCOUNTED))
            self._marks = marks  # only now: what failed is tried again
        self._erasures = notice(self._engine, self._erasures)
        named = self._named()
        if named and named != self._current:
            self._current = named
            self._serve_current(named)

    def _take_items(self, store: Watched) -> None:
        now, before = store.digests(), self._digests
        changed = [item for item, digest in now.items() if before.get(item) != digest]
        if changed:
            self._engine.take_items(store.items(changed))
        self._digests = now

    def _named(self) -> str:
        try:
            return self._engine.versions.current() if self._engine.versions is not None else ""
        except ZhiyinError:  # between two versions, or nothing is fitted any more: what serves goes on
            return ""

    def _serve_current(self, version: str) -> None:
        try:
            self._engine.serve_current()
        except Exception as error:  # the good version serves on
            LOG.error("version %s was made current and cannot serve: %s", version, error)
