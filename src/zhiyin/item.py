"""Item: one thing that can be shown; Items: the live, columnar table of them."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b

import numpy as np
from scipy import sparse

from zhiyin.arrays import Bools, Doubles, Floats, Longs, grown, replaced, with_rows
from zhiyin.errors import DataError
from zhiyin.packs.pack import Pack, general
from zhiyin.text.attributes import Attribute, is_topic, out_of_stock
from zhiyin.vocabulary import Vocabulary


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
        """The texts among the attributes that say what the item is about, as (name, value) pairs: no dates, ids or links."""
        pairs: list[tuple[str, str]] = []
        for name, value in self.attributes.items():
            texts = (value,) if isinstance(value, str) else value if isinstance(value, tuple) else ()
            pairs.extend((name, one) for one in texts if is_topic(name, one))
        return tuple(pairs)

    def content(self) -> str:
        """What an encoder reads: title, topics, text."""
        values: dict[str, str] = {}
        for name, value in self.tags():
            values[name] = f"{values[name]}, {value}" if name in values else value
        return ". ".join(part for part in (self.title, *values.values(), self.text) if part)

    def content_hash(self) -> str:
        """Changes exactly when the content does."""
        return blake2b(self.content().encode(), digest_size=16).hexdigest()


def _begin(item: Item) -> float:
    return -np.inf if item.available_from is None else item.available_from


def _end(item: Item) -> float:
    return np.inf if item.available_until is None else item.available_until


class Items:
    """The catalogue as columns, in the order of its vocabulary. Grows at the end.

    vectors: by space name ("text", "image", …) a float32 [items, width], rows of length 1; an item without a vector
    has a row of zeros. What serves never changes: `taking` makes the next table. pack: the words of its domain, those of any
    shop when None.
    """

    def __init__(
        self, rows: Sequence[Item] = (), vectors: Mapping[str, Floats] | None = None, pack: Pack | None = None
    ) -> None:
        self.pack = pack or general()
        self.vocabulary = Vocabulary([row.item_id for row in rows], "item")
        if len(self.vocabulary) != len(self.vocabulary._positions):
            raise DataError("items: an item_id appears twice; keep the newest row of each item")
        self.rows: list[Item] = list(rows)
        self.vectors: dict[str, Floats] = {}
        for space, matrix in (vectors or {}).items():
            self.set_vectors(space, matrix)
        self._tags: Tags | None = None
        self._first = self  # the catalogue as of the fit, from which later ones were made
        # Kept beside the rows and never rebuilt: every request reads them, and every put changes one place.
        self._begin = np.array([_begin(row) for row in self.rows], np.float64)
        self._end = np.array([_end(row) for row in self.rows], np.float64)
        self._hidden = np.array([row.hidden for row in self.rows], np.bool_)
        self._out = np.array([out_of_stock(row.attributes) for row in self.rows], np.bool_)

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
        before = copy.copy(self)
        before._first = before if self._first is self else self._first
        moved, positions = before.taking([item], [vectors or {}])
        self.__dict__.update(moved.__dict__)
        return positions[0]

    def taking(self, items: Sequence[Item], vectors: Sequence[Mapping[str, Floats]] = ()) -> tuple[Items, list[int]]:
        """A table of its own in which these items are added or replaced, and their positions. This one stays as it is.

        It shares what did not change, and tables grow once for all of them. items: no id twice. vectors: of each item
        by space; a space that is not given keeps its old row, or zeros.
        """
        moved = copy.copy(self)
        moved.vocabulary, moved.rows = self.vocabulary.copy(), self.rows.copy()
        positions = [moved.vocabulary.add(item.item_id) for item in items]
        moved.rows += [Item(one) for one in moved.vocabulary.ids[len(self) :]]
        for position, item in zip(positions, items, strict=True):
            moved.rows[position] = item
        rows = np.array(positions, np.int64)
        moved._begin = with_rows(self._begin, rows, [_begin(item) for item in items])
        moved._end = with_rows(self._end, rows, [_end(item) for item in items])
        moved._hidden = with_rows(self._hidden, rows, [item.hidden for item in items])
        moved._out = with_rows(self._out, rows, [out_of_stock(item.attributes) for item in items])
        for space in self.vectors:
            given = {at: one[space] for at, one in zip(positions, vectors, strict=False) if space in one}
            if given:
                moved = moved.with_vectors(space, list(given), np.stack(list(given.values())))
        moved.vectors = {space: grown(matrix, len(moved.rows)) for space, matrix in moved.vectors.items()}
        moved._tags = None if self._tags is None else self._tags.taking(rows, items, len(moved.rows))
        return moved, positions

    def with_vectors(self, space: str, positions: Sequence[int], vectors: Floats) -> Items:
        """A table of its own in which some items have these vectors. vectors: [positions, width]"""
        moved = copy.copy(self)
        rows = with_rows(self.vectors[space], np.asarray(positions, np.int64), vectors)
        moved.vectors = {**self.vectors, space: rows}
        return moved

    def available(self, now: float) -> Bools:
        """Which items may be shown at a moment: not hidden, in stock, begun and not ended; at no known moment (0) all
        windows are open. [items]"""
        begin, end, hidden = self.windows()
        return np.asarray(~hidden & ~self._out & (((begin <= now) & (now < end)) | (now == 0)))

    def windows(self) -> tuple[Doubles, Doubles, Bools]:
        """available_from (-inf for no limit), available_until (inf), hidden. Each [items]; only to be read."""
        return self._begin, self._end, self._hidden

    @property
    def out_of_stock(self) -> Bools:
        """Which items cannot be had now. [items]; only to be read."""
        return self._out

    @property
    def tags(self) -> Tags:
        """The textual attributes as one multi-hot matrix, built on first use and after a change."""
        if self._tags is None:
            self._tags = Tags(self.rows, None if self._first is self else self._first.tags)
        return self._tags

    def with_pack(self, pack: Pack) -> Items:
        """The same items with the words of another domain; it shares all else."""
        moved = copy.copy(self)
        moved.pack, moved._first = pack, moved if self._first is self else self._first
        return moved

    def copy(self) -> Items:
        """The same items in a table of its own."""
        made = Items(self.rows, {space: matrix.copy() for space, matrix in self.vectors.items()}, self.pack)
        made._first = made if self._first is self else self._first
        return made


class Tags:
    """Which item has which textual attribute value. matrix: multi-hot csr float32 [items, tags].

    fitted: the table as of the fit, None for that one itself. How rare a tag is stays what it was there, so that items
    that come later change nothing of what is said of others.
    """

    def __init__(self, rows: Sequence[Item], fitted: Tags | None = None) -> None:
        self.fitted = fitted
        self.positions: dict[tuple[str, str], int] = {}
        self.matrix = self._read(rows)
        self.names = list(self.positions)

    def _read(self, rows: Sequence[Item]) -> sparse.csr_matrix:
        """The rows' tags; those met for the first time are given the next positions. [rows, tags]"""
        indices: list[int] = []
        indptr = [0]
        for row in rows:
            tags = dict.fromkeys(row.tags())
            indices.extend(self.positions.setdefault(tag, len(self.positions)) for tag in tags)
            indptr.append(len(indices))
        shape = (len(rows), len(self.positions))
        return sparse.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=shape)

    def taking(self, positions: Longs, items: Sequence[Item], size: int) -> Tags:
        """The table in which these items stand at these positions, the very one that would be made of all rows anew."""
        moved = Tags((), self.fitted or self)
        moved.positions = self.positions.copy()
        matrix = replaced(self.matrix, positions, moved._read(items), size)
        # Columns in order of first use, and none for a value that no item has any more.
        first = np.full(matrix.shape[1], len(matrix.indices), np.int64)
        first[matrix.indices[::-1]] = np.arange(len(matrix.indices))[::-1]
        order = np.argsort(first, kind="stable")[: int((first < len(matrix.indices)).sum())]
        if len(order) < matrix.shape[1] or (order != np.arange(len(order))).any():
            place = np.zeros(matrix.shape[1], matrix.indices.dtype)
            place[order] = np.arange(len(order))
            names = list(moved.positions)
            moved.positions = {names[column]: at for at, column in enumerate(order.tolist())}
            matrix = sparse.csr_matrix((matrix.data, place[matrix.indices], matrix.indptr), (size, len(order)))
        moved.matrix, moved.names = matrix, list(moved.positions)
        return moved

    @cached_property
    def counts(self) -> Longs:
        """Items with the tag. [tags]"""
        return np.bincount(self.matrix.indices, minlength=self.matrix.shape[1])

    @cached_property
    def usual(self) -> tuple[Doubles, Doubles]:
        """(items, items with the tag): as of the fit, or as of now for tags that came since. Each [tags]"""
        sizes, counts = np.full(len(self.names), float(self.matrix.shape[0])), self.counts.astype(np.float64)
        if self.fitted is not None:
            before = np.array([self.fitted.positions.get(name, -1) for name in self.names], np.int64)
            known = before >= 0
            sizes[known], counts[known] = self.fitted.matrix.shape[0], self.fitted.counts[before[known]]
        return sizes, counts

    @cached_property
    def rarity(self) -> Doubles:
        """log(items / items with the tag), see usual: how much a shared tag says. [tags]"""
        sizes, counts = self.usual
        return np.asarray(np.log((sizes + 1) / (counts + 0.5)), np.float64)

    @cached_property
    def lengths(self) -> Doubles:
        """The length of each item as a vector of its tags' rarity. [items]"""
        owners = np.repeat(np.arange(self.matrix.shape[0]), np.diff(self.matrix.indptr))
        squares = np.bincount(owners, self.rarity[self.matrix.indices] ** 2, minlength=self.matrix.shape[0])
        return np.asarray(np.sqrt(squares), np.float64)

    def of(self, position: int) -> tuple[tuple[str, str], ...]:
        """The tags of one item."""
        row = self.matrix.indices[self.matrix.indptr[position] : self.matrix.indptr[position + 1]]
        return tuple(self.names[column] for column in row)
