"""What a student is taught from: lists, a teacher's scores for them, and how much each list counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from zhiyin.arrays import Array, Bools, Doubles, Floats, Ints, Longs
from zhiyin.errors import DataError
from zhiyin.learning.sequences import gap_buckets
from zhiyin.query import Query

PADDING = -1


@dataclass(frozen=True)
class Drawn:
    """A batch of lessons. inputs, gaps: histories as a sequence model reads them, zeros behind the end, [rows, longest];
    lengths, owners: [rows]. items, scores: see Lessons."""

    inputs: Longs
    gaps: Longs
    lengths: Longs
    owners: Longs
    items: Longs
    scores: Floats


@dataclass(frozen=True)
class Lessons:
    """One list per request. items: positions, PADDING behind the end; scores: the teacher's, standardised per list; both
    [requests, longest]. weights: how much each list counts, mean 1. [requests]"""

    queries: Sequence[Query]
    items: Ints
    scores: Floats
    weights: Floats

    def __len__(self) -> int:
        return len(self.queries)

    def drawn(self, count: int, longest: int, rng: np.random.Generator, least: int = 0) -> Drawn:
        """Some of the lists, drawn as often as they count, which is in the mean the same as weighing them.

        longest: the newest liked events read of a history; least: events it must have.
        """
        chances = self.weights.astype(np.float64) * np.array(
            [len(one.profile.history.liked) >= least for one in self.queries]
        )
        if not chances.sum():
            raise DataError("lessons: no list counts anything: the teacher has no opinion, or was wrong everywhere")
        rows = rng.choice(len(self), count, p=chances / chances.sum())
        histories = [self.queries[row].profile.history.liked for row in rows]
        lengths = np.array([min(len(one), longest) for one in histories], np.int64)
        inputs = np.zeros((count, max(int(lengths.max(initial=0)), 1)), np.int64)
        gaps = np.zeros_like(inputs)
        for place, (row, one) in enumerate(zip(rows, histories, strict=True)):
            newest = slice(len(one) - lengths[place], None)
            inputs[place, : lengths[place]] = one.items[newest]
            spans = np.append(np.diff(one.times[newest]), self.queries[row].now - one.times[-1:])
            gaps[place, : lengths[place]] = gap_buckets(spans)
        owners = np.array([self.queries[row].profile.position for row in rows], np.int64)
        return Drawn(inputs, gaps, lengths, owners, self.items[rows].astype(np.int64), self.scores[rows])

    def shuffled(self, seed: int) -> Lessons:
        """The same lists with each list's scores dealt out at random: a teacher that knows nothing, as a placebo."""
        rng = np.random.default_rng(seed)
        scores = self.scores.copy()
        for row, items in enumerate(self.items):
            real = np.flatnonzero(items >= 0)
            scores[row, real] = scores[row, rng.permutation(real)]
        return replace(self, scores=scores)


def union(teacher: Ints, student: Ints, k: int) -> Ints:
    """Both lists' first k items, each once, the teacher's first.

    Learning from the teacher's list alone bounds nothing: what the student would show must be in it (arXiv 2509.20989).
    """
    both = np.concatenate([teacher[:k], student[:k]])
    return np.asarray(list(dict.fromkeys(both.tolist())), np.int32)


def standardised(scores: Array) -> Floats:
    """Scores of one list with mean 0 and deviation 1; a list of equals, or of one, says nothing: zeros. NaN counts as least."""
    known = np.asarray(scores, np.float64)
    if not len(known) or not np.isfinite(known).any():
        return np.zeros(len(known), np.float32)
    known = np.where(np.isfinite(known), known, known[np.isfinite(known)].min())
    spread = known.std()
    return np.asarray((known - known.mean()) / spread if spread > 1e-9 else np.zeros(len(known)), np.float32)


def confidence(scores: Floats, temperature: float) -> float:
    """How sure a teacher is of its order: 1 - the entropy of its softmax over the entropy of knowing nothing. 0 to 1."""
    if len(scores) < 2:
        return 0.0
    chances = softmax(scores / temperature)
    entropy = float(-(chances * np.log(np.maximum(chances, 1e-12))).sum())
    return float(np.clip(1 - entropy / np.log(len(scores)), 0, 1))


def softmax(scores: Array) -> Doubles:
    """Chances that sum to 1."""
    raised = np.exp(np.asarray(scores, np.float64) - np.max(scores))
    return np.asarray(raised / raised.sum(), np.float64)


def lessons(
    queries: Sequence[Query],
    lists: Sequence[tuple[Ints, Array]],
    temperature: float = 1.0,
    right: Bools | None = None,
) -> Lessons:
    """Lessons from one (items, teacher's scores) per request.

    A list counts as much as the teacher is sure of it; right: where the teacher put the known right answer no higher than the
    student did, that list counts nothing. A teacher that is wrong there would teach its mistake.
    """
    longest = max((len(items) for items, _ in lists), default=0)
    items = np.full((len(lists), longest), PADDING, np.int32)
    scores = np.zeros((len(lists), longest), np.float32)
    weights = np.zeros(len(lists), np.float64)
    for row, (chosen, said) in enumerate(lists):
        items[row, : len(chosen)] = chosen
        scores[row, : len(chosen)] = standardised(said)
        weights[row] = confidence(scores[row, : len(chosen)], temperature)
    if right is not None:
        weights = weights * right
    return Lessons(queries, items, scores, np.asarray(weights / max(weights.mean(), 1e-12), np.float32))
