"""How much friends count, by how long one's own history is: held-out pairs, and the gate that answers them best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Doubles, Floats, Ints
from zhiyin.data.dataset import Dataset
from zhiyin.learning.propagation import gate

STRENGTHS = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""How much friends may count beside an empty history."""

HALVES = (1.0, 3.0, 10.0, 30.0, 1000.0)
"""Lengths of history at which that has halved; the last is as good as a constant."""

LENGTHS = (1, 3, 10, 10_000)
"""Lengths that histories are cut to when the gate is learned; the last leaves them whole."""


@dataclass(frozen=True)
class HeldOut:
    """The data without some users' newest liked item, and which those were. kept: csr of ones [users, items]."""

    kept: sparse.csr_matrix
    users: Ints
    items: Ints

    def __len__(self) -> int:
        return len(self.users)

    @classmethod
    def of(cls, dataset: Dataset, most: int, seed: int) -> HeldOut:
        """Of at most `most` users, drawn at random, with three liked items or more; none where there is no such user."""
        met, liked = dataset.binary(), dataset.liked
        enough = np.flatnonzero(np.diff(met.indptr) >= 3)
        users = np.sort(np.random.default_rng(seed).permutation(enough)[:most]).astype(np.int32)
        items = liked.items[np.searchsorted(liked.users, users, side="right") - 1]
        left = met - sparse.csr_matrix((np.ones(len(users), np.float32), (users, items)), shape=met.shape)
        left = sparse.csr_matrix(left)
        left.eliminate_zeros()
        return cls(left, users, items)

    def only(self, chosen: Array) -> HeldOut:
        """Fewer of the users; the data stays as it is. chosen: rows or a mask."""
        return HeldOut(self.kept, self.users[chosen], self.items[chosen])

    def hide_met(self, scores: Floats) -> Floats:
        """The scores, changed in place: -inf for what each user has met. [users, items]"""
        rows = self.kept[self.users]
        scores[np.repeat(np.arange(len(self)), np.diff(rows.indptr)), rows.indices] = -np.inf
        return scores

    def quality(self, scores: Floats) -> Doubles:
        """1 / log2(1 + rank) of each held-out item, ranks from 1, ties in the middle. [users]

        That is NDCG without a cut: it also tells rank 30 from rank 300. scores: [users, items], met items hidden.
        """
        mine = scores[np.arange(len(self)), self.items][:, None]
        ranks = (scores > mine).sum(1) + ((scores == mine).sum(1) - 1) / 2
        return np.asarray(1 / np.log2(ranks + 2), np.float64)


def learn_gate(held: HeldOut, shown: Sequence[tuple[Floats, Floats, Array]]) -> Floats:
    """The strength and the half length of the gate that answers held-out items best: [strength, half].

    shown: for histories cut to one length after another, what the history alone and what the friends alone say
    ([users, items] each, met items hidden in the first), and how long the cut histories are. A gate that loses to the
    histories alone at any of the lengths is not taken, whatever it gains at the others; where none is left, friends get
    the strength 0: ties that mean nothing do no harm. Of the gates within one standard error of the best, the one that
    listens most to friends at one event is taken: what was fitted saw the whole of the histories that are cut here, so
    they seem to say more than a new user's will.
    """
    alone = np.stack([held.quality(own) for own, _, _ in shown])
    gates, values = [], []
    for half in HALVES:
        for strength in STRENGTHS:
            with_friends = np.stack(
                [held.quality(own + strength * gate(n, half)[:, None] * friends) for own, friends, n in shown]
            )
            if (with_friends.sum(1) >= alone.sum(1)).all() and with_friends.sum() > alone.sum() + 1e-9:
                gates.append((strength, half))
                values.append(with_friends.sum(0))
    if not gates:
        return np.array([0.0, 1.0], np.float32)
    best = values[int(np.argmax([one.sum() for one in values]))]
    gaps = best - np.stack(values)
    near = np.flatnonzero(gaps.mean(1) <= gaps.std(1) / np.sqrt(len(held)))
    return np.array(max((gates[row] for row in near), key=lambda one: one[0] * gate(1, one[1])), np.float32)


def newest(table: sparse.csr_matrix, users: Array, length: int, dataset: Dataset) -> list[Ints]:
    """Each user's last `length` different liked items that are in the table, newest last. table: csr [users, items]."""
    liked, result = dataset.liked, []
    ends = np.searchsorted(liked.users, [users, np.asarray(users) + 1])
    for user, start, end in zip(users, *ends, strict=True):
        own = liked.items[start:end][::-1]
        own = own[np.isin(own, table.indices[table.indptr[user] : table.indptr[user + 1]])]
        _, first = np.unique(own, return_index=True)
        result.append(own[np.sort(first)][:length][::-1].astype(np.int32))
    return result
