"""Rerankers: nothing invented, no score touched, and the answers one can work out by hand."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.candidates import Candidates
from zhiyin.data.dataset import build
from zhiyin.errors import SettingError
from zhiyin.item import Item, Items
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.reranking.calibrated import Calibrated
from zhiyin.reranking.dpp import DPP, greedy
from zhiyin.reranking.explore import Explore
from zhiyin.reranking.mmr import MMR
from zhiyin.reranking.novel import Novel
from zhiyin.reranking.rules import Rules

KINDS = ("red", "white", "sweet")


def catalogue(count: int = 30) -> Items:
    rows = [
        Item(f"i{n}", f"wine {n}", attributes={"kind": KINDS[n % 3], "grapes": (f"g{n % 4}", f"g{n % 5}")})
        for n in range(count)
    ]
    items = Items(rows)
    items.set_vectors("text", np.eye(8, dtype=np.float32)[np.arange(count) % 8])
    return items


def fitted_novel(items: Items) -> Novel:
    ids = [row.item_id for row in items.rows]
    users = [f"u{n}" for at in range(len(ids)) for n in range(at + 1)]
    return Novel().fit(
        build(users, items, [one for at, one in enumerate(ids) for _ in range(at + 1)], np.arange(len(users)))
    )


ITEMS = catalogue()
PARTS = [
    MMR(),
    MMR(balance=0.0, space="text"),
    DPP(),
    DPP(space="text", theta=0.0),
    Calibrated(),
    Calibrated(attribute="kind", weight=1.0),
    Explore(),
    Explore(method="plackett_luce", temperature=1.0),
    Explore(epsilon=1.0, slots=100),
    Rules(pin={"i3": 1, "i9": 4}, boost={"kind=red": 3, "kind=sweet": -2}, cap={"kind": 2}),
    fitted_novel(ITEMS),
]


def candidates(found, scores=None) -> Candidates:
    scores = np.arange(len(found), 0, -1) if scores is None else scores
    return Candidates(np.array(found, np.int32), np.array(scores, np.float32))


@given(st.data(), st.sampled_from(range(len(PARTS))), st.integers(1, 12), st.integers(0, 2**31))
@settings(max_examples=200, deadline=None)
def test_nothing_is_invented_and_every_row_is_accounted_for(data, which, n, seed):
    found = data.draw(st.lists(st.integers(0, 29), unique=True, max_size=25))
    scores = data.draw(st.lists(st.floats(-5, 5, width=32), min_size=len(found), max_size=len(found)))
    liked = data.draw(st.lists(st.integers(0, 29), max_size=6))
    query = Query(Profile(history=History.of_items(np.array(liked, np.int32))), n=n, seed=seed)
    given_, part = candidates(found, scores), PARTS[which]
    before = given_.scores.copy()
    selection = part.select(query, given_, ITEMS, n)
    rows = [*selection.kept.tolist(), *(row for row, _ in selection.dropped)]
    assert sorted(rows) == list(range(len(found)))
    np.testing.assert_array_equal(given_.scores, before)
    again = part.select(query, given_, ITEMS, n)
    np.testing.assert_array_equal(selection.kept, again.kept)
    if selection.propensities is not None:
        assert ((selection.propensities > 0) & (selection.propensities <= 1)).all()


@pytest.mark.parametrize(
    "part", [MMR(balance=1.0), Calibrated(weight=0.0), Explore(slots=0), Explore(epsilon=0.0), Rules()]
)
def test_a_part_turned_off_changes_nothing(part):
    given_ = candidates([5, 2, 8, 1], [1, 3, 2, 2])
    assert part.select(Query(), given_, ITEMS, 3).kept.tolist() == [0, 1, 2, 3]


def test_mmr_takes_the_unlike_item_before_the_second_like_one():
    given_ = candidates([0, 8, 1], [1.0, 0.9, 0.0])  # items 0 and 8 have one vector
    assert MMR(balance=0.4, space="text").select(Query(), given_, ITEMS, 3).kept.tolist() == [0, 2, 1]


@given(st.integers(2, 8), st.integers(1, 4), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_dpp_takes_the_rows_that_a_search_over_determinants_takes(count, n, seed):
    chance = np.random.default_rng(seed)
    rows = chance.normal(size=(count, 12))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    alike, quality = rows @ rows.T, np.exp(chance.random(count))
    kernel = quality[:, None] * alike * quality
    by_search: list[int] = []
    for _ in range(min(n, count)):
        left = [row for row in range(count) if row not in by_search]
        by_search.append(max(left, key=lambda row: np.linalg.det(kernel[np.ix_([*by_search, row], [*by_search, row])])))
    assert greedy(alike, quality, min(n, count)) == by_search


def test_dpp_of_two_is_often_the_best_pair_and_never_a_duplicate():
    given_ = candidates([0, 8, 16, 1, 2])  # 0, 8 and 16 are the same in the text space
    kept = DPP(space="text").select(Query(), given_, ITEMS, 3).kept.tolist()
    assert kept[:3] == [0, 3, 4]
    assert sorted(kept) == list(range(5))


def test_seventy_thirty_gets_seven_and_three():
    liked = [0, 3, 6, 9, 12, 15, 18, 1, 4, 7]  # seven red, three white
    query = Query(Profile(history=History.of_items(np.array(liked, np.int32))))
    given_ = candidates([at for kind in (0, 1, 2) for at in range(kind, 30, 3)])
    part = Calibrated(attribute="kind", weight=0.99, decay=1.0)
    shown = [
        ITEMS[int(given_.items[row])].attributes["kind"] for row in part.select(query, given_, ITEMS, 10).kept[:10]
    ]
    assert (shown.count("red"), shown.count("white")) == (7, 3)


def test_pins_boosts_and_caps_move_positions():
    given_ = candidates([0, 1, 2, 3, 4])  # red white sweet red white
    assert Rules(pin={"i4": 1, "i29": 2}).select(Query(), given_, ITEMS, 5).kept.tolist() == [4, 0, 1, 2, 3]
    assert Rules(boost={"kind=sweet": 1}).select(Query(), given_, ITEMS, 5).kept.tolist() == [0, 2, 1, 3, 4]
    assert Rules(boost={"kind=red": -1}).select(Query(), given_, ITEMS, 5).kept.tolist() == [1, 0, 2, 4, 3]
    selection = Rules(cap={"kind": 1}, pin={"i3": 5}).select(Query(), given_, ITEMS, 5)
    assert selection.kept.tolist() == [1, 2, 3], "the pinned red one stays, so the other red one goes"
    assert dict(selection.dropped) == {0: "cap on kind", 4: "cap on kind"}


@pytest.mark.parametrize("wrong", [{"cap": {"kind": 0}}, {"pin": {"a": "b"}}, {"boost": {"kind": 2}}])
def test_a_wrong_rule_is_refused_by_name(wrong):
    with pytest.raises(SettingError, match=f"Rules.{next(iter(wrong))}"):
        Rules(**wrong)


def test_chances_of_all_orders_of_four_items_sum_to_one():
    given_ = candidates([0, 1, 2, 3], [2, 1, 0.5, 0.1])
    for part in (Explore(method="plackett_luce", temperature=0.5), Explore(epsilon=0.4, slots=3)):
        total = sum(float(np.prod(part.propensities(given_, np.array(order), 4))) for order in permutations(range(4)))
        assert total == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("part", [Explore(method="plackett_luce", temperature=0.5), Explore(epsilon=0.5, slots=2)])
def test_orders_come_up_as_often_as_declared(part):
    given_, draws = candidates([0, 1, 2], [2, 1, 0]), 4000
    seen = [tuple(part.select(Query(n=3, seed=seed), given_, ITEMS, 3).kept.tolist()) for seed in range(draws)]
    for order in permutations(range(3)):
        declared = float(np.prod(part.propensities(given_, np.array(order), 3)))
        assert seen.count(order) / draws == pytest.approx(declared, abs=0.035)


def test_novel_prefers_the_unknown_among_equals_and_stays_in_its_pool():
    part = PARTS[-1]
    given_ = candidates([29, 0, 15, 3], [1, 1, 1, 1])
    assert part.select(Query(n=2), given_, ITEMS, 2).kept.tolist()[:2] == [1, 3], "the least met first"
    small = Novel(pool=2)
    small.popularity = part.popularity
    assert set(small.select(Query(n=2), given_, ITEMS, 2).kept[:2].tolist()) == {0, 1}


def test_every_pair_of_tags_is_at_most_one_alike():
    from zhiyin.reranking.likeness import rows_for

    rows = rows_for(ITEMS, np.arange(12, dtype=np.int32), "tags")
    for one, other in combinations(range(12), 2):
        assert -1e-6 <= rows[one] @ rows[other] <= 1 + 1e-5
    assert rows[0] @ rows[20 % 12] == pytest.approx(float(rows[20 % 12] @ rows[0]))
