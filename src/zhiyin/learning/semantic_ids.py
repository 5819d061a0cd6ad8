"""Semantic ids: every item as a few small numbers, so that items of like content begin with the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Doubles, Floats, Ints, Longs
from zhiyin.errors import DataError

ROUNDS = 12
"""Of k-means; more change little."""

SLACK = 2.0
"""How many times its even share of the items one code may have."""


@dataclass(frozen=True)
class SemanticIds:
    """Residual k-means (TIGER's ids, arXiv 2305.05065, by k-means instead of RQ-VAE).

    books: the centroids of each level, [levels, codes, width]. codes: [items, levels + 1]; the last is the extra token,
    which tells apart items that share all others, 0 for the first of them.

    Each level's code is that of the nearest centroid to what the levels before left over. A code has room for SLACK times
    its even share, and at the last level items that share all codes before get different ones, the nearest that is free:
    plain k-means leaves many items with one id.
    """

    books: Floats
    codes: Ints

    @classmethod
    def of(cls, vectors: Floats, levels: int, size: int, seed: int) -> SemanticIds:
        """Ids for vectors [items, width]. size: codes per level, fewer where there are fewer items."""
        size = max(1, min(size, len(vectors)))
        rest = np.asarray(vectors, np.float32).copy()
        books: list[Floats] = []
        columns: list[Longs] = []
        for level in range(levels):
            book = centroids(rest, size, np.random.default_rng([seed, level]))
            chosen = with_room(distances(rest, book), int(np.ceil(SLACK * len(rest) / size)))
            if level == levels - 1:
                chosen = _apart(np.stack([*columns, chosen], 1), distances(rest, book))
            rest -= book[chosen]
            books.append(book)
            columns.append(chosen)
        ids = cls(np.stack(books), np.empty((0, levels + 1), np.int32))
        return ids.grown(np.stack(columns, 1), np.arange(len(vectors)))

    def grown(self, plain: Array, rows: Array) -> SemanticIds:
        """With codes [rows, levels] for some items, at the end or in place, each with its extra token."""
        levels = len(self.books)
        codes = np.full((max(len(self.codes), int(np.max(rows, initial=-1)) + 1), levels + 1), -1, np.int32)
        codes[: len(self.codes)] = self.codes
        codes[rows] = -1
        taken: dict[tuple[int, ...], set[int]] = {}
        for one in codes[codes[:, 0] >= 0].tolist():
            taken.setdefault(tuple(one[:-1]), set()).add(one[-1])
        for row, one in zip(rows, plain, strict=True):
            others = taken.setdefault(tuple(one.tolist()), set())
            extra = next(number for number in range(len(others) + 1) if number not in others)
            if extra >= self.extras:
                raise DataError(f"semantic ids: more than {self.extras} items share one id: give more codes or levels")
            others.add(extra)
            codes[row] = (*one, extra)
        return SemanticIds(self.books, codes)

    @property
    def extras(self) -> int:
        """Values that the extra token may have."""
        return max(int(self.books.shape[1]), 256)

    def collision(self) -> float:
        """Share of the items whose id is another's too, before the extra token. 0 to 1."""
        plain = self.codes[:, :-1]
        counts = np.unique(plain, axis=0, return_counts=True)[1]
        return float(counts[counts > 1].sum() / max(len(plain), 1))

    def use(self) -> Doubles:
        """Share of each level's codes that some item has. [levels]"""
        used = [len(np.unique(column)) for column in self.codes.T[:-1]]
        return np.asarray(np.array(used) / self.books.shape[1], np.float64)


def distances(vectors: Floats, book: Floats) -> Floats:
    """Squared distances to centroids. [vectors, codes]"""
    apart = (vectors**2).sum(1)[:, None] - 2 * vectors @ book.T + (book**2).sum(1)
    return np.asarray(apart, np.float32)


def centroids(vectors: Floats, size: int, rng: np.random.Generator) -> Floats:
    """k-means. A centroid that loses all vectors starts again at the vector that is worst served. [size, width]"""
    book = vectors[rng.choice(len(vectors), size, replace=False)].astype(np.float32)
    for _ in range(ROUNDS):
        apart = distances(vectors, book)
        chosen = apart.argmin(1)
        counts = np.bincount(chosen, minlength=size)
        sums = np.zeros_like(book)
        np.add.at(sums, chosen, vectors)
        book = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], book).astype(np.float32)
        lost = np.flatnonzero(counts == 0)
        book[lost] = vectors[np.argsort(-apart.min(1), kind="stable")[: len(lost)]]
    return book


def with_room(apart: Floats, room: int) -> Longs:
    """The nearest centroid that has room, those first who are nearest to theirs. apart: [vectors, codes]"""
    chosen = np.empty(len(apart), np.int64)
    left = np.full(apart.shape[1], room)
    for row in np.argsort(apart.min(1), kind="stable"):
        code = int(np.where(left > 0, apart[row], np.inf).argmin())
        chosen[row], left[code] = code, left[code] - 1
    return chosen


def _apart(codes: Array, apart: Floats) -> Longs:
    """The last column of codes, different for items that share the others as far as there are codes."""
    chosen = codes[:, -1].copy()
    for rows in _groups(codes[:, :-1]):
        if len(rows) > 1:
            for some in range(0, len(rows), apart.shape[1]):
                chosen[rows[some : some + apart.shape[1]]] = with_room(apart[rows[some : some + apart.shape[1]]], 1)
    return chosen


def _groups(codes: Array) -> Iterator[Longs]:
    """Rows that are equal, together."""
    if not codes.shape[1]:
        yield np.arange(len(codes))
        return
    order = np.lexsort(codes.T[::-1])
    cuts = np.flatnonzero((np.diff(codes[order], axis=0) != 0).any(1)) + 1
    yield from np.split(order, cuts)


@dataclass(frozen=True)
class Trie:
    """All ids as a tree, by level: the code of every node and where its children lie in the level below.

    codes[l]: [nodes at l]; starts[l]: [nodes at l + 1 of the level above + 1] in terms of the nodes at l. parents[l]:
    [nodes at l]. leaves: the item of every node of the last level.
    """

    codes: tuple[Ints, ...]
    starts: tuple[Longs, ...]
    parents: tuple[Longs, ...]
    leaves: Ints

    @classmethod
    def of(cls, codes: Ints) -> Trie:
        """The tree of ids [items, levels]; no two may be equal. Items with a negative id are left out."""
        items = np.flatnonzero(codes[:, 0] >= 0)
        order = items[np.lexsort(codes[items].T[::-1])]
        ids, columns = codes[order], codes.shape[1]
        owner = np.zeros(len(ids), np.int64)
        code, starts, parents = [], [], []
        for level in range(columns):
            first = np.r_[True, (np.diff(ids[:, : level + 1], axis=0) != 0).any(1)] if len(ids) else np.zeros(0, bool)
            parents.append(owner[first])
            code.append(ids[first, level].astype(np.int32))
            above = int(owner[-1]) + 1 if len(owner) else 0
            starts.append(np.searchsorted(parents[-1], np.arange(above + 1)).astype(np.int64))
            owner = np.cumsum(first) - 1
        return cls(tuple(code), tuple(starts), tuple(parents), order.astype(np.int32))

    def children(self, level: int, nodes: Longs) -> tuple[Longs, Longs]:
        """The nodes at `level` under nodes of the level above, and for each the place of its parent in `nodes`."""
        starts = self.starts[level]
        counts = starts[nodes + 1] - starts[nodes]
        place = np.repeat(np.arange(len(nodes)), counts)
        within = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts)
        return starts[nodes][place] + within, place
