"""Impressions: what was shown, written to the log in batches beside the request, never inside it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from threading import Condition, Thread

from zhiyin.event import Event

LOG = logging.getLogger("zhiyin.serving")

PAUSE = 0.25
"""Seconds a batch waits for more."""

MOST = 20_000
"""Events held at most; beyond that the newest are dropped and counted, since a full disk must not stop answers."""


class Impressions:
    """A queue of events and the thread that writes them. store: called with each batch."""

    def __init__(self, store: Callable[[Sequence[Event]], object]) -> None:
        self._store = store
        self._waiting: list[Event] = []
        self._busy = False
        self._open = True
        self._changed = Condition()
        self._forgotten: dict[str, int] = {}
        self._forgettings = 0
        self.dropped = 0
        self.written = 0
        self._thread = Thread(target=self._run, name="impressions", daemon=True)
        self._thread.start()

    def begin(self) -> int:
        """A mark to take before an answer is made: what was made before a user was forgotten is not stored after."""
        return self._forgettings

    def add(self, events: Sequence[Event], begun: int | None = None) -> None:
        """Queue events of one answer; returns at once. begun: the mark taken before it was made."""
        with self._changed:
            if begun is not None and events and self._forgotten.get(events[0].user_id, -1) > begun:
                return
            room = MOST - len(self._waiting)
            self.dropped += max(len(events) - room, 0)
            was_empty = not self._waiting
            self._waiting.extend(events[:room])
            if was_empty:
                self._changed.notify_all()

    def flush(self) -> None:
        """Return when everything queued so far is written."""
        with self._changed:
            while self._waiting or self._busy:
                self._changed.notify_all()
                self._changed.wait(0.05)

    def forget(self, user_id: str) -> None:
        """Leave out what waits for a user or is being answered, and wait for a batch that is being written."""
        with self._changed:
            self._forgettings += 1
            self._forgotten.pop(user_id, None)
            self._forgotten[user_id] = self._forgettings
            while len(self._forgotten) > MOST:  # of the oldest no answer is under way any more
                del self._forgotten[next(iter(self._forgotten))]
            self._waiting = [event for event in self._waiting if event.user_id != user_id]
            while self._busy:
                self._changed.wait(0.05)

    def close(self) -> None:
        """Write what is left and stop."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._thread.join(10)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and self._open:
                    self._changed.wait()
                if self._open:
                    self._changed.wait(PAUSE)
                batch, self._waiting, self._busy = self._waiting, [], True
                last = not self._open
            try:
                if batch:
                    self._store(batch)
                    self.written += len(batch)
            except Exception:
                self.dropped += len(batch)
                LOG.exception("%d impressions could not be stored", len(batch))
            with self._changed:
                self._busy = False
                self._changed.notify_all()
            if last:
                return
