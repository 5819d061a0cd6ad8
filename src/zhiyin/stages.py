"""The four stages. A stage's power is its return type, so that most wrong code cannot be written.

A Retriever returns Candidates; a Ranker only numbers; a Reranker only positions, with a why for each one dropped; an
Explainer only reasons. Only the Recommender builds the next Candidates. All take batches: one request is a batch of one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np

from zhiyin.arrays import NEVER, Bools, Floats, Ints, top_rows
from zhiyin.candidates import Candidates, Reason
from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.item import Item, Items
from zhiyin.query import Query


@runtime_checkable
class Retriever(Protocol):
    """From a query to candidates out of the whole catalogue.

    fit learns from a dataset and returns itself. retrieve gives for each query at most n items it knows, best first, no
    repeats; an unknown user is answered (possibly with nothing). score gives each query's named items a score, nan where
    it has none to give. Neither filters what the user has seen: that happens in one place, outside.
    """

    def fit(self, dataset: Dataset) -> Retriever: ...

    def retrieve(self, queries: Sequence[Query], n: int) -> list[Candidates]: ...

    def score(self, queries: Sequence[Query], items: Sequence[Ints]) -> list[Floats]: ...


@runtime_checkable
class Extendable(Protocol):
    """A part that can take in items which appeared, or changed, after it was fitted, without a refit."""

    def extend(self, items: Items, changed: Sequence[int]) -> None:
        """items: the whole live catalogue; changed: positions that are new or different.

        Called on a shallow copy of the part that serves, which answers meanwhile: give self new arrays and dicts, and
        change none in place (`arrays.with_rows`). The law is `testing.extending_leaves_the_original`.
        """


def extended(part: Any, items: Items, changed: Sequence[int]) -> Any:
    """A copy of a part that took items in, sharing what did not change; the part itself where it takes none."""
    if not isinstance(part, Extendable):
        return part
    made = copy(part)
    made.extend(items, changed)
    return made


@runtime_checkable
class Refitting(Protocol):
    """A retriever that does not learn all anew on nearly the same data: one whose training is long goes on from what it
    learned, and one that chooses for itself keeps its choice, since a ranker learned to trust what was made with that."""

    def refit(self, dataset: Dataset) -> object:
        """Learn from a dataset that holds the fitted one and more; the catalogue is the same. Returns itself."""


@runtime_checkable
class Speaking(Protocol):
    """A retriever that may have found nothing in the data to go by. While so it is not asked, and no ranker has a column of it."""

    def speaks(self) -> bool:
        """Whether anybody at all gets anything from it."""


def speaking(part: object) -> bool:
    """Whether a source is to be asked at all."""
    return not isinstance(part, Speaking) or part.speaks()


@runtime_checkable
class Counted(Protocol):
    """A retriever that counts people of a kind, which reasons can name."""

    def counted(self, query: Query, items: Ints) -> tuple[tuple[tuple[str, str], int] | None, ...]:
        """By item, (attribute, value) as the person wrote it, and how many people who wrote the same took it up; None
        where there is no such thing to say."""


@runtime_checkable
class Counting(Protocol):
    """A part that counts what people took up, and adds to what it counted at the fit what came since (Query.lately)."""

    def counted_until(self) -> float:
        """The last moment that what was fitted holds, seconds since 1970; inf where nothing later is added."""


@runtime_checkable
class Fittable(Protocol):
    """A reranker or explainer that needs statistics of the data, such as how many users liked an item."""

    def fit(self, dataset: Dataset) -> object:
        """Learn from a dataset; returns itself."""


@runtime_checkable
class Contributing(Protocol):
    """A retriever that can say which events of the history carried a score."""

    def contributions(self, query: Query, items: Ints) -> Floats:
        """[items, events of query.profile.history]; 0 where an event carried nothing. Sums to (about) the score."""


def contributing(part: object) -> TypeGuard[Contributing]:
    """Whether a part is Contributing."""
    return _offers(type(part), Contributing)


def counting(part: object) -> TypeGuard[Counted]:
    """Whether a part is Counted."""
    return _offers(type(part), Counted)


_OFFERED: dict[tuple[type, type], bool] = {}


def _offers(kind: type, protocol: type) -> bool:
    # Asked several times in every request, and Python looks up each method of a protocol anew.
    known = _OFFERED.get((kind, protocol))
    if known is None:
        known = _OFFERED[kind, protocol] = issubclass(kind, protocol)
    return known


class Scorer(ABC):
    """A retriever that gives every item of the fitted catalogue a score at once: the one base class retrievers may have."""

    @abstractmethod
    def fit(self, dataset: Dataset) -> Scorer:
        """Learn from a dataset; returns itself."""

    @abstractmethod
    def scores(self, queries: Sequence[Query]) -> Floats:
        """[queries, fitted items], higher is better, NEVER for an item it cannot recommend for that query."""

    def retrieve(self, queries: Sequence[Query], n: int) -> list[Candidates]:
        """See Retriever."""
        return Scored(self.scores(queries)).retrieve(queries, n)

    def score(self, queries: Sequence[Query], items: Sequence[Ints]) -> list[Floats]:
        """See Retriever. Items that came after fit get nan."""
        return Scored(self.scores(queries)).score(queries, items)


class Answering(Protocol):
    """The half of a Retriever that a request needs."""

    def retrieve(self, queries: Sequence[Query], n: int) -> list[Candidates]: ...

    def score(self, queries: Sequence[Query], items: Sequence[Ints]) -> list[Floats]: ...


@dataclass(frozen=True)
class Scored:
    """A scorer's answer to one batch, from which both its best and its opinion of others' best are read.

    rows: [queries, fitted items], see Scorer.scores.
    """

    rows: Floats

    def retrieve(self, queries: Sequence[Query], n: int) -> list[Candidates]:
        """See Retriever; for the queries that the rows are of."""
        return [Candidates(best, row[best]) for row, best in zip(self.rows, top_rows(self.rows, n), strict=True)]

    def score(self, queries: Sequence[Query], items: Sequence[Ints]) -> list[Floats]:
        """See Retriever; for the queries that the rows are of."""
        return [picked(row, wanted) for row, wanted in zip(self.rows, items, strict=True)]


@runtime_checkable
class Preparing(Protocol):
    """A retriever that works something out for a batch that both retrieving and scoring need."""

    def prepared(self, queries: Sequence[Query]) -> Answering:
        """The answers to these queries; the same as the part itself gives."""


def preparing(part: object) -> TypeGuard[Preparing]:
    """Whether a part is Preparing."""
    return _offers(type(part), Preparing)


MOST_KEPT = 4_000_000
"""Scores kept between retrieving and merging at most; a large batch is scored again rather than held in memory."""


def asked_once(part: Retriever, queries: Sequence[Query], items: int) -> Answering:
    """The part itself, or what it scored, so that a scorer need not score a request twice. items: in the catalogue."""
    if preparing(part) and len(queries) * items <= MOST_KEPT:
        return part.prepared(queries)
    plain = type(part).retrieve is Scorer.retrieve and type(part).score is Scorer.score
    if plain and len(queries) * items <= MOST_KEPT:
        assert isinstance(part, Scorer)
        return Scored(part.scores(queries))
    return part


def picked(row: Floats, wanted: Ints) -> Floats:
    """A row's scores at the wanted positions; nan where the row is too short or says NEVER."""
    inside = wanted < len(row)
    values = np.where(inside, row[np.where(inside, wanted, 0)] if len(row) else np.nan, np.nan)
    return np.where(values == NEVER, np.nan, values).astype(np.float32)


@runtime_checkable
class Ranker(Protocol):
    """From candidates to numbers, one column per predicted action.

    fit learns from rows: for each query its candidates and which of them were right (labels: one float array per
    query, 0 for wrong, higher for better). predict returns for each query [candidates, actions]; the order of the
    candidates does not matter. actions names the columns; the first is what candidates are sorted by unless a value
    part mixes them.
    """

    @property
    def actions(self) -> tuple[str, ...]: ...

    def fit(self, dataset: Dataset, rows: RankingRows, valid: RankingRows | None = None) -> Ranker: ...

    def predict(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> list[Floats]: ...


@runtime_checkable
class Attributing(Protocol):
    """A ranker that can say how much of a score each source carried."""

    def source_shares(self, query: Query, candidates: Candidates, items: Items) -> Floats:
        """[candidates, sources], each ≥ 0."""


@runtime_checkable
class Refreshing(Protocol):
    """A ranker that keeps facts about items beside what it learned, and takes newer ones without learning again."""

    def refresh(self, dataset: Dataset) -> None: ...


@dataclass(frozen=True)
class RankingRows:
    """What a ranker learns from: requests, the candidates shown to it, and which were right.

    outcomes: per request what the person did from then on; empty where that is not known.
    """

    queries: Sequence[Query]
    candidates: Sequence[Candidates]
    labels: Sequence[Floats]
    outcomes: Sequence[Interactions] = ()

    def __len__(self) -> int:
        return len(self.queries)

    def only(self, mask: Bools) -> RankingRows:
        """The rows for which the mask is true."""
        rows = np.flatnonzero(mask).tolist()
        return RankingRows(
            [self.queries[row] for row in rows],
            [self.candidates[row] for row in rows],
            [self.labels[row] for row in rows],
            [self.outcomes[row] for row in rows] if self.outcomes else (),
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """What a reranker returns: rows kept, in their new order, and for each row left out why.

    propensities [kept]: the chance each row had of its place, from a reranker that draws; None from the others.
    """

    kept: Ints
    dropped: tuple[tuple[int, str], ...] = ()
    propensities: Floats | None = None


@runtime_checkable
class Reranker(Protocol):
    """From candidates to positions, kept and in order. Filters, rules, diversity and exploration are rerankers.

    It invents nothing and touches no score. n: how many the answer needs; a reranker may keep more.
    """

    def select(self, query: Query, candidates: Candidates, items: Items, n: int) -> Selection: ...


@runtime_checkable
class Explainer(Protocol):
    """From the final candidates to reasons, each citing evidence that exists. One tuple of reasons per candidate."""

    def explain(self, query: Query, candidates: Candidates, items: Items) -> tuple[tuple[Reason, ...], ...]: ...


@runtime_checkable
class Encoder(Protocol):
    """Things to vectors: [texts, width] float32, finite, rows of length 1; a batch gives the same as singles."""

    @property
    def width(self) -> int: ...

    @property
    def identity(self) -> str:
        """Names the model and its settings: the cache key, so that another model never reuses these vectors."""

    def encode(self, texts: Sequence[str]) -> Floats: ...

    def encode_query(self, text: str) -> Floats:
        """One search text to one vector [width]; some models read queries and passages differently."""


@runtime_checkable
class ItemEncoder(Protocol):
    """An encoder that reads more of an item than its words: pictures, attributes."""

    def key_of(self, item: Item) -> str:
        """Changes exactly when what the encoder reads of the item does: the cache key."""

    def encode_items(self, items: Sequence[Item]) -> Floats:
        """[items, width] float32, as encode. What cannot be read of an item is left out; nothing at all gives zeros."""
