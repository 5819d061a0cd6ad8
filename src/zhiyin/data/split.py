"""Splits: what is fitted on, what is asked, and what the right answers are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zhiyin.arrays import Bools, Ints, Longs
from zhiyin.behaviour.seen import Hiding
from zhiyin.data.circumstances import of_row, values
from zhiyin.data.dataset import Dataset
from zhiyin.errors import DataError
from zhiyin.query import Query

ALL = Hiding.all()
"""A list of nothing but what is new to its user."""

FLOOD = 4.0
"""Times as many items as nineteen in twenty people met at most, from which somebody counts no more for meeting more."""


@dataclass(frozen=True)
class Cases:
    """Questions with known answers: row i asks for user users[i] at moment now[i]; targets[i] are the right items.

    known: the data a history is taken from; a history ends strictly before its targets. contexts: on what device, at
    which place, surface and hour each question is asked; empty where no question says it.
    """

    known: Dataset
    users: Ints
    now: tuple[float, ...]
    targets: tuple[Ints, ...]
    contexts: tuple[Mapping[str, str], ...] = ()

    def __len__(self) -> int:
        return len(self.users)

    def query(self, row: int, n: int = 10) -> Query:
        """The question of one row as a request."""
        return Query(
            self.known.profile(int(self.users[row])),
            n=n,
            now=self.now[row],
            seed=row,
            context=self.contexts[row] if self.contexts else {},
        )

    def batches(self, size: int, n: int = 10) -> Iterator[tuple[list[Query], tuple[Ints, ...]]]:
        """Questions and answers in batches."""
        for start in range(0, len(self), size):
            rows = range(start, min(start + size, len(self)))
            yield [self.query(row, n) for row in rows], self.targets[start : start + size]

    def sample(self, count: int, seed: int) -> Cases:
        """A random part of the cases, in their order."""
        if count >= len(self):
            return self
        return self.rows(np.sort(np.random.default_rng(seed).choice(len(self), count, replace=False)))

    def only(self, mask: Bools) -> Cases:
        """The cases for which the mask is true."""
        return self.rows(np.flatnonzero(mask))

    def rows(self, rows: Longs) -> Cases:
        """Some of the cases, by their row."""
        return Cases(
            self.known,
            self.users[rows],
            tuple(self.now[r] for r in rows),
            tuple(self.targets[r] for r in rows),
            tuple(self.contexts[r] for r in rows) if self.contexts else (),
        )


@dataclass(frozen=True)
class Split:
    """What models are fitted on, and the cases for choosing settings (valid) and for reporting (test).

    test_fit: what the reported models are fitted on; equal to fit in leave-one-out, later in a time split. newcomers:
    cases of people without a history, reported apart; None where the split has none.
    """

    name: str
    fit: Dataset
    valid: Cases
    test_fit: Dataset
    test: Cases
    newcomers: Cases | None = None


def last_event_cases(dataset: Dataset, back: int = 0) -> Cases:
    """Each user's last event (or the one `back` events earlier) as the target, everything before it as the history.

    Users whose history would be empty are left out.
    """
    shown = dataset.without_last(back) if back else dataset
    lengths = np.diff(shown.offsets)
    users = np.flatnonzero(lengths >= 2).astype(np.int32)
    rows = shown.offsets[users + 1] - 1
    table = shown.interactions
    # Without a clock no moment is known, so that no part can read anything from it.
    now = tuple(float(t) if dataset.has_clock else 0.0 for t in table.times[rows])
    contexts = tuple(of_row(shown, int(row)) for row in rows)
    return Cases(shown.without_last(1), users, now, tuple(table.items[rows][:, None]), contexts)


def leave_one_out(dataset: Dataset) -> Split:
    """The protocol of the sequence tables: last event test, the one before it validation.

    Models are fitted without both; at test the history holds the validation event. Raises DataError when no user has
    three events.
    """
    test = last_event_cases(dataset)
    valid = last_event_cases(dataset, back=1)
    enough = np.diff(dataset.offsets) >= 3
    test, valid = (cases.only(enough[cases.users]) for cases in (test, valid))
    if not len(test):
        raise DataError("leave-one-out needs users with at least three events and found none; use a time split")
    fit = dataset.without_last(2)
    return Split("leave-one-out", fit, valid, fit, test)


def cases_after(dataset: Dataset, start: float, end: float, hiding: Hiding = ALL) -> Cases:
    """What users did first in [start, end) with items a list may show them, asked at `start` with the history before it.

    Users without any event before start are left out. Only positive evidence at a time that can be right is a target.
    hiding: what the list leaves out of what was met before.
    """
    return all_cases_after(dataset, start, end, hiding)[0]


def all_cases_after(
    dataset: Dataset, start: float, end: float, hiding: Hiding = ALL, keys: Sequence[str] = ()
) -> tuple[Cases, Cases]:
    """What cases_after gives, and beside it the newcomers: those who had done nothing before, asked without a history.

    keys: of circumstances (see circumstances.py). What one user did in different ones is then asked for apart, each in
    its own; all are still asked at `start`.
    """
    known = dataset.before(start)
    later = dataset.only(
        (dataset.interactions.times >= start)
        & (dataset.interactions.times < end)
        & (dataset.interactions.weights > 0)
        & dataset.dated
    )
    users: tuple[list[int], list[int]] = [], []
    targets: tuple[list[Ints], list[Ints]] = [], []
    contexts: tuple[list[Mapping[str, str]], list[Mapping[str, str]]] = [], []
    apart = _apart(later, keys)
    for user in np.unique(later.interactions.users):
        before = known.history(int(user))
        rows = np.arange(later.offsets[user], later.offsets[user + 1])
        after = later.interactions.items[rows]
        rows = rows[~np.isin(after, known.seen(before).hidden(hiding, start))]
        for one in dict.fromkeys(apart[rows].tolist()):
            new = later.interactions.items[rows[apart[rows] == one]]
            kind = 0 if len(before) else 1
            users[kind].append(int(user))
            targets[kind].append(np.array(list(dict.fromkeys(new.tolist())), np.int32))
            if keys:
                told = of_row(later, int(rows[apart[rows] == one][0]))
                contexts[kind].append({key: told[key] for key in keys if key in told})
    asked, newcomers = (
        Cases(known, np.array(who, np.int32), (start,) * len(who), tuple(what), tuple(where))
        for who, what, where in zip(users, targets, contexts, strict=True)
    )
    return asked, newcomers


def _apart(later: Dataset, keys: Sequence[str]) -> Longs:
    """A number for each interaction, the same for those of the same circumstances. [interactions]"""
    codes = np.zeros(len(later.interactions), np.int64)
    for key in keys:
        places, names = values(later, later.interactions, key)
        codes = codes * (len(names) + 1) + places + 1
    return codes


def time_split(dataset: Dataset, valid: float = 0.1, test: float = 0.1, hiding: Hiding = ALL) -> Split:
    """Global time split: the last share of events is test, the share before it validation; fit < valid < test.

    valid, test: shares of the events, 0 to 1. hiding: what lists leave out of what was met, so that it is no answer.
    Raises DataError without a clock or without any case.
    """
    if not dataset.has_clock:
        raise DataError("a time split needs timestamps; this data has only positions: use leave-one-out")
    times = np.sort(dataset.interactions.times[dataset.dated])
    start_valid = float(times[int(len(times) * (1 - valid - test))])
    start_test = float(times[int(len(times) * (1 - test))])
    asked, newcomers = all_cases_after(dataset, start_test, np.inf, hiding)
    if not len(asked):
        raise DataError("time split: no user has events on both sides of the cut; use more data or leave-one-out")
    return Split(
        "time",
        dataset.before(start_valid),
        cases_after(dataset, start_valid, start_test, hiding),
        asked.known,
        asked,
        newcomers,
    )


def moment_of(dataset: Dataset, share: float) -> float:
    """The moment before which a share (0 to 1) of what people did lies; 0 for no events.

    Repeats of one person with one item share one vote, and who met far more items than nearly everybody shares as many
    votes as the heaviest usual person has, so that one visitor's flood is never "the newest tenth". The moment lies on a
    grid of at least a hundred steps between the second and the last but one of a hundred events, so that one event more
    seldom moves it at all.
    """
    table, size = dataset.interactions.where(dataset.dated), len(dataset.items)
    if not len(table):
        return 0.0
    _, pair, times = np.unique(
        table.users.astype(np.int64) * size + table.items, return_inverse=True, return_counts=True
    )
    votes = 1.0 / times[pair]
    owned = np.bincount(table.users, votes)
    most = FLOOD * float(np.quantile(owned[owned > 0], 0.95))
    votes *= np.minimum(1.0, most / owned[table.users])
    order = np.argsort(table.times, kind="stable")
    passed = np.cumsum(votes[order])
    found, low, high = (
        float(table.times[order[min(int(np.searchsorted(passed, one * passed[-1], side="right")), len(order) - 1)]])
        for one in (share, 0.01, 0.99)
    )
    if not high > low:
        return found
    step = 2.0 ** np.floor(np.log2((high - low) / 100))
    return float(np.floor(found / step) * step)


def core(dataset: Dataset, least: int) -> Dataset:
    """The k-core: repeatedly leave out users and items with fewer than `least` interactions.

    Users and items keep their positions; items outside the core are left without interactions.
    """
    table = dataset.interactions
    keep = np.ones(len(table), np.bool_)
    while True:
        users = np.bincount(table.users[keep], minlength=len(dataset.users))
        items = np.bincount(table.items[keep], minlength=len(dataset.items))
        kept = keep & (users[table.users] >= least) & (items[table.items] >= least)
        if kept.sum() == keep.sum():
            return replace(dataset, interactions=table.where(keep))
        keep = kept
