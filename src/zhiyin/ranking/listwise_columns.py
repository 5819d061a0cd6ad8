"""The columns that listwise reads: what the sources said, what is known of the items, and how long the history is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from zhiyin.arrays import Array, Bools, Floats, Longs
from zhiyin.candidates import Candidates
from zhiyin.item import Items
from zhiyin.query import Query
from zhiyin.ranking.circumstances import fitting_keys
from zhiyin.ranking.features import Features
from zhiyin.ranking.pairs import TAG_COLUMNS
from zhiyin.ranking.standing import HALF_LIVES, ITEM_COLUMNS
from zhiyin.stages import RankingRows

ABOUT = (*ITEM_COLUMNS, *(f"recent_{days:g}" for days in HALF_LIVES), *TAG_COLUMNS)
"""What is known of an item, and of it beside the history."""


@dataclass(frozen=True)
class Columns:
    """Opinions of the sources, their logarithmic ranks, ABOUT, the fits to the circumstances and the length of the history, in this order.

    facts: from learn_facts.
    """

    sources: tuple[str, ...]
    facts: Mapping[str, Array]

    @property
    def count(self) -> int:
        """How many columns there are."""
        return 2 * len(self.sources) + len(ABOUT) + len(fitting_keys(self.facts)) + 1

    def of(self, query: Query, candidates: Candidates, items: Items) -> Floats:
        """One row a candidate; nan where something is not known. [n, count]"""
        known = Features((), (), self.facts).about(query, candidates, items)
        length = np.full((len(candidates), 1), np.log1p(len(query.profile.history)))
        return np.concatenate([self.said(candidates), known, length], 1, dtype=np.float32)

    def said(self, candidates: Candidates) -> Floats:
        """Opinions, then ranks; a source that is absent knows nothing. [n, 2 · sources]"""
        opined, count = candidates.opined, len(self.sources)
        result = np.zeros((len(candidates), 2 * count), np.float32)
        for column, source in enumerate(self.sources):
            if source in candidates.sources and opined.scores.shape[1]:
                place = candidates.sources.index(source)
                result[:, column] = opined.scores[:, place]
                result[:, count + column] = opined.places[:, place]
        return result


@dataclass(frozen=True)
class Questions:
    """Requests to learn from, one under the other. table: [rows, columns]; labels [rows], above 0 for right answers;
    starts: where each request's rows begin [requests]; people: whose request each is [requests]."""

    table: Floats
    labels: Floats
    starts: Longs
    people: Longs

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def ends(self) -> Longs:
        """Where each request's rows end. [requests]"""
        return np.append(self.starts[1:], len(self.labels))

    def rows(self, chosen: Array) -> tuple[Longs, Longs]:
        """The rows of some requests, and where each of these begins among them."""
        lengths = (self.ends - self.starts)[chosen]
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
        return np.arange(lengths.sum()) + np.repeat(self.starts[chosen] - begins, lengths), begins

    def only(self, mask: Bools) -> Questions:
        """The requests for which the mask is true."""
        chosen = np.flatnonzero(mask)
        rows, begins = self.rows(chosen)
        return Questions(self.table[rows], self.labels[rows], begins, self.people[chosen])

    def having(self, table: Floats) -> Questions:
        """The same requests with other columns."""
        return Questions(table, self.labels, self.starts, self.people)


def questions(columns: Columns, rows: RankingRows, items: Items, wrong: int, rng: np.random.Generator) -> Questions:
    """Rows as a table: of each request all right answers and at most `wrong` others, drawn evenly."""
    blocks, labels, people = [], [], []
    for query, found, label in zip(rows.queries, rows.candidates, rows.labels, strict=True):
        others = rng.permutation(np.flatnonzero(label <= 0))[:wrong]
        kept = np.sort(np.concatenate([np.flatnonzero(label > 0), others]))
        blocks.append(columns.of(query, found.take(kept), items))
        labels.append(label[kept])
        people.append(query.profile.position)
    lengths = np.array([len(one) for one in labels], np.int64)
    starts = np.cumsum(lengths) - lengths
    empty = np.empty((0, columns.count), np.float32)
    return Questions(
        np.concatenate([empty, *blocks]).astype(np.float32),
        np.concatenate([np.empty(0, np.float32), *labels]),
        starts,
        np.array(people, np.int64),
    )
