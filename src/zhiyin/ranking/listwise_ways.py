"""The ways in which listwise can order, from one source alone to a network, each learned from requests as a Model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.ranking.listwise_columns import Questions
from zhiyin.ranking.listwise_guard import ndcg
from zhiyin.ranking.listwise_net import Net, learn_logit, learn_net

WAYS = ("best source", "equal", "logit", "features", "net")
"""From simple to rich."""


@dataclass(frozen=True)
class Model:
    """score = columns · weights, and what a network adds. weights: [columns]."""

    weights: Floats
    net: Net | None = None

    def __call__(self, asked: Questions) -> Floats:
        """[rows]"""
        return self.of(asked.table)

    def deaf_to(self, columns: Sequence[int]) -> Model:
        """The same, with columns that count nothing."""
        rest = np.ones(len(self.weights), np.float32)
        rest[list(columns)] = 0
        net = self.net and Net(self.net.enter * rest[:, None], self.net.bend, self.net.leave)
        return Model(self.weights * rest, net)

    def of(self, table: Floats) -> Floats:
        """[rows]"""
        linear = table @ self.weights
        return linear if self.net is None else linear + self.net(table)


@dataclass
class Ways:
    """How each way learns. sources: how many; their opinions are the first columns, their ranks the next.

    units, epochs, networks, seed: of the networks.
    """

    sources: int
    units: int
    epochs: int
    networks: int
    seed: int

    def __post_init__(self) -> None:
        self._features: tuple[Questions, Model] | None = None

    def learn(self, way: str) -> Callable[[Questions], Model]:
        """What learns a way, by name."""
        learners = {
            "best source": self._best, "equal": self._equal, "logit": self._logit, "features": self._with_features,
            "net": self._with_net,
        }  # fmt: skip
        return learners[way]

    def _best(self, asked: Questions) -> Model:
        """The opinions of the source that alone does best."""
        alone = [float(ndcg(asked.table[:, one], asked.labels, asked.starts).mean()) for one in range(self.sources)]
        return Model(self._only(asked, [int(np.argmax(alone))] if alone else []))

    def _equal(self, asked: Questions) -> Model:
        return Model(self._only(asked, range(self.sources)) / np.float32(max(self.sources, 1)))

    def _logit(self, asked: Questions) -> Model:
        said = np.arange(asked.table.shape[1]) < 2 * self.sources
        return Model(learn_logit(asked, said, said))

    def _with_features(self, asked: Questions) -> Model:
        if self._features is None or self._features[0] is not asked:
            place = np.arange(asked.table.shape[1])
            # The length of the history is the same for all candidates: alone it orders nothing.
            self._features = asked, Model(learn_logit(asked, place < place[-1], place < 2 * self.sources))
        return self._features[1]

    def _with_net(self, asked: Questions) -> Model:
        linear = self._with_features(asked)
        base = linear(asked)
        nets = [learn_net(asked, base, self.units, self.epochs, self.seed + one) for one in range(self.networks)]
        return Model(linear.weights, Net.mean_of(nets))

    def _only(self, asked: Questions, chosen: Array | range | list[int]) -> Floats:
        weights = np.zeros(asked.table.shape[1], np.float32)
        weights[list(chosen)] = 1
        return weights
