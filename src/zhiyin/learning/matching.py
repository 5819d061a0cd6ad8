"""Matching: how two towers learn which item a person liked next, from mixed negatives with logQ correction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Generator, Tensor

from zhiyin.arrays import Array, Longs
from zhiyin.learning.distill import Lessons
from zhiyin.learning.lesson_loss import lesson_loss
from zhiyin.learning.losses import sampled_softmax_loss
from zhiyin.learning.negatives import Negatives
from zhiyin.learning.sequences import Sequences, groups
from zhiyin.learning.towers import Towers

TOP = 10
TOGETHER = 256
"""Sequences validated at once."""


@dataclass(frozen=True)
class Matching:
    """The loss and the validation of two towers on one set of sequences; see loop.train.

    attributes: hashed, per user [users, most]. owners, asked_owners: the user of each window. popularity: [items].
    negatives: items drawn evenly per batch beside the batch's own targets; as many as the catalogue has, or more, means
    all items once. hide: share of items whose own vector is hidden in a batch, so that new items are learned for; and of
    histories that are hidden behind their text. temperature: of the softmax over cosines. lessons: what a teacher says,
    taught its weight beside the loss, sharpness what its standardised
    scores are multiplied by.
    """

    model: Towers
    sequences: Sequences
    asked: Sequences
    owners: Longs
    asked_owners: Longs
    attributes: Longs
    popularity: Array
    negatives: int
    hide: float
    temperature: float
    lessons: Lessons | None = None
    taught: float = 1.0
    sharpness: float = 2.0

    def loss(self, rows: Array, chance: Generator) -> Tensor:
        """Cross entropy of every liked event of some windows, also of the first, which only attributes can tell."""
        rng = np.random.default_rng(int(torch.randint(2**62, (1,), generator=chance)))
        inputs, targets, _, lengths = self.sequences.padded(rows)
        real = np.arange(inputs.shape[1]) < lengths[:, None]
        wanted = np.concatenate([inputs[:, :1], np.where(real, targets, 0)], 1)
        places = np.concatenate([np.ones((len(rows), 1), bool), real], 1)
        right, row_of = wanted[places], np.nonzero(places)[0]
        columns, log_q = self._columns(right, rng)
        # An item tower runs once per batch and item, whatever the item's part in it is.
        inputs = np.where(
            real, inputs, inputs[:, :1]
        )  # padding names what is named anyway, so that it hides no negative
        used, at = np.unique(np.concatenate([inputs.ravel(), right, columns]), return_inverse=True)
        vectors = self.model.items(
            torch.from_numpy(used), torch.from_numpy((rng.random(len(used)) >= self.hide).astype(np.float32))
        )
        at_inputs, at_right, at_columns = np.split(at, np.cumsum([inputs.size, len(right)]))
        states = self._states(vectors, used, at_inputs.reshape(inputs.shape), real, self.owners[rows], rng)
        states = states[torch.from_numpy(places)]
        logits = states @ vectors[torch.from_numpy(at_columns)].T / self.temperature
        positive = (states * vectors[torch.from_numpy(at_right)]).sum(1) / self.temperature
        logits = logits.masked_fill(
            torch.from_numpy(self._own(used, at_inputs, at_right, at_columns, row_of, inputs.shape)), -1e9
        )
        loss = sampled_softmax_loss(
            positive, logits, torch.from_numpy(log_q), torch.from_numpy(right), torch.from_numpy(columns)
        )
        return loss if self.lessons is None else loss + self.taught * self._lesson(rng, len(rows))

    def _columns(self, right: Longs, rng: np.random.Generator) -> tuple[Longs, Array]:
        """The items compared with, and the log of how often each is expected to be among them."""
        size = len(self.popularity)
        if self.negatives >= size:
            return np.arange(size), np.zeros(size, np.float32)
        drawn = Negatives.mixed(self.popularity, 1.0).draw(self.negatives, rng)
        columns = np.concatenate([right, drawn])
        mixed = Negatives.mixed(self.popularity, self.negatives / len(columns))
        return columns, mixed.log_expected(columns, len(columns))

    @staticmethod
    def _own(used: Longs, inputs: Longs, right: Longs, columns: Longs, row_of: Longs, shape: tuple[int, ...]) -> Array:
        """Accidental hits: what the same person liked is no negative for them. [rows of right, columns]"""
        own = np.zeros((shape[0], len(used)), np.bool_)
        own[np.repeat(np.arange(shape[0]), shape[1]), inputs] = True
        own[row_of, right] = True
        return own[row_of][:, columns]

    def _states(
        self, vectors: Tensor, used: Longs, inputs: Longs, real: Array, owners: Longs, rng: np.random.Generator | None
    ) -> Tensor:
        """The person before each event and after the last. [rows, longest + 1, width]"""
        at = torch.from_numpy(inputs)
        attributes = torch.from_numpy(self.attributes[owners])
        texts = self.model.texts[torch.from_numpy(used)][at]
        states = self.model.prefixes(vectors[at], texts, attributes, torch.from_numpy(real))
        if rng is None or not self.hide:
            return states
        # Some are known by their words alone, as is who comes with a wish.
        hidden = torch.from_numpy(np.flatnonzero(rng.random(len(inputs)) < self.hide / 4))
        if len(hidden):
            counts = torch.arange(1, inputs.shape[1] + 1)[None, :, None]
            means = texts[hidden].cumsum(1) / counts
            flat = self.model.by_text(
                means.reshape(-1, means.shape[2]), attributes[hidden].repeat_interleave(means.shape[1], 0)
            )
            states = states.clone()
            states[hidden, 1:] = flat.view(means.shape)
        return states

    def _lesson(self, rng: np.random.Generator, count: int) -> Tensor:
        """The divergence from the teacher on a few of its lists."""
        assert self.lessons is not None
        drawn = self.lessons.drawn(count, self.longest, rng)
        wanted = np.maximum(drawn.items, 0)
        used, at = np.unique(np.concatenate([drawn.inputs.ravel(), wanted.ravel()]), return_inverse=True)
        vectors = self.model.items(torch.from_numpy(used), torch.ones(len(used)))
        real = np.arange(drawn.inputs.shape[1]) < drawn.lengths[:, None]
        cut = drawn.inputs.size
        states = self._states(vectors, used, at[:cut].reshape(drawn.inputs.shape), real, drawn.owners, None)
        last = states[torch.arange(count), torch.from_numpy(drawn.lengths)]
        ours = (vectors[torch.from_numpy(at[cut:].reshape(wanted.shape))] * last[:, None]).sum(2)
        return lesson_loss(ours / self.temperature, drawn, self.sharpness)

    @property
    def longest(self) -> int:
        """Inputs of the longest window."""
        return max(1, int(self.sequences.lengths.max(initial=1)))

    def validate(self) -> float:
        """NDCG@10 of the last event of every asked window, ranked among all items its user had not met."""
        everything = np.arange(len(self.popularity))
        vectors = self.model.items(
            torch.from_numpy(everything), torch.from_numpy((self.popularity > 0).astype(np.float32))
        )
        gains: list[Array] = []
        for group in groups(self.asked.lengths, 1 + len(self.asked) // TOGETHER):
            inputs, targets, _, lengths = self.asked.padded(group)
            real = np.arange(inputs.shape[1]) < lengths[:, None]
            states = self._states(vectors, everything, inputs, real, self.asked_owners[group], None)
            scores = states[torch.arange(len(group)), torch.from_numpy(lengths)] @ vectors.T
            last = targets[np.arange(len(group)), lengths - 1]
            right = scores[torch.arange(len(group)), torch.from_numpy(last)].clone()
            for row, window in enumerate(group):
                met = self.asked.items[self.asked.firsts[window] : self.asked.ends[window] - 1]
                scores[row, torch.from_numpy(met.astype(np.int64))] = -torch.inf
            ahead = (scores > right[:, None]).sum(1).numpy()
            gains.append(np.where(ahead < TOP, 1 / np.log2(ahead + 2), 0))
        return float(np.concatenate(gains).mean())
