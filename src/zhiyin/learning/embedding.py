"""Layers over hashed fields: embeddings, first-order terms, the factorisation machine, and the plain MLP.

This file needs torch: import it inside a function.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding_bag


class FieldTable(nn.Module):
    """One table of embeddings for the hashed values of all fields; row 0 is nothing, a vector of zeros."""

    def __init__(self, buckets: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(buckets, width) * 0.05)
        with torch.no_grad():
            self.weight[0] = 0

    def forward(self, rows: Tensor) -> Tensor:
        """The mean over the values of each field. rows: [..., values]; returns [..., width]."""
        return _bag(rows, self.weight, "mean")


class Terms(nn.Module):
    """First-order terms: one weight per hashed value, added up; a linear model, or the wide part over crosses."""

    def __init__(self, buckets: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(buckets, 1))

    def forward(self, rows: Tensor) -> Tensor:
        """rows: [..., values], 0 for nothing; returns [...]."""
        return _bag(rows, self.weight, "sum").squeeze(-1)


def _bag(rows: Tensor, table: Tensor, mode: str) -> Tensor:
    if not rows.numel():  # a bag of nothing has no gradient to give
        return table.new_zeros((*rows.shape[:-1], table.shape[1]))
    flat = embedding_bag(rows.reshape(-1, rows.shape[-1]).long(), table, mode=mode, padding_idx=0)
    return flat.view(*rows.shape[:-1], table.shape[1])


def pairwise(vectors: Tensor) -> Tensor:
    """Σ over pairs i < j of vᵢ·vⱼ, as ½ (|Σ v|² - Σ |v|²): the second order of a factorisation machine (Rendle 2010).

    vectors: [..., fields, width], each already times its value; returns [...].
    """
    total = vectors.sum(-2)
    return 0.5 * ((total * total).sum(-1) - (vectors * vectors).sum((-2, -1)))


def mlp(width: int, hidden: Sequence[int], dropout: float, out: int = 1) -> nn.Sequential:
    """Linear layers with ReLU and dropout between them."""
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(dropout)]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, out))
