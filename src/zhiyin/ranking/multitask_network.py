"""The network of multitask: fields, history and vectors through shared experts to a head per action, and one that understands.

This file needs torch: import it inside a function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zhiyin.learning.embedding import FieldTable, mlp
from zhiyin.learning.experts import Experts, Uncertainty, entropy
from zhiyin.ranking.deep_layers import Batch, Interest, Sizes, embedded, numbers
from zhiyin.ranking.deep_rows import Shape


@dataclass(frozen=True)
class Mixture:
    """heads: actions beside relevance. topics: attribute values to predict, 0 for none. kind: "mmoe" or "ple"."""

    heads: int
    topics: int
    kind: str
    experts: int
    expert: int
    gate_dropout: float


class MultiTaskNetwork(nn.Module):
    """One reading of request and candidate for all tasks: relevance first, then the heads, then what the item is."""

    def __init__(self, shape: Shape, sizes: Sizes, mixture: Mixture) -> None:
        super().__init__()
        self.table = FieldTable(shape.buckets, sizes.embedding)
        self.read = Interest(shape, sizes)
        self.read.layers = nn.Sequential()  # the experts stand in its place
        width = 2 * sizes.interest + shape.query_fields * sizes.embedding + shape.numeric + shape.flags
        tasks = 1 + mixture.heads + (mixture.topics > 0)
        ple = mixture.kind == "ple"
        shared = max(mixture.experts // 2, 1) if ple else mixture.experts
        self.experts = Experts(
            width, tasks, shared, 1 if ple else 0, mixture.expert, 2 if ple else 1, mixture.gate_dropout
        )
        self.towers = nn.ModuleList(mlp(mixture.expert, (16,), sizes.dropout) for _ in range(1 + mixture.heads))
        self.understand = nn.Linear(mixture.expert, mixture.topics) if mixture.topics else None
        self.balance = Uncertainty(tasks)

    def forward(self, batch: Batch) -> Tensor:
        """The relevance alone. [requests, n]"""
        return self.answers(batch)[0][:, :, 0]

    def answers(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """A logit per task, relevance first [requests, n, 1 + heads], and one per topic [requests, n, topics]."""
        mixed, _ = self.experts(self._inputs(batch))
        logits = torch.cat([tower(one) for tower, one in zip(self.towers, mixed, strict=False)], 2)
        return logits, None if self.understand is None else self.understand(mixed[-1])

    def begin_at(self, shares: Sequence[float]) -> None:
        """Let each head begin at how often its action happens. From one half, a few hundred requests do not get it there."""
        with torch.no_grad():
            for tower, share in zip(list(self.towers)[1:], shares, strict=True):
                chance = min(max(share, 1e-4), 1 - 1e-4)
                tower[-1].bias.fill_(math.log(chance / (1 - chance)))  # type: ignore[index]

    def openness(self, batch: Batch) -> Tensor:
        """The mean entropy of each task's gate over the real candidates, 0 to 1. [tasks]"""
        _, gates = self.experts(self._inputs(batch))
        return torch.stack([entropy(gate)[batch["mask"]].mean() for gate in gates])

    def _inputs(self, batch: Batch) -> Tensor:
        fields = embedded(self.table, batch, history=True)
        own, interest = self.read.interest(batch, fields)
        request = fields.request.flatten(1).unsqueeze(1).expand(-1, own.shape[1], -1)
        return torch.cat([interest, own, request, numbers(batch)], 2)


def hidden(batch: Batch, rows: Tensor) -> Batch:
    """The batch with the candidates' ids and attributes hidden in some requests: what an item is must come from its text,
    its place among others and who meets it. rows: [requests], true to hide."""
    return {**batch, "item_fields": batch["item_fields"].masked_fill(rows[:, None, None, None], 0)}
