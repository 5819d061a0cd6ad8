"""Features: what a ranker reads of a request, an item and their pair. One code for live requests and training rows.

No ids and no row positions are among them, and what depends on how much data was fitted is scaled (shares, ranks,
ratios to the row's best), so that a ranker learned beside retrievers of the past serves beside retrievers of today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from zhiyin.arrays import Array, Floats
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.data.timeline import DAY, Timeline
from zhiyin.item import Items
from zhiyin.query import Query
from zhiyin.ranking.pairs import TAG_COLUMNS, VECTOR_COLUMNS, tag_pairs, vector_pairs

HALF_LIVES = (2.0, 14.0, 90.0)
"""Days over which recent popularity fades."""

QUERY_COLUMNS = ("history_length", "history_disliked", "history_popularity", "days_since_last", "hour", "weekday")
ITEM_COLUMNS = ("popularity", "quality", "age_days", "days_since_seen", "seen_before", "tags")
SOURCE_COLUMNS = ("score", "ratio", "reciprocal_rank")


def learn_facts(dataset: Dataset) -> dict[str, Array]:
    """What is known of items from a dataset, for a learned field of a ranker.

    share: log of the people per item over the mean; quality: mean over people of what they thought of it, shrunk to the
    mean of all; then a Timeline where the data has a clock. Everybody counts once per item, however often they came.
    """
    table = dataset.interactions
    size = len(dataset.items)
    pairs, pair, times = np.unique(
        table.users.astype(np.int64) * size + table.items, return_inverse=True, return_counts=True
    )
    thought = np.bincount(pair, table.weights, minlength=len(pairs)) / times
    met = pairs % max(size, 1)
    count = np.bincount(met, minlength=size).astype(np.float64)
    total = np.bincount(met, thought, minlength=size)
    mean = float(thought.mean()) if len(pairs) else 0.0
    facts: dict[str, Array] = {
        "share": np.log((count + 1) / (count.mean() + 1)).astype(np.float32) if size else np.empty(0, np.float32),
        "quality": ((total + 5 * mean) / (count + 5)).astype(np.float32),
    }
    dated = table.where(dataset.dated)
    if dataset.has_clock and len(dated):
        facts |= Timeline.of(dated, size, HALF_LIVES, dataset.present).state()
    return facts


@dataclass(frozen=True)
class Features:
    """Which columns there are, and how to fill them.

    sources: names of the retrievers, in the order of Candidates.source_scores. spaces: names of the vector spaces.
    facts: from learn_facts.
    """

    sources: tuple[str, ...]
    spaces: tuple[str, ...]
    facts: Mapping[str, Array]

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, in order."""
        return (
            *QUERY_COLUMNS,
            *ITEM_COLUMNS,
            *(f"recent_{days:g}" for days in HALF_LIVES),
            *TAG_COLUMNS,
            *(f"{space}_{column}" for space in self.spaces for column in VECTOR_COLUMNS),
            "found_by",
            *(f"{source}_{column}" for source in self.sources for column in SOURCE_COLUMNS),
        )

    @property
    def groups(self) -> tuple[int, ...]:
        """For each column the index of the source it comes from, -1 for columns of no source."""
        own = len(self.sources) * len(SOURCE_COLUMNS)
        of_sources = [index for index in range(len(self.sources)) for _ in SOURCE_COLUMNS]
        return (*(-1 for _ in range(len(self.names) - own)), *of_sources)

    def matrix(self, queries: Sequence[Query], candidates: Sequence[Candidates], items: Items) -> Floats:
        """All candidates of all queries, one under the other. [rows, columns], nan where something is not known."""
        blocks = [self.of(query, found, items) for query, found in zip(queries, candidates, strict=True)]
        return np.concatenate(blocks) if blocks else np.empty((0, len(self.names)), np.float32)

    def of(self, query: Query, candidates: Candidates, items: Items) -> Floats:
        """The candidates of one query. [candidates, columns]"""
        rows = len(candidates)
        about = np.tile(self._query(query), (rows, 1))
        spaces = [vector_pairs(items.vectors.get(space), query, candidates.items) for space in self.spaces]
        columns = [
            about,
            self._items(query, candidates, items),
            tag_pairs(items, query, candidates.items),
            *spaces,
            source_columns(candidates, self.sources),
        ]
        return np.concatenate(columns, 1).astype(np.float32)

    def _query(self, query: Query) -> Array:
        history = query.profile.history
        length = len(history)
        share = _at(self.facts["share"], history.items[-20:], np.nan)
        timed = "times" in self.facts and query.now > 0
        since = self._now(query, history.times[-1]) - history.times[-1] if timed and length else np.nan
        moment = datetime.fromtimestamp(query.now, UTC) if timed else None
        return np.array(
            [
                np.log1p(length),
                float((history.weights < 0).mean()) if length else np.nan,
                float(np.nanmean(share)) if length and np.isfinite(share).any() else np.nan,
                np.log1p(max(since, 0.0) / DAY) if np.isfinite(since) else np.nan,
                moment.hour if moment else np.nan,
                moment.weekday() if moment else np.nan,
            ]
        )

    def _now(self, query: Query, last: float) -> float:
        """The moment ages are counted to: what now was in the data, unless the person has been here since."""
        present = float(self.facts["present"][0])
        return query.now if last > present else min(query.now, present)

    def _items(self, query: Query, candidates: Candidates, items: Items) -> Array:
        wanted = candidates.items
        tags = np.diff(items.tags.matrix.indptr)
        unknown = np.full(len(wanted), np.nan)
        columns = {
            "popularity": _at(self.facts["share"], wanted, np.nan),
            "quality": _at(self.facts["quality"], wanted, np.nan),
            "tags": _at(tags, wanted, 0).astype(np.float64),
        }
        recent = np.full((len(HALF_LIVES), len(wanted)), np.nan)
        if "times" in self.facts:
            timeline = Timeline.from_state(self.facts)
            moment = query.now or np.inf
            counts, last = timeline.before(moment, wanted)
            now, first = timeline.clamped(moment), timeline.first(wanted)
            # An item first met after this moment is one that nobody has met yet: its future must not show.
            columns["age_days"] = np.where(first < moment, np.log1p(np.maximum(now - first, 0) / DAY), np.nan)
            seen = np.where(last >= 0, timeline.moments[last], np.nan)
            columns["days_since_seen"] = np.log1p(np.maximum(now - seen, 0) / DAY)
            columns["seen_before"] = np.log1p(counts)
            columns["popularity"] = np.log((counts + 1) / (counts.mean() + 1)) if len(counts) else unknown
            decayed = timeline.decayed(moment, wanted)
            recent = np.log((decayed + 1) / (decayed.max(1, initial=0.0)[:, None] + 1))
        return np.stack([*(columns.get(name, unknown) for name in ITEM_COLUMNS), *recent], 1)


def source_columns(candidates: Candidates, sources: Sequence[str]) -> Array:
    """What each source said of each candidate: its score, its ratio to the row's best, its reciprocal rank.

    Sources are matched by name; one that gave nothing here is nan. The first column counts the sources that found the
    candidate. Ranks are taken over the candidates, ties sharing the better rank, so the order of rows plays no part.
    """
    rows = len(candidates)
    found = np.zeros((rows, 1))
    if candidates.source_ranks is not None:
        found[:, 0] = (candidates.source_ranks > 0).sum(1)
    blocks = [found]
    for source in sources:
        if candidates.source_scores is None or source not in candidates.sources:
            blocks.append(np.full((rows, len(SOURCE_COLUMNS)), np.nan))
            continue
        scores = candidates.source_scores[:, candidates.sources.index(source)].astype(np.float64)
        blocks.append(np.stack([scores, ratios(scores), reciprocal_ranks(scores)], 1))
    return np.concatenate(blocks, 1)


def ratios(scores: Array) -> Array:
    """Scores divided by the row's best; nan stays nan, and 0 when nothing is above 0. [candidates]"""
    best = np.nanmax(scores) if np.isfinite(scores).any() else 0.0
    return scores / best if best > 0 else np.where(np.isnan(scores), np.nan, 0.0)


def reciprocal_ranks(scores: Array) -> Array:
    """1 / rank from 1, ties sharing the better rank; nan where there is no score. [candidates]"""
    known = np.isfinite(scores)
    order = np.sort(-scores[known])
    ranks = np.searchsorted(order, -scores, side="left") + 1
    return np.where(known, 1.0 / ranks, np.nan)


def _at(values: Array, wanted: Array, missing: float) -> Array:
    """values[wanted]; `missing` for items that are newer than the values."""
    inside = wanted < len(values)
    if not len(values):
        return np.full(len(wanted), missing)
    return np.where(inside, values[np.where(inside, wanted, 0)], missing)
