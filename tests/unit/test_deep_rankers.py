"""wide_deep, deepfm, din and dgf: what they compute, what they learn, and what they do without their inputs."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset, build
from zhiyin.data.timeline import DAY
from zhiyin.errors import SettingError
from zhiyin.item import Item, Items
from zhiyin.learning.attention import TargetAttention
from zhiyin.learning.embedding import FieldTable, Terms, mlp, pairwise
from zhiyin.learning.loop import load_weights, weights_of
from zhiyin.learning.ranking_losses import listwise_loss, pointwise_loss
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.ranking.deep import forget_unseen, logits_of, ndcg
from zhiyin.ranking.deep_codes import ItemCodes, buckets, code, crossed, liked_most, worth_reading
from zhiyin.ranking.deep_gate import learn_gate
from zhiyin.ranking.deep_inputs import NEIGHBOURS, DeepInputs
from zhiyin.ranking.deep_layers import Sizes
from zhiyin.ranking.deep_networks import DeepFMNetwork, DGFNetwork, DINNetwork, WideDeepNetwork
from zhiyin.ranking.deep_rows import GATE, InputOptions
from zhiyin.ranking.deep_vectors import directions, neighbour_graph, placed, principal, projected
from zhiyin.ranking.deepfm import DeepFM
from zhiyin.ranking.dgf import DGF
from zhiyin.ranking.din import DIN
from zhiyin.ranking.wide_deep import WideDeep
from zhiyin.stages import RankingRows

SOURCES = ("good", "noise")
SMALL = {"embedding": 4, "hidden": (16,), "buckets": 512, "wrong": 12, "length": 5, "dropout": 0.0}
SIZES = Sizes(embedding=4, hidden=(16,), dropout=0.0)
NOW = 300 * DAY


def catalogue(count: int = 40, vectors: bool = True) -> Items:
    """Items of four kinds in turn; vectors say nothing but which item it is."""
    rows = [Item(f"i{n}", attributes={"kind": f"kind {n % 4}", "serial": f"number {n}"}) for n in range(count)]
    spaces = {"text": np.eye(count, 16, dtype=np.float32)} if vectors else {}
    return Items(rows, spaces)


def dataset(items: Items) -> Dataset:
    """Forty users who meet three items of one kind, one after the other."""
    users = [f"u{n}" for n in range(40) for _ in range(3)]
    met = [f"i{(n + 4 * k) % 40}" for n in range(40) for k in range(3)]
    return build(users, items, met, np.tile(np.arange(3.0), 40) * DAY + np.repeat(np.arange(40), 3) * DAY)


def requests(count: int, seed: int, right: str) -> RankingRows:
    """Requests of 12 candidates. right: "source" (the best of the source "good") or "pair" (the item after the last one)."""
    chance = np.random.default_rng(seed)
    queries, shown, labels = [], [], []
    for _ in range(count):
        met = chance.choice(40, 3, replace=False).astype(np.int32)
        found = chance.choice(40, 12, replace=False).astype(np.int32)
        scores = chance.random((12, 2)).astype(np.float32)
        if right == "pair":
            answer = (met[-1] * 7 + 3) % 40
            found[0] = answer if answer not in found else found[0]
        scores[chance.integers(0, 12), 1] = np.nan
        ranks = np.argsort(np.argsort(-scores, 0), 0).astype(np.int32) + 1
        times = NOW - DAY * np.arange(3, 0, -1)
        history = History(met, times, np.ones(3, np.float32), np.full(3, 2, np.uint8))
        queries.append(Query(Profile("u", 0, history), now=NOW))
        shown.append(Candidates(found, scores[:, 0], SOURCES, scores, ranks))
        best = scores[:, 0] == scores[:, 0].max() if right == "source" else found == answer
        labels.append(best.astype(np.float32))
    return RankingRows(queries, shown, labels)


def hits(part: object, asked: RankingRows, items: Items) -> float:
    """How often the right answer comes first."""
    found = part.predict(asked.queries, asked.candidates, items)
    return float(np.mean([label[values[:, 0].argmax()] for values, label in zip(found, asked.labels, strict=True)]))


@pytest.fixture(scope="module")
def world():
    """Items, a dataset, rows, and inputs that learned from them."""
    items = catalogue()
    data, rows = dataset(items), requests(60, 0, "source")
    return items, data, rows, DeepInputs.learn(data, rows, InputOptions(length=5, buckets=512, crosses=4096, width=8))


def batch_of(world, count: int = 6):
    items, _, rows, inputs = world
    return inputs.batch(inputs.many(rows, items, None)[:count], items)


def network_of(kind, shape, *more, seed: int = 0):
    """A network whose every weight is drawn, so that no branch is silent."""
    torch.manual_seed(seed)
    network = kind(shape, SIZES, *more)
    with torch.no_grad():
        for weight in network.parameters():
            weight.copy_(torch.randn_like(weight) * 0.2)
        for module in network.modules():
            if isinstance(module, FieldTable | Terms):
                module.weight[0] = 0
    return network.eval()


# -- the layers --------------------------------------------------------------------------------------------------------


def test_second_order_is_the_sum_over_all_pairs():
    vectors = np.random.default_rng(0).normal(size=(3, 7, 5))
    slow = [sum(row[i] @ row[j] for i in range(7) for j in range(i + 1, 7)) for row in vectors]
    assert np.allclose(pairwise(torch.from_numpy(vectors)), slow, atol=1e-9)


@pytest.mark.parametrize("softmax", [False, True])
def test_attention_is_an_mlp_over_query_key_difference_and_product(softmax):
    torch.manual_seed(1)
    part, mask = TargetAttention(4, 6, softmax), torch.tensor([[True, True, False], [True, True, True]])
    queries, keys = torch.randn(2, 5, 4), torch.randn(2, 3, 4)
    q, k = queries[:, :, None].expand(2, 5, 3, 4), keys[:, None].expand(2, 5, 3, 4)
    hidden = part.first(torch.cat([q, k, q - k, q * k], -1))
    logits = part.second(torch.where(hidden > 0, hidden, hidden * part.bend.weight)).squeeze(-1)
    real = mask[:, None].expand(2, 5, 3)
    plain = logits * real
    scaled = torch.softmax((logits / 2).masked_fill(~real, -torch.inf), -1)
    assert torch.allclose(part.weights(queries, keys, mask), scaled if softmax else plain, atol=1e-5)


@pytest.mark.parametrize("softmax", [False, True])
def test_attention_hears_neither_padding_nor_an_empty_history(softmax):
    torch.manual_seed(2)
    part, queries, keys = TargetAttention(4, 6, softmax), torch.randn(1, 5, 4), torch.randn(1, 3, 4)
    alone = part(queries, keys, torch.ones(1, 3, dtype=torch.bool))
    longer = torch.cat([keys, torch.full((1, 4, 4), 9.0)], 1)
    padded = part(queries, longer, torch.tensor([[True] * 3 + [False] * 4]))
    assert torch.allclose(alone, padded, atol=1e-6)
    assert not part(queries, keys, torch.zeros(1, 3, dtype=torch.bool)).any()


def test_attention_learns_which_event_is_like_the_candidate():
    torch.manual_seed(3)
    part, kinds = TargetAttention(4, 16, False), torch.eye(4)
    optimizer = torch.optim.Adam(part.parameters(), 0.02)
    keys, mask = kinds.expand(32, 4, 4), torch.ones(32, 4, dtype=torch.bool)
    for _ in range(150):
        asked = torch.randint(0, 4, (32, 1))
        found = part(kinds[asked], keys, mask)
        loss = (found - kinds[asked]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert part.weights(kinds[None], kinds[None], mask[:1])[0].argmax(1).tolist() == [0, 1, 2, 3]


def test_nothing_has_an_embedding_of_zeros_and_never_learns():
    table, terms = FieldTable(8, 3), Terms(8)
    rows = torch.tensor([[0, 0], [0, 3], [3, 5]])
    found = table(rows)
    assert not found[0].any()
    assert torch.allclose(found[1], table.weight[3])
    assert torch.allclose(found[2], (table.weight[3] + table.weight[5]) / 2)
    (found.sum() + terms(rows).sum()).backward()
    assert not table.weight.grad[0].any()
    assert terms.weight.grad.ravel().tolist() == [0, 0, 0, 2, 0, 1, 0, 0]


def test_listwise_loss_is_the_cross_entropy_of_the_right_answers_without_padding():
    logits = torch.tensor([[0.0, 0.0, 5.0], [1.0, 2.0, 3.0]])
    labels, mask = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]), torch.tensor([[True, True, False], [True] * 3])
    assert float(listwise_loss(logits, labels, mask)) == pytest.approx(np.log(2))
    assert float(pointwise_loss(logits[:1], labels[:1], mask[:1])) == pytest.approx(np.log(2))


# -- codes and vectors -----------------------------------------------------------------------------------------------------


def test_codes_know_pairs_by_order_and_kind_and_nothing_stays_nothing():
    left, right = np.array([code("id", "a"), 0], np.uint64), np.array([code("id", "b"), code("id", "b")], np.uint64)
    assert crossed(left, right)[0] != crossed(right, left)[0]
    assert crossed(left, right, 1)[0] != crossed(left, right, 2)[0]
    assert crossed(left, right)[1] == 0
    assert buckets(crossed(left, right), 16)[1] == 0
    assert 1 <= buckets(crossed(left, right), 16)[0] < 16
    assert code("id", "a") == 18262790422862853538  # on every machine: saved weights are found by it


def test_an_item_is_its_id_and_its_values_and_a_later_item_is_nothing():
    items = catalogue(8)
    assert worth_reading(items) == ["kind"]
    codes = ItemCodes(["kind"])
    found = codes.of(items, np.array([1, 5, 9], np.int32))
    assert found[0, 0, 0] == code("id", "i1") != found[1, 0, 0]
    assert found[0, 1, 0] == found[1, 1, 0] == code("kind", "kind 1")
    assert not found[2].any()
    items.put(Item("new", attributes={"kind": ("kind 1", "other")}))
    assert codes.of(items, np.array([8], np.int32))[0, 1].tolist() == [code("kind", "kind 1"), code("kind", "other"), 0]


def test_the_value_liked_most_is_the_one_met_most():
    values = np.zeros((3, 2, 3), np.uint64)
    values[0, 0, 0], values[1, 0, :2], values[2, 0, 0] = 7, (8, 9), 8
    assert liked_most(values).tolist() == [8, 0]


def test_items_met_together_stand_together_and_a_newcomer_stands_with_its_neighbours():
    items = catalogue()
    data = dataset(items)
    graph = neighbour_graph(data)
    basis = directions(graph, 4, 0)
    near = placed(graph, basis) @ placed(graph, basis).T
    same = np.arange(40)[:, None] % 4 == np.arange(40) % 4
    assert near[same].min() > near[~same].max() + 0.5
    items.put(Item("new"))
    later = build(["a", "a"], items, ["i1", "new"], np.arange(2.0))
    assert placed(neighbour_graph(later), basis)[40] @ placed(graph, basis)[5] > 0.9


def test_projected_vectors_are_centred_and_zeros_stay_zeros():
    vectors = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32) + 3
    vectors[4] = 0
    found = projected(vectors, principal(vectors, 8))
    assert np.allclose(np.delete(found, 4, 0).mean(0), 0, atol=1e-5)
    assert not found[4].any()
    assert found.shape == (50, 8)


# -- the inputs --------------------------------------------------------------------------------------------------------


def test_what_came_at_or_after_the_request_is_not_read(world):
    items, _, rows, inputs = world
    query, shown = rows.queries[0], rows.candidates[0]
    history = query.profile.history
    later = History(
        np.append(history.items, [7, 8]).astype(np.int32),
        np.append(history.times, [NOW, NOW + 5]),
        np.ones(5, np.float32),
        np.full(5, 2, np.uint8),
    )
    one = inputs.of(query, shown, items)
    other = inputs.of(replace(query, profile=query.profile.with_history(later)), shown, items)
    assert one.history.tolist() == other.history.tolist() == history.items[::-1].tolist()
    for name in ("query_fields", "history_fields", "numeric", "crosses", "gate"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


def test_a_new_event_is_the_first_of_the_sequence(world):
    items, _, rows, inputs = world
    query = rows.queries[0]
    history = query.profile.history
    longer = History.of_items(np.append(history.items, 9).astype(np.int32))
    found = inputs.of(replace(query, profile=query.profile.with_history(longer)), rows.candidates[0], items)
    assert found.history.tolist() == [9, *history.items[::-1].tolist()]


def test_inputs_come_back_from_layout_and_tables(world):
    items, _, rows, inputs = world
    again = DeepInputs(inputs.layout, inputs.tables)
    one, other = (each.of(rows.queries[1], rows.candidates[1], items) for each in (inputs, again))
    assert np.array_equal(one.numeric, other.numeric)
    assert np.array_equal(one.crosses, other.crosses)
    assert again.shape == inputs.shape


def test_the_shape_is_that_of_the_batch(world):
    shape, batch = world[3].shape, batch_of(world)
    assert batch["numeric"].shape[2] == shape.numeric == len(shape.columns)
    assert batch["flags"].shape[2] == shape.flags
    assert batch["item_fields"].shape[2] == shape.item_fields
    assert batch["query_fields"].shape[1] == shape.query_fields
    assert batch["crosses"].shape[2] == shape.crosses
    assert batch["gate"].shape[2] == shape.gate == len(GATE)
    assert all(np.isfinite(array).all() for array in batch.values())


# -- the networks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("softmax", [False, True])
def test_neither_a_longer_sequence_nor_company_changes_a_din_score(world, softmax):
    items, data, rows, _ = world
    sizes = replace(SIZES, softmax=softmax, positions=False)
    scores = []
    for length in (3, 30):
        inputs = DeepInputs.learn(data, rows, InputOptions(length=length, buckets=512, crosses=4096, width=8))
        torch.manual_seed(0)
        network = DINNetwork(inputs.shape, sizes).eval()
        one = inputs.of(rows.queries[0], rows.candidates[0], items)
        guest = inputs.of(Query(now=NOW), rows.candidates[1].first(4), items)
        scores += [logits_of(network, inputs.batch(some, items))[0, :12] for some in ([one], [guest, one][::-1])]
    for other in scores[1:]:
        assert np.allclose(scores[0], other, atol=1e-6)


def test_a_place_in_the_history_counts_only_when_asked_for(world):
    items, _, rows, inputs = world
    query = rows.queries[0]
    turned = query.profile.history.items[::-1].copy()
    other = replace(query, profile=query.profile.with_history(replace(query.profile.history, items=turned)))
    some = [inputs.of(one, rows.candidates[0], items) for one in (query, other)]
    some = [replace(one, query_fields=some[0].query_fields, numeric=some[0].numeric) for one in some]
    for positions in (False, True):
        network = network_of(
            lambda shape, sizes, p=positions: DINNetwork(shape, replace(sizes, positions=p)), inputs.shape
        )
        found = logits_of(network, inputs.batch(some, items))
        assert np.allclose(found[0], found[1], atol=1e-5) != positions


@pytest.mark.parametrize(
    ("kind", "branches"),
    [(DeepFMNetwork, ("linear", "fm", "deep")), (WideDeepNetwork, ("wide", "deep")), (DINNetwork, ("din",))],
)
def test_dgf_with_the_gate_off_is_the_ranker_whose_branches_it_has(world, kind, branches):
    shape, batch = world[3].shape, batch_of(world)
    single = network_of(kind, shape)
    fused = network_of(DGFNetwork, shape, branches, "off", seed=1)
    assert not np.allclose(logits_of(single, batch), logits_of(fused, batch), atol=1e-2)
    load_weights(
        fused,
        {name if name.startswith("table") else f"branches.{name}": one for name, one in weights_of(single).items()},
    )
    assert np.allclose(logits_of(single, batch), logits_of(fused, batch), atol=1e-6)


def ungated(fused, plain):
    """Give a network without a gate the weights of one with a gate."""
    plain.load_state_dict({name: one for name, one in fused.state_dict().items() if not name.startswith("gate")})


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_the_gate_begins_open_and_alike_for_every_branch(world, gate):
    shape, batch = world[3].shape, batch_of(world)
    torch.manual_seed(0)
    fused, plain = DGFNetwork(shape, SIZES, ("wide", "deep"), gate), DGFNetwork(shape, SIZES, ("wide", "deep"), "off")
    ungated(fused, plain)
    assert np.allclose(logits_of(fused.eval(), batch), logits_of(plain.eval(), batch), atol=1e-6)


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_the_gate_begins_as_the_plain_sum_also_where_a_branch_has_nothing_to_say(world, gate):
    shape, batch = world[3].shape, batch_of(world)
    batch["gate"] = batch["gate"].copy()
    batch["gate"][:, :5, GATE.index("no_text")] = 1
    fused, plain = (network_of(DGFNetwork, shape, ("deep", "graph", "text"), kind) for kind in (gate, "off"))
    ungated(fused, plain)
    with torch.no_grad():
        for weight in fused.gate[-1].parameters():
            weight.zero_()
    assert np.allclose(logits_of(fused, batch), logits_of(plain, batch), atol=1e-5)


def test_deepfm_is_first_order_second_order_and_an_mlp(world):
    batch, network = batch_of(world, 1), network_of(DeepFMNetwork, world[3].shape)
    w = {name: one.astype(np.float64) for name, one in weights_of(network).items()}
    row, table = 3, w["table.weight"]
    own, asked, x, flags = (
        batch["item_fields"][0, row],
        batch["query_fields"][0],
        batch["numeric"][0, row],
        batch["flags"][0, row],
    )
    fields = [table[values[values > 0]].mean(0) if (values > 0).any() else np.zeros(4) for values in own]
    fields += [table[value] if value else np.zeros(4) for value in asked]
    vectors = [*fields, *(w["fm.numbers"] * x[:, None])]
    second = sum(vectors[i] @ vectors[j] for i in range(len(vectors)) for j in range(i + 1, len(vectors)))
    read = np.concatenate([x, flags])
    first = w["linear.fields.weight"][own.ravel()].sum() + w["linear.fields.weight"][asked].sum()
    first += (w["linear.numbers.weight"] @ read + w["linear.numbers.bias"])[0]
    hidden = np.maximum(w["deep.layers.0.weight"] @ np.concatenate([*fields, read]) + w["deep.layers.0.bias"], 0)
    deep = (w["deep.layers.3.weight"] @ hidden + w["deep.layers.3.bias"])[0]
    assert logits_of(network, batch)[0, row] == pytest.approx(first + second + deep, abs=1e-4)


def test_a_branch_without_input_says_nothing(world):
    shape, batch = world[3].shape, batch_of(world)
    network = network_of(DGFNetwork, shape, ("deep", "graph", "text"), "softmax")
    bare = {name: array.copy() for name, array in batch.items()}
    bare["gate"][:, :, GATE.index("no_text")] = bare["gate"][:, :, GATE.index("no_graph")] = 1
    with torch.no_grad():
        opened = network.opened(*network.apart({name: torch.from_numpy(array) for name, array in bare.items()})[1:])
    assert np.allclose(opened, [1, 0, 0])


def test_what_no_row_holds_says_nothing(world):
    items, _, rows, inputs = world
    some = inputs.many(rows, items, None)[:3]
    network = network_of(WideDeepNetwork, inputs.shape)
    forget_unseen(network, some)
    met = np.unique(np.concatenate([one.crosses.ravel() for one in some]))
    weights = network.wide.crosses.weight.detach().numpy().ravel()
    assert np.flatnonzero(weights).tolist() == [row for row in met.tolist() if row]


# -- the parts ---------------------------------------------------------------------------------------------------------

KINDS = {"wide_deep": WideDeep, "deepfm": DeepFM, "din": DIN, "dgf": DGF}


@pytest.fixture(scope="module")
def fitted():
    items = catalogue()
    rows, valid = requests(100, 0, "source"), requests(30, 1, "source")
    return {
        name: kind(**SMALL, epochs=6, batch=8, learning_rate=0.01).fit(dataset(items), rows, valid)
        for name, kind in KINDS.items()
    }


each = pytest.mark.parametrize("name", list(KINDS))


@each
def test_a_ranker_learns_which_source_to_trust(name, fitted):
    # One in twelve by chance; by half as many epochs the least of twenty draws was .85.
    assert hits(fitted[name], requests(60, 2, "source"), catalogue()) > 0.8


@each
def test_the_source_it_trusts_carries_the_score(name, fitted):
    asked = requests(1, 3, "source")
    shares = fitted[name].source_shares(asked.queries[0], asked.candidates[0], catalogue())
    assert shares.shape == (12, 2)
    assert shares[asked.labels[0].argmax(), 0] > 0.5
    assert np.isfinite(shares).all()


@each
def test_missing_inputs_degrade_and_never_crash(name, fitted):
    asked = requests(4, 4, "source")
    bare = catalogue(78, vectors=False)
    silent = [replace(one, source_scores=np.full_like(one.source_scores, np.nan)) for one in asked.candidates]
    nobody = [Query(now=NOW), Query(), Query(Profile(history=History.of_items(np.array([99], np.int32))))]
    later = Candidates(np.array([1, 39, 40, 77], np.int32), np.zeros(4, np.float32))
    for queries, shown in [(asked.queries, silent), (nobody, [later] * 3), (nobody[:1], [Candidates.none()])]:
        for values, one in zip(fitted[name].predict(queries, shown, bare), shown, strict=True):
            assert values.shape == (len(one), 1)
            assert np.isfinite(values).all()


@each
def test_fitting_works_without_text_graph_sources_or_attributes(name):
    items = Items([Item(f"i{n}") for n in range(40)])
    rows = requests(30, 5, "source")
    alone = RankingRows(rows.queries, [Candidates(one.items, one.scores) for one in rows.candidates], rows.labels)
    once = build(["a"], items, ["i0"], np.zeros(1))
    part = KINDS[name](**SMALL, epochs=1).fit(once, alone)
    assert all(np.isfinite(values).all() for values in part.predict(alone.queries, alone.candidates, items))


@each
def test_too_few_rows_leave_the_order_to_the_blend(name):
    rows = requests(5, 6, "source")
    part = KINDS[name](**SMALL).fit(dataset(catalogue()), rows)
    assert part.weights == {}
    assert hits(part, rows, catalogue()) == 1
    assert part.source_shares(rows.queries[0], rows.candidates[0], catalogue()).shape == (12, 2)


def test_the_wide_half_remembers_pairs():
    items = catalogue()
    rows, asked = requests(500, 7, "pair"), requests(120, 8, "pair")
    part = WideDeep(**SMALL, epochs=5, batch=8, learning_rate=0.03, trust=0.0).fit(dataset(items), rows)
    whole = hits(part, asked, items)
    part.weights = {name: one if "crosses" not in name else np.zeros_like(one) for name, one in part.weights.items()}
    # One in twelve by chance. Twenty draws gave .89 to 1.00, and .35 to .75 with the crosses taken out.
    assert whole > 0.8
    assert hits(part, asked, items) < whole - 0.1


@each
def test_a_refresh_moves_the_facts_and_keeps_the_network(name, fitted):
    part, items = fitted[name], catalogue()
    before, stands = part.weights, part.tables[NEIGHBOURS]
    later = build(["a", "a"], items, ["i0", "i1"], np.arange(2.0))
    again = KINDS[name](**SMALL)
    again.layout, again.tables, again.weights = part.layout, part.tables, part.weights
    again.refresh(later)
    assert again.weights is before
    assert not np.allclose(again.tables[NEIGHBOURS], stands)
    assert not np.allclose(again.tables["facts.share"], part.tables["facts.share"])


def test_two_fits_with_one_seed_agree_and_torch_keeps_its_own_chance(fitted):
    items = catalogue()
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, other = (DGF(**SMALL, epochs=1).fit(dataset(items), requests(40, 0, "source")) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert all(np.allclose(one.weights[name], other.weights[name], atol=1e-6) for name in one.weights)


@pytest.mark.parametrize("wrong", [(), ("din", "din"), ("linear", "wide"), ("tree",)])
def test_branches_that_cannot_be_are_refused(wrong):
    with pytest.raises(SettingError, match="branches"):
        DGF(branches=wrong)


def told_apart(count: int, lying: float, seed: int) -> list[dict[str, torch.Tensor]]:
    """Requests for a gate alone: one branch is right; the other is right for popular items, noise times `lying` for the rest."""
    chance = np.random.default_rng(seed)
    right = np.eye(6)[chance.integers(0, 6, count)]
    popular = (chance.random((count, 6)) < 0.5).astype(float)
    noise = chance.normal(size=(count, 6))
    loud = np.where(popular > 0, 2 * right, lying * noise)
    seen = np.zeros((count, 6, len(GATE) + 2), np.float32)
    seen[:, :, GATE.index("popularity")] = 2 * popular - 1
    logits = np.stack([2 * right + 0.3 * noise, loud], 2).astype(np.float32)
    columns = {"logits": logits, "seen": seen, "present": np.ones_like(logits), "labels": right, "mask": right >= 0}
    return [
        {name: torch.from_numpy(one[start : start + 32]) for name, one in columns.items()}
        for start in range(0, count, 32)
    ]


class TwoBranches(DGFNetwork):
    """A gate over logits that are given."""

    def __init__(self):
        torch.nn.Module.__init__(self)
        self.kind, self.gate = "softmax", mlp(len(GATE) + 2, (16,), 0.0, 2)
        torch.nn.init.zeros_(self.gate[-1].weight)
        torch.nn.init.zeros_(self.gate[-1].bias)

    def apart(self, batch):
        return batch["logits"], batch["seen"], batch["present"]


def test_the_gate_shuts_a_branch_where_it_lies():
    network, asked = TwoBranches(), told_apart(400, 3.0, 0)
    gain, error = learn_gate(network, asked, 0)
    assert gain > 5 * error
    with torch.no_grad():
        opened = network.opened(asked[0]["seen"], asked[0]["present"])[:, :, 1]
    popular = asked[0]["seen"][:, :, GATE.index("popularity")] > 0
    assert opened[popular].mean() > opened[~popular].mean() + 0.5


def test_a_gate_without_a_gain_stays_open():
    network, asked = TwoBranches(), told_apart(60, 0.0, 1)
    for batch in asked:
        batch["logits"] = torch.zeros_like(batch["logits"])
    assert learn_gate(network, asked, 0)[0] == 0
    assert not any(weight.any() for weight in network.gate[-1].parameters())


def test_the_branches_learn_as_without_a_gate_and_the_gate_after_them(fitted):
    items, rows, valid = catalogue(), requests(60, 0, "source"), requests(40, 1, "source")
    plain, gated = (
        DGF(**SMALL, epochs=2, batch=8, gate=gate).fit(dataset(items), rows, valid) for gate in ("off", "sigmoid")
    )
    assert set(gated.weights) - set(plain.weights) == {name for name in gated.weights if name.startswith("gate")}
    assert set(gated.course) == {"gate gained", "standard error"}
    assert plain.course == {}
    assert all(np.array_equal(plain.weights[name], gated.weights[name]) for name in plain.weights)


def test_ndcg_of_one_list():
    assert ndcg(np.array([3.0, 2.0, 1.0]), np.array([0.0, 1.0, 0.0])) == pytest.approx(1 / np.log2(3))
