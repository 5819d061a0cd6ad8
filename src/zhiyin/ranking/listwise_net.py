"""What listwise learns with, in numpy: a logit with weights that may be held at 0 or above, and a small network beside it.

Both minimise the mean over requests of -log softmax of the right answers among the request's candidates (ListNet with one
right answer at a time, Cao 2007).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import minimize

from zhiyin.arrays import Array, Bools, Doubles, Floats, Longs
from zhiyin.ranking.listwise_columns import Questions

RIDGE = 5.0
"""The square of the weights counts this much, divided by the number of requests."""

RATE, DECAY, DROPOUT = 6e-3, 1e-2, 0.2
BATCH = 64
WARM = 0.3
"""The share of all steps in which the learning rate rises; it falls in the rest."""


def softmax_gap(scores: Array, labels: Array, starts: Longs) -> tuple[float, Doubles]:
    """The loss, and by how much each candidate's chance differs from what it should be. (number, [rows])"""
    lengths = np.diff(np.append(starts, len(labels)))
    shifted = scores - np.repeat(np.maximum.reduceat(scores, starts), lengths)
    grown = np.exp(shifted)
    total = np.add.reduceat(grown, starts)
    right = labels > 0
    share = right / np.repeat(np.maximum(np.add.reduceat(right.astype(np.float64), starts), 1), lengths)
    loss = (np.log(np.repeat(total, lengths)) - shifted) * share
    return float(loss.sum() / len(starts)), grown / np.repeat(total, lengths) - share


def learn_logit(asked: Questions, columns: Bools, at_least_0: Bools) -> Floats:
    """Weights by column, 0 outside the columns named, those marked held at 0 or above. [columns]"""
    table, starts = asked.table[:, columns].astype(np.float64), asked.starts
    bounds = [(0.0, None) if held else (None, None) for held in at_least_0[columns]]
    ridge = RIDGE / len(asked)

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        value, gap = softmax_gap(table @ weights, asked.labels, starts)
        return value + ridge * float(weights @ weights), table.T @ gap / len(asked) + 2 * ridge * weights

    start = np.where(at_least_0[columns], 0.1, 0.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 200})
    result = np.zeros(len(columns), np.float32)
    result[columns] = found.x
    return result


@dataclass
class Net:
    """One hidden layer of ReLU. enter [columns, units], bend [units], leave [units]."""

    enter: Floats
    bend: Floats
    leave: Floats
    moments: list[tuple[Array, Array]] = field(default_factory=list)

    def __call__(self, table: Floats) -> Floats:
        """[rows]"""
        return np.asarray(np.maximum(table @ self.enter + self.bend, 0) @ self.leave, np.float32)

    @classmethod
    def fresh(cls, columns: int, units: int, rng: np.random.Generator) -> Net:
        """A network that says 0 to everything as yet."""
        enter = rng.normal(0, np.sqrt(2 / columns), (columns, units)).astype(np.float32)
        return cls(enter, np.zeros(units, np.float32), np.zeros(units, np.float32))

    @classmethod
    def mean_of(cls, nets: list[Net]) -> Net:
        """One network that says what several say on average."""
        leave = (np.concatenate([one.leave for one in nets]) / len(nets)).astype(np.float32)
        return cls(np.concatenate([one.enter for one in nets], 1), np.concatenate([one.bend for one in nets]), leave)

    @property
    def state(self) -> dict[str, Array]:
        """As arrays, for a learned field."""
        return {"enter": self.enter, "bend": self.bend, "leave": self.leave}


def learn_net(asked: Questions, base: Floats, units: int, epochs: int, seed: int) -> Net:
    """A network whose output is added to the base scores. base: [rows of asked]."""
    rng = np.random.default_rng(seed)
    net = Net.fresh(asked.table.shape[1], units, rng)
    net.moments = [(np.zeros_like(one), np.zeros_like(one)) for one in (net.enter, net.bend, net.leave)]
    steps = epochs * -(-len(asked) // BATCH)
    for step, chosen in enumerate(_batches(len(asked), epochs, rng)):
        rows, begins = asked.rows(chosen)
        slopes = _slopes(net, asked.table[rows], asked.labels[rows], base[rows], begins, rng)
        _adam(net, slopes, RATE * _cycle((step + 0.5) / steps), step + 1)
    net.moments = []
    return net


def _batches(count: int, epochs: int, rng: np.random.Generator) -> Iterator[Array]:
    for _ in range(epochs):
        order = rng.permutation(count)
        yield from (order[start : start + BATCH] for start in range(0, count, BATCH))


def _slopes(
    net: Net, table: Floats, labels: Floats, base: Floats, begins: Longs, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """The gradient of the loss by enter, bend and leave, with some hidden units left out at random."""
    kept = (rng.random((len(begins), len(net.bend))) >= DROPOUT).astype(np.float32) / np.float32(1 - DROPOUT)
    lengths = np.diff(np.append(begins, len(labels)))
    hidden = table @ net.enter + net.bend
    open_ = np.repeat(kept, lengths, 0) * (hidden > 0)
    hidden *= open_
    _, gap = softmax_gap(base + hidden @ net.leave, labels, begins)
    gap = (gap / len(begins)).astype(np.float32)
    back = gap[:, None] * net.leave * open_
    return table.T @ back, back.sum(0), hidden.T @ gap


def _adam(net: Net, slopes: tuple[Array, Array, Array], rate: float, step: int) -> None:
    """One step of AdamW (Loshchilov and Hutter 2019)."""
    for (first, second), slope, weights in zip(net.moments, slopes, (net.enter, net.bend, net.leave), strict=True):
        first += 0.1 * (slope - first)
        second += 0.001 * (slope**2 - second)
        weights *= 1 - rate * DECAY
        weights -= rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)


def _cycle(done: float) -> float:
    """The learning rate's course: up to 1, then down to 0, by cosines (Smith 2018). done: 0 to 1."""
    if done < WARM:
        return float(0.04 + 0.96 * (1 - np.cos(np.pi * done / WARM)) / 2)
    return float((1 + np.cos(np.pi * (done - WARM) / (1 - WARM))) / 2)
