"""A small decoder: from what a history says to the codes of the next item, one after the other. This file needs torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy, dropout, embedding

from zhiyin.arrays import Array, Ints, Longs
from zhiyin.learning.sequences import Sequences, groups
from zhiyin.learning.transformer import Shape, Transformer

TOGETHER = 256


class CodeDecoder(nn.Module):
    """A history's items, each the sum of its codes' vectors, through a causal transformer; then level by level a softmax
    over the codes and a step that adds what was chosen.

    sizes: how many codes each level has, the extra token's included. start: what is known of who has liked nothing.
    """

    def __init__(self, shape: Shape, sizes: tuple[int, ...], drop: float) -> None:
        super().__init__()
        width, self.drop = shape.width, drop
        self.reader = Transformer(shape, drop)
        self.start = nn.Parameter(torch.zeros(width))
        self.read = nn.ParameterList([nn.Parameter(torch.randn(size, width) * 0.05) for size in sizes])
        self.write = nn.ParameterList([nn.Parameter(torch.randn(size, width) * 0.05) for size in sizes])
        self.bias = nn.ParameterList([nn.Parameter(torch.zeros(size)) for size in sizes])
        self.inside = nn.ModuleList([nn.Linear(2 * width, 2 * width) for _ in sizes[1:]])
        self.outside = nn.ModuleList([nn.Linear(2 * width, width) for _ in sizes[1:]])

    def vectors(self, codes: Tensor) -> Tensor:
        """Items as a history reads them. codes: [items, levels]; returns [items, width]."""
        return torch.stack([embedding(codes[:, level], table) for level, table in enumerate(self.read)]).sum(0)

    def fit(self, level: int, states: Tensor) -> Tensor:
        """The logits of a level's codes. states: [rows, width]; returns [rows, codes]."""
        fit: Tensor = states @ self.write[level].T + self.bias[level]
        return fit

    def after(self, level: int, states: Tensor, codes: Tensor) -> Tensor:
        """The states once a code of the level was written. states: [rows, width]; codes: [rows]"""
        told = torch.cat([states, embedding(codes, self.read[level])], 1)
        hidden = dropout(torch.relu(self.inside[level](told)), self.drop, self.training)
        added: Tensor = self.outside[level](hidden)
        return states + added


@dataclass(frozen=True)
class Choices:
    """Which codes go on to an item, level by level, so that a softmax is over these alone, as in `code_search`.

    codes: [items, levels]. places: by level, the number of each item's codes before it, [items]; open: by level, which
    codes may follow such a number, [numbers, codes]; undecided: by level, whether an item's codes before it leave more
    than one item, [items].
    """

    codes: Tensor
    places: tuple[Tensor, ...]
    open: tuple[Tensor, ...]
    undecided: tuple[Tensor, ...]

    @classmethod
    def of(cls, codes: Ints, sizes: Sequence[int]) -> Choices:
        """Of ids, no two of which are equal, out of `sizes` codes by level."""
        places, following, undecided = [], [], []
        for level, size in enumerate(sizes):
            number = np.unique(codes[:, :level], axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)
            known = np.zeros((int(number.max(initial=-1)) + 1, size), np.bool_)
            known[number, codes[:, level]] = True
            places.append(torch.from_numpy(number))
            following.append(torch.from_numpy(known))
            undecided.append(torch.from_numpy(np.bincount(number)[number] > 1))
        return cls(torch.from_numpy(codes.astype(np.int64)), tuple(places), tuple(following), tuple(undecided))

    def losses(self, model: CodeDecoder, states: Tensor, items: Tensor) -> Tensor:
        """Minus the log of each item's chance after its state. states: [rows, width]; items: [rows]; returns [rows]."""
        total, rows = states.new_zeros(len(items)), torch.arange(len(items))
        for level, (places, following, undecided) in enumerate(
            zip(self.places, self.open, self.undecided, strict=True)
        ):
            going = torch.nonzero(undecided[items])[:, 0]  # the others' remaining codes are certain and cost nothing
            if len(going) < len(items):
                rows, items, states = rows[going], items[going], states.index_select(0, going)
            if not len(rows):
                break
            codes = self.codes[items, level]
            fit = model.fit(level, states).masked_fill(~following[places[items]], -torch.inf)
            total = total.index_add(0, rows, cross_entropy(fit, codes, reduction="none"))
            if level + 1 < len(self.places):
                states = model.after(level, states, codes)
        return total


@dataclass(frozen=True)
class Decoding:
    """The loss and the validation of a decoder on one set of sequences; see loop.train."""

    model: CodeDecoder
    sequences: Sequences
    asked: Sequences
    choices: Choices

    def loss(self, rows: Array, chance: Generator) -> Tensor:
        """Cross entropy of every code of every liked event, also of the first."""
        return self._losses(self.sequences, rows, every=True).mean()

    def validate(self) -> float:
        """The mean log chance of the id of every asked window's last event; no list is made, since one takes a search."""
        found = [
            -self._losses(self.asked, group, every=False)
            for group in groups(self.asked.lengths, 1 + len(self.asked) // TOGETHER)
        ]
        return float(torch.cat(found).mean())

    def _losses(self, source: Sequences, rows: Array, every: bool) -> Tensor:
        vectors = self.model.vectors(self.choices.codes)
        states: list[Tensor] = []
        right: list[Longs] = []
        for group in groups(source.lengths[rows], 1 + len(rows) // 16):
            inputs, targets, gaps, lengths = source.padded(rows[group])
            places = np.arange(inputs.shape[1])
            chosen = places < lengths[:, None] if every else places == lengths[:, None] - 1
            read = self.model.reader(vectors, *(torch.from_numpy(one) for one in (inputs, lengths, gaps)))
            states.append(read.flatten(0, 1).index_select(0, torch.from_numpy(np.flatnonzero(chosen))))
            right.append(targets[chosen])
            if every:
                states.append(self.model.start.expand(len(group), -1))
                right.append(inputs[:, 0])
        return self.choices.losses(self.model, torch.cat(states), torch.from_numpy(np.concatenate(right)))
