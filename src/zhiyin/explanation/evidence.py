"""evidence: why an item is in the answer, from what really carried its score. Nothing here is made up afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from zhiyin.arrays import Array, Floats, Ints
from zhiyin.candidates import Candidates, Reason
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.part import learned, part, setting
from zhiyin.query import Query

KINDS = {
    "popular": "popular",
    "trending": "recent",
    "fresh": "fresh",
    "social": "friends",
    "dense": "text",
    "bm25": "text",
}
"""What a source's name says about its reason; sources that read the history are known by their contributions."""

NEWEST = 200
"""Liked items whose attributes are compared, newest first: keeps an answer fast for the longest histories."""


@part
class Evidence:
    """Reasons from the sources' shares in the score, and from the events that carried each source.

    Where no ranker says what each source carried, the share is that of the reciprocal rank fusion the order came from.
    A source that names the events behind its score gives a reason that cites them. An attribute is a reason only as far
    as the events carry it: its share is the share of the score that came from liked items with the same value, less the
    part of the catalogue that has it anyway. It is another view of the same events, so shares may add up to more than 1.
    """

    most: int = setting(3, least=1, most=20)
    """Reasons per item at most, the largest share first."""
    cited: int = setting(3, least=1, most=20)
    """Items a reason cites at most."""
    least: float = setting(0.1, least=0, most=1)
    """The smallest share of a score that is a reason."""
    kinds: dict[str, str] = setting({})
    """Kinds of reason for sources with names of your own, e.g. "hits = popular"."""

    popularity: Floats = learned()

    def fit(self, dataset: Dataset) -> Evidence:
        """See Fittable: counts, so that "popular" comes with its number."""
        self.popularity = dataset.popularity()
        return self

    def explain(self, query: Query, candidates: Candidates, items: Items) -> tuple[tuple[Reason, ...], ...]:
        """See Explainer."""
        shares = source_shares(candidates)
        liked = _Liked(query, items)
        return tuple(self._reasons(row, shares[row], query, candidates, items, liked) for row in range(len(shares)))

    def _reasons(
        self, row: int, shares: Floats, query: Query, candidates: Candidates, items: Items, liked: _Liked
    ) -> tuple[Reason, ...]:
        found: list[Reason] = []
        carried: dict[str, Array] = {}
        strongest: dict[str, str] = {}
        for column in np.argsort(-shares, kind="stable"):
            source, share = candidates.sources[column], float(shares[column])
            if share <= 0:
                break
            events = _positive(candidates.contributions.get(source), row)
            if events is not None:
                kind = "seeds" if len(query.seeds) else "text" if self._kind(source) == "text" else "history"
                carried[kind] = carried.get(kind, 0.0) + share * events
                strongest.setdefault(kind, source)
            elif share >= self.least and (
                reason := self._from_source(source, share, int(candidates.items[row]), query)
            ):
                found.append(reason)
        for kind, events in carried.items():
            if events.sum() >= self.least:
                found.append(self._from_history(kind, strongest[kind], events, query, items, liked))
        if carried:
            together = np.sum(list(carried.values()), axis=0)
            found.extend(self._from_attributes(int(candidates.items[row]), together, items, liked))
        best = sorted(found, key=lambda one: -one.share)[: self.most]
        if candidates.propensities is not None and candidates.propensities[row] < 1:
            best.append(Reason("explore", number=float(candidates.propensities[row])))
        return tuple(best)

    def _from_history(self, kind: str, source: str, events: Array, query: Query, items: Items, liked: _Liked) -> Reason:
        """The items whose events carried most, as far as each carried at least a tenth of it. source: the strongest."""
        history, share = query.profile.history, float(events.sum())
        weight = liked.by_item(events)
        order = np.argsort(-weight, kind="stable")[: self.cited]
        cited = [int(liked.distinct[at]) for at in order if weight[at] >= 0.1 * share or at == order[0]]
        proof: tuple[str, ...] = ()
        if history.events:
            rows = np.flatnonzero(np.isin(history.items, cited) & (events > 0))
            proof = tuple(history.events[at] for at in rows)
        return Reason(kind, tuple(items[one].item_id for one in cited), share=share, source=source, events=proof)

    def _from_source(self, source: str, share: float, item: int, query: Query) -> Reason | None:
        """A reason that the source's kind gives and that holds for this request; None otherwise."""
        kind = self._kind(source)
        if kind == "popular":
            count = self._count(item)
            return Reason(kind, number=count, share=share, source=source) if count else None
        if kind == "text" and not query.text:
            return None
        if kind == "friends" and not len(query.profile.friends):
            return None
        return Reason(kind, share=share, source=source) if kind in ("recent", "fresh", "friends", "text") else None

    def _from_attributes(self, item: int, carried: Array, items: Items, liked: _Liked) -> Iterator[Reason]:
        """The value shared with liked items that stands behind most of the score and is not on everything."""
        weight = liked.by_item(carried).tolist()
        best: tuple[float, tuple[str, str], list[int]] | None = None
        for topic in items.tags.of(item):
            owners = liked.owners.get(topic)
            if owners:
                share = (1 - liked.common(topic) / len(items)) * sum(weight[at] for at in owners)
                if share >= self.least and (best is None or share > best[0]):
                    best = (share, topic, owners)
        if best is not None:
            share, topic, owners = best
            foremost = sorted(owners, key=lambda at: -weight[at])[: self.cited]
            ids = tuple(items[int(liked.distinct[at])].item_id for at in foremost)
            yield Reason("attribute", ids, topic, float(len(owners)), share)

    def _count(self, item: int) -> float:
        return float(self.popularity[item]) if self.popularity is not None and item < len(self.popularity) else 0.0

    def _kind(self, source: str) -> str:
        return self.kinds.get(source) or KINDS.get(source, "")


class _Liked:
    """The distinct items of a history, which liked ones have which attribute value, and how common a value is.

    distinct: positions of items. owners: by value, places in distinct.
    """

    def __init__(self, query: Query, items: Items) -> None:
        history = query.profile.history
        self.distinct, self._places = np.unique(history.items, return_inverse=True)
        self.owners: dict[tuple[str, str], list[int]] = {}
        self._tags = items.tags
        newest = list(dict.fromkeys(history.newest_first.tolist()))[:NEWEST]
        for place, item in zip(np.searchsorted(self.distinct, newest).tolist(), newest, strict=True):
            if item < len(items):
                for topic in self._tags.of(item):
                    self.owners.setdefault(topic, []).append(place)

    def by_item(self, events: Array) -> Array:
        """What events carried, summed by distinct item."""
        return np.bincount(self._places, events, len(self.distinct))

    def common(self, topic: tuple[str, str]) -> int:
        """Items of the catalogue with a value."""
        return int(self._counts[self._tags.positions[topic]])

    @cached_property
    def _counts(self) -> Array:
        return np.bincount(self._tags.matrix.indices, minlength=len(self._tags.names))


def source_shares(candidates: Candidates) -> Floats:
    """How much of each item's score each source carried; rows sum to 1, or are 0 where nothing is known.

    [candidates, sources]
    """
    if candidates.shares is not None:
        parts = np.nan_to_num(np.maximum(candidates.shares, 0))
    elif candidates.source_ranks is not None and candidates.predictions is None:
        ranks: Ints = candidates.source_ranks
        parts = np.where(ranks > 0, 1.0 / (60 + np.maximum(ranks, 1)), 0.0)
    else:
        # A ranker that does not say what carried its score leaves nothing to cite.
        parts = np.zeros((len(candidates), len(candidates.sources)))
    return np.asarray(parts / np.maximum(parts.sum(1, keepdims=True), 1e-12), np.float32)


def _positive(contributions: Floats | None, row: int) -> Array | None:
    """What each event carried of a source, as shares that sum to 1; None when none carried anything."""
    if contributions is None:
        return None
    events = np.maximum(np.nan_to_num(contributions[row].astype(np.float64)), 0)
    return events / events.sum() if events.sum() > 0 else None
