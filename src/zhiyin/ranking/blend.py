"""blend: a weighted sum of what the sources say. Few numbers to learn, easy to read, and hard to beat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Array, Doubles, Floats
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.stages import RankingRows

STEPS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Weights that are tried for each source."""


@part
class Blend:
    """Each source's scores divided by the row's best, times the source's weight, added up.

    The weights maximise NDCG@10 on the rows by coordinate ascent: one source at a time takes the best of a few values
    until no change helps. A source may end with the weight 0. A candidate's score depends on the others of its row only through
    each source's best. People without a history have weights of their own, learned from such people: what they can be
    told by is not what counts for the others.
    """

    rounds: int = setting(3, least=1, most=20)
    """How often all sources are gone through at most."""
    requests: int = setting(3000, least=1)
    """Requests the weights are learned from at most."""
    seed: int = setting(0)
    """Draws the requests, when there are more, and the order in which sources take their turn."""

    sources: list[str] = learned()
    weights: Floats = learned()
    first_weights: Floats = learned()

    listwise = True

    @property
    def actions(self) -> tuple[str, ...]:
        """One column: how much the user is likely to want it."""
        return ("relevance",)

    def fit(self, dataset: Dataset, rows: RankingRows, valid: RankingRows | None = None) -> Blend:
        """See Ranker."""
        chance = np.random.default_rng(self.seed)
        new = np.array([is_new(query) for query in rows.queries], np.bool_)
        self.sources, self.weights = learn_blend(rows.only(~new), self.requests, self.rounds, chance)
        sources, first = learn_blend(rows.only(new), self.requests, self.rounds, chance)
        self.first_weights = first if sources == self.sources else self.weights
        return self

    def predict(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> list[Floats]:
        """See Ranker."""
        need_fitted(self)
        return [
            blended(one, self.sources, self._for(query))[:, None]
            for query, one in zip(queries, candidates, strict=True)
        ]

    def source_shares(self, query: Query, candidates: Candidates, items: Items) -> Floats:
        """See Attributing."""
        need_fitted(self)
        return blend_shares(candidates, self.sources, self._for(query))

    def _for(self, query: Query) -> Floats:
        return self.first_weights if is_new(query) else self.weights


def is_new(query: Query) -> bool:
    """Whether nothing is known yet that this person liked."""
    return not len(query.profile.history.liked)


def learn_blend(rows: RankingRows, requests: int, rounds: int, chance: np.random.Generator) -> tuple[list[str], Floats]:
    """The sources of rows, and a weight for each; none of either when there is no row to learn from."""
    if not len(rows):
        return [], np.empty(0, np.float32)
    sources = list(rows.candidates[0].sources)
    chosen = chance.permutation(len(rows))[:requests]
    tables = [source_ratios(rows.candidates[row], sources) for row in chosen]
    return sources, ascend(tables, [rows.labels[row] for row in chosen], rounds, chance)


def blended(candidates: Candidates, sources: Sequence[str], weights: Floats) -> Floats:
    """The blend of each candidate. Where no weights were learned, all sources count alike. [candidates]"""
    if not len(sources):
        return np.asarray(source_ratios(candidates, candidates.sources).sum(1), np.float32)
    return np.asarray(source_ratios(candidates, sources) @ weights, np.float32)


def blend_shares(candidates: Candidates, sources: Sequence[str], weights: Floats) -> Floats:
    """What share of the blend each source carried, in the order of candidates.sources. [candidates, sources]"""
    known = list(sources) or list(candidates.sources)
    parts = source_ratios(candidates, known) * (weights if len(sources) else 1.0)
    parts = np.maximum(parts, 0)
    return in_order_of(candidates.sources, known, parts / np.maximum(parts.sum(1, keepdims=True), 1e-12))


def in_order_of(asked: Sequence[str], known: Sequence[str], shares: Array) -> Floats:
    """Columns of known sources put in the order asked; a source that is not known carries nothing."""
    result = np.zeros((len(shares), len(asked)), np.float32)
    for column, source in enumerate(asked):
        if source in known:
            result[:, column] = shares[:, list(known).index(source)]
    return result


def source_ratios(candidates: Candidates, sources: Sequence[str]) -> Floats:
    """Each source's scores divided by the row's best; 0 where it gave none. [candidates, sources]"""
    result = np.zeros((len(candidates), len(sources)), np.float32)
    if candidates.source_scores is None or not len(candidates):
        return result
    columns = {source: column for column, source in enumerate(candidates.sources)}
    known = [column for column, source in enumerate(sources) if source in columns]
    scores = candidates.source_scores[:, [columns[sources[column]] for column in known]]
    silent = ~np.isfinite(scores)
    best = np.where(silent, 0, scores).max(0)
    result[:, known] = np.where(silent | (best <= 0), 0, scores) / np.where(best > 0, best, 1)
    return result


def ascend(tables: Sequence[Floats], labels: Sequence[Floats], rounds: int, chance: np.random.Generator) -> Floats:
    """Weights per source with the highest mean NDCG@10. tables: per request [candidates, sources]."""
    padded, gains, ideal = _padded(tables, labels)
    weights = np.ones(padded.shape[2])
    scores = padded @ weights
    best = _mean_ndcg(scores, gains, ideal)
    for _ in range(rounds):
        before = best
        for source in chance.permutation(len(weights)):
            rest = scores - padded[:, :, source] * weights[source]
            for step in STEPS:
                value = _mean_ndcg(rest + step * padded[:, :, source], gains, ideal)
                if value > best + 1e-6:
                    best, weights[source] = value, step
            scores = rest + padded[:, :, source] * weights[source]
        if best <= before + 1e-6:
            break
    return weights.astype(np.float32)


def _padded(tables: Sequence[Floats], labels: Sequence[Floats]) -> tuple[Array, Array, Doubles]:
    longest = max(len(one) for one in tables)
    padded = np.zeros((len(tables), longest, tables[0].shape[1]), np.float32)
    gains = np.full((len(tables), longest), -1.0, np.float32)
    for row, (table, label) in enumerate(zip(tables, labels, strict=True)):
        padded[row, : len(table)], gains[row, : len(label)] = table, label
    places = 1 / np.log2(np.arange(2, 12))
    top = -np.sort(-np.maximum(gains, 0), 1)[:, :10]
    return padded, gains, np.asarray((top * places[: top.shape[1]]).sum(1), np.float64)


def _mean_ndcg(scores: Array, gains: Array, ideal: Doubles) -> float:
    """Counted from the right answers only: how many candidates score higher, ties counting half."""
    rows, places = np.nonzero(gains > 0)
    mine = scores[rows, places][:, None]
    real = gains[rows] >= 0
    higher = ((scores[rows] > mine) & real).sum(1)
    ranks = higher + (((scores[rows] == mine) & real).sum(1) - 1) / 2
    worth = np.where(ranks < 10, gains[rows, places] / np.log2(ranks + 2), 0.0)
    totals = np.bincount(rows, worth, minlength=len(gains))
    return float((totals / np.maximum(ideal, 1e-12)).mean())
