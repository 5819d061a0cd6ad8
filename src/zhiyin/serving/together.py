"""Together: writes that come while another is being made wait, and are then made all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")
Outcome = int | Exception


class _Waiting(Generic[T]):
    def __init__(self, write: Sequence[T]) -> None:
        self.write = write
        self.outcome: Outcome | None = None


class Together(Generic[T]):
    """Calls from many threads, made by one of them at a time: whoever has the turn makes all that wait.

    So a thousand writes of one item cost few changes of what serves. make: is given the writes in the order in which
    they came, and says for each how many were new, or what failed.
    """

    def __init__(self, make: Callable[[Sequence[Sequence[T]]], Sequence[Outcome]]) -> None:
        self._make = make
        self._waiting: list[_Waiting[T]] = []
        self._lock = Lock()
        self.turn = Lock()
        """Held while writes are made; whoever else changes what they change holds it too."""

    def __call__(self, write: Sequence[T]) -> int:
        """Make a write, alone or with others. Returns how many were new; raises what failed of this one."""
        mine = _Waiting(write)
        with self._lock:
            self._waiting.append(mine)
        with self.turn:
            if mine.outcome is None:
                with self._lock:
                    batch, self._waiting = self._waiting, []
                self._make_all(batch)
        assert mine.outcome is not None
        if isinstance(mine.outcome, Exception):
            raise mine.outcome
        return mine.outcome

    def _make_all(self, batch: list[_Waiting[T]]) -> None:
        try:
            outcomes: Sequence[Outcome] = self._make([one.write for one in batch])
        except Exception as error:  # the others wait for an outcome too
            outcomes = [error] * len(batch)
        for one, outcome in zip(batch, outcomes, strict=True):
            one.outcome = outcome
