"""The gate of dgf: learned after the branches, on requests that no branch has learned from, and kept only where it gains.

A gate that learns together with its branches sees how well each of them fits the rows they learn from. One of them, the
hashed crosses, soon knows these rows by heart, so the gate gives it nearly all of the weight, and the order of new requests
suffers. Held-out requests tell what a branch is worth on requests it has not met (stacked generalisation, Wolpert 1992).

This file needs torch: import it inside a function.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from zhiyin.arrays import Array
from zhiyin.learning.loop import LoopSettings, load_weights, train, weights_of
from zhiyin.learning.ranking_losses import listwise_loss
from zhiyin.ranking.deep_layers import Batch

if TYPE_CHECKING:
    from torch import Generator

    from zhiyin.ranking.deep_networks import DGFNetwork

EPOCHS = 60
PATIENCE = 8
BATCH = 32
LEARNING_RATE = 0.003
WEIGHT_DECAY = 0.1


def learn_gate(network: DGFNetwork, batches: Iterable[Batch], seed: int) -> tuple[float, float]:
    """Learn the gate of a network, in place, from requests that its branches have not seen; the branches stay.

    Half of the requests are learned from, the other half says when to stop and whether it was worth it: where the loss of
    that half does not fall by more than one standard error against the open gate, the gate stays open. batches: of
    DeepInputs as tensors, with labels. Returns how far the loss fell, 0 when the gate stays open, and its standard error.
    """
    assert network.gate is not None
    logits, seen, present, labels, mask = _apart(network, batches)
    order = np.random.default_rng(seed).permutation(len(labels))
    learned, kept = order[: len(order) // 2], torch.from_numpy(order[len(order) // 2 :])

    def fused(rows: Tensor) -> Tensor:
        return (network.opened(seen[rows], present[rows]) * logits[rows]).sum(2)

    def losses(rows: Tensor) -> Tensor:
        return torch.stack(
            [
                listwise_loss(one[None], label[None], real[None])
                for one, label, real in zip(fused(rows), labels[rows], mask[rows], strict=True)
            ]
        )

    def step(chosen: Array, generator: Generator) -> Tensor:
        rows = torch.from_numpy(learned[chosen])
        return listwise_loss(fused(rows), labels[rows], mask[rows])

    with torch.no_grad():
        before = losses(kept)
    shut = weights_of(network.gate)
    network.gate.requires_grad_(True)
    train(
        network.gate, len(learned), BATCH, step,
        LoopSettings(
            epochs=EPOCHS, patience=PATIENCE, learning_rate=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=(0.9, 0.999), seed=seed
        ),
        validate=lambda: -float(losses(kept).mean()),
    )  # fmt: skip
    network.gate.requires_grad_(False)
    with torch.no_grad():
        gains = (before - losses(kept)).numpy()
    error = float(gains.std() / np.sqrt(max(len(gains), 1)))
    if not len(gains) or gains.mean() <= error:
        load_weights(network.gate, shut)
        return 0.0, error
    return float(gains.mean()), error


def _apart(network: DGFNetwork, batches: Iterable[Batch]) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """What the branches say, what the gate sees, which branches speak, the labels and the mask, all requests in one."""
    with torch.no_grad():
        found = [(*network.apart(batch), batch["labels"], batch["mask"]) for batch in batches]
    longest = max(one[3].shape[1] for one in found)

    def whole(column: int) -> Tensor:
        parts = [one[column] for one in found]
        return torch.cat([pad(one, (0, 0) * (one.dim() - 2) + (0, longest - one.shape[1])) for one in parts])

    return whole(0), whole(1), whole(2), whole(3), whole(4)
