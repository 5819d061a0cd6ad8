"""user_knn: what people with a like history took up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Doubles, Floats, Ints, Longs
from zhiyin.data.dataset import Dataset
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.history import decayed, follow, known_events
from zhiyin.stages import Scorer


@part
class UserKNN(Scorer):
    """Finds the fitted users whose items are closest to the history (cosine) and adds up what they liked.

    The live history is compared, so that an unseen user is answered as well as a known one. A known user is not their
    own neighbour. See Herlocker et al. 1999.
    """

    neighbours: int = setting(100, least=1, tune=(50, 100, 300), at_request=True)
    """How many nearest users are asked."""
    shrinkage: float = setting(10.0, least=0, tune=(0.0, 10.0, 50.0), at_request=True)
    """Added to the denominator of the cosine, so that a likeness in few items counts less."""
    decay: float = setting(0.9, above=0, most=1, tune=(0.7, 0.9, 1.0), at_request=True)
    """How much less each earlier event of the history counts."""

    users: sparse.csr_matrix = learned(users=(0,))
    items: sparse.csr_matrix = learned(users=(1,))

    def fit(self, dataset: Dataset) -> UserKNN:
        """See Retriever."""
        self.users = dataset.binary()
        self.items = self.users.T.tocsr()
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        rows = np.empty((len(queries), self.users.shape[1]), np.float32)
        for row, query in enumerate(queries):
            near, scale, overlap = self._near(query)
            rows[row] = follow(self.users, near, overlap * scale)
        return np.where(rows > 0, rows, NEVER).astype(np.float32)

    def _near(self, query: Query) -> tuple[Longs, Doubles, Doubles]:
        """The nearest users, 1 / the denominator of their cosine, and their weighted overlap with the history."""
        items, weights = known_events(query, self.items.shape[0], self.decay)
        overlap = follow(self.items, items, weights)
        if 0 <= query.profile.position < len(overlap):
            overlap[query.profile.position] = 0
        met = np.flatnonzero(overlap > 0)
        length = np.sqrt(float(np.square(weights, dtype=np.float64).sum()))
        sizes = np.sqrt(self.users.indptr[met + 1] - self.users.indptr[met])
        scale = 1.0 / (sizes * length + self.shrinkage)
        best = np.argsort(-overlap[met] * scale, kind="stable")[: self.neighbours]
        return met[best], scale[best], overlap[met[best]]

    def contributions(self, query: Query, items: Ints) -> Floats:
        """See Contributing. An event carries what the neighbours who share its item carried."""
        history = query.profile.history.items
        weights = decayed(query.profile.history, self.decay)
        result = np.zeros((len(items), len(history)), np.float32)
        near, scale, _ = self._near(query)
        size = self.users.shape[1]
        events, known = np.flatnonzero((weights > 0) & (history < size)), np.flatnonzero(items < size)
        if len(near) and len(events) and len(known):
            rows = self.users[near]
            shared = rows[:, history[events]].toarray() * weights[events]
            liked = rows[:, items[known]].toarray() * scale[:, None]
            result[np.ix_(known, events)] = liked.T @ shared
        return result
