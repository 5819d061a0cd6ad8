"""How alike candidates are: unit rows from a vector space, or from the tags they share."""

from __future__ import annotations

import numpy as np

from zhiyin.arrays import Floats, Ints, row_entries
from zhiyin.candidates import Candidates
from zhiyin.item import Items
from zhiyin.opinions import in_spans


def rows_for(items: Items, found: Ints, space: str) -> Floats:
    """One unit row per candidate, so that likeness is an inner product. [candidates, width]

    space: a vector space of the catalogue; "tags", or a space that is not there, means the textual attributes, each
    counting the less the more candidates have it. An item that says nothing has a row of zeros and is like nothing.
    """
    if space != "tags" and space in items.vectors:
        return items.vectors[space][found]
    matrix = items.tags.matrix
    places, owners = row_entries(matrix.indptr, found)
    used, columns = np.unique(matrix.indices[places], return_inverse=True)
    values = np.log1p(len(found) / np.maximum(np.bincount(columns, minlength=len(used)), 1))[columns]
    lengths = np.sqrt(np.bincount(owners, values**2, minlength=len(found)))
    rows = np.zeros((len(found), len(used)), np.float32)
    rows[owners, columns] = values / np.maximum(lengths, 1e-12)[owners]
    return rows


def relevance(candidates: Candidates, size: int) -> Floats:
    """The scores of the first candidates in units of the pool's span; see in_spans. [size]"""
    new = None if candidates.opinions is None else candidates.opinions.new[:size]
    return in_spans(candidates.scores[:size], new)


def first_then_rest(first: list[int], count: int) -> Ints:
    """The rows chosen, then all others in the order they came: later rerankers may still need them."""
    rest = np.ones(count, np.bool_)
    rest[first] = False
    return np.concatenate([np.array(first, np.int64), np.flatnonzero(rest)]).astype(np.int32)
