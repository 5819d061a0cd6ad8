"""Item: one thing that can be shown; Items: the live, columnar table of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
from scipy import sparse

from zhiyin.arrays import Bools, Doubles, Floats, Longs
from zhiyin.errors import DataError
from zhiyin.vocabulary import Vocabulary

Attribute: TypeAlias = str | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that can be shown.

    attributes: a number, a text or several texts by name. images: paths or URLs. available_from, available_until:
    seconds since 1970, None for no limit. hidden: never shown, kept for its history. Raises DataError.
    """

    item_id: str
    title: str = ""
    text: str = ""
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    available_from: float | None = None
    available_until: float | None = None
    hidden: bool = False

    def __post_init__(self) -> None:
        if not self.item_id:
            raise DataError("item: item_id is empty")
        for name, value in self.attributes.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise DataError(
                    f"item {self.item_id}: attribute '{name}' is {value!r}; leave it out when it is unknown"
                )

    def tags(self) -> tuple[tuple[str, str], ...]:
        """The textual attributes as (name, value) pairs."""
        pairs: list[tuple[str, str]] = []
        for name, value in self.attributes.items():
            if isinstance(value, str):
                pairs.append((name, value))
            elif isinstance(value, tuple):
                pairs.extend((name, one) for one in value)
        return tuple(pairs)

    def content(self) -> str:
        """What an encoder reads: title, attribute values, text."""
        values = [
            ", ".join(value) if isinstance(value, tuple) else value
            for value in self.attributes.values()
            if isinstance(value, str | tuple)
        ]
        return ". ".join(part for part in (self.title, *values, self.text) if part)

    def content_hash(self) -> str:
        """Changes exactly when the content does."""
        return blake2b(self.content().encode(), digest_size=16).hexdigest()


def _begin(item: Item) -> float:
    return -np.inf if item.available_from is None else item.available_from


def _end(item: Item) -> float:
    return np.inf if item.available_until is None else item.available_until


class Items:
    """The catalogue as columns, in the order of its vocabulary. Grows at the end; rows can be replaced in place.

    vectors: by space name ("text", "image", …) a float32 [items, width], rows of length 1; an item without a vector
    has a row of zeros. One writer at a time (the owner locks); readers always see whole rows.
    """

    def __init__(self, rows: Sequence[Item] = (), vectors: Mapping[str, Floats] | None = None) -> None:
        self.vocabulary = Vocabulary([row.item_id for row in rows], "item")
        if len(self.vocabulary) != len(self.vocabulary._positions):
            raise DataError("items: an item_id appears twice; keep the newest row of each item")
        self.rows: list[Item] = list(rows)
        self.vectors: dict[str, Floats] = {}
        for space, matrix in (vectors or {}).items():
            self.set_vectors(space, matrix)
        self._tags: Tags | None = None
        # Kept beside the rows and never rebuilt: every request reads them, and every put changes one place.
        self._begin = np.array([_begin(row) for row in self.rows], np.float64)
        self._end = np.array([_end(row) for row in self.rows], np.float64)
        self._hidden = np.array([row.hidden for row in self.rows], np.bool_)

    @classmethod
    def of(cls, rows: Iterable[Item], ids: Iterable[str] = ()) -> Items:
        """Items in hash order (see Vocabulary); ids without a row get an empty one."""
        known = {row.item_id: row for row in rows}
        vocabulary = Vocabulary.of([*known, *ids], "item")
        return cls([known.get(one) or Item(one) for one in vocabulary])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Item:
        return self.rows[position]

    def set_vectors(self, space: str, matrix: Floats) -> None:
        """Give every item its vector in a space. Raises DataError when rows are missing or not finite."""
        matrix = np.ascontiguousarray(matrix, np.float32)
        if matrix.ndim != 2 or len(matrix) != len(self.rows):
            raise DataError(f"vectors '{space}': shape {matrix.shape}, but there are {len(self.rows)} items")
        if not np.isfinite(matrix).all():
            raise DataError(f"vectors '{space}': {int((~np.isfinite(matrix)).any(1).sum())} rows are not finite")
        self.vectors[space] = matrix

    def put(self, item: Item, vectors: Mapping[str, Floats] | None = None) -> int:
        """Add an item or replace it; returns its position. A space that is not given keeps its old row, or zeros."""
        position = self.vocabulary.get(item.item_id)
        if position < 0:
            self._begin = np.append(self._begin, _begin(item))
            self._end = np.append(self._end, _end(item))
            self._hidden = np.append(self._hidden, item.hidden)
            self.rows.append(item)
            for space, matrix in self.vectors.items():
                self.vectors[space] = np.vstack([matrix, np.zeros((1, matrix.shape[1]), np.float32)])
            position = self.vocabulary.add(item.item_id)
        else:
            self._begin[position], self._end[position], self._hidden[position] = _begin(item), _end(item), item.hidden
            self.rows[position] = item
        for space, vector in (vectors or {}).items():
            if space in self.vectors:
                self.vectors[space][position] = vector
        self._tags = None
        return position

    def available(self, now: float) -> Bools:
        """Which items may be shown at a moment: not hidden, begun and not ended; at no known moment (0) all windows are
        open. [items]"""
        begin, end, hidden = self.windows()
        return np.asarray(~hidden & (((begin <= now) & (now < end)) | (now == 0)))

    def windows(self) -> tuple[Doubles, Doubles, Bools]:
        """available_from (-inf for no limit), available_until (inf), hidden. Each [items]; only to be read."""
        return self._begin, self._end, self._hidden

    @property
    def tags(self) -> Tags:
        """The textual attributes as one multi-hot matrix, built on first use and after a change."""
        if self._tags is None:
            self._tags = Tags(self.rows)
        return self._tags

    def copy(self) -> Items:
        """The same items in a table of its own."""
        return Items(self.rows, {space: matrix.copy() for space, matrix in self.vectors.items()})


class Tags:
    """Which item has which textual attribute value. matrix: multi-hot csr float32 [items, tags]."""

    def __init__(self, rows: Sequence[Item]) -> None:
        self.names: list[tuple[str, str]] = []
        positions: dict[tuple[str, str], int] = {}
        indices: list[int] = []
        indptr = [0]
        for row in rows:
            for tag in dict.fromkeys(row.tags()):
                if tag not in positions:
                    positions[tag] = len(self.names)
                    self.names.append(tag)
                indices.append(positions[tag])
            indptr.append(len(indices))
        shape = (len(rows), len(self.names))
        self.matrix = sparse.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=shape)
        self.positions = positions

    @cached_property
    def counts(self) -> Longs:
        """Items with the tag. [tags]"""
        return np.bincount(self.matrix.indices, minlength=self.matrix.shape[1])

    @cached_property
    def rarity(self) -> Doubles:
        """log(items / items with the tag): how much a shared tag says. [tags]"""
        return np.asarray(np.log((self.matrix.shape[0] + 1) / (self.counts + 0.5)), np.float64)

    def of(self, position: int) -> tuple[tuple[str, str], ...]:
        """The tags of one item."""
        row = self.matrix.indices[self.matrix.indptr[position] : self.matrix.indptr[position + 1]]
        return tuple(self.names[column] for column in row)
