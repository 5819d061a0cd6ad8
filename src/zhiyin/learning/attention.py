"""Target attention: how much each event of a history matters for the candidate at hand (DIN, arXiv 1706.06978).

This file needs torch: import it inside a function.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TargetAttention(nn.Module):
    """The activation unit: an MLP over [q, k, q - k, q · k] gives each event its weight, and the events are added up.

    softmax: False keeps the weights as they are, so that a strong interest in many events adds up, as in the paper; True
    makes them sum to 1 over the events, as in the authors' code.
    """

    def __init__(self, width: int, hidden: int, softmax: bool) -> None:
        super().__init__()
        self.first = nn.Linear(4 * width, hidden)
        self.bend = nn.PReLU(hidden)
        self.second = nn.Linear(hidden, 1)
        self.softmax = softmax

    def weights(self, queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """queries: [requests, n, width], keys: [requests, events, width], mask: [requests, events], true for real ones.

        [requests, n, events]; 0 where the mask is false.
        """
        # W [q, k, q - k, q · k] = (W₁ + W₃) q + (W₂ - W₃) k + W₄ (q · k): the first two need no row per pair.
        query, key, gap, product = self.first.weight.chunk(4, 1)
        alone = queries @ (query + gap).T + self.first.bias
        events = keys @ (key - gap).T
        pairs = (queries.unsqueeze(2) * keys.unsqueeze(1)) @ product.T
        bent = self.bend((alone.unsqueeze(2) + events.unsqueeze(1) + pairs).flatten(0, 2)).view_as(pairs)
        logits: Tensor = self.second(bent).squeeze(-1)
        real = mask.unsqueeze(1)
        if self.softmax:
            # Scaled as in the authors' code; a history without any event gives zeros, not an even share of padding.
            logits = (logits / keys.shape[-1] ** 0.5).masked_fill(~real, -1e9)
            return torch.softmax(logits, -1) * real
        return logits * real

    def forward(self, queries: Tensor, keys: Tensor, mask: Tensor) -> Tensor:
        """What the history holds for each candidate. See weights. [requests, n, width]"""
        return self.weights(queries, keys, mask) @ keys
