"""Merge: the union of what the sources found, with who found it, and every source's opinion of every candidate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zhiyin.arrays import Bools, Doubles, Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.opinions import opinions_of
from zhiyin.query import Query
from zhiyin.stages import Answering


def best_of(
    source: Answering, queries: Sequence[Query], counts: Sequence[int], known: int, items: int
) -> list[Candidates]:
    """Each query's best from a source: as many as it counts among the items of the fit, and beside them, in order, as many
    newer ones at most, so that no newer item takes another's place among the candidates.

    known: items of the fit, the first of the catalogue. items: all of the catalogue.
    """
    count = max(counts)
    while True:
        # One call for the whole batch, then each query keeps what it would have got alone.
        found = source.retrieve(queries, count)
        if known >= items:
            return [one.first(own) for one, own in zip(found, counts, strict=True)]
        kept = [_with_newer(one, own, known) for one, own in zip(found, counts, strict=True)]
        lacking = [
            len(one) == count and int((some.items < known).sum()) < own
            for one, some, own in zip(found, kept, counts, strict=True)
        ]
        if count >= items or not any(lacking):
            return kept
        count = min(4 * count, items)


def _with_newer(found: Candidates, count: int, known: int) -> Candidates:
    """The first items of the fit and the first newer ones, `count` of either at most, in the order they are in."""
    newer = found.items >= known
    if not newer.any():
        return found.first(count)
    place = np.where(newer, newer.cumsum(), (~newer).cumsum())
    kept = place <= count
    if int((~newer).sum()) >= count:  # newer ones behind the last of the others would not have come
        kept &= np.arange(len(found)) <= int(np.flatnonzero(~newer & kept)[-1])
    return found.take(np.flatnonzero(kept).astype(np.int32))


def merge(
    queries: Sequence[Query],
    found: Mapping[str, Sequence[Candidates]],
    retrievers: Mapping[str, Answering],
    known: int,
    depths: Sequence[Mapping[str, int]] = (),
) -> list[Candidates]:
    """Unite the sources' candidates per query.

    found: by source name, one Candidates per query. known: items of the fit, the first of the catalogue. depths: per query
    how far down each source's list the reference of opinions reaches; all of it where nothing is said. Each union keeps
    the sources' scores (asked for every candidate, nan where a source has none), ranks (from 1 among what the source
    itself retrieved, 0 where it did not) and opinions. The first score is the reciprocal rank fusion of the ranks
    (Cormack 2009, k = 60), so that the order is sensible before any ranker has looked.
    """
    names = tuple(found)
    unions = [_union([found[name][row].items for name in names]) for row in range(len(queries))]
    if len(names) == 1:  # one source has no opinion of others' candidates to be asked for
        scores = {names[0]: [one.scores[np.argsort(one.items)] for one in found[names[0]]]}
    else:
        scores = {name: retrievers[name].score(queries, unions) for name in names}
    merged = []
    for row, union in enumerate(unions):
        lists = [found[name][row].items for name in names]
        ranks, places = _ranks(union, lists, known)
        columns = np.stack([scores[name][row] for name in names], 1)
        reference = _reference(union, places, known, depths[row] if depths else {}, names)
        reference &= ~np.isin(union, queries[row].profile.history.items)
        opinions = opinions_of(columns, reference, union >= known)
        merged.append(Candidates(union, reciprocal_rank_fusion(places), names, columns, ranks, opinions))
    return merged


def reciprocal_rank_fusion(ranks: Ints | Doubles, k: int = 60) -> Floats:
    """Σ 1 / (k + rank) over the sources that found an item. ranks: [items, sources], 0 for not found."""
    found = np.where(ranks > 0, 1.0 / (k + np.maximum(ranks, 1e-9)), 0.0)
    return np.asarray(found.sum(1), np.float32)


def _union(lists: Sequence[Ints]) -> Ints:
    return np.unique(np.concatenate(lists)).astype(np.int32) if lists else np.empty(0, np.int32)


def _ranks(union: Ints, lists: Sequence[Ints], known: int) -> tuple[Ints, Doubles]:
    """Each list's ranks from 1 as a column, 0 for what it does not hold; and the same counted over the items of the fit,
    with newer ones at fractions between them, so that these move no other item. Both [union, lists]"""
    ranks = np.zeros((len(union), len(lists)), np.int32)
    places = np.zeros((len(union), len(lists)))
    row = np.empty(int(union[-1]) + 1 if len(union) else 0, np.int32)
    row[union] = np.arange(len(union))
    newer = len(union) > 0 and int(union[-1]) >= known  # a request waits for this: mostly there are none
    for column, listed in enumerate(lists):
        rank = np.arange(1, len(listed) + 1)
        ranks[row[listed], column] = rank
        places[row[listed], column] = _fractional(listed < known) if newer else rank
    return ranks, places


def _fractional(old: Bools) -> Doubles:
    """1, 2, 3, … for the old; for those between two of them evenly spaced fractions. [old]"""
    above = old.cumsum()
    starts = np.flatnonzero(np.diff(above, prepend=-1) > 0) if len(above) else np.empty(0, np.int64)
    within = np.arange(len(old)) - np.repeat(starts, np.diff(np.append(starts, len(old))))
    lengths = np.repeat(np.diff(np.append(starts, len(old))), np.diff(np.append(starts, len(old))))
    # A run starts with an old item, but for the first, which may begin before any.
    return np.where(old, above, above + (within + (above == 0)) / (lengths + (above == 0)))


def _reference(union: Ints, places: Doubles, known: int, depths: Mapping[str, int], names: Sequence[str]) -> Bools:
    """Rows that opinions are measured against: items of the fit, as far as the sources are always asked. Lists made longer
    since much was filtered out would move everybody else on the scale."""
    reference = union < known
    if depths and len(union):
        furthest = np.array([depths.get(name, len(union)) for name in names])
        reference &= ((places > 0) & (places <= furthest)).any(1)
    return np.asarray(reference, np.bool_)
