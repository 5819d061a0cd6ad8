"""Pairs: how alike a candidate and a history are, by tags and by vectors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Doubles, Floats, Ints, Longs, row_entries
from zhiyin.item import Items
from zhiyin.query import Query

TAG_COLUMNS = ("tags_last", "tags_recent", "tags_all", "tags_disliked", "rare_tag_last", "rare_tag_all")
VECTOR_COLUMNS = ("last", "recent_max", "recent_mean", "all_max", "all_mean", "text")

RECENT = 5
"""Events that count as recent."""

LONGEST = 50
"""Events compared by vector at most, newest first: more cost time on the request path and change little."""

FADE = 0.8
"""How much less each earlier event counts in a tag profile."""


def tag_pairs(items: Items, query: Query, wanted: Ints) -> Array:
    """Overlap of tags, rare tags counting more. [candidates, TAG_COLUMNS]

    The first four are cosines of the candidate's tags with those of the last liked event, of the liked history fading,
    of all of it, and of the disliked events. The last two are the rarity of the rarest tag shared with the last event
    (the same maker, the same brand), and with any event, times how often that tag was met.
    """
    result = np.full((len(wanted), len(TAG_COLUMNS)), np.nan)
    tags = items.tags
    matrix = tags.matrix
    if not matrix.shape[1] or not len(wanted):
        return result
    rarity = tags.rarity
    entries = _Entries.of(matrix, wanted)
    liked = _inside(query.profile.history.newest_first, matrix.shape[0])
    disliked = _inside(query.profile.history.disliked.items, matrix.shape[0])
    met, last = _profile(matrix, liked, None), _profile(matrix, liked[:1], None)
    fading = FADE ** np.arange(len(liked))
    profiles = [(liked, last), (liked, _profile(matrix, liked, fading)), (liked, met)]
    profiles += [(disliked, _profile(matrix, disliked, None))] if len(disliked) else []
    lengths = np.sqrt(entries.summed(rarity**2))
    for column, (events, plain) in enumerate(profiles):
        if len(events):
            profile = plain * rarity
            size = float(np.linalg.norm(profile))
            result[:, column] = entries.summed(rarity * profile) / np.maximum(lengths * size, 1e-9)
    if len(liked):
        result[:, 4] = entries.strongest(rarity * (last > 0))
        result[:, 5] = entries.strongest(rarity * np.log1p(met))
    return result


def vector_pairs(vectors: Floats | None, query: Query, wanted: Ints) -> Array:
    """Cosines of vectors of length 1 with the liked history and the wish in words. [candidates, VECTOR_COLUMNS]"""
    result = np.full((len(wanted), len(VECTOR_COLUMNS)), np.nan)
    if vectors is None or not len(vectors) or not len(wanted):
        return result
    block = vectors[wanted]
    events = _inside(query.profile.history.newest_first, len(vectors))[:LONGEST]
    if len(events):
        cosines = block @ vectors[events].T
        recent = cosines[:, :RECENT]
        result[:, 0] = cosines[:, 0]
        result[:, 1], result[:, 2] = recent.max(1), recent.mean(1)
        result[:, 3], result[:, 4] = cosines.max(1), cosines.mean(1)
    wish = next((one for one in query.text_vectors.values() if one.shape == vectors.shape[1:]), None)
    if wish is not None:
        result[:, 5] = block @ wish
    return result


def _inside(events: Ints, size: int) -> Ints:
    """Events with items of this catalogue: a history may hold newer ones."""
    return events[events < size]


def _profile(matrix: sparse.csr_matrix, events: Ints, weights: Array | None) -> Doubles:
    places, owners = row_entries(matrix.indptr, events)
    spread = None if weights is None else weights[owners]
    return np.asarray(np.bincount(matrix.indices[places], spread, minlength=matrix.shape[1]), np.float64)


@dataclass(frozen=True)
class _Entries:
    """The tags of some items. tags [entries]; owners [entries]: whose each is, in order; count: of the items."""

    tags: Ints
    owners: Longs
    count: int

    @classmethod
    def of(cls, matrix: sparse.csr_matrix, wanted: Ints) -> _Entries:
        places, owners = row_entries(matrix.indptr, wanted)
        return cls(matrix.indices[places], owners, len(wanted))

    def summed(self, values: Doubles) -> Doubles:
        """The sum of the values of each item's tags. [items]"""
        return np.asarray(np.bincount(self.owners, values[self.tags], minlength=self.count), np.float64)

    def strongest(self, values: Doubles) -> Doubles:
        """The largest value among each item's tags, 0 for an item without tags. [items]"""
        result = np.zeros(self.count)
        if len(self.owners):
            starts = np.flatnonzero(np.diff(self.owners, prepend=-1))
            result[self.owners[starts]] = np.maximum.reduceat(values[self.tags], starts)
        return result
