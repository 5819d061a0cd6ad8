"""Timelines and trending: counts as of a moment, never beyond it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.data.dataset import Dataset, Interactions, build
from zhiyin.data.moments import DAY, EARLIEST, settled, window
from zhiyin.data.timeline import Timeline
from zhiyin.item import Item, Items
from zhiyin.profile import Profile
from zhiyin.query import Query
from zhiyin.retrieval.trending import Trending


def dataset(events: list[tuple[str, str, float]]) -> Dataset:
    """Events as (user, item, day); the catalogue is a, b, c."""
    items = Items([Item(one) for one in "abc"])
    users, names, days = zip(*events, strict=True)
    return build(users, items, names, np.array(days) * DAY)


def test_a_moment_counts_only_what_was_strictly_before_it() -> None:
    data = dataset([("u", "a", 1), ("v", "a", 2), ("w", "a", 3), ("w", "b", 5)])
    line = Timeline.of(data.interactions, 3, (1.0,))
    everything = np.arange(3, dtype=np.int32)
    assert line.before(2 * DAY, everything)[0].tolist() == [1, 0, 0]
    assert line.before(2 * DAY + 1, everything)[0].tolist() == [2, 0, 0]
    assert line.decayed(3 * DAY, everything)[0].tolist() == [0.25 + 0.5, 0, 0]
    assert line.first(everything).tolist() == [DAY, 5 * DAY, np.inf]
    assert line.last(3 * DAY, everything).tolist() == [2 * DAY, -np.inf, -np.inf]


def test_an_item_newer_than_the_timeline_has_no_events() -> None:
    line = Timeline.of(dataset([("u", "a", 1)]).interactions, 3, (1.0,))
    newer = np.array([7], np.int32)
    assert line.before(9 * DAY, newer)[0].tolist() == [0]
    assert line.first(newer).tolist() == [np.inf]
    assert line.decayed(9 * DAY, newer).tolist() == [[0.0]]


@given(
    events=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 4), st.integers(0, 30)), min_size=1, max_size=40),
    now=st.integers(0, 31),
)
def test_running_sums_equal_the_sum_written_out(events: list[tuple[int, int, int]], now: int) -> None:
    users, items, days = (np.array(column) for column in zip(*events, strict=True))
    present = settled(users, days.astype(float))
    line = Timeline.of(Interactions.sort(users, items, days * DAY), 5, (2.0, 9.0))
    found, counts = line.decayed(now * DAY, np.arange(5, dtype=np.int32)), line.before(now * DAY, np.arange(5))[0]
    for item in range(5):
        earlier = (items == item) & (days < now)
        last = np.array([days[earlier & (users == user)].max() for user in np.unique(users[earlier])])
        assert counts[item] == len(last), "everybody counts once"
        ages = min(now, present) - np.minimum(last, present)
        for row, half_life in enumerate((2.0, 9.0)):
            assert found[row, item] == pytest.approx(np.exp2(-ages / half_life).sum())


def test_trending_follows_the_moment_of_the_request_and_not_the_future() -> None:
    data = dataset([("u", "a", 1), ("v", "a", 2), ("w", "b", 9), ("x", "b", 10), ("x", "b", 11)])
    part = Trending(half_life=2.0).fit(data)
    early, late = part.retrieve([Query(now=3 * DAY), Query(now=12 * DAY)], 3)
    assert early.items.tolist() == [0]
    assert late.items.tolist() == [1, 0]


def test_years_after_the_last_event_trending_still_knows_its_order() -> None:
    items = Items([Item(one) for one in "abc"])
    data = build(["u", "v", "w", "x"], items, ["a", "b", "b", "c"], np.array([3.0, 2.5, 2.6, 0.0]) * DAY)
    part = Trending(half_life=1.0).fit(data)
    soon, late = (part.scores([Query(Profile("u"), now=now * DAY)])[0] for now in (3.1, 3000.0))
    assert late.argsort().tolist() == soon.argsort().tolist() == [2, 0, 1]
    assert late.tolist() == soon.tolist(), "both are asked as of the data's own present"
    assert late.min() > 0


def test_nobody_alone_makes_a_trend() -> None:
    users = [f"u{at}" for at in range(20)]
    items = Items([Item(one) for one in "abc"])
    names, days = ["a", "b"] * 10, np.arange(20.0)
    times = np.append(days, np.full(1000, 19.5)) * DAY
    data = build([*users, *["robot"] * 1000], items, [*names, *["c"] * 1000], times)
    scores = Trending(half_life=2.0).fit(data).scores([Query(now=30 * DAY)])[0]
    assert scores[2] < 0.01 < scores[:2].min()
    assert scores[2] > 0, "it is known all the same"


def test_without_a_clock_trending_counts_all_events_alike() -> None:
    data = dataset([("u", "a", 1), ("v", "a", 2), ("w", "b", 3)])
    part = Trending().fit(Dataset(data.users, data.items, data.interactions, data.as_of, has_clock=False))
    assert part.retrieve([Query(now=0.0)], 3)[0].scores.tolist() == [2.0, 1.0]


@pytest.mark.parametrize("fast", [True, False])
def test_trending_fades_as_fast_as_tastes_change(fast: bool) -> None:
    """Where fashions change every 40 days only the last weeks count; where tastes stand still, months do."""
    chance = np.random.default_rng(0)
    users, names, times = [], [], []
    for day in range(200):
        for user in chance.choice(120, 10, replace=False):
            liked = int(12 * chance.random() ** 2) + (8 * (day // 40) if fast else 0)
            users.append(f"u{user}")
            names.append(f"i{liked}")
            times.append((day + chance.random()) * DAY)
    data = build(users, Items([Item(f"i{n}") for n in range(60)]), names, np.array(times))
    days = float(Trending().fit(data).timeline["half_lives"][0])
    assert days <= 14 if fast else days >= 30
    assert float(Trending(half_life=5.0).fit(data).timeline["half_lives"][0]) == 5.0


def test_now_is_what_all_but_a_handful_have_reached():
    people, days = np.arange(40), np.arange(40.0)
    assert settled(people, days) == 35, "the fifth newest person"
    for absurd in (41.0, 30_000.0, 1e12):
        assert settled(np.append(people, [40] * 1000), np.append(days, [absurd] * 1000)) == 36, "one more person"
    assert settled(np.zeros(9, int), np.arange(9.0)) == 8, "one person alone decides"
    assert settled(np.arange(8), np.array([*range(7), 1e12])) == 5, "of eight people, two may be wrong"
    assert settled(np.empty(0, int), np.empty(0)) == 0


def test_times_before_1990_or_after_tomorrow_cannot_be_right_unless_most_are():
    now = 1.7e9
    times = np.array([0.0, EARLIEST - 1, EARLIEST, 1.6e9, now, now + DAY, now + DAY + 1, 4e9])
    low, high = window(times, now)
    assert ((times >= low) & (times <= high)).tolist() == [False, False, True, True, True, True, False, False]
    assert window(times, None) == (EARLIEST, np.inf)
    assert window(np.arange(9.0), now) == (-np.inf, np.inf), "a clock of its own: seconds since a study began"
