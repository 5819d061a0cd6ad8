"""How far a student's order of lists is from its teacher's. This file needs torch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from zhiyin.arrays import Array
from zhiyin.learning.distill import Drawn, Lessons
from zhiyin.learning.losses import listwise_kl_loss
from zhiyin.learning.next_event import NextEvent

SHARPNESS = 2.0
"""What the teacher's standardised scores are multiplied by before their softmax."""


def lesson_loss(ours: Tensor, drawn: Drawn, sharpness: float = SHARPNESS) -> Tensor:
    """KL(teacher ‖ student) over each list; padding says nothing. ours: the student's logits, [rows, list]"""
    padding = torch.from_numpy(drawn.items < 0).to(ours.device)
    theirs = torch.from_numpy(drawn.scores).to(ours.device) * sharpness
    return listwise_kl_loss(ours.float().masked_fill(padding, -1e9), theirs.masked_fill(padding, -1e9))


@dataclass(frozen=True)
class TaughtNextEvent:
    """The task of a sequence model with a teacher's lists beside its events. taught: what they count."""

    task: NextEvent
    lessons: Lessons
    taught: float
    longest: int

    def loss(self, rows: Array, chance: Generator) -> Tensor:
        """See NextEvent.loss."""
        own = self.task.loss(rows, chance)
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=chance)))
        return own + self.taught * self._lesson(rng, len(rows))

    def _lesson(self, rng: np.random.Generator, count: int) -> Tensor:
        drawn, model = self.lessons.drawn(count, self.longest, rng, least=1), self.task.model
        vectors = model.vectors()
        inputs, lengths, gaps, items = (
            torch.from_numpy(one).to(vectors.device)
            for one in (drawn.inputs, drawn.lengths, drawn.gaps, np.maximum(drawn.items, 0))
        )
        states = model(vectors, inputs, lengths, gaps)[torch.arange(count, device=vectors.device), lengths - 1]
        return lesson_loss((vectors[items] * states[:, None]).sum(2), drawn)
