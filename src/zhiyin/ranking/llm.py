"""llm: a language model looks over the top of a list. Its say is measured before it counts, and capped when it does.

It stands behind another ranker and moves at most its best candidates, each by at most a few places; without a model, in
doubt, and when time is up the order stays as it came, and the trace says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.item import Item, Items
from zhiyin.llm.listwise import Listing, Opinion, capped, opinion
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.ports import LanguageModel
from zhiyin.query import Query
from zhiyin.stages import RankingRows
from zhiyin.trace import note

WEIGHTS = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the model's say that are tried."""


@part
class LLM:
    """A language model's order of the best candidates, blended with the order they came in.

    The blend's weight is the best of a few on held-out requests, and 0 (the model is then never asked) unless it beats
    leaving the list alone by more than two standard errors. The model comes from the workspace's settings for the use
    "ranking"; see docs/language-models.md.
    """

    candidates: int = setting(20, least=2, most=20)
    """How many of the best it may reorder."""
    passes: int = setting(2, least=1, most=5)
    """How often it is asked, each time with the list shuffled anew."""
    places: int = setting(1, least=0, most=19)
    """How far an item may move. With 1 no text, however it flatters or commands, can lift an item by more than one
    place; more is for catalogues whose texts you wrote yourself."""
    deadline: float = setting(3.0, above=0)
    """Seconds a request waits for all passes; then the order stays as it came."""
    requests: int = setting(60, least=0, most=5000)
    """Held-out requests on which the weight is chosen; 0 never asks the model at all."""
    history: int = setting(10, least=1, most=50)
    """How many of the newest liked items it is told."""
    line: int = setting(160, least=20, most=160)
    """Characters of one item it reads, the title first: on one core a small local model reads about 130 tokens a second."""

    chosen: dict[str, Any] = learned()

    listwise = True
    use = "ranking"

    def __post_init__(self) -> None:
        self._model: LanguageModel | None = None

    def speak_with(self, model: LanguageModel | None) -> None:
        """See Speaking."""
        self._model = model

    @property
    def actions(self) -> tuple[str, ...]:
        """One column: how much the user is likely to want it."""
        return ("relevance",)

    @property
    def weight(self) -> float:
        """The learned share of the model's say; 0 before anything was learned."""
        return float((self.chosen or {}).get("weight", 0.0))

    def fit(self, dataset: Dataset, rows: RankingRows, valid: RankingRows | None = None) -> LLM:
        """See Ranker. Asks the model for up to `requests` lists whose right answer is among those it may move."""
        asked = valid if valid is not None and len(valid) else rows
        lists: list[tuple[Array, Floats]] = []
        tried = 0
        for row in self._useful(asked):
            query, found = asked.queries[row], asked.candidates[row]
            top = self._top(found)
            said = self._ask(query, found, top, dataset.items, deadline=None)
            tried += 1
            if said is not None and said.places is not None:
                lists.append((said.places, asked.labels[row][top]))
        self.chosen = {**best_weight(lists, self.places), "asked": tried, "answered": len(lists)}
        return self

    def predict(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> list[Floats]:
        """See Ranker."""
        need_fitted(self)
        return [self._scores(*row, items)[:, None] for row in zip(queries, candidates, strict=True)]

    def _scores(self, query: Query, found: Candidates, items: Items) -> Floats:
        scores = np.asarray(found.scores, np.float32)
        if self.weight == 0 or self._model is None:
            note("not asked: " + ("no model" if self._model is None else "it did not help on held-out requests"))
            return scores
        top = self._top(found)
        said = self._ask(query, found, top, items, self.deadline)
        if said is None or said.places is None:
            note("order kept: " + ("; ".join(said.notes) if said else "nothing to order"))
            return scores
        if said.notes:
            note(f"{said.passes} of {self.passes} passes: " + "; ".join(said.notes))
        return moved(scores, top, blended(said.places, self.weight, self.places))

    def _ask(self, query: Query, found: Candidates, top: Ints, items: Items, deadline: float | None) -> Opinion | None:
        if self._model is None or len(top) < 2:
            return None
        liked = [int(item) for item in query.profile.history.newest_first if item < len(items)]
        listing = Listing(
            [line_of(items[int(found.items[row])])[: self.line] for row in top],
            [line_of(items[item])[: self.line] for item in list(dict.fromkeys(liked))[: self.history]],
            query.text,
            query.language,
        )
        seed = (query.seed, *(int(found.items[row]) for row in top))
        return opinion(self._model, listing, self.passes, deadline, [abs(one) for one in seed])

    def _top(self, found: Candidates) -> Ints:
        """Rows of the best candidates, best first; equal scores by item, so that the rows' order does not matter."""
        return np.lexsort((found.items, -np.asarray(found.scores)))[: self.candidates].astype(np.int32)

    def _useful(self, asked: RankingRows) -> list[int]:
        """Requests whose right answer the model can move; the others say nothing about it and would cost the same."""
        if self._model is None or not self.requests or not self.places:
            return []
        useful = [
            row
            for row, (found, labels) in enumerate(zip(asked.candidates, asked.labels, strict=True))
            if labels[self._top(found)].any()
        ]
        return [int(row) for row in np.random.default_rng(0).permutation(useful)[: self.requests]]


def line_of(item: Item) -> str:
    """What the model is told of an item: title and attributes, without prose."""
    values = [", ".join(value) if isinstance(value, tuple) else str(value) for value in item.attributes.values()]
    return "; ".join(one for one in (item.title or "-", *values) if one)


def blended(places: Floats, weight: float, most: int) -> list[int]:
    """The new order of a list, by places held now: its own order mixed with a model's, nobody moved by more than `most`."""
    count = len(places)
    own = np.arange(count) / max(count - 1, 1)
    wanted = np.argsort((1 - weight) * own + weight * places, kind="stable")
    return capped([int(one) for one in wanted], most)


def moved(scores: Floats, top: Ints, order: Sequence[int]) -> Floats:
    """Scores that put the top rows into an order: the same numbers, given to others; equal ones pulled a hair apart."""
    result = scores.copy()
    sorted_scores = scores[top]
    rest = np.delete(scores, top)
    above = rest.max() if len(rest) else np.float32(-np.inf)
    for place in range(len(order) - 1, -1, -1):
        value = sorted_scores[place]
        if not value > above:
            value = np.nextafter(np.float32(above), np.float32(np.inf))
        result[top[order[place]]] = above = value
    return result


def best_weight(lists: Sequence[tuple[Array, Floats]], most: int) -> Mapping[str, Any]:
    """The weight with the highest mean NDCG on lists of (a model's places, labels), and how each did.

    0 unless another beats it by more than two standard errors of the difference: of several weights tried on an order by
    lot, the best one often gains one.
    """
    if len(lists) < 2:
        return {"weight": 0.0, "ndcg": {}}
    table = np.array([[_ndcg(labels[blended(places, weight, most)]) for weight in WEIGHTS] for places, labels in lists])
    gains = table - table[:, :1]
    means, errors = gains.mean(0), gains.std(0, ddof=1) / np.sqrt(len(lists))
    best = int(np.argmax(means))
    weight = WEIGHTS[best] if means[best] > 2 * errors[best] else 0.0
    return {
        "weight": weight,
        "ndcg": {str(one): round(float(value), 5) for one, value in zip(WEIGHTS, table.mean(0), strict=True)},
    }


def _ndcg(labels: Floats) -> float:
    worth = 1 / np.log2(np.arange(2, 12))
    ideal = (np.sort(labels)[::-1][:10] * worth[: len(labels)]).sum()
    return float((labels[:10] * worth[: len(labels)]).sum() / ideal) if ideal > 0 else 0.0
