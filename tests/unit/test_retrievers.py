"""Retrievers with answers one can see by eye, and their identities."""

import numpy as np
import pytest
from scipy import sparse

from zhiyin.data.dataset import build
from zhiyin.errors import DataError, TooLarge
from zhiyin.item import Item, Items
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.retrieval.als import ALS, Rows, loss
from zhiyin.retrieval.bm25 import BM25
from zhiyin.retrieval.content import Content
from zhiyin.retrieval.dense import Dense
from zhiyin.retrieval.ease import Ease, ridge_weights
from zhiyin.retrieval.fresh import Fresh
from zhiyin.retrieval.item_knn import ItemKNN, nearest
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.retrieval.user_knn import UserKNN
from zhiyin.testing import small_dataset

DAY = 86_400.0


def of(sequences, **catalogue):
    """A dataset from {user: "items one letter each, in order"}."""
    letters = sorted({one for sequence in sequences.values() for one in sequence} | set(catalogue))
    items = Items([catalogue.get(one, Item(one)) for one in letters])
    rows = [(user, one, place) for user, sequence in sequences.items() for place, one in enumerate(sequence)]
    users, ids, times = zip(*rows, strict=True)
    return build(users, items, ids, np.array(times, float))


def asked(dataset, letters, **more):
    return Query(Profile(history=History.of_items(dataset.items.vocabulary.positions(letters))), **more)


def answered(part, dataset, letters, n=10, **more):
    found = part.retrieve([asked(dataset, letters, **more)], n)[0]
    return "".join(dataset.items[int(one)].item_id for one in found.items)


BLOCKS = {"u1": "abc", "u2": "abc", "u3": "ab", "u4": "xyz", "u5": "xyz", "u6": "yz"}
"""Two groups that share nothing: whoever likes a must be given b and c, never x, y or z first."""


@pytest.mark.parametrize(
    "part",
    [
        ItemKNN(),
        UserKNN(),
        Ease(regularization=1.0),
        Transition(),
        ALS(factors=4, zeros=0.6, regularization=0.01),
    ],
)
def test_two_blocks_stay_apart(part):
    dataset = of(BLOCKS)
    fitted = part.fit(dataset)
    assert set(answered(fitted, dataset, "a", 3)) - {"a"} == {"b", "c"}
    assert set(answered(fitted, dataset, "y", 2)) - {"y"} <= {"x", "z"}


def test_popular_counts_people():
    dataset = of({"u": "ab", "v": "ac", "w": "ab"})
    assert answered(Popular().fit(dataset), dataset, "") == "abc"


def test_transition_backwards_and_less_popular_by_hand():
    dataset = of({"u": "ab", "v": "cb"})
    both = Transition(reverse=0.5).fit(dataset).table.toarray()
    # Row b: a and c came before it, each half of 1; divided by the root of their sum, 1.
    assert both[1] == pytest.approx([0.5, 0, 0.5])
    held = Transition(popularity=0.5).fit(dataset).table.toarray()
    assert held[0] == pytest.approx([0, 1 / 2**0.5, 0])  # b follows twice
    assert held[1] == pytest.approx([0, 0, 0])


def test_als_counts_the_same_zeros_in_a_larger_catalogue():
    small, large = of(BLOCKS), of(BLOCKS, **{f"z{n}": Item(f"z{n}") for n in range(500)})
    one, other = (ALS(factors=4, zeros=1.0).fit(data).scores([asked(data, "a")])[0] for data in (small, large))
    assert one == pytest.approx(other[: len(one)], rel=1e-3)


def test_transition_by_hand():
    dataset = of({"u": "abc", "v": "ab"})
    part = Transition(window=2, decay=0.5).fit(dataset)
    # a -> b twice at gap 1, a -> c once at gap 2: the row 2, 1/2 is divided by the root of 2.5; b -> c once: 1.
    assert part.table.toarray()[0] == pytest.approx([0, 2 / 2.5**0.5, 0.5 / 2.5**0.5])
    scores = part.scores([asked(dataset, "ab")])[0]
    assert scores[1] == pytest.approx(0.5 * 2 / 2.5**0.5)
    assert scores[2] == pytest.approx(1 + 0.5 * 0.5 / 2.5**0.5)


def test_transition_never_leads_from_one_user_to_the_next():
    part = Transition(window=5).fit(of({"u": "ab", "v": "cd"}))
    assert part.table.nnz == 2


def test_item_knn_by_hand():
    dataset = of({"u": "ab", "v": "ab", "w": "ac"})
    table = ItemKNN(shrinkage=1.0).fit(dataset).table.toarray()
    assert table[0, 1] == pytest.approx(2 / ((3 * 2) ** 0.5 + 1))
    assert table[0, 2] == pytest.approx(1 / (3**0.5 + 1))
    assert not table.diagonal().any()


def test_pruning_keeps_the_nearest():
    table = sparse.csr_matrix(np.array([[0, 3, 2, 1], [1, 1, 1, 0]], np.float32))
    assert nearest(table, 2).toarray().tolist() == [[0, 3, 2, 0], [1, 1, 0, 0]]


def test_a_known_user_is_not_their_own_neighbour():
    dataset = of({"u": "abc", "v": "ad"})
    query = Query(dataset.profile(dataset.users.position("u")))
    scores = UserKNN().fit(dataset).scores([query])[0]
    assert np.isfinite(scores).tolist() == [True, False, False, True]


def test_ease_equals_a_ridge_regression_of_each_column_on_the_others():
    matrix = (np.random.default_rng(0).random((30, 7)) < 0.4).astype(np.float32)
    weights = ridge_weights(sparse.csr_matrix(matrix), 5.0)
    assert not weights.diagonal().any()
    for column in range(7):
        others = [one for one in range(7) if one != column]
        left = matrix[:, others].T @ matrix[:, others] + 5 * np.eye(6)
        expected = np.linalg.solve(left, matrix[:, others].T @ matrix[:, column])
        assert weights[others, column] == pytest.approx(expected, abs=1e-4)


def test_ease_refuses_what_does_not_fit_and_names_another_way():
    with pytest.raises(TooLarge, match="item_knn"):
        Ease(memory_gb=1e-9).fit(of(BLOCKS))


@pytest.mark.parametrize(
    "part",
    [ItemKNN(), Ease(), Transition(), UserKNN(), ALS(factors=4), Content(), Dense(), Dense(pool="mean", dislike=0.0)],
)
def test_contributions_add_up_to_the_score(part):
    dataset = small_dataset(3)
    fitted = part.fit(dataset)
    query = Query(dataset.profile(0))
    found = fitted.retrieve([query], 8)[0]
    assert len(found)
    assert fitted.contributions(query, found.items).sum(1) == pytest.approx(found.scores, rel=1e-3, abs=1e-4)


# -- als ---------------------------------------------------------------------------------------------------------------


def toy(seed=0, users=25, items=15):
    return sparse.csr_matrix((np.random.default_rng(seed).random((users, items)) < 0.3).astype(np.float32))


def test_the_gramian_trick_is_the_dense_loss():
    matrix, rng = toy(), np.random.default_rng(1)
    users, items = rng.normal(size=(25, 3)).astype(np.float32), rng.normal(size=(15, 3)).astype(np.float32)
    said, met = users @ items.T, matrix.toarray() > 0
    dense = float(np.square(1 - said)[met].sum() + 0.2 * np.square(said).sum())
    assert loss(matrix, users, items, 0.2) == pytest.approx(dense, rel=1e-5)


def test_als_loss_falls_with_every_half_step():
    matrix, rng = toy(), np.random.default_rng(2)
    factors = [rng.normal(0, 0.1, (size, 4)).astype(np.float32) for size in matrix.shape]
    sides = Rows(matrix), Rows(matrix.T.tocsr())
    penalties = [np.full(size, 0.3, np.float32) for size in matrix.shape]

    def objective():
        return loss(matrix, *factors, 0.1) + 0.3 * sum(float(np.square(one).sum()) for one in factors)

    values = [objective()]
    for step in range(12):
        side = step % 2
        factors[side] = sides[side].solve(factors[side], factors[1 - side], 0.1, penalties[side])
        values.append(objective())
    assert (np.diff(values) <= 1e-4).all()
    assert values[-1] < 0.5 * values[0]


def test_als_reaches_the_loss_of_implicit():
    als = pytest.importorskip("implicit.als")
    matrix, alpha0, penalty = toy(3, 60, 40), 0.1, 0.2
    model = als.AlternatingLeastSquares(
        5, regularization=penalty / alpha0, alpha=(1 + alpha0) / alpha0, iterations=60, num_threads=1, random_state=1
    )
    model.fit(matrix, show_progress=False)
    rng = np.random.default_rng(4)
    users, items = (rng.normal(0, 0.05, (size, 5)).astype(np.float32) for size in matrix.shape)
    sides = Rows(matrix), Rows(matrix.T.tocsr())
    for _ in range(60):
        users = sides[0].solve(users, items, alpha0, np.full(60, penalty, np.float32), 1 + alpha0)
        items = sides[1].solve(items, users, alpha0, np.full(40, penalty, np.float32), 1 + alpha0)

    def objective(left, right):
        weights = penalty * (np.square(left).sum() + np.square(right).sum())
        return loss(matrix, left, right, alpha0, 1 + alpha0) + weights

    assert objective(users, items) == pytest.approx(objective(model.user_factors, model.item_factors), rel=0.02)


# -- words, vectors, freshness ----------------------------------------------------------------------------------------


SHOP = {
    "a": Item("a", "red wine", attributes={"grape": "Merlot"}),
    "b": Item("b", "white wine", attributes={"grape": "Riesling"}),
    "c": Item("c", "Merlot glass"),
    "d": Item("d", "山谷干红葡萄酒"),
}


def test_bm25_finds_words_and_prefers_rare_ones():
    dataset = of({"u": "abcd"}, **SHOP)
    part = BM25().fit(dataset)
    assert answered(part, dataset, "", text="riesling wine") == "ba"
    assert answered(part, dataset, "", text="葡萄酒") == "d"
    assert answered(part, dataset, "", text="nothing here") == ""


def test_without_a_wish_bm25_looks_for_words_of_the_history():
    dataset = of({"u": "abcd"}, **SHOP)
    assert set(answered(BM25().fit(dataset), dataset, "a")) == {"a", "b", "c"}


def test_content_follows_shared_words():
    dataset = of({"u": "abcd"}, **SHOP)
    assert set(answered(Content().fit(dataset), dataset, "c")) == {"a", "c"}


@pytest.mark.parametrize("part", [BM25(), Content()])
def test_a_changed_text_is_found_by_its_new_words_only(part):
    dataset = of({"u": "abcd"}, **SHOP)
    fitted, live = part.fit(dataset), dataset.items.copy()
    changed = [live.put(Item("a", "sparkling cider")), live.put(Item("new", "dry cider"))]
    fitted.extend(live, changed)
    query = Query(Profile(history=History.of_items(np.array(changed[:1], np.int32))), text="cider")
    assert set(fitted.retrieve([query], 9)[0].items.tolist()) == set(changed)


def vectors_of(dataset, **by_letter):
    dataset.items.set_vectors("text", np.array([by_letter[row.item_id] for row in dataset.items.rows], np.float32))
    return dataset


@pytest.mark.parametrize("exact_up_to", [100, 0])
def test_dense_finds_the_nearest_and_a_wish_wins_over_the_history(exact_up_to):
    dataset = vectors_of(of({"u": "abcd"}), a=[1, 0], b=[0.9, 0.1], c=[0, 1], d=[0, 0])
    part = Dense(exact_up_to=exact_up_to).fit(dataset)
    assert answered(part, dataset, "a") == "abc"
    assert answered(part, dataset, "a", text_vectors={"text": np.array([0, 1], np.float32)})[0] == "c"


def test_max_pooling_follows_two_tastes_at_once():
    dataset = vectors_of(of({"u": "abcd"}), a=[1, 0], b=[0.9, 0.1], c=[0, 1], d=[0.7, 0.7])
    assert answered(Dense(pool="mean", decay=1.0).fit(dataset), dataset, "ac")[0] == "d"
    assert set(answered(Dense(pool="max", decay=1.0).fit(dataset), dataset, "ac", 2)) == {"a", "c"}


def test_dense_says_which_vectors_are_missing():
    with pytest.raises(DataError, match="no 'text' vectors"):
        Dense().fit(of(BLOCKS))


def test_fresh_gives_the_newest_first_and_nothing_from_the_future():
    dates = {"a": 1.0, "b": 3.0, "c": 2.0, "d": 9.0}
    catalogue = {one: Item(one, available_from=DAY * date) for one, date in dates.items()}
    dataset = of({"u": "abcd"}, **catalogue)
    assert answered(Fresh().fit(dataset), dataset, "", now=DAY * 5) == "bca"


def test_equally_new_items_come_in_order_of_likeness_and_an_added_one_first():
    catalogue = {one: Item(one, available_from=DAY) for one in "abc"}
    dataset = vectors_of(of({"u": "abc"}, **catalogue), a=[1, 0], b=[0, 1], c=[0.9, 0.1])
    part = Fresh().fit(dataset)
    assert answered(part, dataset, "a", now=2 * DAY) == "acb"
    live = dataset.items.copy()
    added = live.put(Item("new", available_from=2 * DAY), {"text": np.array([0, 1], np.float32)})
    part.extend(live, [added])
    assert part.retrieve([asked(dataset, "a", now=2 * DAY)], 1)[0].items.tolist() == [added]


@pytest.mark.parametrize("absurd", [[], [4.07e9], [-6.2e10, 0.0, 4.07e9]])
def test_fresh_keeps_its_order_within_bounds_whatever_the_years(absurd):
    day = 86_400.0
    dates = [*(1.6e9 + day * number for number in range(40)), *absurd]
    items = Items([Item(f"i{number:02}", available_from=date) for number, date in enumerate(dates)])
    data = build(["u"] * 40, items, [f"i{number:02}" for number in range(40)], np.array(dates[:40]) + 10 * day)
    part, query = Fresh().fit(data), Query(now=1.9e9)
    scores = part.scores([query])[0]
    shown = np.flatnonzero(np.isfinite(scores))
    assert shown[np.argsort(-scores[shown])].tolist() == sorted(shown, key=lambda at: -dates[at])
    assert -1 <= scores[shown].min() <= scores[shown].max() <= 0.02
    usual = scores[:40]
    live, added = items.taking([Item("undated"), Item("now", available_from=1.9e9 - day)])
    part.extend(live, added)
    after = part.scores([query])[0]
    assert after[:40].tolist() == usual.tolist()
    assert after[added[1]] > after[added[0]] > np.sort(usual)[-5], "new things are first among the new"
    assert after[added].max() - usual.max() < 0.02 < usual.std(), "and ahead of nobody by more than a little"
