"""Merge: the union of what the sources found, with who found it, and every source's opinion of every candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zhiyin.arrays import Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.query import Query
from zhiyin.stages import Answering


def merge(
    queries: Sequence[Query], found: Mapping[str, Sequence[Candidates]], retrievers: Mapping[str, Answering]
) -> list[Candidates]:
    """Unite the sources' candidates per query.

    found: by source name, one Candidates per query. Each union keeps the sources' scores (asked for every candidate,
    nan where a source has none) and ranks (from 1 among what the source itself retrieved, 0 where it did not). The
    first score is the reciprocal rank fusion of the ranks (Cormack 2009, k = 60), so that the order is sensible before
    any ranker has looked.
    """
    names = tuple(found)
    unions = [_union([found[name][row].items for name in names]) for row in range(len(queries))]
    if len(names) == 1:  # one source has no opinion of others' candidates to be asked for
        scores = {names[0]: [one.scores[np.argsort(one.items)] for one in found[names[0]]]}
    else:
        scores = {name: retrievers[name].score(queries, unions) for name in names}
    merged = []
    for row, union in enumerate(unions):
        ranks = _ranks(union, [found[name][row].items for name in names])
        columns = np.stack([scores[name][row] for name in names], 1)
        merged.append(Candidates(union, reciprocal_rank_fusion(ranks), names, columns, ranks))
    return merged


def reciprocal_rank_fusion(ranks: Ints, k: int = 60) -> Floats:
    """Σ 1 / (k + rank) over the sources that found an item. ranks: [items, sources], 0 for not found."""
    found = np.where(ranks > 0, 1.0 / (k + np.maximum(ranks, 1)), 0.0)
    return np.asarray(found.sum(1), np.float32)


def _union(lists: Sequence[Ints]) -> Ints:
    return np.unique(np.concatenate(lists)).astype(np.int32) if lists else np.empty(0, np.int32)


def _ranks(union: Ints, lists: Sequence[Ints]) -> Ints:
    """Each list's ranks from 1 as a column, 0 for what it does not hold. [union, lists]"""
    ranks = np.zeros((len(union), len(lists)), np.int32)
    place = np.empty(int(union[-1]) + 1 if len(union) else 0, np.int32)
    place[union] = np.arange(len(union))
    for column, listed in enumerate(lists):
        ranks[place[listed], column] = np.arange(1, len(listed) + 1)
    return ranks
