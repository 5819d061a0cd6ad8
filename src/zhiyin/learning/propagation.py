"""Propagation over a graph of users and items: its normalised edges, the mean of the layers, and the gate on history length."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Floats

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 4096
"""Rows compared with all others at a time, which bounds the memory of the nearest neighbours."""


def normalised(edges: sparse.csr_matrix) -> sparse.csr_matrix:
    """D^-½ A D^-½: each edge divided by the root of the degrees at its two ends. Any shape; nodes without edges stay so."""
    edges = sparse.csr_matrix(edges, dtype=np.float32)
    rows, columns = (np.asarray(edges.sum(axis), np.float64).ravel() for axis in (1, 0))
    scale = (1 / np.sqrt(np.maximum(one, 1e-12)) * (one > 0) for one in (rows, columns))
    left, right = (sparse.diags(one.astype(np.float32)) for one in scale)
    return sparse.csr_matrix(left @ edges @ right, dtype=np.float32)


def gate(lengths: Array | int, half: float) -> Floats:
    """half / (half + length): 1 for an empty history, ½ where it is `half` events long, near 0 for long ones."""
    return np.asarray(half / (half + np.asarray(lengths, np.float32)), np.float32)


def adjacency(
    met: sparse.csr_matrix, users: sparse.csr_matrix | None = None, items: sparse.csr_matrix | None = None
) -> sparse.csr_matrix:
    """One square matrix over users, then items: normalised interactions both ways, and what ties users or items.

    met: [users, items], not yet normalised. users, items: square, taken as they are, so that their rows can be gated.
    """
    across = normalised(met)
    return sparse.csr_matrix(sparse.bmat([[users, across], [across.T, items]], format="csr"), dtype=np.float32)


def layers_summed(edges: sparse.csr_matrix, start: Array, layers: int) -> Floats:
    """Σ of A^l · start for l = 0 … layers. edges: square; start: [nodes, width]."""
    total = np.ascontiguousarray(start, np.float32)
    for _ in range(layers):
        total = start + edges @ total
    return np.asarray(total, np.float32)


def propagation(edges: sparse.csr_matrix, layers: int) -> Callable[[Tensor], Tensor]:
    """The mean of layers 0 … `layers` as a differentiable function of the ego embeddings [nodes, width].

    It is linear, so the gradient is the same sum over the transposed edges (He et al. 2020, arXiv 2002.02126).
    """
    import torch

    back = sparse.csr_matrix(edges.T)
    share = 1.0 / (layers + 1)

    class Mean(torch.autograd.Function):
        @staticmethod
        def forward(context: object, start: Tensor) -> Tensor:
            return torch.from_numpy(layers_summed(edges, start.detach().numpy(), layers) * np.float32(share))

        @staticmethod
        def backward(context: object, gradient: Tensor) -> Tensor:
            return torch.from_numpy(layers_summed(back, gradient.numpy(), layers) * np.float32(share))

    return Mean.apply


def nearest_rows(asked: Floats, vectors: Floats, count: int, skip: Array | None = None) -> sparse.csr_matrix:
    """Each asked row's `count` closest rows by cosine, as weights that sum to 1; only positive likeness counts.

    asked, vectors: rows of length 1, or zeros, which are close to nothing. skip: per asked row its own place among the
    vectors, which is left out. csr [asked, vectors].
    """
    count = min(count, len(vectors))
    rows, columns, values = [np.empty(0, np.int64)], [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for start in range(0, len(asked) if count else 0, BLOCK):
        likeness = asked[start : start + BLOCK] @ vectors.T
        inside = np.arange(len(likeness))
        if skip is not None:
            likeness[inside, skip[start : start + BLOCK]] = 0
        # Whole numbers, each once: equal rows are taken in their order, whichever rows are asked for beside them.
        keys = np.round(likeness.astype(np.float64) * -1e5).astype(np.int64) * len(vectors) + np.arange(len(vectors))
        best = np.argpartition(keys, count - 1, axis=1)[:, :count]
        value = np.maximum(np.take_along_axis(likeness, best, 1), 0)
        value /= np.maximum(value.sum(1, keepdims=True), 1e-12)
        rows.append(np.repeat(inside + start, count))
        columns.append(best.ravel())
        values.append(value.ravel().astype(np.float32))
    table = sparse.csr_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (len(asked), len(vectors))
    )
    table.eliminate_zeros()
    return table
