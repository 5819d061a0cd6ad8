"""A small decoder: from what a history says to the codes of the next item, one after the other. This file needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy, dropout

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
        return torch.stack([table[codes[:, level]] for level, table in enumerate(self.read)]).sum(0)

    def logits(self, states: Tensor, codes: Tensor) -> list[Tensor]:
        """The logits of every level, given the right codes before it. states: [rows, width]; codes: [rows, levels]"""
        found = []
        for level, table in enumerate(self.write):
            found.append(states @ table.T + self.bias[level])
            if level + 1 < len(self.write):
                told = torch.cat([states, self.read[level][codes[:, level]]], 1)
                hidden = dropout(torch.relu(self.inside[level](told)), self.drop, self.training)
                states = states + self.outside[level](hidden)
        return found


@dataclass(frozen=True)
class Decoding:
    """The loss and the validation of a decoder on one set of sequences; see loop.train. codes: [items, levels]."""

    model: CodeDecoder
    sequences: Sequences
    asked: Sequences
    codes: Ints

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
        table = torch.from_numpy(self.codes.astype(np.int64))
        vectors = self.model.vectors(table)
        states: list[Tensor] = []
        right: list[Longs] = []
        for group in groups(source.lengths[rows], 1 + len(rows) // 16):
            inputs, targets, gaps, lengths = source.padded(rows[group])
            places = np.arange(inputs.shape[1])
            chosen = places < lengths[:, None] if every else places == lengths[:, None] - 1
            read = self.model.reader(vectors, *(torch.from_numpy(one) for one in (inputs, lengths, gaps)))
            states.append(read[torch.from_numpy(chosen)])
            right.append(targets[chosen])
            if every:
                states.append(self.model.start.expand(len(group), -1))
                right.append(inputs[:, 0])
        codes = table[torch.from_numpy(np.concatenate(right))]
        logits = self.model.logits(torch.cat(states), codes)
        return torch.stack(
            [cross_entropy(one, codes[:, level], reduction="none") for level, one in enumerate(logits)]
        ).sum(0)
