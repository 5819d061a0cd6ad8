"""A causal transformer over sequences of items, in torch: what trains. `forward.py` answers requests with its weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding, relu, scaled_dot_product_attention, silu

SPREAD = 0.02
"""Standard deviation of fresh embeddings."""


@dataclass(frozen=True)
class Shape:
    """What a model's weights look like. inner: width of the feed-forward layers. gaps: buckets of time, 0 for none.

    ligr: gated layers (pre-norm, SwiGLU) rather than SASRec's own.
    """

    items: int
    width: int
    length: int
    blocks: int
    heads: int
    inner: int
    gaps: int
    ligr: bool


class Transformer(nn.Module):
    """Items in order to one vector per place; the next item is the one whose vector fits it best.

    An item's vector is its own, trained freely up to a length, plus its text's, which a trained matrix turns. Layers are
    LiGR's as in eSASRec (arXiv 2508.06450): x + σ(W x) ⊙ f(norm x) with SwiGLU; or SASRec's (arXiv 1808.09781). Places
    count back from the newest event, so that a short history looks like the end of a long one.

    texts: [items, width], zeros where an item has none; None without texts. bound: the longest an item's own vector may
    be where the item has a text. drop: share of activations dropped in training.
    """

    def __init__(self, shape: Shape, drop: float = 0.0, texts: Tensor | None = None, bound: float = 0.0) -> None:
        super().__init__()
        self.shape, self.drop, self.bound = shape, drop, bound
        self.items = _table(shape.items, shape.width)
        self.places = _table(shape.length, shape.width)
        # Zeros: a time never seen in training says nothing.
        self.gaps = nn.Parameter(torch.zeros(shape.gaps, shape.width)) if shape.gaps else None
        self.turn = nn.Parameter(torch.eye(shape.width)) if texts is not None else None
        self.texts: Tensor
        self.register_buffer("texts", texts, persistent=False)
        self.blocks = nn.ModuleList(Block(shape, drop) for _ in range(shape.blocks))
        self.norm = nn.LayerNorm(shape.width)

    def vectors(self) -> Tensor:
        """Every item's vector. [items, width]"""
        if self.turn is None:
            return self.items
        own: Tensor = self.items
        if self.bound:
            long = own.norm(dim=1, keepdim=True).clamp(min=1e-9)
            bounded = own * (self.bound / long).clamp(max=1.0)
            own = torch.where(self.texts.any(1, keepdim=True), bounded, own)
        return own + self.texts @ self.turn.T

    def forward(self, vectors: Tensor, items: Tensor, lengths: Tensor, gaps: Tensor | None = None) -> Tensor:
        """The state after every event. [rows, longest, width]

        vectors: of `vectors()`. items: positions, [rows, longest], padded at the end; no real place looks at padding,
        since each looks back only. lengths: real events per row. gaps: bucket of the time to the next event, as items.
        """
        places = (lengths[:, None] - 1 - torch.arange(items.shape[1], device=items.device)).clamp(min=0)
        x = embedding(items, vectors) + embedding(places, self.places)
        if self.gaps is not None and gaps is not None:
            x = x + embedding(gaps, self.gaps)
        x = dropout(x, self.drop, self.training)
        for block in self.blocks:
            x = block(x)
        return self.norm(x)  # type: ignore[no-any-return]


class Block(nn.Module):
    """One layer: look back, then feed forward; each with its norm and its way around."""

    def __init__(self, shape: Shape, drop: float) -> None:
        super().__init__()
        self.heads, self.ligr, self.drop = shape.heads, shape.ligr, drop
        width = shape.width
        self.look_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.memory = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.mix = nn.Linear(width, width)
        self.widen = nn.Linear(width, 2 * shape.inner if shape.ligr else shape.inner)
        self.narrow = nn.Linear(shape.inner, width)
        if shape.ligr:
            self.look_gate, self.feed_gate = nn.Linear(width, width), nn.Linear(width, width)
        for name, weights in self.named_parameters():
            if weights.ndim == 2:
                nn.init.xavier_uniform_(weights)
            elif name.endswith("bias"):
                nn.init.zeros_(weights)

    def forward(self, x: Tensor) -> Tensor:
        """[rows, longest, width] to the same."""
        seen = self.look(x)
        x = x + (torch.sigmoid(self.look_gate(x)) * seen if self.ligr else seen)
        fed = self.feed(self.feed_norm(x))
        return x + (torch.sigmoid(self.feed_gate(x)) * fed if self.ligr else fed)

    def look(self, x: Tensor) -> Tensor:
        """Causal attention. SASRec norms only what asks; LiGR norms all."""
        normed = self.look_norm(x)
        rows, longest, width = x.shape
        parts = torch.cat([self.query(normed), self.memory(normed if self.ligr else x)], 2)
        query, key, value = parts.view(rows, longest, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        seen = scaled_dot_product_attention(query, key, value, is_causal=True)
        return dropout(self.mix(seen.transpose(1, 2).reshape(rows, longest, width)), self.drop, self.training)

    def feed(self, x: Tensor) -> Tensor:
        """Two products with a bend between them."""
        wide = self.widen(x)
        if self.ligr:
            gate, wide = wide.chunk(2, 2)
            wide = silu(gate) * wide
        else:
            wide = dropout(relu(wide), self.drop, self.training)
        return dropout(self.narrow(wide), self.drop, self.training)


def _table(rows: int, width: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(rows, width) * SPREAD)
