"""Candidates: columns of items under consideration, the one currency from retrieval to answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from zhiyin.arrays import Floats, Ints
from zhiyin.opinions import Opinions, opinions_of


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an item is recommended: a kind, what supports it, and how much it carried.

    kind: "history" (items the user met before), "seeds", "attribute" (a topic shared with liked items), "text" (the wish
    or the likeness of texts), "wish" (a topic asked for in the profile), "words" and "meaning" (of a search), "popular", "segment" (people who
    registered with the same topic, number of them), "recent",
    "fresh", "friends", "sequence" (what comes next in the order of the history), "explore". items: ids of the items it cites.
    topic: (attribute, value). number: a count the kind speaks of. share: 0 to 1 of the score. events: ids of supporting events.
    """

    kind: str
    items: tuple[str, ...] = ()
    topic: tuple[str, str] | None = None
    number: float | None = None
    share: float = 0.0
    source: str = ""
    events: tuple[str, ...] = ()
    sentence: str = ""

    def said(self, sentence: str) -> Reason:
        """The same reason in words."""
        return Reason(self.kind, self.items, self.topic, self.number, self.share, self.source, self.events, sentence)


@dataclass(frozen=True, slots=True)
class Dropped:
    """An item that was left out: its position in the catalogue, where, and why."""

    item: int
    stage: str
    why: str


@dataclass(frozen=True, slots=True)
class Candidates:
    """Items under consideration, as columns; row i of every column is the same item.

    items: positions in the catalogue, no repeats. scores: the current score, higher is better. sources: names of the
    retrievers; source_scores [n, sources] and source_ranks [n, sources]: what each gave (nan / 0 where it gave nothing,
    ranks from 1). opinions: the same scores on a bounded scale, which is what rankers read (see opined). actions: names of predicted actions; predictions [n, actions]. shares [n, sources]: how much of the
    ranker's score each source carried (≥ 0). contributions: by source, [n, history length], how much each event of
    the history carried. counted: by source, see stages.Counted. reasons: per item. dropped: what was left out on the way, and why. propensities [n]: the
    chance each item had of its place, given those before it; None where nothing was drawn.
    """

    items: Ints
    scores: Floats
    sources: tuple[str, ...] = ()
    source_scores: Floats | None = None
    source_ranks: Ints | None = None
    opinions: Opinions | None = None
    actions: tuple[str, ...] = ()
    predictions: Floats | None = None
    shares: Floats | None = None
    contributions: Mapping[str, Floats] = field(default_factory=dict)
    counted: Mapping[str, tuple[tuple[tuple[str, str], int] | None, ...]] = field(default_factory=dict)
    reasons: tuple[tuple[Reason, ...], ...] = ()
    dropped: tuple[Dropped, ...] = ()
    propensities: Floats | None = None

    def __len__(self) -> int:
        return len(self.items)

    @property
    def opined(self) -> Opinions:
        """The sources' opinions: those measured when the sources were merged, or else among these candidates alone."""
        if self.opinions is not None:
            return self.opinions
        scores = self.source_scores
        return opinions_of(np.empty((len(self), 0), np.float32) if scores is None else scores)

    @classmethod
    def none(cls) -> Candidates:
        """No candidates."""
        return cls(np.empty(0, np.int32), np.empty(0, np.float32))

    def first(self, count: int) -> Candidates:
        """The first rows, all of them when there are no more."""
        return self if count >= len(self) else self.take(np.arange(count, dtype=np.int32))

    def take(self, rows: Ints, dropped: tuple[Dropped, ...] = ()) -> Candidates:
        """The rows named, in that order, with more items noted as dropped."""
        rows = np.asarray(rows, np.int64)
        return replace(
            self,
            items=self.items[rows],
            scores=self.scores[rows],
            source_scores=None if self.source_scores is None else self.source_scores[rows],
            source_ranks=None if self.source_ranks is None else self.source_ranks[rows],
            opinions=None if self.opinions is None else self.opinions.take(rows),
            predictions=None if self.predictions is None else self.predictions[rows],
            shares=None if self.shares is None else self.shares[rows],
            contributions={source: matrix[rows] for source, matrix in self.contributions.items()},
            counted={source: tuple(told[row] for row in rows) for source, told in self.counted.items()},
            reasons=tuple(self.reasons[row] for row in rows) if self.reasons else (),
            dropped=self.dropped + dropped,
            propensities=None if self.propensities is None else self.propensities[rows],
        )
