"""blend: a weighted sum of what the sources say. Few numbers to learn, easy to read, and hard to beat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from zhiyin.arrays import Array, Doubles, Floats
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.opinions import HIGHEST, LOWEST
from zhiyin.part import learned, need_fitted, part, setting
from zhiyin.query import Query
from zhiyin.stages import RankingRows

STEPS = (0.0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
"""Weights that are tried for each source."""

PLACE = 2
"""What the whole way from the 500th to the first rank is worth beside one standard deviation of the scores: to be known to a
source at all is worth something, however low."""


@part
class Blend:
    """The weighted mean of what the sources say (see source_opinions): from -4.1 to 8.

    The weights maximise NDCG@10 on the rows by coordinate ascent: one source at a time takes the best of a few values
    until no change helps. A source may end with the weight 0, and none ever moves a score by more than its share of the
    weights. People without a history have weights of their own, learned from such people: what they can be
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

    def reach(self, query: Query) -> dict[str, float]:
        """By source: the largest difference it can make to a candidate's score, whatever it says."""
        need_fitted(self)
        whole = HIGHEST + PLACE - LOWEST
        return {one: whole * float(share) for one, share in zip(self.sources, shares_of(self._for(query)), strict=True)}

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
    tables = [source_opinions(rows.candidates[row], sources) for row in chosen]
    return sources, ascend(tables, [rows.labels[row] for row in chosen], rounds, chance)


def blended(candidates: Candidates, sources: Sequence[str], weights: Floats) -> Floats:
    """The blend of each candidate. Where no weights were learned, all sources count alike. [candidates]"""
    if not len(sources):
        sources, weights = candidates.sources, _telling(candidates)
    return np.asarray(source_opinions(candidates, sources) @ shares_of(weights), np.float32)


def _telling(candidates: Candidates) -> Floats:
    """1 for each source that gave any candidate a score, 0 for the others. [sources]"""
    if candidates.source_scores is None:
        return np.zeros(len(candidates.sources), np.float32)
    return np.asarray(np.isfinite(candidates.source_scores).any(0), np.float32)


def shares_of(weights: Floats) -> Floats:
    """Weights that sum to 1, all alike where none is above 0. [sources]"""
    total = float(weights.sum())
    share = weights / total if total > 0 else np.full(len(weights), 1 / max(len(weights), 1))
    return np.asarray(share, np.float32)


def blend_shares(candidates: Candidates, sources: Sequence[str], weights: Floats) -> Floats:
    """What share of the blend each source carried, in the order of candidates.sources: its weight times how far it puts
    a candidate above those it knows nothing of. [candidates, sources]"""
    known = list(sources) or list(candidates.sources)
    heard = candidates.opined
    above = replace(candidates, opinions=replace(heard, scores=np.maximum(heard.scores - heard.unknown, 0)))
    parts = source_opinions(above, known) * (weights if len(sources) else _telling(candidates))
    return in_order_of(candidates.sources, known, parts / np.maximum(parts.sum(1, keepdims=True), 1e-12))


def in_order_of(asked: Sequence[str], known: Sequence[str], shares: Array) -> Floats:
    """Columns of known sources put in the order asked; a source that is not known carries nothing."""
    result = np.zeros((len(shares), len(asked)), np.float32)
    for column, source in enumerate(asked):
        if source in known:
            result[:, column] = shares[:, list(known).index(source)]
    return result


def source_opinions(candidates: Candidates, sources: Sequence[str]) -> Floats:
    """What the sources named said of the candidates, as z-scores and, PLACE times, as logarithmic ranks; 0 for one that is
    not there. [candidates, sources]"""
    result = np.zeros((len(candidates), len(sources)), np.float32)
    columns = {source: column for column, source in enumerate(candidates.sources)}
    known = [column for column, source in enumerate(sources) if source in columns]
    if candidates.source_scores is not None and known:
        said = candidates.opined.scores + PLACE * candidates.opined.places
        result[:, known] = said[:, [columns[sources[column]] for column in known]]
    return result


def ascend(tables: Sequence[Floats], labels: Sequence[Floats], rounds: int, chance: np.random.Generator) -> Floats:
    """Weights per source with the highest mean NDCG@10. tables: per request [candidates, sources]."""
    padded, gains, ideal = _padded(tables, labels)
    # A source that puts all candidates of every request alike tells nothing.
    weights = np.array(
        [any(np.ptp(one[:, source]) > 0 for one in tables) for source in range(padded.shape[2])], np.float64
    )
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
