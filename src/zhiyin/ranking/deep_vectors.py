"""Vectors of items that deep rankers read: where an item stands in the graph of what follows what, and what its text says."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zhiyin.arrays import Floats, unit_rows
from zhiyin.data.dataset import Dataset
from zhiyin.data.followers import followers

WINDOW = 10
"""Steps apart at which two events of one user still count as neighbours."""

ROUNDS = 8
"""Of the subspace iteration; the leading directions stand after five or six."""

SPARE = 8
"""Columns of the iteration beyond those that are kept."""


def neighbour_graph(dataset: Dataset) -> sparse.csr_matrix:
    """Items that users met soon after each other, 1 / gap each, as D^-½ (T + Tᵀ) D^-½. csr [items, items]."""
    table = followers(dataset, WINDOW)
    table = table + table.T
    sums = np.asarray(table.sum(1)).ravel()
    scale = sparse.diags_array(np.divide(1, np.sqrt(sums), out=np.zeros_like(sums), where=sums > 0))
    return sparse.csr_matrix(scale @ table @ scale, dtype=np.float32)


def directions(graph: sparse.csr_matrix, width: int, seed: int) -> Floats:
    """The leading eigenvectors of a symmetric matrix. [items, width]; zeros where there are fewer.

    Subspace iteration on more columns than are kept, of which the leading ones are then read off (Halko et al. 2011): without the
    spare columns the last eigenvectors kept depend on the draw of the start.
    """
    size = graph.shape[0]
    result = np.zeros((size, width), np.float32)
    if not graph.nnz:
        return result
    basis = np.random.default_rng(seed).normal(size=(size, min(width + SPARE, size))).astype(np.float32)
    for _ in range(ROUNDS):
        basis = np.linalg.qr(graph @ (graph @ basis))[0]  # twice: eigenvalues of either sign keep their place
    values, turned = np.linalg.eigh(basis.T @ (graph @ basis))
    leading = np.argsort(-np.abs(values), kind="stable")[: min(width, size)]
    result[:, : len(leading)] = basis @ turned[:, leading]
    return result


def placed(graph: sparse.csr_matrix, basis: Floats) -> Floats:
    """Where each item stands, by its neighbours: rows of length 1, zeros for an item without any. [items, width]

    The basis stays what it was when the ranker learned; a later graph only moves items within it, so that an item
    first met since then stands where its neighbours say.
    """
    rows = np.zeros((graph.shape[0], basis.shape[1]), np.float32)
    known = min(graph.shape[0], len(basis))
    rows[:] = graph[:, :known] @ basis[:known]
    return unit_rows(rows)


def principal(vectors: Floats, width: int) -> Floats:
    """Their leading principal directions: a row [v, 1] times this has mean 0 and length about 1. [vector width + 1, width]

    Rows of zeros (items without a vector) play no part.
    """
    known = vectors[np.abs(vectors).sum(1) > 0].astype(np.float64)
    result = np.zeros((vectors.shape[1] + 1, width), np.float32)
    if len(known):
        centred = known - known.mean(0)
        _, basis = np.linalg.eigh(centred.T @ centred)
        count = min(width, vectors.shape[1])
        kept = basis[:, ::-1][:, :count]
        kept = kept / max(float(np.sqrt(np.square(centred @ kept).sum(1).mean())), 1e-9)
        result[:-1, :count], result[-1, :count] = kept, -known.mean(0) @ kept
    return result


def projected(vectors: Floats, projection: Floats) -> Floats:
    """Vectors in the principal directions; rows of zeros stay zeros. [..., width]"""
    known = np.abs(vectors).sum(-1, keepdims=True) > 0
    return np.asarray(np.where(known, vectors @ projection[:-1] + projection[-1], 0), np.float32)
