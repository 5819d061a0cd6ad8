"""als: users and items as factors, fitted to implicit feedback by alternating least squares."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from zhiyin.arrays import NEVER, Array, Doubles, Floats, Ints
from zhiyin.data.dataset import Dataset
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import decayed, histories
from zhiyin.stages import Scorer

CHUNK = 8192
"""Padded interactions solved together: their factors should stay in the processor's cache."""


@part
class ALS(Scorer):
    """Implicit-feedback matrix factorisation. Minimises

        Σ over met pairs (1 - u·i)² + α₀ Σ over all pairs (u·i)² + λ Σ n^ν |factor|²

    with n + α₀ · (size of the other side) for the weight of a row, by solving for users and items in turn. Each half step
    warm-starts from the last factors: long rows are solved exactly, short ones by a few conjugate-gradient steps. A
    request folds its live history in by one exact solve, so unseen users are answered. See Hu, Koren and Volinsky 2008;
    Rendle et al. 2021, arXiv 2110.14037, for the loss; Takács et al. 2011 for the conjugate gradient.
    """

    factors: int = setting(64, least=1, most=2048, tune=(32, 64, 128))
    """Width of the factors."""
    iterations: int = setting(15, least=1)
    """Times that users and items are solved."""
    zeros: float = setting(100.0, above=0, tune=(30.0, 100.0, 300.0))
    """What all items that somebody met count together as zeros of a person, so that α₀ = zeros / items: what suits a
    hundred items suits a hundred thousand."""
    regularization: float = setting(0.01, above=0, tune=(0.002, 0.01, 0.03))
    """λ, the weight of the penalty; tune it together with zeros."""
    frequency: float = setting(1.0, least=0, most=1)
    """ν, how much more rows with many interactions are penalised."""
    decay: float = setting(0.9, above=0, most=1, tune=(0.7, 0.9, 1.0), at_request=True)
    """How much less each earlier event of the history counts in the fold-in."""
    seed: int = setting(0, least=0)
    """Of the first factors."""

    items: Floats = learned()
    gram: Doubles = learned()

    def __post_init__(self) -> None:
        self._read: Floats | None = None
        self._double: Doubles = np.empty((0, 0))

    def fit(self, dataset: Dataset) -> ALS:
        """See Retriever."""
        matrix = dataset.binary()
        rng = np.random.default_rng(self.seed)
        spread = 0.1 / np.sqrt(self.factors)
        users, items = (rng.normal(0, spread, (size, self.factors)).astype(np.float32) for size in matrix.shape)
        sides = (Rows(matrix), Rows(matrix.T.tocsr()))
        zero = self.zeros / max(int((sides[1].counts > 0).sum()), 1)
        items[sides[1].counts == 0] = 0
        for _ in range(self.iterations):
            users = sides[0].solve(users, items, zero, self.penalties(sides[0].counts, self.zeros))
            items = sides[1].solve(items, users, zero, self.penalties(sides[1].counts, zero * len(users)))
        self.items = items
        self.gram = zero * (items.T.astype(np.float64) @ items)
        return self

    def penalties(self, counts: Array, zeros: float) -> Floats:
        """λ (n + zeros)^ν for rows with n interactions and zeros of that weight, all together. [rows]"""
        weight = (counts + zeros) ** self.frequency
        return np.asarray(self.regularization * weight, np.float32)

    def _folded(self, query: Query) -> tuple[Ints, Doubles]:
        """The liked, fitted events of the history, and what each adds to the user's factors. [events, factors]"""
        history = query.profile.history
        known = (history.weights > 0) & (history.items < len(self.items))
        events = np.asarray(np.flatnonzero(known), np.int32)
        weights = decayed(history, self.decay)[events].astype(np.float64)
        met = self.items[history.items[events]].astype(np.float64)
        penalty = float(self.penalties(weights.sum(), self.zeros))
        left = self.gram + (met.T * weights) @ met
        left[np.diag_indices(len(left))] += penalty
        return events, np.asarray(np.linalg.solve(left, (met * weights[:, None]).T).T, np.float64)

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        met = histories(queries, len(self.items), self.decay)
        factors = self._people(met)
        # In double, so that the way a batch is multiplied does not show in what is left after rounding.
        rows = np.asarray(factors @ self._in_double().T, np.float32)
        rows[:, ~self.items.any(1)] = NEVER
        rows[np.diff(met.indptr) == 0] = NEVER
        return rows

    def _in_double(self) -> Doubles:
        """The items' factors as answers read them, made on first use after a fit or a load."""
        if self._read is not self.items:
            self._read, self._double = self.items, self.items.astype(np.float64)
        return self._double

    def _people(self, met: sparse.csr_matrix) -> Doubles:
        """The factors of people by their liked events: one exact solve each. met: [people, items]; returns [people, factors]."""
        factors = np.zeros((met.shape[0], len(self.gram)))
        for person, (start, end) in enumerate(itertools.pairwise(met.indptr.tolist())):
            weights, items = met.data[start:end], self.items[met.indices[start:end]]
            weighted = items * weights[:, None]
            left = self.gram + weighted.T @ items
            left.flat[:: len(left) + 1] += float(self.penalties(weights.sum(dtype=np.float64), self.zeros))
            _, factors[person], _ = lapack.dposv(left, weighted.sum(0, dtype=np.float64), overwrite_a=True)
        return factors

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing. The fold-in is linear: each event adds its own part of the user's factors."""
        result = np.zeros((len(items), len(query.profile.history)), np.float32)
        events, parts = self._folded(query)
        known = np.flatnonzero(items < len(self.items))
        result[np.ix_(known, events)] = self.items[items[known]] @ parts.T
        return result


class Rows:
    """One side's interactions, its rows sorted by length into chunks of near-equal rows, so that padding is little."""

    def __init__(self, matrix: sparse.csr_matrix) -> None:
        self.counts = np.diff(matrix.indptr)
        self.matrix = matrix
        self._padded: list[tuple[Array, Array]] | None = None
        self.order = np.argsort(self.counts, kind="stable")[(self.counts == 0).sum() :]

    def solve(
        self, own: Floats, others: Floats, unobserved: float, penalties: Floats, target: float = 1.0, steps: int = 2
    ) -> Floats:
        """New factors of this side given the other's: one half step. own warm-starts short rows. [rows, factors]

        Every row minimises Σ over its interactions (target - u·i)² + unobserved Σ over all (u·i)² + penalty |u|². Rows
        without interactions become zeros.
        """
        result = np.zeros_like(own)
        gram = np.asarray(unobserved * (others.T @ others), np.float32)
        short = self.order[: np.searchsorted(self.counts[self.order], 2 * own.shape[1])]
        if self._padded is None:
            self._padded = list(self._chunks(short, len(others)))
        with_zeros = np.vstack([others, np.zeros((1, others.shape[1]), np.float32)])
        for rows, places in self._padded:
            met = np.take(with_zeros, places, axis=0)
            result[rows] = conjugate(own[rows], met, gram, penalties[rows], target, steps)
        for row in self.order[len(short) :]:
            places = self.matrix.indices[self.matrix.indptr[row] : self.matrix.indptr[row + 1]]
            met = np.take(others, places, axis=0)
            result[row] = exact(met, gram, penalties[row], target)
        return result

    def _chunks(self, order: Array, nothing: int) -> Iterator[tuple[Array, Array]]:
        """Rows of a chunk and their positions, padded with the position of a row of zeros. [rows, longest]"""
        counts, start = self.counts[order], 0
        while start < len(order):
            stop = start + 1
            while stop < len(order) and (stop - start + 1) * counts[min(stop + 63, len(order) - 1)] <= CHUNK:
                stop = min(stop + 64, len(order))
            rows = order[start:stop]
            within = np.arange(counts[stop - 1])
            real = within[None, :] < counts[start:stop, None]
            at = np.where(real, self.matrix.indptr[rows][:, None] + within, 0)
            yield rows, np.where(real, self.matrix.indices[at], nothing).astype(np.int32)
            start = stop


def conjugate(own: Floats, met: Floats, gram: Floats, penalties: Floats, target: float, steps: int) -> Floats:
    """`steps` conjugate-gradient steps from `own` towards the exact solution, for many rows at once.

    own: [rows, factors]. met: [rows, longest, factors], zeros for padding.
    """
    across = met.transpose(0, 2, 1)

    def times(vectors: Floats) -> Floats:
        seen = across @ (met @ vectors[:, :, None])
        return np.asarray(seen[:, :, 0] + vectors @ gram + vectors * penalties[:, None], np.float32)

    found = own.copy()
    ones = np.full((1, met.shape[1]), target, np.float32)
    residual = (ones @ met)[:, 0] - times(found)
    direction = residual.copy()
    size = np.einsum("rf,rf->r", residual, residual)
    for _ in range(steps):
        ahead = times(direction)
        length = size / np.maximum(np.einsum("rf,rf->r", direction, ahead), 1e-30)
        found += length[:, None] * direction
        residual -= length[:, None] * ahead
        before, size = size, np.einsum("rf,rf->r", residual, residual)
        direction = residual + (size / np.maximum(before, 1e-30))[:, None] * direction
    return found


def exact(met: Floats, gram: Floats, penalty: float, target: float) -> Floats:
    """The exact solution for one row. met: [interactions, factors]"""
    left = gram + met.T @ met
    left[np.diag_indices(len(left))] += penalty
    _, solution, failed = lapack.sposv(left, target * met.sum(0), overwrite_a=True, overwrite_b=True)
    if failed:  # float32 was too coarse for a nearly singular system
        solution = np.linalg.lstsq(left.astype(np.float64), target * met.sum(0).astype(np.float64), rcond=None)[0]
    return np.asarray(solution, np.float32)


def loss(matrix: sparse.csr_matrix, users: Floats, items: Floats, unobserved: float, target: float = 1.0) -> float:
    """Σ over met pairs (target - u·i)² + unobserved Σ over all pairs (u·i)², without the penalty; never dense."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    met = 0.0
    for start in range(0, len(rows), 1 << 20):
        part_of = slice(start, start + (1 << 20))
        said = np.einsum("nf,nf->n", users[rows[part_of]], items[matrix.indices[part_of]])
        met += float(np.square(target - said, dtype=np.float64).sum())
    both = (users.T.astype(np.float64) @ users) * (items.T.astype(np.float64) @ items)
    return met + unobserved * float(both.sum())
