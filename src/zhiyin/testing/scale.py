"""The laws of scale: what a source's numbers are counted in, and where they begin, is nobody's business."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from zhiyin.arrays import Array, Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import last_event_cases
from zhiyin.query import Query
from zhiyin.ranking.bounds import HIGHEST
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.stages import Retriever
from zhiyin.testing.made import copy_of, odd_queries
from zhiyin.training.fit import ranking_rows

ABSURD: dict[str, Callable[[Array], Array]] = {
    "1e15": lambda scores: np.full_like(scores, 1e15),
    "growing to 1e15": lambda scores: np.linspace(-1e15, 1e15, len(scores)),
    "1e-15": lambda scores: scores * 1e-15,
    "one of 1e15": lambda scores: np.where(np.arange(len(scores)) == 0, 1e15, scores),
    "a few of -600": lambda scores: np.where(np.arange(len(scores)) < 3, -600.0, scores),
    "near 0 below ages": lambda scores: np.where(np.arange(len(scores)) == 0, 1e-6, -np.arange(len(scores)) - 600.0),
    "unknown but for one": lambda scores: np.where(np.arange(len(scores)) == 0, scores, np.nan),
    "unknown": lambda scores: np.full_like(scores, np.nan),
    "constant": lambda scores: np.full_like(scores, 7.0),
    "infinite": lambda scores: np.where(np.arange(len(scores)) % 2, np.inf, -np.inf),
}
"""What a source may say of a request's candidates when it has gone mad, made of what it said."""

NEAR = 1e-3
"""Scores that differ by less may change places: so much is lost in adding great numbers to small ones."""


@runtime_checkable
class Reaching(Protocol):
    """A ranker that can say how far each source moves a score at most."""

    def reach(self, query: Query) -> dict[str, float]:
        """By source: the largest difference it can make to a candidate's score, whatever it says."""


@dataclass
class Rescaled:
    """A retriever whose scores are shifted, then multiplied; all else is as it was. A shift so great that float32 could not
    hold the differences beside it would take away what the source knows."""

    part: Retriever
    factor: float = 1.0
    shift: float = 0.0

    def fit(self, dataset: Dataset) -> Rescaled:
        """See Retriever."""
        self.part.fit(dataset)
        return self

    def refit(self, dataset: Dataset) -> Rescaled:
        """See Refitting; a part that always learns anew does so here too."""
        getattr(self.part, "refit", self.part.fit)(dataset)
        return self

    def retrieve(self, queries: Sequence[Query], n: int) -> list[Candidates]:
        """See Retriever."""
        return [replace(one, scores=self._changed(one.scores)) for one in self.part.retrieve(queries, n)]

    def score(self, queries: Sequence[Query], items: Sequence[Ints]) -> list[Floats]:
        """See Retriever."""
        return [self._changed(one) for one in self.part.score(queries, items)]

    def _changed(self, scores: Floats) -> Any:
        # In double precision: adding 1,000 to float32 would itself lose what small differences say.
        return (np.asarray(scores, np.float64) + self.shift) * self.factor


def check_scale(part: Any, dataset: Dataset, factor: float, shift: float) -> None:
    """A ranker orders as before when one source's scores are shifted and multiplied at fit and at request, or at request
    alone. Its scores are finite and within the stated range whatever a source says, of one candidate as of many. A source
    moves no score further than its stated reach."""
    plain, recommender = _learned(part, dataset)
    queries = odd_queries(dataset)
    shown = recommender.candidates(queries)
    numbers = plain.predict(queries, shown, recommender.items)
    for source in recommender.retrievers:
        ranker, other = _learned(part, dataset, source, factor, shift)
        changed = other.candidates(queries)
        _same_order(numbers, ranker.predict(queries, changed, other.items), "a shift and a factor change no order")
        _same_order(numbers, plain.predict(queries, changed, other.items), "nor do they at the request alone")
    for query, one in zip(queries, shown, strict=True):
        _check_absurd(plain, query, replace(one, opinions=None), recommender)


def check_scale_of_recipe(
    make: Callable[[], Recommender], dataset: Dataset, source: str, factor: float, shift: float
) -> None:
    """A whole recipe answers as before when one source's scores are shifted and multiplied, and within the stated range."""
    plain, changed = make().fit(dataset), make()
    changed.retrievers[source] = Rescaled(changed.retrievers[source], factor, shift)
    changed.fit(dataset)
    queries = odd_queries(dataset)
    answers = zip(plain.recommend_batch(queries), changed.recommend_batch(queries), strict=True)
    for before, after in answers:
        scores = np.asarray(before.candidates.scores)
        assert (np.abs(scores) <= HIGHEST).all(), f"scores lie between {-HIGHEST:g} and {HIGHEST:g}"
        found = {int(item): row for row, item in enumerate(after.candidates.items)}
        for item, score in zip(before.candidates.items.tolist(), scores, strict=True):
            near = int((np.abs(scores - score) <= NEAR).sum())
            assert item in found or near > 1 or score <= scores.min() + NEAR, f"item {item} left the list"
        mine = [row for row, item in enumerate(before.candidates.items.tolist()) if item in found]
        theirs = np.asarray(after.candidates.scores)[[found[int(before.candidates.items[row])] for row in mine]]
        _same_order([scores[mine][:, None]], [theirs[:, None]], "a shift and a factor change no answer")


def _learned(
    part: Any, dataset: Dataset, source: str = "", factor: float = 1.0, shift: float = 0.0
) -> tuple[Any, Recommender]:
    """A copy of a ranker and the recommender whose candidates it learned from, one source of it rescaled."""
    past = dataset.without_last(1)
    sources: dict[str, Any] = {"popular": Popular(), "transition": Transition()}
    if source:
        sources[source] = Rescaled(sources[source], factor, shift)
    recommender = Recommender(retrieve=sources).fit(past)
    rows, valid = ranking_rows(recommender, [last_event_cases(dataset)])
    return copy_of(part).fit(past, rows, valid), recommender


def _same_order(numbers: Sequence[Floats], others: Sequence[Floats], law: str) -> None:
    for one, other in zip(numbers, others, strict=True):
        before, after = one[:, 0].astype(np.float64), other[:, 0].astype(np.float64)
        ahead = before[:, None] > before[None] + NEAR
        assert not (ahead & (after[:, None] < after[None])).any(), law


def _check_absurd(ranker: Any, query: Query, shown: Candidates, recommender: Recommender) -> None:
    values = ranker.predict([query], [shown], recommender.items)[0]
    reach = ranker.reach(query) if isinstance(ranker, Reaching) else {}
    for column, source in enumerate(shown.sources):
        for name, change in ABSURD.items():
            for rows in (np.arange(len(shown)), np.arange(min(len(shown), 1))):
                mad = _with_column(shown.take(rows.astype(np.int32)), column, change)
                found = ranker.predict([query], [mad], recommender.items)[0][:, 0]
                told = f"{source} saying {name} of {len(rows)}"
                assert np.isfinite(found).all(), f"scores are finite: {told}"
                assert (np.abs(found) <= HIGHEST).all(), f"scores lie between {-HIGHEST:g} and {HIGHEST:g}: {told}"
                if source in reach and len(rows) == len(shown) and len(rows):
                    moved = float(np.abs(found - values[:, 0]).max())
                    law = "a source alone takes no more than its learned share"
                    assert moved <= reach[source] + NEAR, f"{law}: {told} moves a score by {moved:.3g}"


def _with_column(shown: Candidates, column: int, change: Callable[[Array], Array]) -> Candidates:
    """The candidates with other scores of one source, as if nobody had formed an opinion of them yet."""
    assert shown.source_scores is not None
    scores = shown.source_scores.astype(np.float64)
    scores[:, column] = change(scores[:, column]) if len(shown) else scores[:, column]
    return replace(shown, source_scores=scores, opinions=None)  # type: ignore[arg-type]
