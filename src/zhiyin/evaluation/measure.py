"""Measure: every number of every row of a report, from ranked lists and the split they answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from zhiyin.arrays import Array, Doubles, Ints
from zhiyin.data.split import Cases, Split
from zhiyin.evaluation import beyond_accuracy as beyond
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.evaluation.report import Row

MAIN = "ndcg@10"
BOUNDS = (5, 10, 20, 50)
"""Upper ends of the history lengths that make up a segment."""


class Measure:
    """What all rows share: the targets, the segments of users and targets, popularity and histories."""

    def __init__(self, split: Split, depth: int) -> None:
        self.cases, self.fit = split.test, split.test_fit
        self.targets = Targets.of(self.cases.targets)
        self.ks = (10, depth)
        self.popularity = self.fit.popularity()
        self.segments = segments(self.cases, self.targets, self.popularity)
        self.histories = histories(self.cases)
        self.best_baseline = ""
        unreachable = int((np.asarray(self.histories[self.targets.users, self.targets.items]).ravel() > 0).sum())
        cold = float((self.popularity[self.targets.items] == 0).mean())
        self.notes = [f"{cold:.1%} of the targets are items without any event in what was fitted on"]
        if unreachable:
            self.notes.append(
                f"{unreachable:,} targets are in their user's history; a filter that hides seen items cannot show them"
            )

    def fill(self, rows: Sequence[Row], lists: Sequence[Ints], seed: int) -> dict[str, dict[str, Doubles]]:
        """Give rows their numbers. Returns the metrics of every user by row ("kind:name") and metric."""
        users = [per_user(one, self.targets, self.ks) for one in lists]
        names = list(users[0])
        draws = Resamples(np.concatenate([np.stack([one[name] for name in names], 1) for one in users], 1), seed=seed)
        columns = {id(row): place * len(names) for place, row in enumerate(rows)}
        for row, one, ranked in zip(rows, users, lists, strict=True):
            at = columns[id(row)]
            row.metrics = {name: float(one[name].mean()) for name in names}
            row.intervals = {name: draws.interval(at + place) for place, name in enumerate(names)}
            row.beyond = self.beyond(ranked[:, : self.ks[0]])
            row.segments = self.by_segment(ranked, one)
        rivals = [row for row in rows if row.kind == "baseline"]
        if rivals:
            best = max(rivals, key=lambda row: row.metrics[MAIN])
            self.best_baseline = best.name
            for row in rows:
                row.versus = draws.difference(
                    columns[id(row)] + names.index(MAIN), columns[id(best)] + names.index(MAIN)
                )
        return {f"{row.kind}:{row.name}": one for row, one in zip(rows, users, strict=True)}

    def beyond(self, lists: Ints) -> dict[str, float]:
        """What accuracy does not say about lists of ten."""
        items, size = self.fit.items, len(self.fit.items)
        found = {
            "coverage": beyond.coverage(lists, size),
            "gini": beyond.gini(lists, size),
            "novelty": beyond.novelty(lists, self.popularity, len(np.unique(self.fit.interactions.users))),
            "tail_share": beyond.tail_share(lists, self.popularity),
            "serendipity": beyond.serendipity(lists, self.targets, self.popularity),
            "debiased_hr": beyond.debiased_hit_rate(lists, self.targets, self.popularity),
        }
        if items.tags.matrix.nnz:
            found["tag_distance"] = beyond.intra_list_distance(lists, items.tags.matrix)
            if self.histories.nnz:
                found["miscalibration"] = beyond.calibration(lists, self.histories, items.tags.matrix)
        if "text" in items.vectors:
            found["text_distance"] = beyond.intra_list_distance(lists, items.vectors["text"])
        return found

    def by_segment(self, lists: Ints, users: dict[str, Doubles]) -> dict[str, dict[str, float]]:
        """NDCG@10 and HR@10 per segment."""
        result = {}
        for name, (targets, rows) in self.segments.items():
            whole = targets is self.targets
            some = (
                {key: users[key][rows] for key in (MAIN, "hr@10")}
                if whole
                else per_user(lists[rows], targets, (10,), ("ndcg", "hr"))
            )
            result[name] = {"users": len(rows), **{key: float(values.mean()) for key, values in some.items()}}
        return result


def segments(cases: Cases, targets: Targets, popularity: Array) -> dict[str, tuple[Targets, Array]]:
    """Rows of users by name, with the targets that count: users by length of history, targets by popularity."""
    lengths = np.diff(cases.known.offsets)[cases.users]
    found: dict[str, tuple[Targets, Array]] = {}
    low = 1
    for high in (*BOUNDS, None):
        inside = (lengths >= low) & (lengths <= (high or np.inf))
        if inside.any():
            found[f"history {low}-{high}" if high else f"history {low}+"] = (targets, np.flatnonzero(inside))
        low = (high or 0) + 1
    tail, cold = beyond.tail_items(popularity)[targets.items], (popularity == 0)[targets.items]
    for name, keep in (("popular targets", ~tail), ("tail targets", tail & ~cold), ("cold targets", cold)):
        if keep.any():
            found[name] = targets.only(keep)
    return found


def histories(cases: Cases) -> sparse.csr_matrix:
    """The liked history of every case: csr [cases, items], times each item was met."""
    table, offsets = cases.known.interactions, cases.known.offsets
    counts = np.diff(offsets)[cases.users]
    rows = np.repeat(np.arange(len(cases)), counts)
    starts = np.repeat(offsets[cases.users] - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts)
    events = starts + np.arange(len(rows))
    liked = table.weights[events] > 0
    ones = np.ones(int(liked.sum()), np.float32)
    return sparse.csr_matrix(
        (ones, (rows[liked], table.items[events[liked]])), shape=(len(cases), len(cases.known.items))
    )
