"""What segments of people are worth: which attributes say something of what is liked, and how far to trust their counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Bools, Doubles, Longs
from zhiyin.data.segments import Segments
from zhiyin.data.worth import lift, surely

ADDED = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""People that may be added to what was counted and to what was expected."""

SURE = 2.0
"""Standard errors by which an attribute must say more than nothing."""

LEAST = 0.002
"""What an attribute must be worth on average, as a logarithm: what says less is not worth reading of a person."""

FEWEST = 3
"""People held out by whom anything is judged."""

KEPT = 4
"""Attributes that are read together, at most."""

ASKED, CELLS = 2000, 2_000_000
"""People of each half who are asked about, at most, and numbers held at once."""


def shrinkages(table: Segments, likes: sparse.csr_matrix, added: float = 0.0) -> dict[str, float]:
    """By attribute that says something, the people to add to its counts: added, or what says most of people held out.

    What one half of the people took up must make what the other half did more usual, by SURE standard errors and LEAST, beside
    the attributes that were taken before it. likes: csr of ones [users, items].
    """
    if not len(table) or not likes.shape[1]:
        return {}
    half = np.random.default_rng(0).random(likes.shape[0]) < 0.5
    liking = np.diff(likes.indptr) > 0
    if not (liking & half).any() or not (liking & ~half).any():
        return {}
    halves = [_Half.of(table, likes, own) for own in (half, ~half)]
    found: dict[str, float] = {}
    left = list(table.attributes)
    while left and len(found) < KEPT:
        before = [one.worth(found) for one in halves]
        gains = []
        for name in left:
            for people in (added,) if added else ADDED:
                after = [one.worth({**found, name: people}) for one in halves]
                gain = np.concatenate([new - old for new, old in zip(after, before, strict=True)])
                sure = len(gain) >= FEWEST and surely(gain, SURE, LEAST)
                gains.append((float(gain.mean()) if sure else 0.0, -people, name))
        left = [name for name in left if any(one[0] > 0 and one[2] == name for one in gains)]
        most, fewer, name = max(gains)
        if most <= 0:
            break
        found[name] = -fewer
        left.remove(name)
    return found


def usual_among(likes: sparse.csr_matrix, people: Bools) -> Doubles:
    """The share of the likes of some people that each item has. likes: csr of ones [users, items]; people [users]. [items]"""
    counts = np.asarray(likes.T @ people, np.float64).ravel()
    return counts / max(float(counts.sum()), 1.0)


@dataclass(frozen=True)
class _Half:
    """Counts of one half of the people, and what some of the other half took up.

    counts [segments, items]. usual: by attribute, the share of the likes an item has [items]. popular [items]: the same
    over everybody. kinds [kinds, segments]: the kinds of people asked about, by their segments. kind [people]. rows, items
    [likes]: who of them took what up.
    """

    table: Segments
    counts: sparse.csr_matrix
    usual: Mapping[str, Doubles]
    popular: Doubles
    kinds: Array
    kind: Longs
    rows: Longs
    items: Longs

    @classmethod
    def of(cls, table: Segments, likes: sparse.csr_matrix, own: Bools) -> _Half:
        """own: whose likes are counted; of the others some are asked about, those of the commonest kinds."""
        members, likes_own = table.members[np.flatnonzero(own)], likes[np.flatnonzero(own)]
        usual = {}
        for name in table.attributes:
            known = np.asarray(members[:, np.flatnonzero(table.of_attribute(name))].sum(1)).ravel() > 0
            usual[name] = usual_among(likes_own, known)
        others = np.flatnonzero(~own & (np.diff(likes.indptr) > 0) & (np.diff(table.members.indptr) > 0))[:ASKED]
        kinds, kind = np.unique(table.members[others].toarray(), axis=0, return_inverse=True)
        kind = np.asarray(kind, np.int64).ravel()
        most = np.argsort(-np.bincount(kind, minlength=len(kinds)), kind="stable")
        most = most[: max(CELLS // likes.shape[1], 1)]
        place = np.full(len(kinds), -1)
        place[most] = np.arange(len(most))
        others, kind = others[place[kind] >= 0], place[kind[place[kind] >= 0]]
        taken = likes[others].tocoo()
        popular = usual_among(likes_own, np.ones(likes_own.shape[0], np.bool_))
        counts = sparse.csr_matrix(members.T @ likes_own)
        return cls(
            table, counts, usual, popular, kinds[most], kind, taken.row.astype(np.int64), taken.col.astype(np.int64)
        )

    def worth(self, added: Mapping[str, float]) -> Doubles:
        """By person, the mean over what they took up of how much likelier the attributes make it. [people]"""
        total = np.zeros((len(self.kinds), len(self.popular)))
        for name, people in added.items():
            rows = np.flatnonzero(self.table.of_attribute(name))
            counted = self.counts[rows].toarray().astype(np.float64)
            expected = counted.sum(1, keepdims=True) * self.usual[name]
            own = self.kinds[:, rows].astype(np.float64)
            own /= np.maximum(own.sum(1, keepdims=True), 1)
            total += own @ lift(counted, expected, people)
        total -= np.log(np.exp(total) @ self.popular)[:, None]
        size = len(self.kind)
        said = np.bincount(self.rows, total[self.kind[self.rows], self.items], size)
        return np.asarray(said / np.maximum(np.bincount(self.rows, minlength=size), 1), np.float64)
