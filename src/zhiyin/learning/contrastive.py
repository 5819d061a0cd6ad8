"""Contrastive fine-tuning: items met close together by the same people get vectors close together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Ints
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError, require
from zhiyin.learning.loop import LoopSettings, Progress, train

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from zhiyin.learning.text_model import States, TextModel


@dataclass(frozen=True)
class Contrast:
    """How to fine-tune. window: how many events apart two items may be met to make a pair. cap: pairs an item may be in,
    per side, so that what everyone buys does not fill the batches. batch: pairs at once; the others' items are the wrong
    answers. temperature: of the softmax. pairs: drawn per epoch. stay: how much a vector is held to where it began.
    """

    window: int = 5
    cap: int = 20
    batch: int = 128
    temperature: float = 0.2
    pairs: int = 6400
    epochs: int = 6
    patience: int = 2
    learning_rate: float = 1e-3
    stay: float = 0.0
    seed: int = 0


def pairs_of(dataset: Dataset, window: int, cap: int, seed: int = 0) -> Ints:
    """Pairs of different items liked by one user at most `window` events apart, each pair once. [pairs, 2]

    Of the pairs in chance order those stay in which neither side has `cap` already. Raises DataError when there is none.
    """
    liked = dataset.liked
    found = []
    for gap in range(1, min(window, len(liked) - 1) + 1):
        apart = (liked.users[:-gap] == liked.users[gap:]) & (liked.items[:-gap] != liked.items[gap:])
        found.append(np.stack([liked.items[:-gap][apart], liked.items[gap:][apart]], 1))
    pairs = np.unique(np.sort(np.concatenate(found), 1), axis=0) if found else np.empty((0, 2), np.int32)
    if not len(pairs):
        raise DataError(
            "contrastive: no user liked two different items near each other; there is nothing to learn from"
        )
    chance = np.random.default_rng(seed)
    pairs = chance.permutation(pairs)
    turned = np.where(chance.random(len(pairs)) < 0.5, 1, 0)
    pairs = np.stack([pairs[np.arange(len(pairs)), turned], pairs[np.arange(len(pairs)), 1 - turned]], 1)
    for side in (0, 1):
        pairs = pairs[_nth(pairs[:, side]) < cap]
    return pairs.astype(np.int32)


def _nth(items: Array) -> Array:
    """For each place how often its item came before. [pairs]"""
    order = np.argsort(items, kind="stable")
    ranked = items[order]
    result = np.empty(len(items), np.int64)
    result[order] = np.arange(len(items)) - np.searchsorted(ranked, ranked, side="left")
    return result


def met_together(dataset: Dataset, window: int) -> sparse.csr_matrix:
    """Which items were met near each other at all, and each with itself: no wrong answers to each other. [items, items]"""
    size = len(dataset.items)
    pairs = pairs_of(dataset, window, cap=len(dataset.interactions) * window)
    rows = np.concatenate([pairs[:, 0], pairs[:, 1], np.arange(size)])
    columns = np.concatenate([pairs[:, 1], pairs[:, 0], np.arange(size)])
    return sparse.csr_matrix((np.ones(len(rows), np.bool_), (rows, columns)), shape=(size, size))


def info_nce(left: Tensor, right: Tensor, hits: Tensor, temperature: float) -> Tensor:
    """Cross entropy of each pair's partner among all partners of the batch, both ways (arXiv 1807.03748).

    left, right: unit vectors [pairs, width]. hits: [pairs, pairs], true where right[j] is no wrong answer to left[i]; the
    diagonal is never masked.
    """
    import torch

    own = torch.arange(len(left))
    logits = (left @ right.T / temperature).masked_fill(hits & (own[:, None] != own[None, :]), -torch.inf)
    return (torch.nn.functional.cross_entropy(logits, own) + torch.nn.functional.cross_entropy(logits.T, own)) / 2


def fine_tune(
    model: TextModel,
    states: States,
    dataset: Dataset,
    settings: Contrast,
    validate: Callable[[], float] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> dict[str, Array]:
    """Train the upper half of a text model in place on the pairs of a dataset; its best weights by name.

    states: the items' texts as the lower half read them. validate: higher is better, asked after each epoch. Raises
    DataError without pairs, TrainingError on a loss that is not finite.
    """
    torch = require("torch", "hf")
    from zhiyin.learning.text_model import half

    pairs = pairs_of(dataset, settings.window, settings.cap, settings.seed)
    together = met_together(dataset, settings.window)
    before = torch.from_numpy(model.vectors(states)) if settings.stay else None

    def loss(rows: Array, generator: Generator) -> Tensor:
        drawn = pairs[torch.randint(len(pairs), (len(rows),), generator=generator).numpy()]
        items, places = np.unique(drawn.T, return_inverse=True)
        with half(True):
            vectors = model(*states.block(items)).float()
        left, right = (vectors[torch.from_numpy(one)] for one in places.reshape(2, -1))
        hits = torch.from_numpy(together[drawn[:, 0]][:, drawn[:, 1]].toarray())
        value = info_nce(left, right, hits, settings.temperature)
        if before is not None:
            value = value + settings.stay * (1 - (vectors * before[torch.from_numpy(items)]).sum(1)).mean()
        return value

    how = LoopSettings(
        epochs=settings.epochs, patience=settings.patience, learning_rate=settings.learning_rate,
        weight_decay=0.01, betas=(0.9, 0.999), clip=1.0, seed=settings.seed,
    )  # fmt: skip
    batch = max(min(settings.batch, len(pairs)), 2)
    return train(model, settings.pairs, batch, loss, how, validate=validate, progress=progress)
