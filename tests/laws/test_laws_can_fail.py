"""The checks of zhiyin.testing notice parts that break a law."""

from collections.abc import Sequence

import numpy as np
import pytest

from zhiyin.arrays import Floats
from zhiyin.candidates import Candidates
from zhiyin.part import learned, part, setting
from zhiyin.query import Query
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.stages import Scorer, Selection
from zhiyin.testing import (
    check_absurd,
    check_erasure,
    check_extending,
    check_motion,
    check_reranker,
    check_restart,
    check_retriever,
    check_return,
    check_saving,
    dataset_to_erase_from,
    encoded,
    small_dataset,
)


@part
class Broken(Scorer):
    """Breaks one law, by name."""

    law: str = setting("")
    """Which law is broken."""
    counts: Floats = learned()

    def fit(self, dataset):
        self.counts = dataset.popularity()
        if self.law == "changes what it is given":
            dataset.interactions.weights[:] = 1
        if self.law == "two fits differ":
            self.counts = np.random.default_rng().random(len(self.counts)).astype(np.float32)
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        rows = np.tile(self.counts, (len(queries), 1))
        return rows * len(queries) if self.law == "a batch differs" else rows

    def retrieve(self, queries, n):
        found = super().retrieve(queries, n + (self.law == "more than n"))
        if self.law == "worst first":
            return [one.take(np.arange(len(one))[::-1]) for one in found]
        if self.law == "repeats":
            return [one.take(np.zeros(len(one), np.int32)) for one in found]
        if self.law == "invents":
            return [Candidates(one.items + 1000, one.scores) for one in found]
        return found


LAWS = (
    "changes what it is given",
    "two fits differ",
    "a batch differs",
    "more than n",
    "worst first",
    "repeats",
    "invents",
)


@pytest.mark.parametrize("law", LAWS)
def test_a_retriever_that_breaks_a_law_is_noticed(law):
    with pytest.raises(AssertionError):
        check_retriever(Broken(law=law), small_dataset(0))


def test_a_retriever_that_breaks_none_passes():
    check_retriever(Broken(), small_dataset(0))


@part
class Doubling:
    """Keeps a row twice."""

    def select(self, query, candidates, items, n):
        return Selection(np.zeros(2 * min(len(candidates), 1), np.int32))


def test_a_reranker_that_repeats_is_noticed():
    with pytest.raises(AssertionError, match="kept twice"):
        check_reranker(Doubling(), small_dataset(0))


def test_a_part_that_answers_otherwise_after_a_load_is_noticed():
    fitted = Popular().fit(small_dataset(0))
    with pytest.raises(AssertionError, match="answers as x"):
        check_saving(fitted, lambda one: [one.counts if one is fitted else one.counts + 1])


@part
class BrokenGrowth(Scorer):
    """Knows items by their titles' lengths, and breaks one law of those that take in items."""

    law: str = setting("")
    """Which law is broken."""
    lengths: Floats = learned()

    def fit(self, dataset):
        self.lengths = np.array([len(item.title) for item in dataset.items.rows], np.float32)
        return self

    def extend(self, items, changed):
        longer = np.append(self.lengths, np.zeros(len(items) - len(self.lengths), np.float32))
        if self.law == "changes the original":
            longer = self.lengths
            longer.resize(len(items), refcheck=False)
        longer[changed] = [len(items[at].title) for at in changed]
        self.lengths = longer

    def scores(self, queries: Sequence[Query]) -> Floats:
        return np.tile(self.lengths, (len(queries), 1))


def test_growth_within_the_law_passes():
    check_extending(BrokenGrowth(), small_dataset(2, items=30))


def test_a_part_that_changes_its_original_is_noticed():
    with pytest.raises(AssertionError):
        check_extending(BrokenGrowth(law="changes the original"), small_dataset(2, items=30))


@part
class Restless(Scorer):
    """Lets what comes move what was there, by name."""

    fault: str = setting("")
    """What it does wrong."""
    counts: Floats = learned()
    base: Floats = learned()

    def fit(self, dataset):
        self.base = self.counts = dataset.popularity() + 1
        return self

    def extend(self, items, changed):
        grown = np.zeros(len(items), np.float32)
        grown[: len(self.counts)] = self.counts
        if self.fault == "follows the catalogue":  # as a rarity that every new item changes
            grown[: len(self.base)] = self.base * np.where(np.arange(len(self.base)) % 2, np.sqrt(len(items)), 1)
        if self.fault == "never forgets":  # what was changed stays a little worse, whatever it becomes
            grown[list(changed)] -= 0.5
        if self.fault == "depends on the batch":
            new = [at for at in changed if at >= len(self.base)]
            grown[new] = len(changed)
        self.counts = grown

    def scores(self, queries: Sequence[Query]) -> Floats:
        return np.tile(self.counts, (len(queries), 1))


def restless(fault):
    dataset = small_dataset(3, users=60, items=60)
    return Recommender(retrieve={"it": Restless(fault=fault)}, per_source={"it": 10_000}).fit(encoded(dataset)), dataset


@pytest.mark.parametrize(
    ("fault", "law", "says"),
    [
        ("follows the catalogue", lambda *it: check_motion(*it, "added", 100), "keep their order"),
        ("never forgets", lambda *it: check_return(*it, "changed"), "put back"),
        ("depends on the batch", check_restart, "one by one"),
    ],
)
def test_a_part_that_moves_with_the_catalogue_is_noticed(fault, law, says):
    law(*restless(""))
    with pytest.raises(AssertionError, match=says):
        law(*restless(fault))


@part
class Keeps(Popular):
    """Keeps a row of each user, and the catalogue's words."""

    rows: Floats = learned()
    words: list[str] = learned()

    def fit(self, dataset):
        super().fit(dataset)
        self.rows = dataset.binary().toarray().astype(np.float32) if self.what == "rows" else np.zeros(3, np.float32)
        self.words = [item.title for item in dataset.items.rows] if self.what == "words" else []
        return self

    what: str = setting("")
    """What it keeps."""


@pytest.mark.parametrize(("what", "law"), [("rows", "a place for each user"), ("words", "a word of an erased item")])
def test_a_part_that_keeps_what_was_erased_is_noticed(what, law):
    dataset = dataset_to_erase_from()
    with pytest.raises(AssertionError, match=law):
        check_erasure(Keeps(what=what).fit(dataset), dataset)
    check_erasure(Keeps().fit(dataset), dataset)


@part
class Gullible(Scorer):
    """Believes every row, by name."""

    fault: str = setting("")
    """What it believes."""
    counts: Floats = learned()

    def fit(self, dataset):
        table, size = dataset.interactions, len(dataset.items)
        self.counts = dataset.popularity()
        if self.fault == "that the newest row is now":
            ages = (table.times.max() - table.times) / 86_400
            self.counts = np.bincount(table.items, np.exp2(-ages / 7), minlength=size).astype(np.float32)
        if self.fault == "that a thousand rows are a thousand people":
            users = np.bincount(table.users, minlength=len(dataset.users))
            alike = np.bincount(table.items, users[table.users] % 7, minlength=size)
            self.counts = (alike + np.arange(size) % 5 * users.mean()).astype(np.float32)
        if self.fault == "every value":
            self.counts = self.counts + np.arange(size) % 3 * np.float32(np.nansum(table.values) > 1e9)
        return self

    def scores(self, queries: Sequence[Query]) -> Floats:
        return np.tile(self.counts, (len(queries), 1))


@pytest.mark.parametrize(
    ("fault", "visit"),
    [
        ("that the newest row is now", "long after everybody"),
        ("that a thousand rows are a thousand people", "a thousand times in an hour"),
        ("every value", "of a value of 10^15"),
    ],
)
def test_a_part_that_believes_every_row_is_noticed(fault, visit):
    dataset = small_dataset(3, users=60, items=60)

    def made(believed):
        return lambda: Recommender(retrieve={"it": Gullible(fault=believed)}, per_source={"it": 10_000})

    check_absurd(made(""), dataset, visit)
    with pytest.raises(AssertionError, match=f"one visitor {visit[:8]}"):
        check_absurd(made(fault), dataset, visit)
