"""Recommender: the stages in their fixed order: retrieve, merge, filter, rank, rerank, explain."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zhiyin.arrays import Floats, Ints
from zhiyin.candidates import Candidates, Dropped
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError, SettingError
from zhiyin.explanation.attribution import attributed
from zhiyin.item import Items
from zhiyin.parts import name_of
from zhiyin.profile import History
from zhiyin.query import Query
from zhiyin.ranking.value import value
from zhiyin.reranking.filters import Allowed
from zhiyin.retrieval.merge import best_of, merge
from zhiyin.retrieval.wish import WISH, Wish
from zhiyin.stages import (
    Answering,
    Encoder,
    Explainer,
    Ranker,
    Reranker,
    Retriever,
    asked_once,
    extended,
    speaking,
)
from zhiyin.trace import Trace
from zhiyin.vocabulary import Vocabulary


@dataclass(frozen=True)
class Shelf:
    """One kind of list: which sources feed it (all when empty), whether the ranker orders it, and its own rerankers.

    rerank: None takes the recommender's own.
    """

    sources: tuple[str, ...] = ()
    rank: bool = True
    rerank: tuple[Reranker, ...] | None = None


FOR_YOU = "for_you"


@dataclass(frozen=True)
class Answer:
    """What is shown: the final candidates, best first, and the trace of how they came about."""

    query: Query
    candidates: Candidates
    trace: Trace = field(default_factory=Trace)

    def ids(self, items: Items) -> list[str]:
        """The item ids, best first."""
        return [items[int(position)].item_id for position in self.candidates.items]


class Recommender:
    """The stages in their fixed order. Plain construction is the whole configuration:

        Recommender(retrieve=[Transition(), Ease(regularization=300)], rank=[Boosted()]).fit(dataset)

    retrieve: retrievers, named by their short name or by the keys of a mapping. per_source: how many candidates each
    gives, by name (default 100). filter: what may be shown. rank: rankers; the last one fitted orders the list. rerank, explain: in
    order. shelves: by name; "for_you" is always there. encoders: by vector space, for wishes in words and new items.
    requests: how many requests rankers learn from at most; more cost time and help where there are many users. value:
    weights of those actions that the last ranker predicts, whose sum is then the score; a request's own win over them.
    """

    def __init__(
        self,
        *,
        retrieve: Sequence[Retriever] | Mapping[str, Retriever],
        filter: Allowed | None = None,  # noqa: A002  the name of the stage
        rank: Sequence[Ranker] = (),
        rerank: Sequence[Reranker] = (),
        explain: Sequence[Explainer] = (),
        shelves: Mapping[str, Shelf] | None = None,
        encoders: Mapping[str, Encoder] | None = None,
        per_source: Mapping[str, int] | None = None,
        value: Mapping[str, float] | None = None,
        requests: int = 8_000,
    ) -> None:
        self.requests, self.value = requests, dict(value or {})
        self.retrievers = named(retrieve)
        self.filter = filter or Allowed()
        self.rankers = tuple(rank)
        self.rerankers = tuple(rerank)
        self.explainers = tuple(explain)
        self.shelves = {FOR_YOU: Shelf(), **(shelves or {})}
        self.encoders = dict(encoders or {})
        self.per_source = {name: (per_source or {}).get(name, 100) for name in self.retrievers}
        for name, shelf in self.shelves.items():
            unknown = set(shelf.sources) - set(self.retrievers)
            if unknown:
                raise SettingError(
                    f"shelf '{name}': no source is called {sorted(unknown)}; there are {list(self.retrievers)}"
                )
        self.wish = Wish()
        self.items = Items()
        self.known: int | None = None
        self.users = Vocabulary()

    # -- learning ------------------------------------------------------------------------------------------------

    def fit(
        self, dataset: Dataset, *, holdout: str = "auto", progress: Callable[[str], None] | None = None
    ) -> Recommender:
        """Learn every stage from a dataset; returns itself.

        Rankers learn from candidates of retrievers that have not seen the right answers: those are fitted on the data
        before the holdout first, then all of it is learned again. holdout: "time" (the last tenth of the events),
        "last" (every user's last event) or "auto" (time where there is a clock).
        """
        from zhiyin.training.fit import fit_recommender  # the training half lives in its own file

        fit_recommender(self, dataset, holdout=holdout, progress=progress or (lambda text: None))
        self.take_catalogue(dataset)
        return self

    def take_catalogue(self, dataset: Dataset) -> None:
        """Serve the items and users of a dataset."""
        self.serve(dataset.items, dataset.users)

    def serve(self, items: Items, users: Vocabulary, known: int | None = None) -> None:
        """Serve a catalogue and its users. known: how many of its items, the first ones, were there at the fit; all when
        None. The others, and those it takes in from now on, count as new (see Opinions)."""
        self.items, self.users, self.known = items, users, len(items) if known is None else known

    def extended(self, items: Items, changed: Sequence[int]) -> Recommender:
        """One over a catalogue that moved; this one stays as it is. changed: positions that are new or different.

        Parts that take new items are copied, each sharing with its like what did not change; the others are shared.
        """

        def moved(parts: Iterable[Any]) -> tuple[Any, ...]:
            return tuple(extended(one, items, changed) for one in parts)

        made = copy(self)
        made.items = items
        made.retrievers = dict(zip(self.retrievers, moved(self.retrievers.values()), strict=True))
        made.rankers, made.rerankers = moved(self.rankers), moved(self.rerankers)
        return made

    # -- answering -----------------------------------------------------------------------------------------------

    def recommend(self, query: Query) -> Answer:
        """The answer to one request."""
        return self.recommend_batch([query])[0]

    def recommend_batch(self, queries: Sequence[Query], *, explain: bool = True) -> list[Answer]:
        """The answers to many requests; each is what it would be alone."""
        if not self.retrievers:
            raise SettingError("a recommender needs at least one retriever")
        prepared = [self._prepared(query) for query in queries]
        traces = [Trace() for _ in prepared]
        answers: list[Answer | None] = [None] * len(prepared)
        for shelf_name in dict.fromkeys(query.shelf for query in prepared):
            rows = [row for row, query in enumerate(prepared) if query.shelf == shelf_name]
            batch, batch_traces = [prepared[row] for row in rows], [traces[row] for row in rows]
            for row, answer in zip(rows, self._shelf(batch, batch_traces, explain), strict=True):
                answers[row] = answer
        return [answer for answer in answers if answer is not None]

    def _shelf(self, queries: list[Query], traces: list[Trace], explain: bool) -> list[Answer]:
        shelf = self.shelves[queries[0].shelf]
        candidates = self.candidates(queries, shelf, traces)
        return self.answers(queries, candidates, traces, shelf, explain)

    def answers(
        self,
        queries: Sequence[Query],
        candidates: list[Candidates],
        traces: Sequence[Trace],
        shelf: Shelf,
        explain: bool = True,
    ) -> list[Answer]:
        """What is left to do with the candidates of queries for one shelf: rank, rerank, explain."""
        if shelf.rank:
            candidates = self.ranked(queries, candidates, traces)
        candidates = [self._reranked(*row, shelf) for row in zip(queries, candidates, traces, strict=True)]
        if explain:
            candidates = [self._explained(*row) for row in zip(queries, candidates, traces, strict=True)]
        return [Answer(*row) for row in zip(queries, candidates, traces, strict=True)]

    def candidates(
        self, queries: Sequence[Query], shelf: Shelf | None = None, traces: Sequence[Trace] | None = None
    ) -> list[Candidates]:
        """Retrieved, merged and filtered candidates, in the order of their fused rank, before any ranker."""
        traces = traces or [Trace() for _ in queries]
        wanted = (shelf.sources if shelf else ()) or tuple(self.retrievers)
        names = tuple(one for one in wanted if speaking(self.retrievers[one])) or wanted
        if (shelf is None or shelf.rank) and any(self.wish.there(query) for query in queries):
            names = (*names, WISH)
        merged, more = self._allowed(queries, names, 1, traces)
        # Strict filters can leave too little: ask those queries again for far more, until the sources run dry.
        widen = 8
        while widen <= 8**4:
            short = [row for row, found in enumerate(merged) if more[row] and len(found) < 2 * queries[row].n]
            if not short:
                break
            again = self._allowed([queries[row] for row in short], names, widen, [traces[row] for row in short])
            for row, found, still in zip(short, *again, strict=True):
                merged[row], more[row] = found, still
            widen *= 8
        return merged

    def _allowed(
        self, queries: Sequence[Query], names: Sequence[str], widen: int, traces: Sequence[Trace]
    ) -> tuple[list[Candidates], list[bool]]:
        """Allowed candidates, and for each query whether a source gave all it was asked for, so that it may have more."""
        parts: dict[str, Answering] = {}
        found: dict[str, Sequence[Candidates]] = {}
        more = [False] * len(queries)
        # Retrievers do not filter what was seen, so they are asked for that much more.
        seen = [len(self.filter.hidden(query)) for query in queries]
        for name in names:
            with traces[0].step("retrieve", name) as step:
                part = parts[name] = self._answering(name, queries)
                asked = [min(self._count(name) * widen + one, max(len(self.items), 1)) for one in seen]
                found[name] = listed = best_of(part, queries, asked, self._fitted(), len(self.items))
                step.kept = len(listed[0])
            more = [
                known or own <= len(one) < len(self.items) for known, one, own in zip(more, listed, asked, strict=True)
            ]
            for trace, one in zip(traces[1:], listed[1:], strict=True):
                trace.steps.append(replace(step, kept=len(one)))
        with traces[0].step("merge", "union") as step:
            usual = [{name: self._count(name) + one for name in names} for one in seen]
            merged = merge(queries, found, parts, self._fitted(), usual)
            step.took, step.kept = sum(len(one[0]) for one in found.values()), len(merged[0])
        kept = []
        for query, trace, one in zip(queries, traces, merged, strict=True):
            chosen = self._select("filter", self.filter, query, one, trace, len(one))
            kept.append(chosen.take(np.argsort(-chosen.scores, kind="stable").astype(np.int32)))
        return kept, more

    def _fitted(self) -> int:
        return len(self.items) if self.known is None else self.known

    def _count(self, name: str) -> int:
        return self.wish.n if name == WISH else self.per_source[name]

    def _answering(self, name: str, queries: Sequence[Query]) -> Answering:
        if name == WISH:
            return self.wish.answers(queries, self.items)
        return asked_once(self.retrievers[name], queries, len(self.items))

    def ranked(
        self, queries: Sequence[Query], candidates: Sequence[Candidates], traces: Sequence[Trace]
    ) -> list[Candidates]:
        """Candidates in the order of the last ranker, by its first action or the value of several."""
        result = list(candidates)
        for ranker in self.rankers:
            with traces[0].step("rank", name_of(type(ranker))) as step:
                numbers = ranker.predict(queries, result, self.items)
                step.took = step.kept = len(result[0])
            for trace in traces[1:]:
                trace.steps.append(step)
            result = [self._scored(ranker, *row) for row in zip(queries, result, numbers, strict=True)]
        return [self._heard(*row) for row in zip(queries, result, strict=True)] if self.rankers else result

    def _heard(self, query: Query, candidates: Candidates) -> Candidates:
        """Ranked candidates with the query's wish in their scores, and in their shares what it carried."""
        if WISH not in candidates.sources or not self.wish.there(query):
            return candidates
        scores, carried = self.wish.heard(query, candidates)
        shares = np.zeros((len(candidates), len(candidates.sources)), np.float32)
        shares[:, candidates.sources.index(WISH)] = carried
        heard = replace(candidates, scores=scores, shares=shares)
        return heard.take(np.argsort(-scores, kind="stable").astype(np.int32))

    def _scored(self, ranker: Ranker, query: Query, candidates: Candidates, numbers: Floats) -> Candidates:
        scores = numbers[:, 0].astype(np.float32)
        if ranker is self.rankers[-1] and (self.value or query.weights):
            own = {action: weight for action, weight in self.value.items() if action in ranker.actions}
            scores = value(numbers, ranker.actions, own, query)
        scored = replace(candidates, actions=ranker.actions, predictions=numbers, scores=scores)
        return scored.take(np.argsort(-scored.scores, kind="stable").astype(np.int32))

    def _reranked(self, query: Query, candidates: Candidates, trace: Trace, shelf: Shelf) -> Candidates:
        for reranker in self.rerankers if shelf.rerank is None else shelf.rerank:
            candidates = self._select("rerank", reranker, query, candidates, trace, query.n)
        return candidates.take(np.arange(min(query.n, len(candidates)), dtype=np.int32))

    def _select(
        self, stage: str, reranker: Reranker, query: Query, candidates: Candidates, trace: Trace, n: int
    ) -> Candidates:
        with trace.step(stage, name_of(type(reranker))) as step:
            selection = reranker.select(query, candidates, self.items, n)
            step.took, step.kept = len(candidates), len(selection.kept)
            step.dropped.update(why for _, why in selection.dropped)
            gone = tuple(Dropped(int(candidates.items[row]), stage, why) for row, why in selection.dropped)
            chosen = candidates.take(selection.kept, gone)
            return chosen if selection.propensities is None else replace(chosen, propensities=selection.propensities)

    def _explained(self, query: Query, candidates: Candidates, trace: Trace) -> Candidates:
        if not self.explainers or not len(candidates):
            return candidates
        with trace.step("explain", "attribution") as step:
            candidates = attributed(query, candidates, self.rankers, self.retrievers, self.items)
            step.took, step.kept = len(candidates), len(candidates.contributions)
        for explainer in self.explainers:
            with trace.step("explain", name_of(type(explainer))) as step:
                reasons = explainer.explain(query, candidates, self.items)
                step.took, step.kept = len(candidates), sum(1 for one in reasons if one)
            candidates = replace(candidates, reasons=reasons)
        return candidates

    # -- asking --------------------------------------------------------------------------------------------------

    def _prepared(self, query: Query) -> Query:
        """The query with its words encoded, and its seeds standing in for the history."""
        if query.shelf not in self.shelves:
            raise DataError(f"no shelf is called '{query.shelf}'; there are {', '.join(self.shelves)}")
        if query.text and not query.text_vectors:
            query = replace(
                query, text_vectors={space: e.encode_query(query.text) for space, e in self.encoders.items()}
            )
        if len(query.seeds):
            query = replace(query, profile=query.profile.with_history(History.of_items(query.seeds)))
        return query


def named(parts: Sequence[Any] | Mapping[str, Any]) -> dict[str, Any]:
    """Parts by name: the keys of a mapping, or each part's short name. Raises SettingError when a name is there twice."""
    if isinstance(parts, Mapping):
        return dict(parts)
    result: dict[str, Any] = {}
    for part in parts:
        name = name_of(type(part)).rpartition(":")[2].lower()
        if name in result:
            raise SettingError(f"two parts are called '{name}': give a mapping with a name of your own for each")
        result[name] = part
    return result


def positions(items: Items, ids: Iterable[str]) -> Ints:
    """Positions of item ids for Query.seeds and exclude. Raises UnknownId."""
    return np.array([items.vocabulary.position(one) for one in ids], np.int32)
