"""social: what the histories of a person's friends lead to, the more the shorter the person's own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import NEVER, Array, Floats
from zhiyin.data.dataset import Dataset
from zhiyin.learning.gating import LENGTHS, HeldOut, learn_gate, newest
from zhiyin.learning.propagation import gate
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.ease import Ease
from zhiyin.retrieval.history import decayed, follow

GATED = 300
"""Users the gate is learned from, at most."""

COPIED = 0.1
"""Share of the item-to-item rows up to which those that are needed are copied: above it, reading all in place is faster."""


@part
class Social(Ease):
    """EASE over one's own history and, weighted by strength · half / (half + its length), over those of one's friends.

    `by` may be "cosine" instead: the likeness of the items' columns of users, as in item_knn, cheap to make.

    The friends' part is the mean of their histories (each divided by the root of its length), with friends of friends at
    a discount, followed through the same item-to-item weights. A constant weight helps people with short histories and
    hurts those with long ones; so strength and half are learned from held-out items of histories cut short, and the
    strength is 0 where friends say nothing. Friends come with the query, so that a guest who names some is answered.
    Without any it is EASE (or item_knn).
    """

    by: str = setting("ease", options=("ease", "cosine"))
    """How one item leads to another."""
    shrinkage: float = setting(10.0, least=0, tune=(0.0, 10.0, 50.0))
    """Added to the denominator of the cosine, so that a likeness in few people counts less."""
    direct: float = setting(0.0, least=0, tune=(0.0, 0.2, 0.5))
    """Weight of the friends' own items beside what they lead to; what friends have needs no other reason."""
    further: float = setting(0.5, least=0, tune=(0.0, 0.3, 0.5))
    """Weight of friends of friends beside friends."""

    histories: sparse.csr_matrix = learned(users=(0,))
    ties: sparse.csr_matrix = learned(users=(0, 1))
    reach: Floats = learned()

    def fit(self, dataset: Dataset) -> Social:
        """See Retriever. Where there are friends it learns the weights twice: the gate first, without the last items."""
        self.reach = np.array([0.0, 1.0], np.float32)
        if dataset.friends is not None:
            held = HeldOut.of(dataset, len(dataset.users), 0)
            tied = np.flatnonzero(np.diff(dataset.friends.indptr)[held.users])
            if len(tied):
                self._solve(held.kept, dataset)
                chosen = held.only(np.sort(np.random.default_rng(0).permutation(tied)[:GATED]))
                self.reach = learn_gate(chosen, self._shown(chosen, dataset))
        return self.refit(dataset)

    def refit(self, dataset: Dataset) -> Social:
        """See Refitting. The gate stays as it was learned."""
        if self.reach is None:
            return self.fit(dataset)
        self._solve(dataset.binary(), dataset)
        return self

    def learn(self, matrix: sparse.csr_matrix) -> None:
        """Learn from who met what: csr of ones [users, items]. Raises TooLarge."""
        if self.by == "ease":
            super().learn(matrix)
            return
        used = self.take_columns(matrix)
        product = np.asarray((matrix[:, used].T @ matrix[:, used]).toarray(), np.float32)
        lengths = np.sqrt(product.diagonal())
        product /= np.outer(lengths, lengths) + np.float32(self.shrinkage)
        np.fill_diagonal(product, 0)
        self.weights = product

    def _solve(self, met: sparse.csr_matrix, dataset: Dataset) -> None:
        self.learn(met)
        self.histories = sparse.csr_matrix((0, len(self.weights)), dtype=np.float32)
        self.ties = sparse.csr_matrix((0, 0), dtype=np.float32)
        if dataset.friends is not None and dataset.friends.nnz:
            self._share(met[:, np.flatnonzero(self.columns >= 0)], dataset)

    def _share(self, met: sparse.csr_matrix, dataset: Dataset) -> None:
        """What each user passes to a friend: the own history, of length 1, and through the ties the mean of the friends'.

        The two are kept apart, so that nothing of a user's history stands in another's row.
        """
        self.histories = sparse.csr_matrix(
            sparse.diags(1 / np.sqrt(np.maximum(np.diff(met.indptr), 1)).astype(np.float32)) @ met
        )
        if self.further:
            self.ties = sparse.csr_matrix(dataset.friends, dtype=np.float32, copy=True)
            counts = np.diff(self.ties.indptr)
            self.ties.data = np.repeat(1 / np.maximum(counts, 1), counts).astype(np.float32)

    def _shown(self, held: HeldOut, dataset: Dataset) -> list[tuple[Floats, Floats, Array]]:
        """For every length of history: what it says alone, what friends say, and the lengths; see learn_gate."""
        size, used = len(self.columns), np.flatnonzero(self.columns >= 0)
        friends = np.zeros((len(held), size), np.float32)
        for row, user in enumerate(held.users):
            friends[row, used] = self._of_friends(Query(dataset.profile(int(user))))
        shown = []
        for length in LENGTHS:
            histories = newest(held.kept, held.users, length, dataset)
            own = np.zeros((len(held), size), np.float32)
            for row, items in enumerate(histories):
                if len(items):
                    own[row, used] = self.decay ** np.arange(len(items))[::-1] @ self.weights[self.columns[items]]
            shown.append((held.hide_met(own), friends, np.array([len(one) for one in histories])))
        return shown

    def _of_friends(self, query: Query) -> Floats:
        """What the friends' histories say of the used items. [used]"""
        friends = query.profile.friends
        friends = friends[(friends >= 0) & (friends < self.histories.shape[0])]
        share = np.full(len(friends), 1 / max(len(friends), 1))
        passed = follow(self.histories, friends, share)
        if self.ties.shape[0]:
            theirs = follow(self.ties, friends, share)
            there = np.flatnonzero(theirs)
            passed = passed + self.further * follow(self.histories, there, theirs[there])
        there = np.flatnonzero(passed)
        if len(there) > COPIED * len(passed):
            led = passed.astype(np.float32) @ self.weights
        else:
            led = passed[there].astype(np.float32) @ self.weights[there]
        return np.asarray(led + self.direct * passed, np.float32)

    def scores(self, queries: Sequence[Query]) -> Floats:
        """See Scorer."""
        need_fitted(self)
        rows = super().scores(queries)
        if not self.reach[0]:
            return rows
        used = np.flatnonzero(self.columns >= 0)
        for row, query in enumerate(queries):
            length = int((decayed(query.profile.history, 1.0) > 0).sum())
            said = self.reach[0] * gate(length, float(self.reach[1])) * self._of_friends(query)
            if said.any():
                own = rows[row, used]
                rows[row, used] = np.where(own > NEVER, own, 0) + said
        return rows
