"""Training: a ranker never learns from candidates of parts that have seen the right answers."""

from collections.abc import Sequence

import numpy as np

import zhiyin.training.fit as training
from zhiyin.arrays import Floats
from zhiyin.data.dataset import Dataset, build
from zhiyin.data.timeline import DAY
from zhiyin.item import Item, Items
from zhiyin.part import learned, part, setting
from zhiyin.query import Query
from zhiyin.ranking.blend import Blend
from zhiyin.recommender import Recommender
from zhiyin.retrieval.transition import Transition
from zhiyin.stages import Scorer


@part
class Memory(Scorer):
    """Scores what the fitted data says the user did, and knows nothing else: worthless for what is new."""

    seed: int = setting(0)

    table: Floats = learned()

    def fit(self, dataset: Dataset) -> "Memory":
        noise = np.random.default_rng(self.seed).random((len(dataset.users), len(dataset.items))) * 0.5
        self.table = (noise + dataset.binary().toarray()).astype(np.float32)
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        return self.table[[query.profile.position for query in queries]]


@part
class Diary(Memory):
    """Writes down how it was asked to learn, and from how much."""

    pages: list[list[object]] = learned()

    def fit(self, dataset: Dataset) -> "Diary":
        super().fit(dataset)
        self.pages = [["anew", len(dataset.interactions)]]
        return self

    def refit(self, dataset: Dataset) -> "Diary":
        super().fit(dataset)
        self.pages.append(["further", len(dataset.interactions)])
        return self


def walks(has_clock: bool) -> Dataset:
    """Sixty users who each walk six steps round a circle of thirty items, now and then skipping one."""
    chance = np.random.default_rng(1)
    users, names, times = [], [], []
    for user in range(60):
        step = int(chance.integers(0, 30))
        for position in range(6):
            users.append(f"u{user}")
            names.append(f"i{step % 30}")
            times.append(position * DAY * 10 + user)
            step += 1 if chance.random() < 0.8 else 2
    data = build(users, Items([Item(f"i{n}") for n in range(30)]), names, np.array(times, np.float64))
    return Dataset(data.users, data.items, data.interactions, data.as_of, has_clock=has_clock)


def weight_of_memory(data: Dataset, holdout: str) -> tuple[float, float]:
    blend = Blend()
    sources = {"memory": Memory(), "transition": Transition(window=2, decay=0.3)}
    Recommender(retrieve=sources, rank=[blend]).fit(data, holdout=holdout)
    weights = dict(zip(blend.sources, blend.weights, strict=True))
    return float(weights["memory"]), float(weights["transition"])


def test_a_part_that_memorises_does_not_dominate() -> None:
    for holdout in ("last", "time"):
        memory, transition = weight_of_memory(walks(has_clock=True), holdout)
        assert memory < transition, holdout


def test_it_would_be_trusted_if_the_parts_had_seen_the_answers(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    honest = training.held_out

    def leaking(dataset: Dataset, *how):  # type: ignore[no-untyped-def]
        return dataset, honest(dataset, *how)[1]

    honest_memory, honest_transition = weight_of_memory(walks(has_clock=True), "last")
    monkeypatch.setattr(training, "held_out", leaking)
    memory, transition = weight_of_memory(walks(has_clock=True), "last")
    assert honest_memory < 0.1 * honest_transition
    assert memory > 0.5 * transition


def test_long_training_goes_on_with_what_the_ranker_was_not_shown() -> None:
    data = walks(has_clock=True)
    diary = Diary()
    recommender = Recommender(retrieve={"diary": diary, "transition": Transition()}, rank=[Blend()])
    recommender.fit(data, holdout="last")
    past, _ = training.held_out(data, "last")
    assert diary.pages == [["anew", len(past.interactions)], ["further", len(data.interactions)]]
    recommender.fit(data, holdout="last")
    assert diary.pages[0] == ["anew", len(past.interactions)], "a new fit forgets the last one"


def test_without_a_ranker_there_is_one_fit() -> None:
    diary = Diary()
    Recommender(retrieve={"diary": diary}).fit(walks(has_clock=True))
    assert [how for how, _ in diary.pages] == ["anew"]


def test_no_answer_is_in_the_data_before_the_holdout() -> None:
    data = walks(has_clock=False)
    past, asked = training.held_out(data, "last")
    assert len(asked) == training.LAST_EVENTS + 1
    for cases in asked:
        for user, targets in zip(cases.users, cases.targets, strict=True):
            assert not np.isin(targets, past.history(int(user)).items).any()
            assert not np.isin(targets, cases.known.history(int(user)).items).any()


def test_the_last_questions_are_of_people_without_a_history() -> None:
    walked = walks(has_clock=True)
    names = [walked.users[user] for user in walked.interactions.users] + ["late", "later"]
    what = [walked.items[item].item_id for item in walked.interactions.items] + ["i0", "i1"]
    data = build(names, walked.items, what, np.append(walked.interactions.times, [1e9, 1e9 + 1]))
    for dataset in (data, walks(has_clock=False)):
        *_, newcomers = training.held_out(dataset, "auto")[1]
        assert len(newcomers)
        if dataset.has_clock:
            assert [dataset.users[user] for user in newcomers.users] == ["late", "later"]
        for row, targets in enumerate(newcomers.targets):
            assert not len(newcomers.query(row).profile.history)
            assert len(targets)


def test_short_sequences_keep_what_the_retrievers_need() -> None:
    items = Items([Item(one) for one in "abcd"])
    data = build(["u"] * 4 + ["v"] * 3 + ["w"], items, [*"abcd", *"abc", "a"], np.arange(8.0))
    past, _ = training.held_out(data, "last")
    kept = {name: len(past.history(data.users.position(name))) for name in "uvw"}
    assert kept == {"u": 2, "v": 2, "w": 1}


def test_rankers_learn_from_no_more_requests_than_asked_for() -> None:
    data = walks(has_clock=False)
    past, asked = training.held_out(data, "last")
    for most in (20, 60):
        recommender = Recommender(retrieve=[Transition()], rank=[Blend()], requests=most)
        recommender.retrievers["transition"].fit(past)
        recommender.take_catalogue(past)
        rows, valid = training.ranking_rows(recommender, asked)
        assert most / 2 < len(rows) + len(valid) <= most + len(asked)


def test_no_user_is_on_both_sides_of_the_early_stop() -> None:
    recommender = Recommender(retrieve=[Transition()], rank=[Blend()])
    data = walks(has_clock=False)
    past, asked = training.held_out(data, "last")
    recommender.retrievers["transition"].fit(past)
    recommender.take_catalogue(past)
    rows, valid = training.ranking_rows(recommender, asked)
    learnt, kept = ({query.profile.position for query in one.queries} for one in (rows, valid))
    assert learnt
    assert kept
    assert not learnt & kept
