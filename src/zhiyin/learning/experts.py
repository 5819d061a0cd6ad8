"""Experts that several tasks share through gates: MMoE (Ma, KDD 2018) and PLE (Tang, RecSys 2020).

This file needs torch: import it inside a function.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Experts(nn.Module):
    """What each task reads of one input, mixed from experts by a gate of its own.

    With own = 0 it is MMoE: every gate mixes the shared experts. Else it is PLE: at each level a task's gate mixes its own
    and the shared experts, and between levels a shared gate mixes all of them. width: of the input. hidden: of an
    expert's output. drop: share of experts a gate loses at random while learning, so that none is leaned on alone.
    """

    def __init__(
        self, width: int, tasks: int, shared: int, own: int = 0, hidden: int = 32, levels: int = 1, drop: float = 0.1
    ) -> None:
        super().__init__()
        self.levels = nn.ModuleList(
            Level(hidden if number else width, tasks, shared, own, hidden, drop, number < levels - 1)
            for number in range(levels)
        )
        self.tasks = tasks

    def forward(self, x: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """[..., width] to each task's [..., hidden] and its last gate [..., experts it sees], which sums to 1."""
        inputs, gates = [x] * (self.tasks + 1), [x]
        for level in self.levels:
            inputs, gates = level(inputs)
        return inputs[: self.tasks], gates


class Level(nn.Module):
    """One layer of experts and gates. passes: whether the shared experts go on to a next level."""

    def __init__(self, width: int, tasks: int, shared: int, own: int, hidden: int, drop: float, passes: bool) -> None:
        super().__init__()
        self.shared = nn.ModuleList(_expert(width, hidden) for _ in range(shared))
        self.own = nn.ModuleList(_expert(width, hidden) for _ in range(tasks * own))  # task after task
        self.gates = nn.ModuleList(_gate(width, own + shared) for _ in range(tasks))
        self.passing = _gate(width, tasks * own + shared) if passes else None
        self.drop, self.each = drop, own

    def forward(self, inputs: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """inputs: one per task, then the shared one."""
        shared = [expert(inputs[-1]) for expert in self.shared]
        own = [expert(inputs[place // self.each]) for place, expert in enumerate(self.own)]
        found, opened = [], []
        for task, gate in enumerate(self.gates):
            weights = self._opened(gate(inputs[task]))
            mine = own[task * self.each : (task + 1) * self.each]
            found.append(_mixed(weights, [*mine, *shared]))
            opened.append(weights)
        if self.passing is not None:
            found.append(_mixed(self._opened(self.passing(inputs[-1])), [*own, *shared]))
        return found, opened

    def _opened(self, logits: Tensor) -> Tensor:
        if self.training and self.drop and logits.shape[-1] > 1:
            lost = torch.rand_like(logits) < self.drop
            lost = lost & ~lost.all(-1, keepdim=True)  # a gate that lost all keeps all
            logits = logits.masked_fill(lost, -torch.inf)
        return torch.softmax(logits, -1)


def entropy(gate: Tensor) -> Tensor:
    """How evenly a gate is open, 0 (one expert alone) to 1 (all alike). [..., experts] to [...]"""
    count = gate.shape[-1]
    spread = -(gate * gate.clamp(min=1e-12).log()).sum(-1)
    return spread / torch.log(torch.tensor(float(count))) if count > 1 else torch.ones_like(spread)


def _expert(width: int, hidden: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU())


def _gate(width: int, experts: int) -> nn.Module:
    # Inputs of all sizes would close it within an epoch.
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, experts))


def _mixed(weights: Tensor, outputs: Sequence[Tensor]) -> Tensor:
    return (weights.unsqueeze(-1) * torch.stack(list(outputs), -2)).sum(-2)


class Uncertainty(nn.Module):
    """Weighs losses by how noisy each task is found to be (Kendall 2018): Σ exp(-s) · loss + s / 2, s learned."""

    def __init__(self, tasks: int) -> None:
        super().__init__()
        self.noise = nn.Parameter(torch.zeros(tasks))

    def forward(self, losses: Tensor) -> Tensor:
        """[tasks] to one number."""
        return (torch.exp(-self.noise) * losses + self.noise / 2).sum()
