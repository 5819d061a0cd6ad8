"""Splits: no answer is in what is fitted, and a history ends before its targets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zhiyin.data.dataset import Dataset, build
from zhiyin.data.split import core, leave_one_out, time_split
from zhiyin.errors import DataError
from zhiyin.item import Item, Items

ROWS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 7), st.integers(0, 60)), min_size=25, max_size=60)


def dataset(rows: list[tuple[int, int, int]]) -> Dataset:
    items = Items.of([Item(f"i{number}") for number in range(8)])
    users, ids, times = zip(*rows, strict=True)
    return build([f"u{user}" for user in users], items, [f"i{item}" for item in ids], np.array(times, np.float64))


@given(ROWS)
def test_leave_one_out_asks_for_each_last_event_with_everything_before_it(rows: list[tuple[int, int, int]]) -> None:
    data = dataset(rows)
    split = leave_one_out(data)
    for row, user in enumerate(split.test.users):
        whole = data.history(int(user)).items
        assert split.test.targets[row].tolist() == [whole[-1]]
        assert split.test.query(row).profile.history.items.tolist() == whole[:-1].tolist()
        assert split.valid.targets[row].tolist() == [whole[-2]]
        assert split.fit.history(int(user)).items.tolist() == whole[:-2].tolist()


def _new_to(data: Dataset, user: int, cut: float) -> bool:
    history = data.history(user)
    before = set(history.items[history.times < cut].tolist())
    return bool(before) and bool(set(history.items[history.times >= cut].tolist()) - before)


@given(ROWS)
def test_a_time_split_fits_before_it_validates_before_it_tests(rows: list[tuple[int, int, int]]) -> None:
    data = dataset(rows)
    times = np.sort(data.interactions.times)
    cut = times[int(len(times) * 0.8)]
    old = {user for user, _, time in rows if time < cut}
    if not any(user in old and time >= cut for user, _, time in rows):
        with pytest.raises(DataError, match="no user has events on both sides"):
            time_split(data, valid=0.2, test=0.2)
        return
    assume(any(_new_to(data, user, cut) for user in range(len(data.users))))
    split = time_split(data, valid=0.2, test=0.2)
    start = split.test.now[0]
    assert (split.test_fit.interactions.times < start).all()
    assert len(split.fit.interactions) <= len(split.test_fit.interactions)
    for row, user in enumerate(split.test.users):
        assert len(split.test.query(row).profile.history)
        assert (split.test.query(row).profile.history.times < start).all()
        later = data.history(int(user)).where(data.history(int(user)).times >= start).items
        assert set(split.test.targets[row].tolist()) <= set(later.tolist())
        assert not set(split.test.targets[row].tolist()) & set(split.test.query(row).profile.history.items.tolist())


@given(ROWS, st.integers(1, 4))
def test_the_core_leaves_nobody_below_the_least(rows: list[tuple[int, int, int]], least: int) -> None:
    table = core(dataset(rows), least).interactions
    for column in (table.users, table.items):
        counts = np.bincount(column) if len(column) else np.zeros(0)
        assert (counts[counts > 0] >= least).all()


def test_too_little_data_is_said() -> None:
    with pytest.raises(DataError, match="at least three events"):
        leave_one_out(dataset([(0, 1, 1), (0, 2, 2)]))
