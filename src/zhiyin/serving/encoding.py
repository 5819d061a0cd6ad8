"""Encoding: live items get their vectors on one thread beside the answers, and no write waits for an encoder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Condition, Event, Thread

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.encoders.cache import VectorCache, checked_vectors, key_of
from zhiyin.errors import ZhiyinError
from zhiyin.item import Item
from zhiyin.stages import Encoder

LOG = logging.getLogger("zhiyin.serving")

AT_ONCE = 256
"""Items whose vectors are taken in together: each time costs a snapshot."""

PIECE = 16
"""Items an encoder is given at once, so that a server that ends waits for few."""

FEW = 8
"""Items whose vectors a write waits for, so that the next request knows all of them."""

SOON = 0.5
"""Seconds that a write waits for them at most; later they come by themselves."""

Taken = Callable[[str, Sequence[int], Sequence[Item], Floats], None]


class _Asked:
    """A few items that a write waits for."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = items
        self.done = Event()
        self._found: list[dict[str, Floats]] = [{} for _ in items]

    def take(self, space: str, keys: Sequence[str], vectors: Mapping[str, Floats]) -> None:
        """Vectors of a space by content. keys: the items' own."""
        for one, key in zip(self._found, keys, strict=True):
            if key in vectors:
                one[space] = vectors[key]

    def found(self) -> list[dict[str, Floats]]:
        """What is there by now, of each item by space."""
        return [dict(one) for one in self._found]


class Encoding:
    """Encodes items that wait, oldest first, and hands over the vectors of some at a time.

    encoders: by space. cache: the file where vectors are kept by content, so that no text is encoded twice, by this
    process or another; None keeps none. take: is given a space, positions, the items as they were read, and vectors.
    """

    def __init__(self, encoders: Mapping[str, Encoder], cache: Path | None, take: Taken) -> None:
        self._encoders, self._take = dict(encoders), take
        self._cache = VectorCache(cache) if cache is not None and encoders else None
        self._waiting: dict[int, Item] = {}
        self._asked: list[_Asked] = []
        self._changed = Condition()
        self._busy = 0
        self._open = True
        self._thread: Thread | None = None

    @property
    def waiting(self) -> int:
        """Items whose vectors are still to come."""
        return len(self._waiting) + self._busy

    def known(self, items: Sequence[Item]) -> list[dict[str, Floats]]:
        """The vectors of items by space, as far as they are in the cache, or soon to be had because the items are few."""
        asked = _Asked(items)
        if len(items) > FEW:
            for space, encoder in self._encoders.items():
                asked.take(space, [key_of(encoder, item) for item in items], self._cached(encoder, items))
        elif self._thread is None:
            self._answer(asked)
        else:
            with self._changed:
                self._asked.append(asked)
                self._changed.notify_all()
            asked.done.wait(SOON)
        return asked.found()

    def add(self, items: Mapping[int, Item]) -> None:
        """Items to encode, by position; one that waits already is read as it is now."""
        if not self._encoders or not items:
            return
        with self._changed:
            self._waiting.update(items)
            self._changed.notify_all()

    def start(self) -> None:
        """Begin to encode, and go on until closed."""
        with self._changed:
            if self._thread is None and self._open:
                self._thread = Thread(target=self._run, name="encoding", daemon=True)
                self._thread.start()

    def settle(self) -> None:
        """Wait until nothing waits."""
        if self.waiting:
            self.start()
        with self._changed:
            while self.waiting and self._open:
                self._changed.wait()

    def close(self) -> None:
        """Encode nothing more. What waits is encoded when the items are next met."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._asked) and self._open:
                    self._changed.wait()
                if not self._open:
                    return
            self._answer_all()
            with self._changed:
                some = {at: self._waiting.pop(at) for at in list(self._waiting)[:AT_ONCE]}
                self._busy = len(some)
            for space, encoder in self._encoders.items():
                try:
                    self._encode(space, encoder, some)
                except Exception:  # one strange item must not leave all later ones without vectors
                    LOG.exception("items were not encoded in space '%s'", space)
            with self._changed:
                self._busy = 0
                self._changed.notify_all()

    def _answer_all(self) -> None:
        """The vectors of those few that a write waits for."""
        while self._asked:
            self._answer(self._asked.pop(0))

    def _answer(self, asked: _Asked) -> None:
        for space, encoder in self._encoders.items():
            asked.take(
                space, [key_of(encoder, item) for item in asked.items], self._vectors(space, encoder, asked.items)
            )
        asked.done.set()

    def _encode(self, space: str, encoder: Encoder, some: Mapping[int, Item]) -> None:
        vectors = self._vectors(space, encoder, list(some.values()), self._answer_all)
        keys = {at: key_of(encoder, item) for at, item in some.items()}
        there = [at for at in some if keys[at] in vectors]
        if there:
            self._take(space, there, [some[at] for at in there], np.stack([vectors[keys[at]] for at in there]))

    def _vectors(
        self, space: str, encoder: Encoder, items: Sequence[Item], between: Callable[[], None] = lambda: None
    ) -> dict[str, Floats]:
        """Vectors by content, from the cache or encoded now and kept there. between: called before each piece."""
        vectors = self._cached(encoder, items)
        wanted = {key_of(encoder, item): item for item in items}
        missing = [(key, item) for key, item in wanted.items() if key not in vectors]
        fresh: dict[str, Floats] = {}
        for start in range(0, len(missing), PIECE):
            between()
            if not self._open:
                break
            piece = missing[start : start + PIECE]
            try:
                made = checked_vectors(encoder, [item for _, item in piece])
            except Exception as error:
                # A missing or broken encoder costs the items their vectors, not the catalogue its items.
                LOG.warning("items were not encoded in space '%s': %s", space, error)
                break
            fresh.update(zip([key for key, _ in piece], made, strict=True))
        self._write(encoder, fresh)
        return vectors | fresh

    def _cached(self, encoder: Encoder, items: Sequence[Item]) -> dict[str, Floats]:
        try:
            return self._cache.read(encoder, [key_of(encoder, item) for item in items]) if self._cache else {}
        except ZhiyinError as error:
            LOG.warning("%s", error)
            return {}

    def _write(self, encoder: Encoder, fresh: Mapping[str, Floats]) -> None:
        try:
            if self._cache and fresh:
                self._cache.write(encoder, fresh)
        except Exception as error:  # the file is a cache: without it the texts are encoded again one day
            LOG.warning("vectors could not be kept: %s", error)
