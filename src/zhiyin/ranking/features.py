"""Features: what a ranker reads of a request, an item and their pair. One code for live requests and training rows.

No ids, no row positions and no raw scores of sources are among them, and what depends on how much data was fitted is
scaled (shares of the mean of all items, z-scores, ranks), so that a ranker learned beside retrievers of the past serves
beside retrievers of today. No column is measured against the other candidates but through Opinions, so that items that
come or go move no column of the others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from zhiyin.arrays import Array, Doubles, Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.data.timeline import DAY, Timeline
from zhiyin.item import Items
from zhiyin.query import Query
from zhiyin.ranking.circumstances import fits, fitting_keys, learn_fits
from zhiyin.ranking.pairs import TAG_COLUMNS, VECTOR_COLUMNS, tag_pairs, vector_pairs
from zhiyin.ranking.standing import HALF_LIVES, ITEM_COLUMNS, at, standing

QUERY_COLUMNS = ("history_length", "history_disliked", "history_popularity", "days_since_last", "hour", "weekday")
SOURCE_COLUMNS = ("opinion", "log_rank")


def learn_facts(dataset: Dataset, keys: Sequence[str] | None = None) -> dict[str, Array]:
    """What is known of items from a dataset, for a learned field of a ranker.

    share: log of the people per item over the mean; quality: mean over people of what they thought of it, shrunk to the
    mean of all; then, where the data has a clock, a Timeline, how all items together stood at every moment (see
    _course), and what is known of every item after the last event (latest [items + 1, columns], see standing.py). Everybody
    counts once per item, however often they came. keys: of circumstances whose fits are wanted, as they were when the
    ranker learned; None for those that say something (see circumstances.py).
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
    facts |= learn_fits(dataset, keys)
    dated = table.where(dataset.dated)
    if dataset.has_clock and len(dated):
        timeline = Timeline.of(dated, size, HALF_LIVES, dataset.present)
        facts |= timeline.state() | _course(timeline)
        # The last row is that of items that come later: nobody has met them.
        facts["latest"] = standing(facts, np.inf, np.arange(size + 1, dtype=np.int32))
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
            *(f"fits_{key}" for key in fitting_keys(self.facts)),
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
            self.about(query, candidates, items),
            *spaces,
            source_columns(candidates, self.sources),
        ]
        return np.concatenate(columns, 1).astype(np.float32)

    def about(self, query: Query, candidates: Candidates, items: Items) -> Array:
        """What is known of the items, and of their tags beside the history's and of where the request is made.

        [candidates, ITEM_COLUMNS … TAG_COLUMNS and fitting_keys]
        """
        known = [self._items(query, candidates, items), tag_pairs(items, query, candidates.items)]
        if fitting_keys(self.facts):
            known.append(fits(self.facts, query, candidates.items, "times" in self.facts))
        return np.concatenate(known, 1)

    def _query(self, query: Query) -> Array:
        history = query.profile.history
        length = len(history)
        share = at(self.facts["share"], history.items[-20:], np.nan)
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
        known = np.full((len(wanted), len(ITEM_COLUMNS) + len(HALF_LIVES)), np.nan)
        if "times" in self.facts:
            known = standing(self.facts, query.now or np.inf, wanted, query.lately)
        else:
            known[:, 0] = at(self.facts["share"], wanted, np.nan)
            known[:, 1] = at(self.facts["quality"], wanted, np.nan)
        known[:, ITEM_COLUMNS.index("tags")] = _tags(items, wanted)
        return known


def source_columns(candidates: Candidates, sources: Sequence[str]) -> Array:
    """What each source said of each candidate: its opinion and its logarithmic rank (see Opinions).

    Sources are matched by name; one that gave nothing here is nan. The first column counts the sources that found the
    candidate.
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
        column, opined = candidates.sources.index(source), candidates.opined
        known = np.isfinite(candidates.source_scores[:, [column]])
        both = np.stack([opined.scores[:, column], opined.places[:, column]], 1)
        blocks.append(np.where(known, both, np.nan))
    return np.concatenate(blocks, 1)


def _course(timeline: Timeline) -> dict[str, Array]:
    """The sums of a timeline over all its items, as of every event in order of time: whole.moments [events], whole.people
    [events] and, faded, whole.sums [half lives, events]."""
    ages = np.minimum(timeline.moments, timeline.present)
    begins = np.zeros(len(ages), np.bool_)
    begins[timeline.starts[:-1][np.diff(timeline.starts) > 0]] = True
    order = np.argsort(timeline.moments, kind="stable")
    more = timeline.people - np.where(begins, 0, np.append(0, timeline.people[:-1]))
    sums = []
    for days, own in zip(timeline.half_lives * DAY, timeline.sums, strict=True):
        faded = np.append(0.0, own[:-1] * np.exp2(-np.maximum(np.diff(ages), 0) / days))
        sums.append(_faded(ages[order], (own - np.where(begins, 0.0, faded))[order], float(days)))
    return {
        "whole.moments": timeline.moments[order],
        "whole.people": more[order].cumsum(),
        "whole.sums": np.stack(sums),
    }


def _faded(moments: Doubles, amounts: Doubles, half_life: float) -> Doubles:
    """For each moment the sum of the amounts up to it, each halved per half life (seconds) of its age. moments: sorted."""
    result, carried = np.empty(len(moments)), 0.0
    # In stretches, since the growing weights of one sum over years would leave what a number can hold.
    starts = np.unique(np.floor((moments - moments[:1]) / (500 * half_life)), return_index=True)[1]
    for start, end in zip(starts, np.append(starts[1:], len(moments)), strict=True):
        stretch = moments[start:end]
        grown = np.exp2((stretch - stretch[0]) / half_life)
        before = carried * np.exp2(-(stretch - moments[start - 1]) / half_life) if start else 0.0
        result[start:end] = np.cumsum(amounts[start:end] * grown) / grown + before
        carried = result[end - 1]
    return result


def _tags(items: Items, wanted: Ints) -> Doubles:
    """How many tags the items have, 0 for those that are not in the table. [candidates]"""
    ends = items.tags.matrix.indptr
    inside = wanted < len(ends) - 1
    asked = np.where(inside, wanted, 0)
    return (
        np.where(inside, ends[asked + 1] - ends[asked], 0).astype(np.float64)
        if len(ends) > 1
        else np.zeros(len(wanted))
    )
