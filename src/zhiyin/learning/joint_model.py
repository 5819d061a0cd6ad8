"""A text encoder and a sequence model as one network with one loss: recommending teaches the encoder what words matter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor, nn

from zhiyin.arrays import Array, Floats
from zhiyin.learning.next_event import NextEvent
from zhiyin.learning.text_model import States, TextModel, half
from zhiyin.learning.transformer import Shape, Transformer


class JointModel(Transformer):
    """The transformer over a history whose items are read by a text model in the same network.

    An item's vector is its own, as long as `bound` at most, plus its text's, projected. Reading every text at every step
    would cost minutes, so each step reads some anew, with gradients, and takes the others as they were last read
    (arXiv 2007.00808, 1912.06798): the encoder moves slowly, and `reread` brings all up to date.

    states: the texts as the frozen lower layers read them. mean, axes: what the projection starts from. rests: whether
    the text model stays as it is for now.
    """

    read: Tensor

    def __init__(
        self, shape: Shape, drop: float, text: TextModel, states: States, mean: Floats, axes: Floats, bound: float
    ) -> None:
        super().__init__(shape, drop)
        self.text, self.states, self.longest_own = text, states, bound
        self.project = nn.Linear(text.width, shape.width)
        with torch.no_grad():
            self.project.weight.copy_(torch.from_numpy(axes.T.copy()))
            self.project.bias.copy_(torch.from_numpy(-mean @ axes))
        self.register_buffer("read", torch.from_numpy(text.vectors(states)), persistent=False)
        self.rests = False
        self.fresh: Array | None = None
        self.hidden: Tensor | None = None

    def vectors(self) -> Tensor:
        """Every item's vector. [items, width]. In training the texts of the `fresh` items are read anew, once."""
        read = self.read
        if self.training and self.fresh is not None and len(self.fresh):
            rows = torch.from_numpy(self.fresh)
            with half(True):
                now = self.text(*self.states.block(self.fresh)).float()
            self.read[rows] = now.detach()
            read = self.read.index_put((rows,), now)
            self.fresh = None
        told = read.any(1, keepdim=True)
        own = bounded(self.items, told, self.longest_own)
        if self.training and self.hidden is not None:
            own = own.masked_fill(self.hidden[:, None] & told, 0)
        return own + torch.where(told, self.project(read), 0)

    def reread(self) -> None:
        """Read all texts with the encoder as it is now."""
        if len(self.text.upper):
            self.read.copy_(torch.from_numpy(self.text.vectors(self.states)))


def bounded(own: Tensor, told: Tensor, bound: float) -> Tensor:
    """Items' own vectors, no longer than the bound where the item has a text. [items, width]; told: [items, 1]"""
    scale = (bound / own.norm(dim=1, keepdim=True).clamp(min=1e-9)).clamp(max=1.0)
    return torch.where(told, own * scale, own)


@dataclass(frozen=True)
class JointTask:
    """The one loss and its validation; see loop.train.

    fresh: texts read with gradients per step, drawn among those of the batch. hide: share of items whose own vector is
    left out in a step, so that the text alone has to carry items that come later.
    """

    model: JointModel
    events: NextEvent
    fresh: int
    hide: float

    def loss(self, rows: Array, chance: Generator) -> Tensor:
        """Cross entropy of every next event of some windows."""
        source = self.events.sequences
        met = np.unique(np.concatenate([source.items[source.starts[row] : source.ends[row]] for row in rows]))
        drawn = torch.randperm(len(met), generator=chance).numpy()[: self.fresh]
        learns = len(self.model.text.upper) and not self.model.rests
        self.model.fresh = np.sort(met[drawn]) if learns else None
        self.model.hidden = torch.rand(len(self.model.items), generator=chance) < self.hide
        return self.events.loss(rows, chance)

    def validate(self) -> float:
        """See NextEvent, with all texts read anew."""
        if not self.model.rests:
            self.model.reread()
        return self.events.validate()
