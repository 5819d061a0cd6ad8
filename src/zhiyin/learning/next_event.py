"""NextEvent: a transformer that learns which item comes next at every place of every sequence."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from torch import Generator, Tensor

from zhiyin.arrays import Array, Longs
from zhiyin.learning.losses import sampled_softmax_loss, softmax_loss_over
from zhiyin.learning.negatives import Negatives
from zhiyin.learning.sequences import Sequences, groups
from zhiyin.learning.transformer import Transformer

TOP = 10
"""Places of the list that validation looks at."""
VALIDATED_TOGETHER = 256


@dataclass(frozen=True)
class NextEvent:
    """The losses and the validation of one model on one set of sequences; see loop.train.

    asked: for validation, windows whose last event is asked for. samples: how many negatives when the softmax is not
    over all items; 0 for all.
    """

    model: Transformer
    sequences: Sequences
    asked: Sequences
    negatives: Negatives
    samples: int = 0

    def loss(self, rows: Array, chance: Generator) -> Tensor:
        """Cross entropy of every next event of some windows."""
        vectors = self.model.vectors()
        states, targets = self._states(self.sequences, rows, vectors, every=True)
        if not self.samples:
            return softmax_loss_over(states, vectors, targets)
        seed = int(torch.randint(2**62, (1,), generator=chance))
        drawn = self.negatives.draw(self.samples, np.random.default_rng(seed))
        log_q = torch.from_numpy(self.negatives.log_expected(drawn, self.samples)).to(states.device)
        sampled = torch.from_numpy(drawn).to(states.device)
        right = (states * vectors[targets]).sum(1)
        return sampled_softmax_loss(right, states @ vectors[sampled].T, log_q, targets, sampled)

    def validate(self) -> float:
        """NDCG@10 of the last event of every asked window, ranked among all items its user had not met."""
        vectors = self.model.vectors()
        gains: list[Array] = []
        for start in range(0, len(self.asked), VALIDATED_TOGETHER):
            rows = np.arange(start, min(start + VALIDATED_TOGETHER, len(self.asked)))
            states, targets = self._states(self.asked, rows, vectors, every=False)
            with torch.autocast(states.device.type, enabled=False):  # halved scores would tie
                scores = states.float() @ vectors.T
            right = scores.gather(1, targets[:, None])
            for row, window in enumerate(rows):
                met = self.asked.items[self.asked.firsts[window] : self.asked.ends[window] - 1]
                scores[row, torch.from_numpy(met.astype(np.int64))] = -torch.inf
            ahead = (scores > right).sum(1).cpu().numpy()
            gains.append(np.where(ahead < TOP, 1 / np.log2(ahead + 2), 0))
        return float(np.concatenate(gains).mean())

    def identity(self) -> str:
        """Changes when the sequences do."""
        digest = blake2b(digest_size=16)
        for column in (self.sequences.items, self.sequences.starts, self.sequences.ends, self.asked.starts):
            digest.update(np.ascontiguousarray(column).tobytes())
        return digest.hexdigest()

    def _states(self, source: Sequences, rows: Array, vectors: Tensor, every: bool) -> tuple[Tensor, Tensor]:
        """States and targets of every place of some windows, or of their last places only, in the order of the rows."""
        device = vectors.device
        states: list[Tensor] = []
        targets: list[Tensor] = []
        order: list[Longs] = []
        # Rows of like length together; what pads them is dropped before the costly products with all items.
        for group in groups(source.lengths[rows], 1 + len(rows) // 16):
            inputs, right, gaps, lengths = source.padded(rows[group])
            places = np.arange(inputs.shape[1])
            chosen = places < lengths[:, None] if every else places == lengths[:, None] - 1
            as_tensors = [torch.from_numpy(array).to(device) for array in (inputs, lengths, gaps, chosen, right)]
            state = self.model(vectors, *as_tensors[:3])
            states.append(state[as_tensors[3]])
            targets.append(as_tensors[4][as_tensors[3]])
            order.append(group)
        if every:
            return torch.cat(states), torch.cat(targets)
        back = torch.from_numpy(np.argsort(np.concatenate(order))).to(device)
        return torch.cat(states)[back], torch.cat(targets)[back]


def seeded(seed: int, make: type[Transformer], *arguments: object) -> Transformer:
    """A fresh model whose weights follow from the seed; torch's global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make(*arguments)  # type: ignore[arg-type]
