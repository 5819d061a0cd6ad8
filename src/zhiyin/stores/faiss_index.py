"""Vector indexes in memory: exact (numpy, FAISS flat) and approximate (FAISS HNSW). All pass the port's one test suite."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from zhiyin.arrays import Array, Bools, Floats, Ints, top_n, with_rows
from zhiyin.errors import SavedVersionError, require

REBUILD_SHARE = 0.1
"""Share of an HNSW graph that may have changed before it is built again."""

FEW_SHARE = 0.05
"""Share of an HNSW graph's nodes up to which the allowed ones are compared exactly instead."""


class ExactIndex:
    """Compares with every vector, in numpy. A row of zeros is no vector: it is never found."""

    def __init__(self) -> None:
        self.vectors: Floats = np.empty((0, 0), np.float32)
        self.present: Bools = np.empty(0, np.bool_)

    def build(self, vectors: Floats) -> None:
        """See VectorIndex. vectors: [items, width]"""
        self.vectors = np.asarray(vectors, np.float32)
        self.present = np.asarray(self.vectors.any(1), np.bool_)

    def moved(self, vectors: Floats, positions: Ints) -> Self:
        """An index of its own over a table in which only these rows differ; this one stays as it is. vectors: all rows."""
        index = copy.copy(self)
        index.vectors = vectors
        index.present = with_rows(self.present, positions, vectors[positions].any(1), len(vectors))
        return index

    def upsert(self, positions: Ints, vectors: Floats) -> None:
        """See VectorIndex. Positions past the end make room."""
        if not len(positions):
            return
        width = np.asarray(vectors).shape[1]
        base = self.vectors if self.vectors.size else np.empty((len(self.vectors), width), np.float32)
        self.__dict__.update(self.moved(with_rows(base, positions, vectors), positions).__dict__)

    def delete(self, positions: Ints) -> None:
        """See VectorIndex."""
        self.present = with_rows(self.present, positions, False)

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        """See VectorIndex."""
        queries = np.asarray(queries, np.float32)
        found, values = _nothing(len(queries), k)
        usable = self.present if allowed is None else self.present & _long_enough(allowed, len(self.present))
        for row, query in enumerate(queries):
            products = np.where(usable, self.vectors @ query, -np.inf).astype(np.float32)
            best = top_n(products, k)
            found[row, : len(best)], values[row, : len(best)] = best, products[best]
        return found, values


class FlatIndex(ExactIndex):
    """The same answers from FAISS's flat index, which is faster for batches of questions."""

    def __init__(self) -> None:
        super().__init__()
        self._index: Any = None

    def build(self, vectors: Floats) -> None:
        """See VectorIndex."""
        super().build(vectors)
        self._index = None

    def moved(self, vectors: Floats, positions: Ints) -> Self:
        """See ExactIndex."""
        index = super().moved(vectors, positions)
        index._index = None
        return index

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        """See VectorIndex."""
        faiss = require("faiss", "faiss")
        found, values = _nothing(len(queries), k)
        if not self.vectors.size or not len(queries):
            return found, values
        if self._index is None:
            self._index = faiss.IndexFlatIP(self.vectors.shape[1])
            self._index.add(np.ascontiguousarray(self.vectors))
        usable = self.present if allowed is None else self.present & _long_enough(allowed, len(self.present))
        chosen = faiss.SearchParameters(sel=faiss.IDSelectorBatch(np.flatnonzero(usable).astype(np.int64)))
        products, positions = self._index.search(np.ascontiguousarray(queries, np.float32), k, params=chosen)
        return _cleaned(positions, products)


class HnswIndex:
    """A navigable small-world graph over the vectors as they were built, with what changed since compared exactly.

    links: neighbours per node. breadth: how many nodes a search keeps in view; more finds more and takes longer. An HNSW
    graph cannot forget, so changed and deleted items are masked in it, and it is built again when they are a tenth.
    """

    def __init__(self, links: int = 16, breadth: int = 128) -> None:
        self.links, self.breadth = links, breadth
        self._live = ExactIndex()
        self._graph: Any = None
        self._nodes: Ints = np.empty(0, np.int32)
        self._in_graph: Bools = np.empty(0, np.bool_)
        self._bytes: Array | None = None

    def build(self, vectors: Floats) -> None:
        """See VectorIndex."""
        self._live.build(vectors)
        self._connect()

    def _connect(self) -> None:
        faiss = require("faiss", "faiss")
        self._nodes = np.flatnonzero(self._live.present).astype(np.int32)
        self._in_graph = self._live.present.copy()
        self._bytes = None
        self._graph = faiss.IndexHNSWFlat(self._live.vectors.shape[1], self.links, faiss.METRIC_INNER_PRODUCT)
        self._graph.hnsw.efConstruction = 2 * self.breadth
        if len(self._nodes):
            self._graph.add(np.ascontiguousarray(self._live.vectors[self._nodes]))

    def upsert(self, positions: Ints, vectors: Floats) -> None:
        """See VectorIndex."""
        if len(positions):
            table = with_rows(self._live.vectors, positions, vectors)
            self.__dict__.update(self.moved(table, positions).__dict__)

    def moved(self, vectors: Floats, positions: Ints) -> Self:
        """See ExactIndex. The graph is shared until it is built again."""
        index = copy.copy(self)
        index._live = self._live.moved(vectors, positions)
        index._in_graph = with_rows(self._in_graph, positions, False, len(vectors))
        if index._outside() > max(1000, REBUILD_SHARE * len(index._nodes)):
            index._connect()
        return index

    def delete(self, positions: Ints) -> None:
        """See VectorIndex."""
        self._live.delete(positions)
        self._in_graph = with_rows(self._in_graph, positions, False)

    def _outside(self) -> int:
        return int((self._live.present & ~self._in_graph).sum())

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        """See VectorIndex."""
        queries = np.ascontiguousarray(queries, np.float32)
        usable = self._live.present
        if allowed is not None:
            usable = usable & _long_enough(allowed, len(usable))
        in_graph = usable & self._in_graph
        if in_graph.sum() <= FEW_SHARE * len(self._nodes):
            # A graph whose nodes are mostly forbidden is walked in vain; so few are compared faster one by one.
            in_graph = np.zeros_like(in_graph)
        near, close = self._search_graph(queries, k, in_graph)
        late = np.flatnonzero(usable & ~in_graph)
        if len(late):
            near = np.hstack([near, np.tile(late.astype(np.int32), (len(queries), 1))])
            close = np.hstack([close, queries @ self._live.vectors[late].T])
        order = np.lexsort((near, -close), axis=1)[:, :k]
        return np.take_along_axis(near, order, 1), np.take_along_axis(close, order, 1)

    def _search_graph(self, queries: Floats, k: int, usable: Bools) -> tuple[Ints, Floats]:
        nodes = np.flatnonzero(usable[self._nodes]).astype(np.int64)
        if not len(nodes) or not len(queries):
            return _nothing(len(queries), k)
        faiss = require("faiss", "faiss")
        breadth = max(self.breadth, 2 * k)
        if len(nodes) < len(self._nodes):
            chosen = faiss.SearchParametersHNSW(efSearch=breadth, sel=faiss.IDSelectorBatch(nodes))
        else:
            chosen = faiss.SearchParametersHNSW(efSearch=breadth)
        products, places = self._graph.search(queries, k, params=chosen)
        positions = np.where(places >= 0, self._nodes[np.maximum(places, 0)], -1)
        return _cleaned(positions, products)

    def state(self) -> dict[str, Array]:
        """The graph as bytes, which positions are its nodes and which of them still hold: with the vectors, all of it."""
        if self._bytes is None:
            self._bytes = np.asarray(require("faiss", "faiss").serialize_index(self._graph), np.uint8)
        return {"graph": self._bytes, "nodes": self._nodes, "in_graph": self._in_graph}

    @classmethod
    def read(cls, state: dict[str, Array], vectors: Floats) -> HnswIndex:
        """An index from its state and the vectors it was about. Raises SavedVersionError when they do not agree."""
        faiss = require("faiss", "faiss")
        index = cls()
        index._live.build(vectors)
        index._bytes, index._nodes, index._in_graph = state["graph"], state["nodes"], state["in_graph"]
        try:
            index._graph = faiss.deserialize_index(np.ascontiguousarray(index._bytes, np.uint8))
        except (RuntimeError, ValueError, TypeError) as error:
            raise SavedVersionError(f"the saved vector index cannot be read ({error}): fit again") from error
        agree = index._graph.ntotal == len(index._nodes) and len(index._in_graph) == len(vectors)
        if not agree or index._graph.d != vectors.shape[1] or not (index._nodes < len(vectors)).all():
            raise SavedVersionError("the saved vector index does not belong to the saved vectors: fit again")
        return index


def _nothing(rows: int, k: int) -> tuple[Ints, Floats]:
    return np.full((rows, k), -1, np.int32), np.full((rows, k), -np.inf, np.float32)


def _long_enough(allowed: Bools, length: int) -> Bools:
    """A mask over all positions; positions it does not reach are not allowed."""
    result = np.zeros(length, np.bool_)
    result[: len(allowed)] = allowed[:length]
    return result


def _cleaned(positions: Array, products: Array) -> tuple[Ints, Floats]:
    """FAISS's answer with -1 and -inf where it found fewer than asked."""
    found = np.asarray(positions, np.int32)
    return found, np.where(found >= 0, products, -np.inf).astype(np.float32)
