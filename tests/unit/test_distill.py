"""Distillation: a better teacher's order is learned, a worse one is refused, a shuffled one teaches nothing, and what serves
afterwards never asks the teacher."""

import copy
from functools import partial

import numpy as np
import pytest

from zhiyin.candidates import Candidates
from zhiyin.data.dataset import build
from zhiyin.errors import SettingError
from zhiyin.item import Item, Items
from zhiyin.learning.distill import confidence, lessons, standardised, union
from zhiyin.part import learned, part
from zhiyin.query import Query
from zhiyin.ranking.blend import Blend
from zhiyin.ranking.boosted import Boosted
from zhiyin.recommender import Recommender
from zhiyin.retrieval.next_item import NextItem
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.two_tower import TwoTower
from zhiyin.stages import Scorer
from zhiyin.training.distill import distill, grades
from zhiyin.workspace.saving import load_part, save_part


def test_a_lesson_holds_what_either_would_show():
    assert union(np.array([4, 2, 9]), np.array([2, 7, 1]), 2).tolist() == [4, 2, 7]


def test_a_teacher_without_an_opinion_is_not_confident():
    assert confidence(standardised([3, 3, 3]), 1.0) == pytest.approx(0)
    assert confidence(np.array([50.0, 0, 0], np.float32), 1.0) == pytest.approx(1)
    assert confidence(np.zeros(1, np.float32), 1.0) == 0
    assert standardised([1.0, np.nan, 3.0]).tolist() == pytest.approx(standardised([1.0, 1.0, 3.0]).tolist())


def test_lists_count_by_confidence_and_not_where_the_teacher_was_wrong():
    lists = [(np.array([0, 1, 2]), [9.0, 0, 0]), (np.array([3, 4]), [1.0, 1.0]), (np.array([5, 6]), [2.0, 0])]
    found = lessons([Query()] * 3, lists, right=np.array([True, True, False]))
    assert found.items.tolist() == [[0, 1, 2], [3, 4, -1], [5, 6, -1]]
    assert found.weights.tolist() == [pytest.approx(3), 0, 0]
    shuffled = found.shuffled(1)
    assert sorted(shuffled.scores[0]) == sorted(found.scores[0])
    assert shuffled.scores[1, 2] == 0


def test_grades_follow_the_teachers_places_and_the_right_answer_is_highest():
    given = grades(np.array([5, 6, 7, 8]), np.array([7, 5, 6, -1]), np.array([0.1, 0.9, 0.2, 9]), np.array([8]))
    assert given.tolist() == [4, 3, 3, 4]


KINDS = 4
OF_A_KIND = 20
STAPLES = 20
"""Items of no kind, which everyone meets first."""


def kinds_of(items):
    """The kind of every item; a staple is alone of its own."""
    numbers = np.array([int(one.item_id) for one in items.rows])
    return np.where(numbers < OF_A_KIND * KINDS, numbers % KINDS, -1 - numbers)


@part
class Knowing(Scorer):
    """A teacher that knows what no event says: which items are of a kind. It asks a language model for it."""

    size: int = learned()
    model = None

    def fit(self, dataset):
        self.size = len(dataset.items)
        self.kinds = kinds_of(dataset.items)
        return self

    def scores(self, queries):
        rows = np.zeros((len(queries), self.size), np.float32)
        for row, query in enumerate(queries):
            self.model()
            rows[row] = 0.001 * np.arange(self.size) / self.size
            for item in query.profile.history.items:
                rows[row] += self.kinds == self.kinds[item]
        return rows


class Asked:
    """Counts the calls of a language model."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1


@pytest.fixture(scope="module")
def dataset():
    """Everyone meets a staple, one item of the kind they like, and, held out, another of that kind.

    A kind is never met twice before the holdout, so nothing in the past tells what is of a kind: however long a student
    trains on events, it can only have it from its teacher.
    """
    rng, rows = np.random.default_rng(0), []
    for user in range(400):
        chosen = rng.choice(OF_A_KIND, 2, replace=False) * KINDS + user % KINDS
        met = [OF_A_KIND * KINDS + rng.integers(STAPLES), *chosen]
        rows += [(f"u{user}", str(item), float(place)) for place, item in enumerate(met)]
    users, ids, times = zip(*rows, strict=True)
    made = build(
        users, Items.of([Item(str(number)) for number in range(OF_A_KIND * KINDS + STAPLES)]), ids, np.array(times)
    )
    return type(made)(made.users, made.items, made.interactions, made.as_of, has_clock=False)


def light(epochs=5):
    return Recommender(
        retrieve=[
            TwoTower(
                width=16, buckets=16, hide=0.0, batch=16, epochs=epochs, learning_rate=0.01, negatives=200, taught=5.0
            )
        ]
    )


def teacher(model):
    knowing = Knowing()
    knowing.model = model
    return Recommender(retrieve={"knowing": knowing})


@pytest.mark.parametrize("epochs", [3, 10])
def test_a_better_teacher_is_learned_from_and_a_shuffled_one_is_not(dataset, epochs):
    outcome = distill(teacher(Asked()), light(epochs), dataset, judges=0.5)
    assert not outcome.refused
    assert outcome.taught
    assert outcome.gain[1] > 0, outcome.lines()
    placebo = distill(teacher(Asked()), light(epochs), dataset, judges=0.5, placebo=True)
    assert placebo.gain[0] < outcome.gain[0] / 2, (placebo.lines(), outcome.lines())


def test_what_serves_afterwards_asks_nobody(dataset, tmp_path):
    model, student = Asked(), light(3)
    assert distill(teacher(model), student, dataset, judges=0.5).taught
    assert of_own_kind(student.retrievers["two_tower"], dataset) > 0.5, (
        "it learned again on everything; 14 of 100 by chance"
    )
    asked = model.calls
    assert asked > 0
    save_part(student.retrievers["two_tower"], tmp_path / "two_tower")
    served = Recommender(retrieve={"two_tower": load_part(tmp_path / "two_tower")})
    served.take_catalogue(dataset)
    answers = served.recommend_batch([Query(dataset.profile(user)) for user in range(20)])
    assert all(len(one.candidates) == 10 for one in answers)
    assert model.calls == asked, "what serves calls no language model"


def of_own_kind(part, dataset):
    """Share of the first ten that are of the kind the person likes."""
    kinds = kinds_of(dataset.items)
    found = part.retrieve([Query(dataset.profile(user)) for user in range(100)], 10)
    liked = [kinds[dataset.history(user).items[-1]] for user in range(100)]
    return np.mean([(kinds[one.items] == kind).mean() for one, kind in zip(found, liked, strict=True)])


def test_a_transformer_learns_from_the_teacher_too(dataset):
    quick = {
        "width": 16,
        "blocks": 1,
        "length": 8,
        "space": "",
        "batch": 50,
        "learning_rate": 0.01,
        "precision": "float32",
    }
    part = NextItem(**quick, epochs=1, validated=0, taught=5.0).fit(dataset)
    rng, knowing = np.random.default_rng(0), Knowing().fit(dataset)
    knowing.model = Asked()
    queries = [Query(dataset.profile(user)) for user in range(len(dataset.users))]
    lists = [
        (some := rng.choice(len(dataset.items), 40, replace=False).astype(np.int32), row[some])
        for row in knowing.scores(queries)
    ]
    given, shares = lessons(queries, lists), []
    for one in (given, given.shuffled(0)):
        student = copy.copy(part)
        student.epochs = 8
        shares.append(of_own_kind(student.taught_by(dataset, one), dataset))
    assert shares[0] > shares[1] + 0.15, shares


def test_a_teacher_that_is_not_better_is_refused(dataset):
    student = light(2)
    outcome = distill(Recommender(retrieve=[Popular()]), student, dataset)
    assert "not better than the student" in outcome.refused
    assert not outcome.taught
    assert outcome.after == outcome.before
    assert "refused" in outcome.lines()[1]
    assert len(student.recommend(Query(dataset.profile(0))).candidates) == 10, "the student serves, untaught"


@pytest.mark.parametrize("ranker", [Blend, partial(Boosted, trees=20)])
def test_rankers_learn_grades(dataset, ranker):
    student = Recommender(retrieve=[Popular()], rank=[ranker()])
    before = copy.deepcopy(student.rankers[0])
    outcome = distill(teacher(Asked()), student, dataset, judges=0.5)
    assert not outcome.refused
    assert outcome.lessons > 0
    assert student.rankers[0] is not before
    assert isinstance(student.recommend(Query(dataset.profile(3))).candidates, Candidates)


def test_a_student_that_cannot_be_taught_is_refused_at_once():
    with pytest.raises(SettingError, match="can be taught and it has no ranker: take two_tower or next_item"):
        distill(Recommender(retrieve=[Popular()]), Recommender(retrieve=[Popular()]), None)


@part
class Talking:
    """A ranker that asks a language model at every request."""

    use = "rank"
    actions = ("relevance",)

    def fit(self, dataset, rows, valid=None):
        return self

    def predict(self, queries, candidates, items):
        return [np.zeros((len(one), 1), np.float32) for one in candidates]

    def speak_with(self, model):
        pass


def test_a_student_that_would_ask_a_language_model_itself_is_refused():
    with pytest.raises(SettingError, match="talking asks a language model; a student must serve without"):
        distill(Recommender(retrieve=[Popular()]), Recommender(retrieve=[Popular()], rank=[Talking()]), None)
