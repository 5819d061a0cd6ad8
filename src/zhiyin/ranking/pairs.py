"""Pairs: how alike a candidate and a history are, by tags and by vectors."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Doubles, Floats, Ints, row_entries
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
    liked = _inside(query.profile.history.newest_first, matrix.shape[0])
    disliked = _inside(query.profile.history.disliked.items, matrix.shape[0])
    places, owners = row_entries(matrix.indptr, wanted)
    starts = np.flatnonzero(np.diff(owners, prepend=-1))  # where the tags begin of each candidate that has any
    having = owners[starts]
    met = _met(matrix, liked, disliked)
    profiles = met * tags.rarity
    rarest = np.stack([tags.rarity * (met[0] > 0), tags.rarity * np.log1p(met[2])])
    both = np.concatenate([profiles * tags.rarity, rarest])[:, matrix.indices[places]]
    said = np.zeros((len(both), len(wanted)))
    if len(starts):
        said[:4, having] = np.add.reduceat(both[:4], starts, 1)
        said[4:, having] = np.maximum.reduceat(both[4:], starts, 1)
    said[:4] /= np.maximum(np.sqrt((profiles**2).sum(1))[:, None] * tags.lengths[wanted], 1e-9)
    if len(liked):
        result[:, [0, 1, 2, 4, 5]] = said[[0, 1, 2, 4, 5]].T
    if len(disliked):
        result[:, 3] = said[3]
    return result


def _met(matrix: sparse.csr_matrix, liked: Ints, disliked: Ints) -> Doubles:
    """How often each tag was met by the last liked event, by all of them fading, by all, and by the disliked. [4, tags]"""
    places, owners = row_entries(matrix.indptr, liked)
    tags, size = matrix.indices[places], matrix.shape[1]
    others = matrix.indices[row_entries(matrix.indptr, disliked)[0]]
    fading = FADE ** np.arange(len(liked))
    counts = (
        np.bincount(tags[owners == 0], minlength=size),
        np.bincount(tags, fading[owners], minlength=size),
        np.bincount(tags, minlength=size),
        np.bincount(others, minlength=size),
    )
    return np.stack(counts).astype(np.float64)


def vector_pairs(vectors: Floats | None, query: Query, wanted: Ints) -> Array:
    """Cosines of vectors of length 1 with the liked history and the wish in words. [candidates, VECTOR_COLUMNS]"""
    result = np.full((len(wanted), len(VECTOR_COLUMNS)), np.nan)
    if vectors is None or not len(vectors) or not len(wanted):
        return result
    block = vectors[wanted]
    events = _inside(query.profile.history.newest_first, len(vectors))[:LONGEST]
    if len(events):
        # Rounded: a product of matrices differs in the last bits by the row a candidate stands in, and trees would step there.
        cosines = np.round(block @ vectors[events].T, 5)
        recent = cosines[:, :RECENT]
        result[:, 0] = cosines[:, 0]
        result[:, 1], result[:, 2] = recent.max(1), recent.mean(1)
        result[:, 3], result[:, 4] = cosines.max(1), cosines.mean(1)
    wish = next((one for one in query.text_vectors.values() if one.shape == vectors.shape[1:]), None)
    if wish is not None:
        result[:, 5] = np.round(block @ wish, 5)
    return result


def _inside(events: Ints, size: int) -> Ints:
    """Events with items of this catalogue: a history may hold newer ones."""
    return events[events < size]
