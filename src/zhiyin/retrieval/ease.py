"""ease: the linear item-to-item weights that predict each item from all others, in closed form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from zhiyin.arrays import NEVER, Floats, Ints, Longs
from zhiyin.data.dataset import Dataset
from zhiyin.errors import TooLarge, TrainingError
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import decayed, histories
from zhiyin.stages import Scorer

MATRICES = 3
"""Square float32 matrices alive at once while fitting."""


@part
class Ease(Scorer):
    """Embarrassingly shallow autoencoder: B = I - P · diag(1 / diag P), P = (XᵀX + λI)⁻¹, diagonal 0.

    X holds which user met which item. The score of j is Σ over the history, newest first (h = 0, 1, …), of
    decay^h · B[item, j]. Only items with interactions take part. Raises TooLarge when the square matrices would not fit
    in memory_gb. See Steck 2019, arXiv 1905.03375.
    """

    regularization: float = setting(500.0, above=0, tune=(100.0, 500.0, 1000.0))
    """λ, the weight of the ridge penalty."""
    decay: float = setting(0.8, above=0, most=1, tune=(0.5, 0.7, 0.8, 0.9, 1.0), at_request=True)
    """How much less each earlier event of the history counts."""
    memory_gb: float = setting(4.0, above=0)
    """The most memory fitting may take."""

    weights: Floats = learned()
    columns: Ints = learned()

    def fit(self, dataset: Dataset) -> Ease:
        """See Retriever."""
        self.learn(dataset.binary())
        return self

    def learn(self, matrix: sparse.csr_matrix) -> None:
        """Learn from who met what: csr of ones [users, items]. Raises TooLarge."""
        used = self.take_columns(matrix)
        self.weights = ridge_weights(matrix[:, used], self.regularization)

    def take_columns(self, matrix: sparse.csr_matrix) -> Longs:
        """The items with interactions, which get a place in the square matrix. Raises TooLarge when it would not fit."""
        used = np.flatnonzero(np.bincount(matrix.indices, minlength=matrix.shape[1]))
        need = MATRICES * 4 * len(used) ** 2 / 1e9
        if need > self.memory_gb:
            raise TooLarge(
                f"ease: {len(used):,} items with interactions need {need:.1f} GB, memory_gb allows {self.memory_gb:g}: "
                "raise it, or use item_knn with neighbours = 500 or als, which grow with the events"
            )
        self.columns = np.full(matrix.shape[1], -1, np.int32)
        self.columns[used] = np.arange(len(used), dtype=np.int32)
        return used

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        met = histories(queries, len(self.weights), self.decay, self.columns)
        scores = met @ self.weights
        scores[np.diff(met.indptr) == 0] = NEVER
        used = np.flatnonzero(self.columns >= 0)
        if len(used) == len(self.columns):
            return np.asarray(scores, np.float32)
        rows = np.full((len(queries), len(self.columns)), NEVER, np.float32)
        rows[:, used] = scores
        return rows

    def _events(self, query: Query) -> tuple[Ints, Ints]:
        """The rows of liked, fitted events in the history, and their items' places in the matrix."""
        history = query.profile.history
        places = np.full(len(history), -1, np.int32)
        fitted = (history.weights > 0) & (history.items < len(self.columns))
        places[fitted] = self.columns[history.items[fitted]]
        events = np.flatnonzero(places >= 0).astype(np.int32)
        return events, places[events]

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing."""
        result = np.zeros((len(items), len(query.profile.history)), np.float32)
        events, places = self._events(query)
        wanted = np.where(items < len(self.columns), self.columns[np.minimum(items, len(self.columns) - 1)], -1)
        known = np.flatnonzero(wanted >= 0)
        if len(events) and len(known):
            weights = decayed(query.profile.history, self.decay)[events]
            block = self.weights[np.ix_(places, wanted[known])] * weights[:, None]
            result[np.ix_(known, events)] = block.T
        return result


def ridge_weights(matrix: object, regularization: float) -> Floats:
    """B of EASE from a sparse binary [users, items]; made in place, since the matrices are large. [items, items]"""
    gram = np.asfortranarray((matrix.T @ matrix).toarray(), np.float32)  # type: ignore[attr-defined]
    size = len(gram)
    if not size:
        return gram
    gram[np.arange(size), np.arange(size)] += np.float32(regularization)
    factor, failed = lapack.spotrf(gram, lower=1, overwrite_a=1, clean=1)
    inverse, failed_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise TrainingError(f"ease: XᵀX + {regularization:g} I cannot be inverted; raise regularization")
    diagonal = inverse.diagonal().copy()
    # Only the lower triangle is filled; the sum with its transpose has every value, and the diagonal twice.
    weights = np.ascontiguousarray(np.tril(inverse, -1))
    weights += weights.T
    weights /= -diagonal
    return weights
