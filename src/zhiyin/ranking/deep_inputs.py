"""What the deep rankers read: numbers, hashed fields and crosses, the history as a sequence, and vectors.

    inputs = DeepInputs.learn(dataset, rows, InputOptions())
    some = inputs.of(query, candidates, items)        one request, arrays by candidate
    batch = inputs.batch([some, …], items)            many requests, padded: a dict of arrays for a torch model
    inputs.shape                                      the sizes a model is built with

`layout` (JSON) and `tables` (arrays) are all that was learned: keep them in two learned fields of the ranker, and make
the same inputs again with DeepInputs(layout, tables). Every id is hashed or looked up with a row of zeros for what is
not known, so nothing here breaks on items, users or values that came later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from functools import cached_property
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Bools, Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.item import Items
from zhiyin.query import Query
from zhiyin.ranking.blend import blended, learn_blend
from zhiyin.ranking.circumstances import fitting_keys
from zhiyin.ranking.deep_codes import (
    CONTEXT,
    VALUES,
    ItemCodes,
    buckets,
    context_of,
    crossed,
    liked_most,
    rank_codes,
    request_codes,
    step_codes,
    worth_reading,
)
from zhiyin.ranking.deep_rows import GATE, Encoded, InputOptions, Shape, padded
from zhiyin.ranking.deep_vectors import directions, neighbour_graph, placed, principal, projected
from zhiyin.ranking.features import Features, learn_facts
from zhiyin.stages import RankingRows

NEIGHBOURS = "neighbours"
"""The vector space that is always there: where an item stands in the graph of what follows what."""

MOST_USER_ATTRIBUTES = 4
OUTERMOST = 6.0
"""Standard deviations at which a number is cut off."""


class DeepInputs:
    """Turns requests into arrays. layout: JSON; tables: arrays; both from learn()."""

    def __init__(self, layout: Mapping[str, Any], tables: Mapping[str, Array]) -> None:
        self.layout, self.tables = dict(layout), dict(tables)
        self.options = InputOptions(**layout["options"])
        self.sources, self.spaces = tuple(layout["sources"]), tuple(layout["spaces"])
        self._codes = ItemCodes(layout["attributes"])
        self._met = frozenset(layout.get("context", ()))

    @classmethod
    def learn(cls, dataset: Dataset, rows: RankingRows, options: InputOptions, sample: int = 1000) -> DeepInputs:
        """Which columns and fields there are, their means and spreads, and the vectors, from a dataset and rows.

        sample: requests that the means and spreads are taken from.
        """
        chance = np.random.default_rng(options.seed)
        sources, weights = learn_blend(rows, requests=3000, rounds=2, chance=chance)
        names: dict[str, int] = {}
        for told in dataset.user_attributes.values():
            for name in told:
                names[name] = names.get(name, 0) + 1
        layout: dict[str, Any] = {
            "options": asdict(options),
            "sources": sources,
            "spaces": sorted(dataset.items.vectors),
            "attributes": worth_reading(dataset.items),
            "user_attributes": sorted(names, key=lambda name: (-names[name], name))[:MOST_USER_ATTRIBUTES],
            "clock": dataset.has_clock,
            "context": sorted({"\x1f".join(one) for query in rows.queries for one in context_of(query)}),
        }
        known = learn_facts(dataset)
        every = (*Features(tuple(sources), tuple(layout["spaces"]), known).names, "blend")
        layout["columns"] = [name for name in every if not (options.scale_free and changes(name))]
        graph = neighbour_graph(dataset)
        basis = directions(graph, options.width, options.seed)
        tables: dict[str, Array] = {"blend": weights, "basis": basis, NEIGHBOURS: placed(graph, basis)}
        tables |= {f"facts.{name}": one for name, one in known.items()}
        for space in layout["spaces"]:
            tables[f"project.{space}"] = principal(dataset.items.vectors[space], options.width)
        inputs = cls(layout, tables)
        inputs._measure(rows, dataset.items, chance.permutation(len(rows))[:sample])
        return inputs

    def refresh(self, dataset: Dataset) -> None:
        """Take what is known of items, and where they stand, from a later dataset; what was learned stays."""
        facts = {
            f"facts.{name}": one for name, one in learn_facts(dataset, fitting_keys(self._features().facts)).items()
        }
        stands = placed(neighbour_graph(dataset), np.asarray(self.tables["basis"], np.float32))
        self.tables = {**self.tables, **facts, NEIGHBOURS: stands}

    @cached_property
    def shape(self) -> Shape:
        """The sizes a model is built with."""
        names, users, options = len(self._codes.names), len(self.layout["user_attributes"]), self.options
        contexts = 1 + len(CONTEXT)
        crosses = 2 + 2 * names * VALUES + users * (1 + names) + 2 * len(self.sources) + 2 if options.crosses else 0
        return Shape(
            len(self.tables["mean"]), len(self.tables["gaps"]), len(GATE), 1 + names, 2 + names + users + contexts,
            contexts, crosses, (NEIGHBOURS, *self.spaces), options.width, options.length, options.buckets, options.crosses,
            tuple(self.layout["columns"]),
        )  # fmt: skip

    # -- one request -----------------------------------------------------------------------------------------------

    def of(self, query: Query, candidates: Candidates, items: Items, labels: Floats | None = None) -> Encoded:
        """One request. Its history ends strictly before query.now where the data has a clock."""
        query = self._before(query)
        events = query.profile.history.newest_first[: self.options.length]
        blend = blended(candidates, self.sources, np.asarray(self.tables["blend"], np.float32))
        raw = self._raw(query, candidates, items, blend)
        scaled = (self._numeric(raw) - self.tables["mean"]) / self.tables["spread"]
        known = np.isfinite(scaled)
        codes = self._codes.of(items, np.concatenate([candidates.items, events]))
        own, met = codes[: len(candidates)], codes[len(candidates) :]
        asked = self._asked(query, met)
        return Encoded(
            np.where(known, np.clip(scaled, -OUTERMOST, OUTERMOST), 0).astype(np.float32),
            (~known[:, self.tables["gaps"]]).astype(np.float32),
            buckets(own, self.options.buckets),
            buckets(asked, self.options.buckets),
            self._crosses(query, candidates, own, met, asked, raw),
            self._gate(query, candidates, items, raw),
            blend,
            np.asarray(candidates.items, np.int32),
            events,
            buckets(met, self.options.buckets),
            labels,
        )

    def many(self, rows: RankingRows, items: Items, wrong: int | None, seed: int = 0) -> list[Encoded]:
        """Rows to learn from: all right answers and at most `wrong` of the others of each request; None for all."""
        chance = np.random.default_rng(seed)
        found = []
        for query, shown, label in zip(rows.queries, rows.candidates, rows.labels, strict=True):
            one = self.of(query, shown, items, label)
            others = np.flatnonzero(label <= 0)
            if wrong is not None and len(others) > wrong:
                others = chance.choice(others, wrong, replace=False)
                one = one.take(np.sort(np.concatenate([np.flatnonzero(label > 0), others])))
            found.append(one)
        return found

    def _before(self, query: Query) -> Query:
        """The query with what happened strictly before it; as it is where there is no clock."""
        history = query.profile.history
        if self.layout["clock"] and query.now > 0 and len(history) and history.times[-1] >= query.now:
            return replace(query, profile=query.profile.with_history(history.before(query.now)))
        return query

    def _features(self) -> Features:
        facts = {name[6:]: one for name, one in self.tables.items() if name.startswith("facts.")}
        return Features(self.sources, self.spaces, facts)

    def _raw(self, query: Query, candidates: Candidates, items: Items, blend: Floats) -> dict[str, Array]:
        """The columns of features.py by name, and the blend. Each [n]"""
        features = self._features()
        columns = dict(zip(features.names, features.of(query, candidates, items).T, strict=True))
        return {**columns, "blend": blend}

    def _numeric(self, raw: Mapping[str, Array]) -> Array:
        """The columns a model reads."""
        return np.stack([raw[name] for name in self.layout["columns"]], 1)

    def _measure(self, rows: RankingRows, items: Items, chosen: Array) -> None:
        asked = [(self._before(rows.queries[row]), rows.candidates[row]) for row in chosen]
        asked = asked or [(Query(), Candidates(np.zeros(1, np.int32), np.zeros(1, np.float32)))]
        weights = np.asarray(self.tables["blend"], np.float32)
        some = [self._raw(*one, items, blended(one[1], self.sources, weights)) for one in asked]
        table = np.concatenate([self._numeric(one) for one in some]).astype(np.float64)
        known = np.isfinite(table)
        count = np.maximum(known.sum(0), 1)
        mean = np.where(known, table, 0).sum(0) / count
        spread = np.sqrt(np.where(known, (table - mean) ** 2, 0).sum(0) / count)
        self.tables["mean"] = mean.astype(np.float32)
        self.tables["spread"] = np.where(spread > 1e-6, spread, 1).astype(np.float32)
        self.tables["gaps"] = np.flatnonzero((~known).any(0) & known.any(0)).astype(np.int32)

    def _asked(self, query: Query, met: Array) -> Array:
        """Codes of the request: the last two items, the values liked most, then request_codes. [query fields]"""
        last = np.zeros(2, np.uint64)
        last[: len(met)] = met[:2, 0, 0]
        liked = liked_most(met[:, 1:])
        return np.concatenate([last, liked, request_codes(query, self.layout["user_attributes"], self._met)])

    def _crosses(
        self, query: Query, candidates: Candidates, own: Array, met: Array, asked: Array, raw: Mapping[str, Array]
    ) -> Ints:
        """Pairs of what is known of the request and of the candidate, and of what the sources said. [n, crosses]"""
        if not self.options.crosses:
            return np.zeros((len(own), 0), np.int32)
        count, names, users = len(own), len(self._codes.names), len(self.layout["user_attributes"])
        ids, values = own[:, 0, :1], own[:, 1:].reshape(count, names * VALUES)
        liked = np.repeat(asked[2 : 2 + names], VALUES)[None]
        last = np.repeat(met[0, 1:, 0], VALUES)[None] if len(met) else np.zeros_like(liked)
        told = asked[2 + names : 2 + names + users][None]
        ranks = rank_codes(candidates, self.sources)
        length = step_codes("history", np.full((count, 1), np.log2(1 + len(query.profile.history)), np.float32))
        blocks = [
            crossed(asked[None, :2], ids, 1),
            crossed(liked, values, 2),
            crossed(last, values, 3),
            crossed(told, ids, 4),
            *(crossed(told, own[:, 1 + place, :1], 5) for place in range(names)),
            ranks,
            crossed(ranks, length, 6),
            crossed(step_codes("popularity", 2 * raw["popularity"][:, None]), length, 7),
            crossed(step_codes("age", raw["age_days"][:, None]), length, 8),
        ]
        codes = np.concatenate([np.broadcast_to(one, (count, one.shape[1])) for one in blocks], 1)
        return buckets(codes, self.options.crosses)

    def _gate(self, query: Query, candidates: Candidates, items: Items, raw: Mapping[str, Array]) -> Floats:
        length = len(query.profile.history.liked)
        count, stands = len(candidates), self._vectors(NEIGHBOURS, candidates.items, items).any(1)
        text = self._vectors("text", candidates.items, items).any(1) if "text" in self.spaces else np.zeros(count)
        graph = stands | (self._vectors("graph", candidates.items, items).any(1) if "graph" in self.spaces else False)
        columns = {
            "history": np.full(count, np.log1p(length)) / 2,
            "popularity": raw["popularity"],
            "quiet": raw["days_since_last"] / 4,
            "age": raw["age_days"] / 4,
            "no_history": np.full(count, float(length == 0)),
            "new_item": ~(raw["seen_before"] > 0) if self.layout["clock"] else np.isnan(raw["popularity"]),
            "no_text": 1.0 - text,
            "no_graph": 1.0 - graph,
            "wish": np.full(count, float(bool(query.text_vectors))),
        }
        return np.asarray(np.nan_to_num(np.stack([columns[name] for name in GATE], 1)), np.float32)

    # -- many requests -----------------------------------------------------------------------------------------------

    def batch(self, some: Sequence[Encoded], items: Items) -> dict[str, Array]:
        """Requests of different lengths, padded; what is padding has mask 0, id 0 and vectors of zeros.

        The columns of Encoded as [requests, longest, …], history as [requests, options.length, …] so that its length
        never depends on the company; mask [requests, longest] and history_mask [requests, length]: true where there is
        something; vectors.SPACE and history_vectors.SPACE for each space of the shape.
        """
        longest = max((len(one) for one in some), default=0)
        result: dict[str, Array] = {"query_fields": np.stack([one.query_fields for one in some])}
        own = [
            field.name for field in fields(Encoded) if field.name not in ("query_fields", "history", "history_fields")
        ]
        for name in own:
            if getattr(some[0], name) is not None:
                result[name] = padded([getattr(one, name) for one in some], longest, -1 if name == "items" else 0)
        result["history"] = padded([one.history for one in some], self.options.length, -1)
        result["history_fields"] = padded([one.history_fields for one in some], self.options.length, 0)
        result["mask"], result["history_mask"] = result["items"] >= 0, result["history"] >= 0
        for space in (NEIGHBOURS, *self.spaces):
            result[f"vectors.{space}"] = self._vectors(space, result["items"], items)
            result[f"history_vectors.{space}"] = self._vectors(space, result["history"], items)
        return result

    def _vectors(self, space: str, wanted: Ints, items: Items) -> Floats:
        """The vectors of items, zeros for those that have none. [*wanted.shape, width]"""
        table = self.tables[NEIGHBOURS] if space == NEIGHBOURS else items.vectors.get(space)
        if table is None or not len(table):
            return np.zeros((*wanted.shape, self.options.width), np.float32)
        inside: Bools = (wanted >= 0) & (wanted < len(table))
        rows = np.where(inside[..., None], table[np.where(inside, wanted, 0)], np.float32(0))
        return rows if space == NEIGHBOURS else projected(rows, np.asarray(self.tables[f"project.{space}"], np.float32))


def changes(name: str) -> bool:
    """Whether a column changes with how much data was fitted, or follows the calendar."""
    return name in ("hour", "weekday", "seen_before")
