"""The checks of zhiyin.testing notice parts that break a law."""

from collections.abc import Sequence

import numpy as np
import pytest

from zhiyin.arrays import Floats
from zhiyin.candidates import Candidates
from zhiyin.part import learned, part, setting
from zhiyin.query import Query
from zhiyin.retrieval.popular import Popular
from zhiyin.stages import Scorer, Selection
from zhiyin.testing import check_extending, check_reranker, check_retriever, check_saving, small_dataset


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
