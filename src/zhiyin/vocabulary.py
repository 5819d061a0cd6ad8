"""Ids and their positions: strings outside, small integers inside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b

import numpy as np

from zhiyin.arrays import Ints
from zhiyin.errors import UnknownId


class Vocabulary:
    """Two-way table of ids and positions that only ever grows at its end.

    The first positions are given in the order of a hash of the id. Published files often number items by first
    appearance, test events included, so any order taken from the file could leak through the breaking of ties.
    """

    def __init__(self, ids: Sequence[str] = (), what: str = "id") -> None:
        self.what = what
        self.ids: list[str] = list(ids)
        self._positions = {one: position for position, one in enumerate(self.ids)}

    @classmethod
    def of(cls, ids: Iterable[str], what: str = "id") -> Vocabulary:
        """The distinct ids in hash order."""
        return cls(sorted(set(ids), key=lambda one: (blake2b(one.encode(), digest_size=8).digest(), one)), what)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[str]:
        return iter(self.ids)

    def __contains__(self, one: object) -> bool:
        return one in self._positions

    def __getitem__(self, position: int) -> str:
        return self.ids[position]

    def get(self, one: str) -> int:
        """The position of an id, -1 when it is unknown."""
        return self._positions.get(one, -1)

    def position(self, one: str) -> int:
        """The position of an id. Raises UnknownId."""
        found = self._positions.get(one, -1)
        if found < 0:
            raise UnknownId(self.what, one)
        return found

    def positions(self, ids: Iterable[str]) -> Ints:
        """Positions of many ids, -1 where unknown."""
        return np.fromiter((self._positions.get(one, -1) for one in ids), np.int32)

    def add(self, one: str) -> int:
        """The position of an id, given the next free one when it is new."""
        if one not in self._positions:
            self._positions[one] = len(self.ids)
            self.ids.append(one)
        return self._positions[one]

    def copy(self) -> Vocabulary:
        """A table with the same ids that can grow on its own."""
        made = Vocabulary(what=self.what)
        made.ids, made._positions = self.ids.copy(), self._positions.copy()
        return made
