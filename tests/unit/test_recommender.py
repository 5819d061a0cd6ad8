"""The Recommender: a batch equals singles, strict conditions still find what there is, nothing forbidden is shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.data.dataset import Dataset, build
from zhiyin.errors import DataError, SettingError
from zhiyin.item import Item, Items
from zhiyin.profile import Profile
from zhiyin.query import Condition, Query
from zhiyin.recommender import Recommender, Shelf
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition

COLOURS = ("red", "white", "green")


def dataset(rows: list[Item]) -> Dataset:
    rng = np.random.default_rng(1)
    users = [f"u{number // 8}" for number in range(160)]
    return build(users, Items.of(rows), [f"i{n}" for n in rng.integers(0, len(rows), 160)], np.arange(160.0))


def items(count: int = 30) -> list[Item]:
    return [Item(f"i{n}", attributes={"colour": COLOURS[n % 3], "price": float(n)}) for n in range(count)]


def recommender(rows: list[Item]) -> tuple[Recommender, Dataset]:
    data = dataset(rows)
    shelves = {"trending": Shelf(("popular",), rank=False)}
    made = Recommender(retrieve=[Transition(), Popular()], shelves=shelves, per_source={"transition": 4, "popular": 4})
    return made.fit(data), data


def test_a_batch_equals_singles() -> None:
    made, data = recommender(items())
    queries = [Query(data.profile(user), n=6, shelf=shelf) for user in range(8) for shelf in ("for_you", "trending")]
    queries.append(Query(n=3))
    for alone, together in zip(map(made.recommend, queries), made.recommend_batch(queries), strict=True):
        assert alone.candidates.items.tolist() == together.candidates.items.tolist()
        np.testing.assert_allclose(alone.candidates.scores, together.candidates.scores, rtol=1e-5)


def test_a_strict_condition_finds_what_there_is() -> None:
    made, data = recommender(items())
    condition = (Condition("colour", ("RED",)), Condition("price", least=6, most=20))
    found = made.recommend(Query(n=10, conditions=condition)).ids(data.items)
    assert sorted(found) == sorted(["i6", "i9", "i12", "i15", "i18"])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_forbidden_is_ever_shown(chance: st.DataObject) -> None:
    times = st.one_of(st.none(), st.floats(0, 100))
    rows = [
        replace(row, hidden=hidden, available_from=begin, available_until=end)
        for row in items(12)
        for hidden, begin, end in [chance.draw(st.tuples(st.booleans(), times, times))]
    ]
    made, data = recommender(rows)
    exclude = frozenset(chance.draw(st.sets(st.integers(0, 11), max_size=4)))
    refusals = tuple(("colour", one) for one in chance.draw(st.sets(st.sampled_from(COLOURS), max_size=2)))
    profile = chance.draw(st.sampled_from([data.profile(0), data.profile(3), Profile()]))
    query = Query(replace(profile, refusals=refusals), n=12, now=50.0, exclude=exclude)
    answer = made.recommend(query)
    assert len(set(answer.candidates.items.tolist())) == len(answer.candidates)
    for position in answer.candidates.items.tolist():
        item = data.items[position]
        assert not item.hidden
        assert item.available_from is None or item.available_from <= 50.0
        assert item.available_until is None or item.available_until > 50.0
        assert position not in exclude
        assert position not in profile.history.items
        assert not set(refusals) & set(item.tags())


def test_seeds_stand_in_for_the_history() -> None:
    made, data = recommender(items())
    seeds = np.array([3], np.int32)
    alone = made.recommend(Query(n=5, seeds=seeds))
    someone = made.recommend(Query(data.profile(2), n=5, seeds=seeds))
    assert alone.ids(data.items) == someone.ids(data.items)
    assert 3 not in alone.candidates.items


def test_wrong_shelves_are_named() -> None:
    made, _ = recommender(items())
    with pytest.raises(DataError, match=r"no shelf is called 'attic'; there are for_you, trending"):
        made.recommend(Query(shelf="attic"))
    with pytest.raises(SettingError, match=r"no source is called \['ease'\]"):
        Recommender(retrieve=[Popular()], shelves={"x": Shelf(("ease",))})
