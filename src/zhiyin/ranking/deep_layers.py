"""The branches of the deep rankers: torch modules from a batch of deep_inputs to one logit per candidate.

This file needs torch: import it inside a function. A branch's forward takes the batch as tensors and the shared
embeddings of its fields, and returns [requests, n].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from zhiyin.learning.attention import TargetAttention
from zhiyin.learning.embedding import FieldTable, Terms, mlp, pairwise
from zhiyin.ranking.deep_rows import Shape

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class Sizes:
    """What a network is built with beside the shape of its inputs. attention: hidden units of the activation unit."""

    embedding: int = 8
    hidden: tuple[int, ...] = (64, 32)
    dropout: float = 0.1
    attention: int = 36
    interest: int = 32
    softmax: bool = False
    positions: bool = True


@dataclass(frozen=True)
class Fields:
    """Embedded fields. items: [requests, n, item fields, width]; request: [requests, fields, width]; history:
    [requests, events, item fields, width], None where no branch asks for it."""

    items: Tensor
    request: Tensor
    history: Tensor | None = None

    @property
    def all(self) -> Tensor:
        """All fields of each candidate: its own, then those of the request. [requests, n, fields, width]"""
        count = self.items.shape[1]
        return torch.cat([self.items, self.request.unsqueeze(1).expand(-1, count, -1, -1)], 2)


def embedded(table: FieldTable, batch: Batch, history: bool) -> Fields:
    """The fields of a batch by one table, which all branches share."""
    events = table(batch["history_fields"]) if history else None
    return Fields(table(batch["item_fields"]), table(batch["query_fields"].unsqueeze(-1)), events)


class Linear(nn.Module):
    """First-order terms of fields and numbers."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.fields = Terms(shape.buckets)
        self.numbers = nn.Linear(shape.numeric + shape.flags, 1)

    def forward(self, batch: Batch, fields: Fields) -> Tensor:
        """See the module."""
        own = self.fields(batch["item_fields"].flatten(2)) + self.fields(batch["query_fields"]).unsqueeze(1)
        told: Tensor = own + self.numbers(numbers(batch)).squeeze(-1)
        return told


class Wide(nn.Module):
    """First-order terms and a weight for each hashed cross product (arXiv 1606.07792)."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.linear = Linear(shape)
        self.crosses = Terms(shape.cross_buckets)

    def forward(self, batch: Batch, fields: Fields) -> Tensor:
        """See the module."""
        both: Tensor = self.linear(batch, fields) + self.crosses(batch["crosses"])
        return both


class Factorised(nn.Module):
    """The second order of a factorisation machine over the shared embeddings; a number is a field with a value."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        self.numbers = nn.Parameter(torch.randn(shape.numeric, sizes.embedding) * 0.02)

    def forward(self, batch: Batch, fields: Fields) -> Tensor:
        """See the module."""
        valued = batch["numeric"].unsqueeze(-1) * self.numbers
        return pairwise(torch.cat([fields.all, valued], 2))


class Deep(nn.Module):
    """An MLP over the embeddings of all fields and the numbers."""

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        width = (shape.item_fields + shape.query_fields) * sizes.embedding + shape.numeric + shape.flags
        self.layers = mlp(width, sizes.hidden, sizes.dropout)

    def forward(self, batch: Batch, fields: Fields) -> Tensor:
        """See the module."""
        logits: Tensor = self.layers(torch.cat([fields.all.flatten(2), numbers(batch)], 2)).squeeze(-1)
        return logits


class Interest(nn.Module):
    """DIN: what the history holds for each candidate by target attention, then an MLP over it and all else.

    An item is the embeddings of its fields and its vectors, brought to one width. positions: adds a learned vector for how
    many events ago an event was; the paper has none, and the order of events counts for nothing in it.
    """

    def __init__(self, shape: Shape, sizes: Sizes) -> None:
        super().__init__()
        self.spaces = shape.spaces
        self.item = nn.Linear(shape.item_fields * sizes.embedding + len(shape.spaces) * shape.width, sizes.interest)
        self.places = nn.Parameter(torch.zeros(shape.length, sizes.interest)) if sizes.positions else None
        self.attention = TargetAttention(sizes.interest, sizes.attention, sizes.softmax)
        asked = shape.query_fields * sizes.embedding + shape.numeric + shape.flags
        self.layers = mlp(2 * sizes.interest + asked, sizes.hidden, sizes.dropout)

    def forward(self, batch: Batch, fields: Fields) -> Tensor:
        """See the module."""
        own, interest = self.interest(batch, fields)
        request = fields.request.flatten(1).unsqueeze(1).expand(-1, own.shape[1], -1)
        logits: Tensor = self.layers(torch.cat([interest, own, request, numbers(batch)], 2)).squeeze(-1)
        return logits

    def interest(self, batch: Batch, fields: Fields) -> tuple[Tensor, Tensor]:
        """The candidates, and what the history holds for each. Both [requests, n, interest]"""
        assert fields.history is not None
        own = self.item(self._parts(batch, fields.items, "vectors"))
        events = self.item(self._parts(batch, fields.history, "history_vectors"))
        if self.places is not None:
            events = events + self.places
        return own, self.attention(own, events, batch["history_mask"])

    def _parts(self, batch: Batch, fields: Tensor, kind: str) -> Tensor:
        return torch.cat([fields.flatten(2), *(batch[f"{kind}.{space}"] for space in self.spaces)], 2)


class Space(nn.Module):
    """How a candidate lies to the history in vector spaces, and what related columns say; 0 where neither is known.

    columns: numbers of the batch's numeric columns that belong to it.
    """

    def __init__(self, shape: Shape, spaces: Sequence[str], columns: Sequence[int], hidden: int = 16) -> None:
        super().__init__()
        self.spaces, self.columns = tuple(spaces), list(columns)
        self.fade = nn.Parameter(torch.full((max(len(spaces), 1),), 1.0))
        width = len(spaces) * (shape.width + 3) + len(self.columns)
        self.layers = mlp(width, (hidden,), 0.0) if width else None

    def forward(self, batch: Batch, fields: Fields) -> Tensor:
        """See the module."""
        if self.layers is None:
            return torch.zeros_like(batch["blend"])
        blocks = [self._near(batch, place, space) for place, space in enumerate(self.spaces)]
        blocks.append(batch["numeric"][:, :, self.columns])
        read = torch.cat(blocks, 2)
        logits: Tensor = self.layers(read).squeeze(-1) * (read != 0).any(2)
        return logits

    def _near(self, batch: Batch, place: int, space: str) -> Tensor:
        own, events = batch[f"vectors.{space}"], batch[f"history_vectors.{space}"]
        ages = torch.arange(events.shape[1], dtype=events.dtype)
        weights = torch.exp(-torch.nn.functional.softplus(self.fade[place]) * ages / 4) * batch["history_mask"]
        taste = (weights.unsqueeze(-1) * events).sum(1, keepdim=True) / weights.sum(1)[:, None, None].clamp(min=1e-6)
        near = own @ events.transpose(1, 2)
        known = batch["history_mask"].unsqueeze(1)
        best = near.masked_fill(~known, -1e9).max(2).values * known.any(2)
        product = own * taste
        return torch.cat([product, product.sum(2, keepdim=True), near[:, :, :1], best.unsqueeze(-1)], 2)


def numbers(batch: Batch) -> Tensor:
    """The numbers and the flags of what is missing. [requests, n, numeric + flags]"""
    return torch.cat([batch["numeric"], batch["flags"]], 2)
