"""One step of training vectors on a graph: liked items against drawn ones, all vectors spread before they are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array
from zhiyin.learning.losses import bpr_loss, sampled_softmax_loss
from zhiyin.learning.propagation import propagation

if TYPE_CHECKING:
    from torch import Generator, Tensor


class GraphStep:
    """The loss of a batch of interactions: rows of `met` in the order of its entries.

    met: csr of ones [users, items], what is learned from. edges: the graph over users, then items. loss: "bpr" or
    "softmax", see losses. negatives: items drawn for the softmax. regularization: of the squared ego embeddings that the
    batch touches, over its size.
    """

    def __init__(
        self,
        met: sparse.csr_matrix,
        edges: sparse.csr_matrix,
        layers: int,
        loss: str,
        negatives: int,
        regularization: float,
    ) -> None:
        self.size, self.count = met.shape
        self.loss, self.negatives, self.regularization = loss, negatives, regularization
        self.who = np.repeat(np.arange(self.size), np.diff(met.indptr))
        self.what = met.indices.astype(np.int64)
        self.pool = np.unique(self.what)
        self.known = np.sort(self.who * self.count + self.what)
        self.spread = propagation(edges, layers)

    def __call__(self, nodes: Tensor, rows: Array, chance: Generator) -> Tensor:
        """The loss of the named interactions. nodes: ego embeddings of users, then items."""
        import torch

        who, what = torch.from_numpy(self.who[rows]), torch.from_numpy(self.what[rows])
        drawn = self._drawn(rows, chance)
        final = self.spread(nodes)
        users, right, wrong = final[who], final[self.size + what], final[self.size + drawn]
        positive = (users * right).sum(1)
        if self.loss == "bpr":
            value = bpr_loss(positive, (users * wrong).sum(1))
        else:
            log_q = torch.full((len(drawn),), float(np.log(len(drawn) / len(self.pool))))
            value = sampled_softmax_loss(positive, users @ wrong.T, log_q, what, drawn)
        touched = torch.cat([nodes[who], nodes[self.size + what], nodes[self.size + drawn]])
        return value + self.regularization / (2 * len(rows)) * touched.square().sum()

    def _drawn(self, rows: Array, chance: Generator) -> Tensor:
        """Drawn items: one for each row, drawn again once where its user met it, or a shared handful for the softmax."""
        import torch

        pool = torch.from_numpy(self.pool)
        if self.loss == "softmax":
            return pool[torch.randint(len(pool), (self.negatives,), generator=chance)]
        one, other = (pool[torch.randint(len(pool), (len(rows),), generator=chance)] for _ in range(2))
        keys = self.who[rows] * self.count + one.numpy()
        at = np.minimum(np.searchsorted(self.known, keys), len(self.known) - 1)
        return torch.where(torch.from_numpy(self.known[at] == keys), other, one)
