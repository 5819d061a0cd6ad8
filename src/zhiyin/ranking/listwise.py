"""listwise: a logit over what the sources said, and a small network added to it, learned request by request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.opinions import HIGHEST, LOWEST
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.ranking.blend import blend_shares, blended, in_order_of, is_new
from zhiyin.ranking.bounds import bounded
from zhiyin.ranking.circumstances import fitting_keys
from zhiyin.ranking.features import learn_facts
from zhiyin.ranking.listwise_columns import Columns, Questions, questions
from zhiyin.ranking.listwise_guard import gone_mad, guarded
from zhiyin.ranking.listwise_net import Net
from zhiyin.ranking.listwise_ways import WAYS, Model, Ways
from zhiyin.ranking.standing import counted_until
from zhiyin.stages import RankingRows

FEWEST = 30
"""Requests below which weights would learn noise: all sources alike, or the best of them."""

ENOUGH = 400
"""Requests below which the network is not tried."""

FURTHEST = 6.0
"""Standard deviations at which a column is cut off."""


@part
class Listwise:
    """score = Σ weight · column + network(columns), bounded to -20 to 20.

    Columns: each source's opinion and logarithmic rank (weights held at 0 or above), what is known of the item and of it
    beside the history, and the length of the history. Raw scores and ids are not among them. What orders is the simplest of
    "best source", all sources "equal", the "logit" of the sources, the same with all "features", and that with the "net"
    added, unless a richer one gains on people it has not seen by more than the standard error. People without a history
    have a logit of their own, chosen alike. A source whose opinions put right answers no higher than chance is not
    heard for those with one.
    """

    ways: tuple[str, ...] = setting(WAYS)
    """What may be chosen, from simple to rich."""
    requests: int = setting(3000, least=1)
    """Requests to learn from at most."""
    wrong: int = setting(200, least=1, tune=(100, 200, 300))
    """Wrong answers per request to learn from, drawn evenly."""
    units: int = setting(32, least=1, most=1024, tune=(16, 32, 64))
    """Hidden units of a network."""
    epochs: int = setting(15, least=1, tune=(10, 15, 25))
    """Times a network goes through all requests."""
    networks: int = setting(2, least=1, most=20)
    """Networks, of different seeds, that are averaged."""
    seed: int = setting(0, least=0)
    """Draws requests, wrong answers, halves of people, first weights and what is left out at random."""

    sources: list[str] = learned()
    deaf: list[str] = learned()
    weights: Floats = learned()
    first_weights: Floats = learned()
    net: dict[str, Array] = learned()
    scale: Floats = learned()
    facts: dict[str, Array] = learned()
    course: dict[str, Any] = learned()

    listwise = True

    @property
    def actions(self) -> tuple[str, ...]:
        """One column: how much the user is likely to want it."""
        return ("relevance",)

    def fit(self, dataset: Dataset, rows: RankingRows, valid: RankingRows | None = None) -> Listwise:
        """See Ranker. The rows kept aside are learned from as well: the guard has halves of its own."""
        rng = np.random.default_rng(self.seed)
        rows = rows if valid is None else joined(rows, valid)
        self.sources = list(rows.candidates[0].sources) if len(rows) else []
        self.facts, self.deaf, self.net, self.course = learn_facts(dataset), [], {}, {}
        new = np.array([is_new(query) for query in rows.queries], np.bool_)
        raw = self._asked(rows.only(~new), dataset.items, rng)
        self.deaf = gone_mad(raw, self.sources) if len(raw) else []
        places = [self.sources.index(source) for source in self.deaf]
        unheard = [*places, *(len(self.sources) + place for place in places)]
        raw.table[:, unheard] = 0
        self.scale = _scale(raw.table)
        model = self._learned(raw.having(_scaled(raw.table, self.scale)), "known").deaf_to(unheard)
        self.weights, self.net = model.weights, {} if model.net is None else model.net.state
        first = self._asked(rows.only(new), dataset.items, rng)
        self.first_weights = self._for_newcomers(first.having(_scaled(first.table, self.scale)), model)
        return self

    def refresh(self, dataset: Dataset) -> None:
        """Take what is known of items from a later dataset; what was learned stays."""
        self.facts = learn_facts(dataset, fitting_keys(self.facts))

    def counted_until(self) -> float:
        """See Counting."""
        return counted_until(self.facts or {})

    def predict(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> list[Floats]:
        """See Ranker."""
        need_fitted(self)
        return [self._scores(*row, items)[:, None] for row in zip(queries, candidates, strict=True)]

    def _scores(self, query: Query, shown: Candidates, items: Items) -> Floats:
        if not self.sources:  # there was nothing to learn from
            return blended(shown, [], self.weights)
        return bounded(self._model(query).of(self._table(query, shown, items)))

    def source_shares(self, query: Query, candidates: Candidates, items: Items) -> Floats:
        """See Attributing: how far the score falls when a source knows nothing."""
        need_fitted(self)
        if not self.sources:
            return blend_shares(candidates, [], self.weights)
        model, full = self._model(query), self._table(query, candidates, items)
        there = [one for one in self.sources if one in candidates.sources]
        without = np.tile(full, (len(there), 1, 1))
        for row, source in enumerate(there):
            place = self.sources.index(source)
            both = [place, len(self.sources) + place]
            nothing = np.array([[candidates.opined.unknown[candidates.sources.index(source)], 0]], np.float32)
            without[row][:, both] = _scaled(nothing, self.scale[:, both])
        left = model.of(without.reshape(-1, full.shape[1])).reshape(len(there), len(candidates))
        falls = in_order_of(candidates.sources, there, np.maximum(model.of(full) - left, 0).T)
        return np.asarray(falls / np.maximum(falls.sum(1, keepdims=True), 1e-12), np.float32)

    def reach(self, query: Query) -> dict[str, float]:
        """By source: the largest difference it can make to a candidate's score, whatever it says."""
        need_fitted(self)
        model, count = self._model(query), len(self.sources)
        whole = np.minimum(
            np.array([[HIGHEST - LOWEST], [1.0]]) / self.scale[1, : 2 * count].reshape(2, count), 2 * FURTHEST
        )
        slopes = np.abs(model.weights).astype(np.float64)
        if model.net is not None:  # no unit passes on more than it takes in
            slopes = slopes + np.abs(model.net.enter) @ np.abs(model.net.leave)
        parts = (slopes[: 2 * count].reshape(2, count) * whole).sum(0)
        return {one: float(part) for one, part in zip(self.sources, parts, strict=True)}

    # -- learning --------------------------------------------------------------------------------------------------

    def _asked(self, rows: RankingRows, items: Items, rng: np.random.Generator) -> Questions:
        chosen = np.zeros(len(rows), np.bool_)
        chosen[rng.permutation(len(rows))[: self.requests]] = True
        return questions(Columns(tuple(self.sources), self.facts), rows.only(chosen), items, self.wrong, rng)

    def _learned(self, asked: Questions, who: str) -> Model:
        """The way that the guard chooses, learned from all requests."""
        ways = Ways(len(self.sources), self.units, self.epochs, self.networks, self.seed)
        most = 2 if len(asked) < FEWEST else 4 if len(asked) < ENOUGH else 5
        open_ = [one for one in WAYS[:most] if one in self.ways] or ["equal"]
        if not len(asked):
            return ways.learn("equal")(asked)
        choice = guarded(asked, {one: ways.learn(one) for one in open_}, self.seed)
        self.course = {**self.course, who: {"way": choice.name, "requests": len(asked), "ndcg@10": choice.worth}}
        return ways.learn(choice.name)(asked)

    def _for_newcomers(self, asked: Questions, others: Model) -> Floats:
        """Weights for people without a history; none where those of the others do as well, or too few are known."""
        ways = Ways(len(self.sources), self.units, self.epochs, self.networks, self.seed)
        if len(asked) < FEWEST:
            return np.empty(0, np.float32)
        simple = {one: ways.learn(one) for one in WAYS[:3]}
        choice = guarded(asked, {"as the others": lambda _: others, **simple}, self.seed)
        told = {"way": choice.name, "requests": len(asked), "ndcg@10": choice.worth}
        self.course = {**self.course, "newcomers": told}
        return ways.learn(choice.name)(asked).weights if choice.name in simple else np.empty(0, np.float32)

    # -- answering -------------------------------------------------------------------------------------------------

    def _model(self, query: Query) -> Model:
        if len(self.first_weights) and is_new(query):
            return Model(self.first_weights)
        return Model(self.weights, Net(self.net["enter"], self.net["bend"], self.net["leave"]) if self.net else None)

    def _table(self, query: Query, candidates: Candidates, items: Items) -> Floats:
        table = Columns(tuple(self.sources), self.facts).of(query, candidates, items)
        return _scaled(table, self.scale)


def joined(one: RankingRows, two: RankingRows) -> RankingRows:
    """Rows of both."""
    outcomes = [*one.outcomes, *two.outcomes]
    return RankingRows(
        [*one.queries, *two.queries], [*one.candidates, *two.candidates], [*one.labels, *two.labels], outcomes
    )


def _scale(table: Floats) -> Floats:
    """Mean and standard deviation of what is known of each column. [2, columns]"""
    known = np.isfinite(table)
    count = np.maximum(known.sum(0), 1)
    values = np.where(known, table, 0).astype(np.float64)
    mean = values.sum(0) / count
    spread = np.sqrt(np.where(known, (values - mean) ** 2, 0).sum(0) / count)
    return np.stack([mean, np.where(spread > 1e-6, spread, 1)]).astype(np.float32)


def _scaled(table: Floats, scale: Floats) -> Floats:
    """Columns in standard deviations from their mean, cut off far away, 0 where not known. Same shape."""
    scaled = (table - scale[0]) / scale[1]
    return np.where(np.isfinite(scaled), np.clip(scaled, -FURTHEST, FURTHEST), 0).astype(np.float32)
