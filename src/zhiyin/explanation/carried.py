"""What the history carried of every score in one answer: by event, by item, and by attribute value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Bools, Doubles, Floats, Ints, row_entries
from zhiyin.candidates import Candidates
from zhiyin.item import Items
from zhiyin.query import Query

NEWEST = 200
"""Liked items whose attributes are compared, newest first: keeps an answer fast for the longest histories."""


@dataclass(frozen=True, slots=True)
class Part:
    """What the events carried by one kind of reason, as shares of the score.

    events: [candidates, events]. items: the same summed by distinct item, [candidates, distinct]. total and strongest,
    per candidate: the sum, and the source that carried most of it, as a column of Candidates.sources.
    """

    events: Doubles
    items: Doubles
    total: list[float]
    strongest: list[int]


@dataclass(frozen=True, slots=True)
class Shared:
    """A value that an item shares with liked ones: how much of the score they carried, how many, and the foremost ids."""

    topic: tuple[str, str]
    share: float
    owners: int
    items: tuple[str, ...]


class Carried:
    """One answer's scores traced back to the history. All candidates at once: a request waits for this.

    parts: by kind of reason. silent [candidates, sources]: sources that named no event for an item. distinct: positions
    of the history's items, each once. most: items cited at most.
    """

    def __init__(
        self,
        query: Query,
        candidates: Candidates,
        items: Items,
        shares: Floats,
        kind_of: Callable[[str], str],
        most: int,
    ) -> None:
        self.query, self.items, self.most = query, items, most
        self.distinct, places = np.unique(query.profile.history.items, return_inverse=True)
        self._by_place = np.argsort(places, kind="stable")
        self._starts = np.searchsorted(places[self._by_place], np.arange(len(self.distinct) + 1))
        self.silent: Bools = np.ones(shares.shape, np.bool_)
        columns: dict[str, dict[int, Doubles]] = {}
        for column, source in enumerate(candidates.sources):
            events = _positive(candidates.contributions.get(source))
            if events is not None:
                self.silent[:, column] = ~events.any(1)
                columns.setdefault(kind_of(source), {})[column] = events
        self.parts = {kind: self._part(own, np.where(self.silent, 0, shares)) for kind, own in columns.items()}

    def _part(self, columns: dict[int, Doubles], shares: Floats) -> Part:
        own = shares[:, list(columns)]
        events = np.zeros(next(iter(columns.values())).shape)
        for at, one in enumerate(columns.values()):
            events += own[:, at, None] * one
        by_item = np.zeros((len(events), 0))
        if len(self.distinct):
            by_item = np.add.reduceat(events[:, self._by_place], self._starts[:-1], axis=1)
        strongest = np.array(list(columns))[own.argmax(1)].tolist()
        return Part(events, by_item, events.sum(1).tolist(), strongest)

    def cited(self, kind: str, row: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(ids of the items whose events carried most, as far as each carried at least a tenth; ids of those events)"""
        one = self.parts[kind]
        order = np.argsort(-one.items[row], kind="stable")[: self.most]
        weights, least = one.items[row, order].tolist(), 0.1 * one.total[row]
        chosen = [at for rank, at in enumerate(order.tolist()) if not rank or weights[rank] >= least]
        names = self.query.profile.history.events
        proof = tuple(names[at] for at in self._events_of(chosen) if one.events[row, at] > 0) if names else ()
        return self._ids(chosen), proof

    def _events_of(self, places: list[int]) -> list[int]:
        """The events with some of the distinct items, oldest first."""
        rows = (self._by_place[self._starts[at] : self._starts[at + 1]].tolist() for at in places)
        return sorted(row for one in rows for row in one)

    def shared(self, candidates: Candidates) -> list[Shared | None]:
        """Per candidate the value that stands behind most of the score and is not on everything; None without one.

        A value's share is what liked items with the same value carried, less the part of the catalogue that has it.
        """
        if not self.parts or not len(candidates):
            return [None] * len(candidates)
        weights = np.sum([one.items for one in self.parts.values()], axis=0)
        topics = Topics(self.query, self.items, candidates.items, self.distinct)
        best, shares = topics.best(weights)
        return [
            self._shared(topics, topic, share, weights[row]) if share > 0 else None
            for row, (topic, share) in enumerate(zip(best, shares, strict=True))
        ]

    def _shared(self, topics: Topics, topic: int, share: float, weights: Doubles) -> Shared:
        owners = topics.owners(topic)
        foremost = owners[np.argsort(-weights[owners], kind="stable")[: self.most]].tolist()
        return Shared(topics.name(topic), share, len(owners), self._ids(foremost))

    def _ids(self, places: list[int]) -> tuple[str, ...]:
        return tuple(self.items[int(self.distinct[at])].item_id for at in places)


class Topics:
    """Which newest liked items have which of the attribute values of the items shown.

    distinct: the positions that weights and owners speak of, sorted.
    """

    def __init__(self, query: Query, items: Items, shown: Ints, distinct: Ints) -> None:
        tags = self._tags = items.tags
        matrix = tags.matrix
        places, rows = row_entries(matrix.indptr, shown)
        self._known, columns = np.unique(matrix.indices[places], return_inverse=True)
        newest = np.array(list(dict.fromkeys(query.profile.history.newest_first.tolist()))[:NEWEST], np.int32)
        newest = newest[newest < len(items)]
        self._newest = np.searchsorted(distinct, newest)
        column_of = np.full(matrix.shape[1], -1, np.int32)
        column_of[self._known] = np.arange(len(self._known))
        places, owners = row_entries(matrix.indptr, newest)
        met = column_of[matrix.indices[places]]
        # [newest liked items, topics]: 1 where the item has the value.
        self._having = np.zeros((len(newest), len(self._known)))
        self._having[owners[met >= 0], met[met >= 0]] = 1
        self._shown = np.zeros((len(shown), len(self._known)), np.bool_)
        self._shown[rows, columns] = True

    def best(self, weights: Doubles) -> tuple[list[int], list[float]]:
        """For each item shown the value with the largest share, and the share, 0 when it has none in common.

        weights: what each distinct item carried, [items shown, distinct].
        """
        if not len(self._known):
            return [0] * len(weights), [0.0] * len(weights)
        rare = 1 - self._tags.counts[self._known] / len(self._tags.matrix.indptr[1:])
        shares = np.where(self._shown, (weights[:, self._newest] @ self._having) * rare, 0)
        best = shares.argmax(1)
        return best.tolist(), shares[np.arange(len(best)), best].tolist()

    def owners(self, topic: int) -> Ints:
        """The liked items with a value, newest first, as places in distinct."""
        return np.asarray(self._newest[self._having[:, topic] > 0], np.int32)

    def name(self, topic: int) -> tuple[str, str]:
        """A value by its column."""
        return self._tags.names[int(self._known[topic])]


def _positive(contributions: Floats | None) -> Doubles | None:
    """What each event carried of a source, as shares that sum to 1; rows of 0 where none carried anything."""
    if contributions is None:
        return None
    events = contributions.astype(np.float64)
    events[~(events > 0)] = 0  # nan as well
    return np.asarray(events / np.maximum(events.sum(1, keepdims=True), 1e-300), np.float64)
