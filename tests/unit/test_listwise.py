"""listwise: what it learns, what guards it, and what it never lets through."""

from dataclasses import replace

import numpy as np
import pytest
from test_ranking import catalogue, dataset, hits, of_newcomers, rows

from zhiyin.candidates import Candidates
from zhiyin.query import Query
from zhiyin.ranking.listwise import Listwise
from zhiyin.ranking.listwise_columns import Questions
from zhiyin.ranking.listwise_guard import gone_mad, guarded, ndcg
from zhiyin.ranking.listwise_net import Net, learn_logit, softmax_gap
from zhiyin.stages import RankingRows


def asked(count: int, seed: int = 0, size: int = 20) -> Questions:
    """Requests whose right answer is the highest of column 0; column 1 knows nothing, column 2 is the last answer's luck."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(count * size, 3)).astype(np.float32)
    labels = np.zeros(count * size, np.float32)
    starts = np.arange(count) * size
    labels[starts + table[:, 0].reshape(count, size).argmax(1)] = 1
    return Questions(table, labels, starts, np.arange(count))


def test_the_gradient_is_that_of_the_loss() -> None:
    rng, some = np.random.default_rng(0), asked(4, size=5)
    scores = rng.normal(size=20)
    loss, gap = softmax_gap(scores, some.labels, some.starts)
    for place in range(20):
        nudged = scores.copy()
        nudged[place] += 1e-6
        slope = (softmax_gap(nudged, some.labels, some.starts)[0] - loss) / 1e-6
        assert slope * 4 == pytest.approx(gap[place], abs=1e-4)


def test_weights_that_are_held_do_not_go_below_0() -> None:
    some = asked(200)
    some.table[:, 0] *= -1  # now the lowest is right
    free = learn_logit(some, np.ones(3, np.bool_), np.zeros(3, np.bool_))
    held = learn_logit(some, np.ones(3, np.bool_), np.ones(3, np.bool_))
    assert free[0] < -1
    assert held[0] == 0


def test_ndcg_counts_ties_as_half() -> None:
    labels = np.array([1, 0, 0, 0, 1], np.float32)
    found = ndcg(np.array([1, 1, 0, 5, 4], np.float32), labels, np.array([0, 3]))
    assert found[0] == pytest.approx(1 / np.log2(2.5))
    assert found[1] == pytest.approx(1 / np.log2(3))


def test_the_simpler_way_stays_on_a_tie() -> None:
    some = asked(100)
    right, luck = (lambda _: lambda q: q.table[:, 0]), (lambda _: lambda q: q.table[:, 1])
    assert guarded(some, {"simple": right, "rich": right}, 0).name == "simple"
    assert guarded(some, {"simple": right, "rich": luck}, 0).name == "simple"
    assert guarded(some, {"simple": luck, "rich": right}, 0).name == "rich"


def test_nobody_is_on_both_sides_of_the_guard() -> None:
    some = replace(asked(40), people=np.arange(40) // 4)
    seen: list[set[int]] = []

    def learn(half: Questions):  # type: ignore[no-untyped-def]
        seen.append(set(half.people.tolist()))
        return lambda judged: judged.table[:, 0]

    guarded(some, {"only": learn}, 0)
    assert not seen[0] & seen[1]
    assert len(seen[0] | seen[1]) == 10


def test_a_source_that_went_mad_is_seen() -> None:
    some = asked(200)
    assert gone_mad(some, ["good", "noise"]) == ["noise"]


def test_a_mean_of_networks_says_what_they_say_on_average() -> None:
    rng = np.random.default_rng(0)
    nets = [Net.fresh(3, 4, rng) for _ in range(3)]
    for one in nets:
        one.leave = rng.normal(size=4).astype(np.float32)
    table = rng.normal(size=(7, 3)).astype(np.float32)
    np.testing.assert_allclose(Net.mean_of(nets)(table), np.mean([one(table) for one in nets], 0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("way", ["best source", "equal", "logit", "features", "net"])
def test_every_way_can_order_alone(way: str) -> None:
    part = Listwise(ways=(way,)).fit(dataset(catalogue()), rows(450))
    found = hits(part, rows(60, seed=2), catalogue())  # type: ignore[arg-type]
    assert part.course["known"]["way"] == way
    assert found > (0.9 if way != "equal" else 0.3)


def test_with_few_questions_nothing_is_weighed() -> None:
    part = Listwise().fit(dataset(catalogue()), rows(20))
    assert part.course["known"]["way"] in ("best source", "equal")
    empty = Listwise().fit(dataset(catalogue()), RankingRows([], [], []))
    assert empty.course == {}
    assert hits(empty, rows(60, seed=2), catalogue()) > 0.3, "all sources count alike"  # type: ignore[arg-type]


def test_newcomers_have_weights_of_their_own() -> None:
    known, new = rows(60), of_newcomers(rows(60, seed=1))
    both = RankingRows(
        *([*a, *b] for a, b in zip(*((r.queries, r.candidates, r.labels) for r in (known, new)), strict=True))
    )
    part = Listwise().fit(dataset(catalogue()), both)
    assert hits(part, rows(60, seed=2), catalogue()) > 0.9  # type: ignore[arg-type]
    assert hits(part, of_newcomers(rows(60, seed=3)), catalogue()) > 0.9  # type: ignore[arg-type]
    shares = part.source_shares(new.queries[0], new.candidates[0], catalogue())
    assert shares[:, 1].sum() > shares[:, 0].sum()


def test_two_fits_are_equal() -> None:
    one, two = (Listwise(ways=("net",)).fit(dataset(catalogue()), rows(450)) for _ in range(2))
    np.testing.assert_array_equal(one.weights, two.weights)
    np.testing.assert_array_equal(one.net["enter"], two.net["enter"])


def test_no_candidates_are_answered() -> None:
    part = Listwise().fit(dataset(catalogue()), rows(60))
    assert part.predict([Query()], [Candidates.none()], catalogue())[0].shape == (0, 1)
