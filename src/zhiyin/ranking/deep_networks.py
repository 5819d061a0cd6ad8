"""The networks of wide_deep, deepfm, din and dgf, put together from the branches of deep_layers.

This file needs torch: import it inside a function. Each network's forward takes a batch of deep_inputs as tensors and
returns one logit per candidate, [requests, n].
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from zhiyin.learning.embedding import FieldTable, mlp
from zhiyin.ranking.deep_inputs import NEIGHBOURS
from zhiyin.ranking.deep_layers import Batch, Deep, Factorised, Interest, Linear, Sizes, Space, Wide, embedded
from zhiyin.ranking.deep_rows import GATE, Shape


class WideDeepNetwork(nn.Module):
    """Wide and deep, added up to one logit and trained together (arXiv 1606.07792)."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        self.table = FieldTable(shape.buckets, sizes.embedding)
        self.wide, self.deep = Wide(shape), Deep(shape, sizes)

    def forward(self, batch: Batch) -> Tensor:
        """See the module."""
        fields = embedded(self.table, batch, history=False)
        both: Tensor = self.wide(batch, fields) + self.deep(batch, fields)
        return both


class DeepFMNetwork(nn.Module):
    """First order, second order and deep over the same embeddings, added up (arXiv 1703.04247)."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        self.table = FieldTable(shape.buckets, sizes.embedding)
        self.linear, self.fm, self.deep = Linear(shape), Factorised(shape, sizes), Deep(shape, sizes)

    def forward(self, batch: Batch) -> Tensor:
        """See the module."""
        fields = embedded(self.table, batch, history=False)
        all_three: Tensor = self.linear(batch, fields) + self.fm(batch, fields) + self.deep(batch, fields)
        return all_three


class DINNetwork(nn.Module):
    """Target attention over the history, then an MLP (arXiv 1706.06978)."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        self.table = FieldTable(shape.buckets, sizes.embedding)
        self.din = Interest(shape, sizes)

    def forward(self, batch: Batch) -> Tensor:
        """See the module."""
        logits: Tensor = self.din(batch, embedded(self.table, batch, history=True))
        return logits


class DGFNetwork(nn.Module):
    """Deep Gated Fusion: Σ gate_b · logit_b over its branches. gate: "softmax", "sigmoid" or "off" (all 1).

    The gate stands at 1 for every branch while the branches learn, and learns after them: see deep_gate. A branch without
    input (no text, no place in a graph) has the gate 0, and with "softmax" those of the others add up to their number.
    """

    def __init__(self, shape: Shape, sizes: Sizes, branches: Sequence[str], gate: str) -> None:
        super().__init__()
        self.table = FieldTable(shape.buckets, sizes.embedding)
        self.branches = nn.ModuleDict({name: _branch(name, shape, sizes) for name in branches})
        self.kind, self.contexts = gate, shape.contexts
        self.gate = (
            mlp(len(GATE) + shape.contexts * sizes.embedding, (16,), 0.0, len(branches)) if gate != "off" else None
        )
        if self.gate is not None:
            nn.init.zeros_(self.gate[-1].weight)  # type: ignore[arg-type]
            nn.init.zeros_(self.gate[-1].bias)  # type: ignore[arg-type]
            self.gate.requires_grad_(False)

    def forward(self, batch: Batch) -> Tensor:
        """See the module."""
        logits, seen, present = self.apart(batch)
        return (self.opened(seen, present) * logits).sum(2)

    def apart(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """The logit of every branch, what the gate sees, and which branches have input (0 or 1). [requests, n, …]"""
        fields = embedded(self.table, batch, history="din" in self.branches)
        logits = torch.stack([branch(batch, fields) for branch in self.branches.values()], 2)
        context = fields.request[:, -self.contexts :].flatten(1).unsqueeze(1).expand(-1, logits.shape[1], -1)
        return logits, torch.cat([batch["gate"], context], 2), self._present(batch)

    def opened(self, seen: Tensor, present: Tensor) -> Tensor:
        """How far each branch's gate is open, by what apart() gives. [requests, n, branches]"""
        if self.gate is None:
            return present
        told = self.gate(seen)
        if self.kind == "sigmoid":
            return 2 * torch.sigmoid(told) * present
        return torch.softmax(told.masked_fill(present == 0, -1e9), 2) * present * present.sum(2, keepdim=True)

    def _present(self, batch: Batch) -> Tensor:
        columns = []
        for name in self.branches:
            missing = {"graph": "no_graph", "text": "no_text"}.get(name)
            column = batch["gate"][:, :, GATE.index(missing)] if missing else torch.zeros_like(batch["gate"][:, :, 0])
            columns.append(1 - column)
        return torch.stack(columns, 2)


def _branch(name: str, shape: Shape, sizes: Sizes) -> nn.Module:
    if name in ("linear", "wide"):
        return Linear(shape) if name == "linear" else Wide(shape)
    if name == "fm":
        return Factorised(shape, sizes)
    if name in ("deep", "din"):
        return Deep(shape, sizes) if name == "deep" else Interest(shape, sizes)
    own = [
        space
        for space in shape.spaces
        if (space == "text") == (name == "text") and space in (NEIGHBOURS, "graph", "text")
    ]
    columns = [place for place, column in enumerate(shape.columns) if column.startswith(f"{name}_")]
    return Space(shape, own, columns)
