"""evidence: why an item is in the answer, from what really carried its score. Nothing here is made up afterwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zhiyin.arrays import Floats, Ints
from zhiyin.candidates import Candidates, Reason
from zhiyin.data.dataset import Dataset
from zhiyin.explanation.carried import Carried, Shared
from zhiyin.item import Items
from zhiyin.part import learned, part, setting
from zhiyin.profile import ASKED_FOR
from zhiyin.query import Query

KINDS = {
    "popular": "popular",
    "segment": "segment",
    "trending": "recent",
    "fresh": "fresh",
    "social": "friends",
    "next_item": "sequence",
    "dense": "text",
    "bm25": "text",
    "wish": "wish",
}
"""What a source's name says about its reason; sources that read the history are known by their contributions."""


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
    cited: int = setting(2, least=1, most=20)
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
        seeded = len(query.seeds) > 0

        def kind_of(source: str) -> str:
            return "seeds" if seeded else "text" if self._kind(source) == "text" else "history"

        carried = Carried(query, candidates, items, shares, kind_of, self.cited)
        shared = carried.shared(candidates)
        silent = np.where(carried.silent, shares, 0).tolist()
        return tuple(
            self._reasons(row, silent[row], carried, shared[row], candidates) for row in range(len(candidates))
        )

    def _reasons(
        self, row: int, silent: list[float], carried: Carried, shared: Shared | None, found: Candidates
    ) -> tuple[Reason, ...]:
        """silent: the shares of the sources that named no event, 0 for all others."""
        told: dict[str, Reason] = {}
        for source, share in sorted(zip(found.sources, silent, strict=True), key=lambda one: -one[1]):
            if share <= 0:
                break
            reason = self._from_source(source, share, row, found, carried)
            if reason is not None:  # two sources that say the same are one reason
                before = told.get(reason.kind)
                told[reason.kind] = replace(before, share=before.share + share) if before else reason
        reasons = [one for one in told.values() if one.share >= self.least]
        for kind, one in carried.parts.items():
            share = one.total[row]
            if share >= self.least and share > 0:
                cited, events = carried.cited(kind, row)
                source = found.sources[one.strongest[row]]
                reasons.append(Reason(kind, cited, share=share, source=source, events=events))
        if shared is not None and shared.share >= self.least:
            reasons.append(Reason("attribute", shared.items, shared.topic, float(shared.owners), shared.share))
        best = sorted(reasons, key=_told_first)[: self.most]
        if found.propensities is not None and found.propensities[row] < 1:
            best.append(Reason("explore", number=float(found.propensities[row])))
        return tuple(best)

    def _from_source(self, source: str, share: float, row: int, found: Candidates, carried: Carried) -> Reason | None:
        """A reason that the source's kind gives and that holds for this request; None otherwise."""
        kind, item, query, items = self._kind(source), int(found.items[row]), carried.query, carried.items
        if kind == "segment":
            told = found.counted[source][row] if source in found.counted else None
            if told is not None:
                return Reason(kind, topic=told[0], number=float(told[1]), share=share, source=source)
            kind = "popular"  # what it scores then is how many people chose the item
        if kind == "popular":
            count = self._count(item)
            return Reason(kind, number=count, share=share, source=source) if count else None
        if kind == "wish":
            return _of_wish(source, share, item, query, items)
        if kind == "text" and not query.text:
            return None
        if kind == "friends" and not len(query.profile.friends):
            return None
        if kind == "sequence" and (len(query.seeds) or not len(query.profile.history.liked)):
            return None
        plain = ("recent", "fresh", "friends", "sequence", "text")
        return Reason(kind, share=share, source=source) if kind in plain else None

    def _count(self, item: int) -> float:
        return float(self.popularity[item]) if self.popularity is not None and item < len(self.popularity) else 0.0

    def _kind(self, source: str) -> str:
        return self.kinds.get(source) or KINDS.get(source, "")


def _told_first(reason: Reason) -> float:
    """The largest share first, but that the order of a history, which names nothing, counts half for its place."""
    return -reason.share * (0.5 if reason.kind == "sequence" else 1.0)


def _of_wish(source: str, share: float, item: int, query: Query, items: Items) -> Reason | None:
    """The wish in words; without one the topic asked for that the item has."""
    if query.text:
        return Reason("text", share=share, source=source)
    asked = {one.topic for one in query.profile.interests if one.reason == ASKED_FOR}
    topic = next((one for one in items.tags.of(item) if one in asked), None)
    return Reason("wish", topic=topic, share=share, source=source) if topic else None


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
