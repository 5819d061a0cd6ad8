"""Distillation: a slow recommender teaches a light one its order, if it is better; afterwards only the light one serves.

    outcome = distill(teacher, student, dataset)

The teacher may be anything that answers: an ensemble with boosted trees, a cross-encoder, a language model as ranker. The
student is a recommender whose source can be taught (two_tower, next_item), or whose rankers learn the teacher's grades (boosted).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Floats, Ints
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import Cases
from zhiyin.errors import SettingError
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.learning.distill import Lessons, lessons, union
from zhiyin.ports import Speaking
from zhiyin.progress import Progress, silent
from zhiyin.query import Query
from zhiyin.recommender import FOR_YOU, Recommender
from zhiyin.stages import Fittable, Ranker, RankingRows, Refitting, Refreshing
from zhiyin.trace import Trace
from zhiyin.training.fit import held_out

BATCH = 128
GRADES = ((1, 4), (3, 3), (10, 2), (20, 1))
"""What a place in the teacher's list is worth as a label: up to place, grade."""


@runtime_checkable
class Teachable(Protocol):
    """A fitted retriever that can go on learning from the events and from a teacher's lists."""

    def taught_by(self, dataset: Dataset, lessons: Lessons) -> object: ...


@dataclass(frozen=True)
class Outcome:
    """What came of it. teacher, before, after: NDCG@10 on held-out answers of people who gave no lesson; gain: after - before,
    with its 95 % interval. refused: why nothing was taught, "" where something was. taught: whether the student
    serves what it was taught. lessons: lists learned from.
    """

    teacher: float
    before: float
    after: float
    gain: tuple[float, float, float]
    refused: str
    taught: bool
    lessons: int

    def lines(self) -> list[str]:
        """The outcome for people."""
        first = f"NDCG@10 on held-out answers: teacher {self.teacher:.4f}, student {self.before:.4f}"
        if self.refused:
            return [first, f"refused: {self.refused}"]
        mean, low, high = self.gain
        kept = "kept" if self.taught else "no gain: the student stays as it was"
        return [
            first,
            f"taught by {self.lessons:,} lists: {self.after:.4f}, {self.after / max(self.teacher, 1e-12):.0%} of the teacher's, "
            f"{mean:+.4f} ({low:+.4f} to {high:+.4f}); {kept}",
        ]


def distill(
    teacher: Recommender,
    student: Recommender,
    dataset: Dataset,
    *,
    requests: int = 4000,
    k: int = 20,
    judges: float = 0.3,
    placebo: bool = False,
    seed: int = 0,
    progress: Progress = silent,
) -> Outcome:
    """Fit both on the past, teach the student unless the teacher is no better; if that paid, do so again on everything.

    The second time there are no right answers left to judge by. It is needed all the same: an order learned from the past
    is forgotten while a source learns what came since, and old where tastes change.

    requests: lessons at most. k: how much of either list a lesson holds; it is the union of both, since a student learns
    nothing about what it would show and the teacher would not. judges: share of the people whose held-out answers judge and
    who give no lesson, 0 to 1. placebo: the teacher's scores of each list are shuffled; whatever gain is left then is not
    the teacher's. The teacher is only asked here: what the student serves with never calls it. Raises SettingError when
    the student has nothing that can be taught.
    """
    check_teachable(student)
    past, found = held_out(dataset, "auto", teacher.filter.hiding)
    cases = found[0]
    judging, teaching = apart(cases, judges, seed)
    progress("fit the teacher on the past")
    teacher.fit(past)
    progress("fit the student on the past")
    student.fit(past)
    teacher.take_catalogue(dataset)
    student.take_catalogue(dataset)
    theirs, ours = gains(teacher, judging), gains(student, judging)
    why = _refusal(theirs, ours)
    after, count, taught = ours, 0, False
    if not why:
        learned = lists_of(teacher, student, teaching.sample(requests, seed), k, progress)
        progress(f"teach the student by {len(learned.queries):,} lists")
        before = dict(student.retrievers), student.rankers
        count = teach(student, learned, past, placebo, seed)
        after = gains(student, judging)
        taught = bool(after.mean() > ours.mean())
        student.retrievers = before[0]  # these learn again below, from a teacher that knows everything
        if not taught:
            student.rankers = before[1]
    progress("fit the student on everything")
    settle(student, dataset)
    if taught and any(isinstance(part, Teachable) for part in student.retrievers.values()):
        progress("fit the teacher on everything")
        settle(teacher, dataset)
        learned = lists_of(teacher, student, everyone(dataset).sample(requests, seed), k, progress)
        progress(f"teach the student by {len(learned.queries):,} lists of today")
        teach(student, learned, dataset, placebo, seed, rankers=False)
    gap = Resamples(np.stack([after, ours], 1)).difference(0, 1)
    return Outcome(
        float(theirs.mean()), float(ours.mean()), float(after.mean()), (gap.mean, gap.low, gap.high), why, taught, count
    )


def check_teachable(student: Recommender) -> None:
    """Raise SettingError when nothing of a student can be taught, or when it would ask a language model itself."""
    for part in (*student.rankers, *student.rerankers, *student.explainers):
        if isinstance(part, Speaking):
            raise SettingError(
                f"distill: the student's {type(part).__name__.lower()} asks a language model; a student must serve without: "
                "leave that part out of its recipe"
            )
    if not student.rankers and not any(isinstance(one, Teachable) for one in student.retrievers.values()):
        raise SettingError(
            f"distill: none of the student's sources ({', '.join(student.retrievers)}) can be taught and it has no ranker: "
            "take two_tower or next_item, or a recipe with a [[rank]] that learns, such as boosted"
        )


def _refusal(teacher: Doubles, student: Doubles) -> str:
    gap = Resamples(np.stack([teacher, student], 1)).difference(0, 1)
    if gap.low > 0:
        return ""
    return (
        f"the teacher is not better than the student on {len(teacher):,} held-out requests: {gap.mean:+.4f} NDCG@10 "
        f"({gap.low:+.4f} to {gap.high:+.4f}); it would teach its mistakes. Take a better teacher or keep the student"
    )


def apart(cases: Cases, share: float, seed: int) -> tuple[Cases, Cases]:
    """The cases of a random share of the people, 2,000 at most, and the others."""
    order = np.random.default_rng(seed).permutation(len(cases))
    cut = min(max(int(len(cases) * share), 1), 2000)
    return cases.rows(np.sort(order[:cut])), cases.rows(np.sort(order[cut:]))


def everyone(dataset: Dataset) -> Cases:
    """A question for each person who has met anything, asked at the end of the data; nobody knows the answers."""
    users = np.flatnonzero(np.diff(dataset.offsets)).astype(np.int32)
    return Cases(dataset, users, (dataset.present,) * len(users), (np.empty(0, np.int32),) * len(users))


def gains(recommender: Recommender, cases: Cases) -> Doubles:
    """NDCG@10 of every case. [cases]"""
    lists = np.full((len(cases), 10), -1, np.int32)
    start = 0
    for queries, _ in cases.batches(BATCH):
        for row, answer in enumerate(recommender.recommend_batch(queries, explain=False), start):
            lists[row, : len(answer.candidates)] = answer.candidates.items[:10]
        start += len(queries)
    return per_user(lists, Targets.of(cases.targets), (10,), ("ndcg",))["ndcg@10"]


@dataclass(frozen=True)
class Learned:
    """What the teacher said. lists: items and the teacher's scores per request. shown: the student's own candidates.
    right: whether the teacher puts the known right answer above where the student does."""

    queries: list[Query]
    lists: list[tuple[Ints, Floats]]
    shown: list[Candidates]
    targets: list[Ints]
    right: Bools


def lists_of(teacher: Recommender, student: Recommender, cases: Cases, k: int, progress: Progress = silent) -> Learned:
    """What both would show for some questions, with the teacher's scores. k: see distill."""
    queries, lists, shown, targets, right = [], [], [], [], []
    for asked, wanted in cases.batches(BATCH, k):
        theirs, candidates = _ordered(teacher, asked), student.candidates(asked, student.shelves[FOR_YOU])
        ours = (
            student.ranked(asked, candidates, [Trace() for _ in asked]) if student.shelves[FOR_YOU].rank else candidates
        )
        for query, said, own, plain, target in zip(asked, theirs, ours, candidates, wanted, strict=True):
            both = union(said.items, own.items, k)
            scores = dict(zip(said.items.tolist(), said.scores.tolist(), strict=True))
            lists.append((both, np.array([scores.get(int(one), np.nan) for one in both], np.float32)))
            right.append(not len(target) or _place(said.items, target) <= _place(own.items, target))
            queries.append(query)
            shown.append(replace(plain, dropped=()))
            targets.append(target)
        progress("ask the teacher", len(queries), len(cases))
    return Learned(queries, lists, shown, targets, np.array(right, np.bool_))


def _ordered(teacher: Recommender, queries: Sequence[Query]) -> list[Candidates]:
    """All of the teacher's candidates with its own scores, best first."""
    shelf = teacher.shelves[FOR_YOU]
    found = teacher.candidates(queries, shelf)
    return teacher.ranked(queries, found, [Trace() for _ in queries]) if shelf.rank else list(found)


def _place(items: Ints, targets: Ints) -> int:
    """The best place of a right answer, one past the end where there is none."""
    at = np.flatnonzero(np.isin(items, targets))
    return int(at[0]) if len(at) else len(items)


def teach(
    student: Recommender, learned: Learned, dataset: Dataset, placebo: bool, seed: int, rankers: bool = True
) -> int:
    """Teach copies of the student's parts and put them in its place. Returns how many lists were learned from."""
    given = lessons(learned.queries, learned.lists, right=learned.right)
    if placebo:
        given = given.shuffled(seed)
    retrievers: dict[str, Any] = dict(student.retrievers)
    for name, part in student.retrievers.items():
        if isinstance(part, Teachable):
            retrievers[name] = copy.copy(part)  # a part puts new arrays in place of old ones, so a shallow copy will do
            retrievers[name].taught_by(dataset, given)
    student.retrievers = retrievers
    if rankers and student.rankers:
        student.rankers = _taught_rankers(student, learned, given, dataset, seed)
    return len(given)


def _taught_rankers(
    student: Recommender, learned: Learned, given: Lessons, dataset: Dataset, seed: int
) -> tuple[Ranker, ...]:
    shown = learned.shown
    if any(isinstance(part, Teachable) for part in student.retrievers.values()):
        shown = [
            replace(one, dropped=()) for one in student.candidates(learned.queries)
        ]  # what they now are asked about
    rankers = tuple(copy.deepcopy(ranker) for ranker in student.rankers)
    rows = RankingRows(learned.queries, shown, [
        grades(one.items, items, scores, target)
        for one, items, scores, target in zip(shown, given.items, given.scores, learned.targets, strict=True)
    ])  # fmt: skip
    cut = np.random.default_rng(seed).random(len(rows)) < 0.1
    for ranker in rankers:
        ranker.fit(dataset, _some(rows, ~cut), _some(rows, cut))
    return rankers


def grades(candidates: Ints, items: Ints, scores: Floats, targets: Ints) -> Floats:
    """Labels of a ranker's candidates: what the teacher's places are worth, and the highest for the known right answers."""
    real = items >= 0
    order = items[real][np.argsort(-scores[real], kind="stable")]
    worth: Mapping[int, int] = {
        int(item): next((grade for upto, grade in GRADES if place < upto), 0) for place, item in enumerate(order)
    }
    found = np.array([worth.get(int(item), 0) for item in candidates], np.float32)
    found[np.isin(candidates, targets)] = GRADES[0][1]
    return found


def _some(rows: RankingRows, chosen: Array) -> RankingRows:
    at = [int(row) for row in np.flatnonzero(chosen)]
    return RankingRows([rows.queries[r] for r in at], [rows.candidates[r] for r in at], [rows.labels[r] for r in at])


def settle(student: Recommender, dataset: Dataset) -> None:
    """Fit a recommender on everything: rankers keep what they learned, sources learn of the held-out events."""
    for name, part in student.retrievers.items():
        # What learned long goes on from there; the others are simply fitted.
        part.refit(dataset) if isinstance(part, Refitting) else student.retrievers[name].fit(dataset)
    for ranker in student.rankers:
        if isinstance(ranker, Refreshing):
            ranker.refresh(dataset)
    shelved = (part for shelf in student.shelves.values() for part in shelf.rerank or ())
    for part in (*student.rerankers, *shelved, *student.explainers):
        if isinstance(part, Fittable):
            part.fit(dataset)
    student.take_catalogue(dataset)
