"""Two towers in torch: items and people as vectors whose product says how well they fit. This file needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout, embedding_bag, normalize

SHORTEST = 0.01
"""Length below which a vector is not stretched to 1: what says nothing would have a gradient without end."""


@dataclass(frozen=True)
class TowerShape:
    """What the weights look like. items: fitted items. terms, attributes: buckets of hashed item terms and of user
    attributes. ages: places in the history that are told apart."""

    items: int
    width: int
    terms: int
    attributes: int
    ages: int


class Towers(nn.Module):
    """An item is its terms, its text and, where it was met, its own vector; a person is what they liked, weighed by
    attention and by age, their text and their attributes.

    Both ends have length 1. Before training an item is its terms and its text along the axes given, and a person the mean
    of their items: likeness of content. What is learned is added to that, so that little data does little harm.
    start: what a term is before training, [terms, width]. texts: [items, width], zeros where an item has none. words,
    word_weights: [items, most], hashed terms.
    """

    texts: Tensor
    item_words: Tensor
    word_weights: Tensor

    def __init__(
        self, shape: TowerShape, start: Tensor, texts: Tensor, words: Tensor, word_weights: Tensor, drop: float
    ) -> None:
        super().__init__()
        width, self.drop = shape.width, drop
        self.own = nn.Parameter(torch.randn(shape.items, width) * 0.02)
        self.words = nn.Parameter(start.clone())
        self.shares = nn.Parameter(torch.ones(2))
        self.item_in, self.item_out = nn.Linear(2 * width, 2 * width), nn.Linear(2 * width, width)
        self.look, self.worth = nn.Linear(width, width), nn.Linear(width, 1, bias=False)
        self.ages = nn.Parameter(-0.05 * torch.arange(shape.ages, dtype=torch.float32))
        self.attributes = nn.Parameter(torch.randn(shape.attributes, width) * 0.05)
        self.user_in, self.user_out = nn.Linear(4 * width, 2 * width), nn.Linear(2 * width, width)
        for last in (self.item_out, self.user_out):
            nn.init.zeros_(last.weight)
        nn.init.zeros_(self.item_out.bias)
        nn.init.normal_(
            self.user_out.bias, std=0.01
        )  # a guest has nothing else, and a vector of zeros has no direction
        nn.init.zeros_(self.worth.weight)
        self.register_buffer("texts", texts, persistent=False)
        self.register_buffer("item_words", words, persistent=False)
        self.register_buffer("word_weights", word_weights, persistent=False)

    def items(self, chosen: Tensor, known: Tensor) -> Tensor:
        """Vectors of some items. chosen: positions [n]; known: 1 where the item's own vector counts, 0 where not [n]."""
        terms = embedding_bag(
            self.item_words[chosen], self.words, mode="sum", per_sample_weights=self.word_weights[chosen]
        )
        texts = self.texts[chosen]
        told = self.shares[0] * terms + self.shares[1] * texts
        more = self.item_out(dropout(torch.relu(self.item_in(torch.cat([terms, texts], 1))), self.drop, self.training))
        return normalize(told + more + known[:, None] * self.own[chosen], dim=1, eps=SHORTEST)

    def prefixes(self, met: Tensor, texts: Tensor, attributes: Tensor, real: Tensor) -> Tensor:
        """The person before every event of their sequence and after the last. [rows, longest + 1, width]

        met, texts: vectors of the events' items, [rows, longest, width]. attributes: hashed, [rows, most]. real:
        [rows, longest], false for padding, which is behind the end and which no real place looks at.
        """
        rows, longest, width = met.shape
        fit = self.worth(torch.tanh(self.look(met))).squeeze(2)
        after = torch.arange(longest + 1, device=met.device)[:, None]
        age = after - 1 - torch.arange(longest, device=met.device)[None, :]
        weights = fit[:, None, :] + self.ages[age.clamp(0, len(self.ages) - 1)]
        seen = (age >= 0)[None] & real[:, None, :]
        weights = torch.softmax(weights.masked_fill(~seen, -1e9), 2) * seen
        pooled = weights @ met
        newest = torch.cat([met.new_zeros(rows, 1, width), met], 1)
        profile = self._attributes(attributes)[:, None, :].expand(-1, longest + 1, -1)
        return self._user(pooled, newest, weights @ texts, profile)

    def _attributes(self, attributes: Tensor) -> Tensor:
        return embedding_bag(attributes, self.attributes, mode="mean", padding_idx=0)

    def _user(self, pooled: Tensor, newest: Tensor, texts: Tensor, profile: Tensor) -> Tensor:
        told = torch.cat([pooled, newest, texts, profile], -1)
        more = self.user_out(dropout(torch.relu(self.user_in(told)), self.drop, self.training))
        return normalize(pooled + more, dim=-1, eps=SHORTEST)

    def by_text(self, texts: Tensor, attributes: Tensor) -> Tensor:
        """A person of whom nothing but a text and attributes is known. texts: [rows, width]; returns [rows, width]."""
        nothing = torch.zeros_like(texts)
        return self._user(nothing, nothing, texts, self._attributes(attributes))
