"""Features, blend, boosted and value: what rankers read, learn and say."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset, build
from zhiyin.data.timeline import DAY
from zhiyin.errors import NotFitted, SavedVersionError, SettingError
from zhiyin.item import Item, Items
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.ranking.blend import Blend
from zhiyin.ranking.boosted import Boosted
from zhiyin.ranking.features import Features, learn_facts
from zhiyin.ranking.pairs import TAG_COLUMNS, VECTOR_COLUMNS, tag_pairs, vector_pairs
from zhiyin.ranking.value import value
from zhiyin.stages import RankingRows
from zhiyin.workspace.saving import load_part, save_part

SOURCES = ("good", "noise")


def catalogue(count: int = 40) -> Items:
    """Items that alternate between two makers; the first two share a rare one."""
    makers = ["rare" if n < 2 else ("red" if n % 2 else "white") for n in range(count)]
    vectors = np.eye(count, 8, dtype=np.float32)
    return Items([Item(f"i{n}", attributes={"maker": maker}) for n, maker in enumerate(makers)], {"text": vectors})


def dataset(items: Items) -> Dataset:
    """Thirty users who met item 0 early and item 1 late."""
    users = [f"u{n}" for n in range(30)]
    times = np.concatenate([np.arange(30) * DAY, (np.arange(30) + 100) * DAY])
    return build(users + users, items, ["i0"] * 30 + ["i1"] * 30, times)


def rows(count: int, seed: int = 0) -> RankingRows:
    """Requests whose right answer is the best of the source "good"; "noise" knows nothing."""
    chance = np.random.default_rng(seed)
    queries, shown, labels = [], [], []
    for _ in range(count):
        found = chance.choice(40, 12, replace=False).astype(np.int32)
        scores = chance.random((12, 2)).astype(np.float32)
        scores[chance.integers(0, 12), 1] = np.nan
        ranks = np.argsort(np.argsort(-scores, 0), 0).astype(np.int32) + 1
        profile = Profile("u", 0, History.of_items(chance.choice(40, 3, replace=False).astype(np.int32)))
        queries.append(Query(profile, now=200 * DAY))
        shown.append(Candidates(found, scores[:, 0], SOURCES, scores, ranks))
        labels.append((scores[:, 0] == scores[:, 0].max()).astype(np.float32))
    return RankingRows(queries, shown, labels)


def of_newcomers(asked: RankingRows) -> RankingRows:
    """The same requests by people without a history, for whom the source "noise" is right."""
    queries = [replace(one, profile=Profile("new", 1)) for one in asked.queries]
    noise = [np.nan_to_num(one.source_scores[:, 1]) for one in asked.candidates if one.source_scores is not None]
    labels = [(scores == scores.max()).astype(np.float32) for scores in noise]
    return RankingRows(queries, asked.candidates, labels)


def hits(part: Blend | Boosted, asked: RankingRows, items: Items) -> float:
    """How often the right answer comes first."""
    found = part.predict(asked.queries, asked.candidates, items)
    return float(np.mean([label[values[:, 0].argmax()] for values, label in zip(found, asked.labels, strict=True)]))


@pytest.fixture(scope="module")
def fitted() -> dict[str, Blend | Boosted]:
    items = catalogue()
    return {
        "blend": Blend().fit(dataset(items), rows(150)),
        "boosted": Boosted(trees=40, least_in_leaf=5).fit(dataset(items), rows(150), rows(40, seed=1)),
    }


both = pytest.mark.parametrize("name", ["blend", "boosted"])


@both
def test_a_ranker_learns_which_source_to_trust(name: str, fitted: dict[str, Blend | Boosted]) -> None:
    assert hits(fitted[name], rows(60, seed=2), catalogue()) > 0.9


@both
def test_the_order_of_candidates_and_the_batch_do_not_matter(name: str, fitted: dict[str, Blend | Boosted]) -> None:
    items, asked = catalogue(), rows(5, seed=3)
    together = fitted[name].predict(asked.queries, asked.candidates, items)
    shuffled = np.random.default_rng(0).permutation(12)
    for query, found, values in zip(asked.queries, asked.candidates, together, strict=True):
        alone = fitted[name].predict([query], [found.take(shuffled.astype(np.int32))], items)[0]
        np.testing.assert_allclose(alone, values[shuffled], rtol=1e-5, atol=1e-6)


@both
def test_a_loaded_ranker_answers_the_same(name: str, fitted: dict[str, Blend | Boosted], tmp_path: Path) -> None:
    asked, items = rows(3, seed=4), catalogue()
    save_part(fitted[name], tmp_path)
    before = fitted[name].predict(asked.queries, asked.candidates, items)
    after = load_part(tmp_path).predict(asked.queries, asked.candidates, items)
    np.testing.assert_array_equal(np.concatenate(before), np.concatenate(after))


@both
def test_shares_name_the_source_that_carried_the_score(name: str, fitted: dict[str, Blend | Boosted]) -> None:
    asked = rows(10, seed=5)
    best = [int(label.argmax()) for label in asked.labels]
    found = [
        fitted[name].source_shares(query, one, catalogue())[row]
        for query, one, row in zip(asked.queries, asked.candidates, best, strict=True)
    ]
    assert all((one >= 0).all() for one in found)
    assert np.mean([one[0] for one in found]) > np.mean([one[1] for one in found])


@both
def test_no_candidates_and_no_rows_are_answered(name: str, fitted: dict[str, Blend | Boosted]) -> None:
    items = catalogue()
    assert fitted[name].predict([Query()], [Candidates.none()], items)[0].shape == (0, 1)
    empty = type(fitted[name])().fit(dataset(items), RankingRows([], [], []))
    asked = rows(1)
    assert np.isfinite(empty.predict(asked.queries, asked.candidates, items)[0]).all()


def test_trees_grown_over_other_features_are_refused_by_name(
    fitted: dict[str, Blend | Boosted], tmp_path: Path
) -> None:
    part = fitted["boosted"]
    assert isinstance(part, Boosted)
    save_part(part, tmp_path / "good")
    assert load_part(tmp_path / "good").model == part.model
    before = part.sources
    part.sources = ["good", "other"]
    save_part(part, tmp_path / "bad")
    part.sources = before
    with pytest.raises(SavedVersionError, match=r"no longer there: noise_.*; new: other_.*fit again or roll back"):
        load_part(tmp_path / "bad")


def test_a_ranker_that_learned_nothing_says_so() -> None:
    with pytest.raises(NotFitted):
        Boosted().predict([Query()], [rows(1).candidates[0]], catalogue())


def test_two_fits_are_equal() -> None:
    items = catalogue()
    one, two = (Boosted(trees=10, least_in_leaf=5).fit(dataset(items), rows(60)) for _ in range(2))
    assert one.model == two.model


def test_features_do_not_see_what_came_after_the_moment() -> None:
    items = catalogue()
    features = Features(SOURCES, ("text",), learn_facts(dataset(items)))
    found = replace(rows(1).candidates[0].take(np.arange(2)), items=np.array([0, 1], np.int32))
    matrix = features.of(Query(now=50 * DAY), found, items)
    column = features.names.index("age_days")
    assert matrix.shape == (2, len(features.names)) == (2, len(features.groups))
    assert matrix[0, column] > 0
    assert np.isnan(matrix[1, column])  # item 1 was first met on day 100
    assert matrix[1, features.names.index("seen_before")] == 0


def test_the_rare_shared_tag_stands_out() -> None:
    items = catalogue()
    query = Query(Profile(history=History.of_items(np.array([0], np.int32))))
    pairs = dict(zip(TAG_COLUMNS, tag_pairs(items, query, np.array([1, 2], np.int32)).T, strict=True))
    assert pairs["tags_last"].tolist() == [pytest.approx(1.0), 0.0]
    assert pairs["rare_tag_last"][0] > 2.5
    assert pairs["rare_tag_last"][1] == 0
    assert np.isnan(pairs["tags_disliked"]).all()


def test_cosines_are_with_the_newest_first() -> None:
    items = catalogue()
    query = Query(Profile(history=History.of_items(np.array([3, 4], np.int32))))
    vectors = items.vectors["text"]
    pairs = dict(zip(VECTOR_COLUMNS, vector_pairs(vectors, query, np.array([4, 3, 5], np.int32)).T, strict=True))
    assert pairs["last"].tolist() == [1, 0, 0]
    assert pairs["all_max"].tolist() == [1, 1, 0]
    assert pairs["all_mean"].tolist() == [0.5, 0.5, 0]


def test_value_mixes_actions_by_weights_of_the_request_first() -> None:
    predictions = np.array([[0.5, 0.1], [0.2, 0.9]], np.float32)
    actions = ("click", "like")
    assert value(predictions, actions, {}).tolist() == pytest.approx([0.5, 0.2])
    assert value(predictions, actions, {"click": 1.0, "like": 2.0}).tolist() == pytest.approx([0.7, 2.0])
    asked = Query(weights={"like": 0.0})
    assert value(predictions, actions, {"click": 1.0, "like": 2.0}, asked).tolist() == pytest.approx([0.5, 0.2])
    with pytest.raises(SettingError, match="share"):
        value(predictions, actions, {"share": 1.0})


@both
def test_a_history_with_items_newer_than_the_catalogue_is_read(name: str, fitted: dict[str, Blend | Boosted]) -> None:
    profile = Profile(history=History.of_items(np.array([3, 999], np.int32)))
    found = rows(1).candidates
    assert np.isfinite(fitted[name].predict([Query(profile)], found, catalogue())[0]).all()


def test_people_without_a_history_have_a_blend_of_their_own() -> None:
    known, new = rows(60), of_newcomers(rows(60, seed=1))
    both = RankingRows(
        *([*a, *b] for a, b in zip(*((r.queries, r.candidates, r.labels) for r in (known, new)), strict=True))
    )
    part = Blend().fit(dataset(catalogue()), both)
    assert hits(part, rows(60, seed=2), catalogue()) == hits(part, of_newcomers(rows(60, seed=3)), catalogue()) == 1
    shares = part.source_shares(new.queries[0], new.candidates[0], catalogue())
    assert shares[:, 1].sum() > shares[:, 0].sum(), "a reason names what carried the newcomer's score"


def test_where_nobody_is_new_newcomers_get_the_blend_of_the_others() -> None:
    part = Blend().fit(dataset(catalogue()), rows(60))
    assert (
        hits(part, RankingRows(of_newcomers(rows(40)).queries, rows(40).candidates, rows(40).labels), catalogue()) == 1
    )
