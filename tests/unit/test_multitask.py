"""multitask: experts and gates by hand, a head per action the data show, chances that mean something, and their value."""

import numpy as np
import pytest

from zhiyin.data.dataset import Dataset, Interactions
from zhiyin.data.weights import EventWeights
from zhiyin.errors import SettingError
from zhiyin.event import CODES
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.ranking.outcomes import ACTIONS, action_labels
from zhiyin.recipe import read_recipe
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.transition import Transition
from zhiyin.training.fit import held_out, ranking_rows
from zhiyin.vocabulary import Vocabulary

torch = pytest.importorskip("torch")

from zhiyin.learning.experts import Experts, Uncertainty, entropy  # noqa: E402
from zhiyin.ranking.multitask import MultiTask  # noqa: E402

SMALL = {"hidden": (8,), "epochs": 8, "length": 6, "buckets": 512, "expert": 16, "learning_rate": 0.01, "batch": 16}


def outcome(*events):
    """Events (item, kind, value) as the rows after a request."""
    items, kinds, values = zip(*events, strict=True)
    codes = np.array([CODES[kind] for kind in kinds], np.uint8)
    floats = np.array([np.nan if value is None else value for value in values], np.float32)
    count = len(items)
    return Interactions(
        np.zeros(count, np.int32), np.array(items, np.int32), np.arange(count, dtype=float), np.ones(count, np.float32), codes, floats
    )  # fmt: skip


def test_labels_say_what_was_done_with_each_candidate():
    done = outcome(
        (3, "click", None), (4, "rating", 4), (5, "rating", 3.5), (6, "purchase", 2), (7, "purchase", 0),
        (8, "dwell", 30), (8, "dwell", 90), (9, "favourite", None), (10, "impression", None), (11, "dislike", None),
    )  # fmt: skip
    labels = action_labels(done, np.arange(12, dtype=np.int32), EventWeights(rating_scale=(1, 5)))
    found = {name: np.flatnonzero(labels[:, column]).tolist() for column, name in enumerate(ACTIONS)}
    assert found == {"click": [3, 4, 5, 8, 9, 11], "like": [4, 9], "purchase": [6], "dwell": [8]}
    assert labels[8, ACTIONS.index("dwell")] == pytest.approx(0.75)


def test_mmoe_mixes_all_experts_by_each_tasks_own_gate():
    torch.manual_seed(0)
    mixture, x = Experts(5, tasks=2, shared=3, hidden=4).eval(), torch.randn(7, 5)
    found, gates = mixture(x)
    level = mixture.levels[0]
    outputs = torch.stack([expert(x) for expert in level.shared], 1)
    for task in (0, 1):
        by_hand = (torch.softmax(level.gates[task](x), 1)[:, :, None] * outputs).sum(1)
        assert torch.allclose(found[task], by_hand, atol=1e-6)
        assert torch.allclose(gates[task].sum(1), torch.ones(7))
    assert not torch.allclose(found[0], found[1])


def test_in_ple_a_task_never_reads_another_tasks_expert_in_one_level():
    mixture, x = Experts(5, tasks=2, shared=1, own=1, hidden=4, levels=1).eval(), torch.randn(7, 5)
    before = [one.detach().clone() for one in mixture(x)[0]]
    with torch.no_grad():
        for weights in mixture.levels[0].own[1].parameters():
            weights.add_(1.0)
    after = mixture(x)[0]
    assert torch.equal(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


def test_between_two_levels_the_shared_experts_hear_all_tasks():
    mixture, x = Experts(5, tasks=2, shared=1, own=1, hidden=4, levels=2).eval(), torch.randn(7, 5)
    assert mixture.levels[0].passing[1].out_features == 3
    assert mixture.levels[1].passing is None
    before = mixture(x)[0][0].detach().clone()
    with torch.no_grad():
        for weights in mixture.levels[0].own[1].parameters():
            weights.add_(1.0)
    assert not torch.allclose(before, mixture(x)[0][0])


def test_entropy_is_one_for_an_even_gate_and_none_for_a_closed_one():
    found = entropy(torch.tensor([[0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0]]))
    assert found.tolist() == pytest.approx([1, 0, 0.5], abs=1e-6)


def test_a_gate_that_loses_experts_still_sums_to_one():
    gates = Experts(3, tasks=1, shared=4, drop=0.9).train()(torch.randn(500, 3))[1]
    assert torch.allclose(gates[0].sum(1), torch.ones(500))
    assert (gates[0] == 0).any()


def test_uncertainty_begins_as_a_sum_and_learns_to_hear_less_of_a_noisy_task():
    balance, losses = Uncertainty(2), torch.tensor([0.1, 9.0])
    assert balance(losses).item() == pytest.approx(9.1)
    steps = torch.optim.SGD(balance.parameters(), 0.05)
    for _ in range(300):
        steps.zero_grad()
        balance(losses).backward()
        steps.step()
    assert balance.noise[1] > balance.noise[0] + 1


def shop(users=160, seed=0):
    """Items of four kinds; people walk round within a kind. Even items are liked when met, odd ones get low ratings; those of
    kind 3 are bought besides."""
    chance = np.random.default_rng(seed)
    rows = [
        Item(f"i{n}", f"item {n}", attributes={"kind": f"kind {n % 4}", "half": "even" if n % 8 < 4 else "odd"})
        for n in range(48)
    ]
    vectors = np.eye(8, dtype=np.float32)[np.arange(48) % 8] + 0.05 * chance.normal(size=(48, 8)).astype(np.float32)
    items = Items(rows, {"text": vectors / np.linalg.norm(vectors, axis=1, keepdims=True)})
    columns = [[], [], [], [], []]
    for user in range(users):
        place = chance.integers(12)
        for step in range(10):
            item = int((place + step) % 12 * 4 + user % 4)
            liked = item % 8 < 4
            columns[0].append(user), columns[1].append(item), columns[2].append(float(step))
            columns[3].append(CODES["rating"]), columns[4].append(5.0 if liked else 3.0)
            if item % 4 == 3:
                columns[0].append(user), columns[1].append(item), columns[2].append(step + 0.5)
                columns[3].append(CODES["purchase"]), columns[4].append(1.0)
    users_, items_, times, kinds, values = (np.array(one) for one in columns)
    weights = EventWeights(rating_scale=(1.0, 5.0))
    table = Interactions.sort(users_, items_, times, weights.weigh(kinds, values), kinds, values)
    return Dataset(Vocabulary([f"u{n}" for n in range(users)], "user"), items, table, 10.0, False, weights=weights)


@pytest.fixture(scope="module")
def fitted():
    data = shop()
    past, cases = held_out(data, "last")
    recommender = Recommender(retrieve=[Popular(), Transition()]).fit(past)
    rows, valid = ranking_rows(recommender, cases, dataset=data)
    return data, past, recommender, rows, valid, MultiTask(**SMALL).fit(past, rows, valid)


def test_outcomes_are_what_came_after_the_history_of_a_question(fitted):
    data, _, _, rows, _, _ = fitted
    for query, after in zip(rows.queries[:50], rows.outcomes[:50], strict=True):
        user = query.profile.position
        whole = data.history(user).items
        assert whole.tolist() == [*query.profile.history.items.tolist(), *after.items.tolist()]
        assert len(after)


def test_a_head_is_on_where_the_data_show_its_action(fitted):
    assert fitted[-1].actions == ("relevance", "click", "like", "purchase")
    data, past, _, rows, valid, _ = fitted
    asked = MultiTask(**{**SMALL, "epochs": 1}, heads=("like", "dwell")).fit(past, rows, valid)
    assert asked.actions == ("relevance", "like")
    bare = type(rows)(rows.queries, rows.candidates, rows.labels)
    assert MultiTask(**{**SMALL, "epochs": 1}).fit(data, bare).actions == ("relevance",)


def test_chances_follow_the_action(fitted):
    data, _, _, _, valid, part = fitted
    found = np.concatenate(part.predict(valid.queries, valid.candidates, data.items))
    shown = np.concatenate([one.items for one in valid.candidates])
    chances = dict(zip(part.actions, found.T, strict=True))
    assert found[:, 1:].min() >= 0
    assert found[:, 1:].max() <= 1
    right = np.concatenate(valid.labels) > 0
    even, kind3 = shown % 8 < 4, shown % 4 == 3
    assert chances["click"][right].mean() > 3 * chances["click"][~right].mean()
    assert chances["like"][right & even].mean() > 3 * chances["like"][right & ~even].mean()
    assert chances["purchase"][right & kind3].mean() > 3 * chances["purchase"][right & ~kind3].mean()
    # What was drawn of the wrong answers stands for all of them, so the mean is near the share that happened.
    met = np.concatenate([np.isin(c.items, o.items) for c, o in zip(valid.candidates, valid.outcomes, strict=True)])
    assert chances["click"].mean() == pytest.approx(met.mean(), rel=0.5)


def test_heads_begin_at_how_often_their_action_happens(fitted):
    _, past, _, rows, valid, _ = fitted
    part = MultiTask(**{**SMALL, "epochs": 1, "learning_rate": 1e-6}).fit(past, rows, valid)
    found = np.concatenate(part.predict(rows.queries, rows.candidates, past.items))
    after = zip(rows.candidates, rows.outcomes, strict=True)
    done = np.concatenate([action_labels(one, some.items, past.weights) for some, one in after])
    for column, action in enumerate(part.actions[1:], 1):
        happened = done[:, ACTIONS.index(action)].mean()
        assert found[:, column].mean() == pytest.approx(happened, rel=0.7), action


@pytest.mark.parametrize("kind", ["mmoe", "ple"])
def test_understanding_reads_what_an_item_is_and_gates_stay_open(fitted, kind):
    _, past, _, rows, valid, part = fitted
    if kind == "ple":
        part = MultiTask(**SMALL, kind="ple", balance="uncertainty").fit(past, rows, valid)
    told = part.course["understanding"]
    assert told["attribute"] in ("kind", "half")
    assert told["accuracy"] > told["majority"] + 0.2
    assert set(part.course["gate entropy"]) == {*part.actions, "semantic"}
    assert all(0.01 < value <= 1 for value in part.course["gate entropy"].values())
    assert len(part.course["by epoch"]) >= 1


def test_another_weight_gives_another_order_without_a_fit(fitted):
    _, past, recommender, _, _, part = fitted
    served = Recommender(retrieve=recommender.retrievers, rank=[part])
    served.take_catalogue(past)
    profile = past.profile(3)

    def order(**weights):
        return served.recommend(Query(profile, n=20, weights=weights)).candidates

    plain, by_like, by_purchase = order(), order(like=1.0), order(purchase=1.0)
    column = by_like.actions.index("like")
    assert np.allclose(by_like.scores, by_like.predictions[:, column])
    assert (np.diff(by_like.scores) <= 0).all()
    assert not np.array_equal(by_like.items, by_purchase.items)
    assert not np.array_equal(plain.items, by_like.items)
    served.value = {"like": 1.0, "dwell": 5.0}  # dwell has no head here: its weight waits
    assert np.array_equal(order().items, by_like.items)
    assert np.array_equal(order(like=0.0, purchase=1.0).items, by_purchase.items)  # the request's own win
    with pytest.raises(SettingError, match="nobody predicts"):
        order(dwell=1.0)


RECIPE = """
[[retrieve]]
use = "popular"
[[rank]]
use = "multitask"
[value]
like = 2
click = 0.5
"""


def test_a_recipe_names_the_weights_and_a_wrong_one_is_refused_by_name():
    assert read_recipe(RECIPE).recommender.value == {"like": 2.0, "click": 0.5}
    with pytest.raises(SettingError, match=r"line 7.*'lik'.*'like'"):
        read_recipe(RECIPE.replace("like = 2", "lik = 2"))
    with pytest.raises(SettingError, match="must be a number"):
        read_recipe(RECIPE.replace("like = 2", 'like = "much"'))
    with pytest.raises(SettingError, match="unknown key 'like'"):
        read_recipe(RECIPE.replace("multitask", "blend"))
    with pytest.raises(SettingError, match="'share'"):
        MultiTask(heads=("share",))
