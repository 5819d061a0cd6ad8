"""evaluate: fit a recipe on what a split allows, ask every test case, and measure it beside its parts and the baselines."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from zhiyin.arrays import Ints
from zhiyin.data.dataset import Dataset
from zhiyin.data.split import Split
from zhiyin.errors import DataError, TooLarge
from zhiyin.evaluation.availability import could_not_be_shown
from zhiyin.evaluation.baselines import baselines as fresh_baselines
from zhiyin.evaluation.baselines import same_in
from zhiyin.evaluation.lists import FUSED, WHOLE, ranked_lists
from zhiyin.evaluation.measure import Measure
from zhiyin.evaluation.report import Report, Row, Trial
from zhiyin.part import settings
from zhiyin.progress import Progress, silent
from zhiyin.recipe import Recipe
from zhiyin.recommender import Recommender

DEPTH = 20

NEWCOMERS = 1000
"""People without a history who are asked at most."""

UNTUNED = "nothing was tuned: baselines that are parts of the recipe share its settings, the others have their defaults"


@dataclass
class Stopwatch:
    """Seconds by what was done."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def time(self, what: str) -> Any:
        """Add a block's duration."""
        started = time.perf_counter()
        yield
        self.seconds[what] = self.seconds.get(what, 0.0) + time.perf_counter() - started


def evaluate(
    recipe: Recipe | Recommender,
    split: Split,
    *,
    data: str = "",
    baselines: Mapping[str, Any] | None = None,
    trials: Sequence[Trial] = (),
    seconds: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    seed: int = 0,
    progress: Progress = silent,
) -> Report:
    """Measure a recipe: the whole, every part alone, the fused order without ranker, and the baselines.

    The recommender is fitted on split.test_fit here, whatever it knew before, and asked every test case over the whole
    catalogue. baselines: unfitted, by name; fresh ones with their default settings when None. trials, seconds, notes:
    of a tuning before, for the report. seed: of the bootstrap. Raises DataError when the split leaks.
    """
    refuse_leaks(split)
    recommender = recipe.recommender if isinstance(recipe, Recipe) else recipe
    watch, said = Stopwatch(dict(seconds or {})), list(notes)
    if not trials:
        said.append(UNTUNED)
    if unshown := could_not_be_shown(split.test):
        said.append(unshown)
    with watch.time("fit"):
        holdout = "time" if split.name == "time" else "last"
        recommender.fit(split.test_fit, holdout=holdout, progress=progress)
    # Test users may hold items that came after fit; the catalogue served is that of the data, as it would be live.
    with watch.time("ask"):
        lists = ranked_lists(recommender, split.test, DEPTH, progress=progress, text="ask the test questions")
    others = fresh_baselines(split.test_fit) if baselines is None else dict(baselines)
    places = {name: same_in(name, part, recommender.retrievers) for name, part in others.items()}
    apart = {name: part for name, part in others.items() if places[name] not in lists}
    with watch.time("fit baselines"):
        fitted = fit_each(apart, split.test_fit, said, progress)
    with watch.time("ask baselines"):
        beside = _lists_of(fitted, recommender, split, progress)
    measure = Measure(split, DEPTH)
    table = Table(
        data_name(recipe),
        recommender,
        {name: places[name] for name in others if name in beside or places[name] in lists},
        fitted,
    )
    with watch.time("measure"):
        progress("measure")
        rows, ranked = table.rows(lists, beside)
        per_user = measure.fill(rows, ranked, seed)
    with watch.time("ask newcomers"):
        newcomers = table.of_newcomers(split, seed, progress)
    return Report(
        data, data_name(recipe), split.name, len(split.test), watch.seconds, rows,
        best_baseline=measure.best_baseline, trials=list(trials), notes=said + measure.notes,
        recipe_text=recipe.text if isinstance(recipe, Recipe) else "", per_user=per_user, newcomers=newcomers,
        mask=str(recommender.filter.hiding),
    )  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Which rows a report has: the whole, the parts of a fitted recommender, and baselines.

    places: the baselines by name, with the source of the recommender that is the same part, if one is. fitted: those
    that stand apart.
    """

    name: str
    recommender: Recommender
    places: Mapping[str, str | None]
    fitted: Mapping[str, Any]

    def rows(self, lists: Mapping[str, Ints], beside: Mapping[str, Ints]) -> tuple[list[Row], list[Ints]]:
        """Rows without numbers, and the list behind each. lists, beside: of the recommender and of the baselines."""
        rows, ranked = [], []
        parts = self.recommender.retrievers
        for name, ranking in lists.items():
            kind = {WHOLE: "whole", FUSED: "fused"}.get(name, "part")
            if kind == "fused" and len(parts) == 1 and not self.recommender.rankers:
                continue
            shown = self.name if kind == "whole" else name.strip("()")
            rows.append(Row(shown, kind, {}, settings=settings(parts[name]) if kind == "part" else {}))
            ranked.append(ranking)
        for name, place in self.places.items():
            rows.append(Row(name, "baseline", {}, settings=settings(self.fitted.get(name) or parts[str(place)])))
            ranked.append(beside[name] if name in beside else lists[str(place)])
        return rows, ranked

    def of_newcomers(self, split: Split, seed: int, progress: Progress) -> list[Row]:
        """The same rows for people without a history, a thousand at most; none where the split knows of none."""
        if split.newcomers is None or not len(split.newcomers):
            return []
        split = replace(split, test=split.newcomers.sample(NEWCOMERS, seed))
        lists = ranked_lists(self.recommender, split.test, DEPTH, progress=progress, text="ask as newcomers")
        rows, ranked = self.rows(lists, _lists_of(self.fitted, self.recommender, split, progress))
        Measure(split, DEPTH).fill(rows, ranked, seed)
        return rows


def data_name(recipe: Recipe | Recommender) -> str:
    """What the whole is called."""
    return recipe.name if isinstance(recipe, Recipe) else "recommender"


def refuse_leaks(split: Split) -> None:
    """Raise DataError unless everything fitted on comes before everything asked.

    In a time split every fitted event is earlier than every question; in leave-one-out no history holds its target.
    """
    if not len(split.test):
        raise DataError(f"split '{split.name}': there is no test case")
    fitted = split.test_fit.interactions.times
    if split.name == "time" and len(fitted) and fitted.max() >= min(split.test.now):
        raise DataError(f"leak: fitted on events up to {fitted.max()}, asked from {min(split.test.now)} on")
    if split.name == "leave-one-out":
        known, fit = np.diff(split.test.known.offsets), np.diff(split.test_fit.offsets)
        if (fit > known)[split.test.users].any():
            raise DataError("leak: the fitted sequences are longer than the histories known at test")


def fit_each(parts: Mapping[str, Any], dataset: Dataset, notes: list[str], progress: Progress) -> dict[str, Any]:
    """Fit parts; one that refuses data too large for memory is left out, with a note."""
    fitted = {}
    for name, part in parts.items():
        progress(f"fit {name}")
        try:
            fitted[name] = part.fit(dataset)
        except TooLarge as error:
            notes.append(f"{name} is missing: {error}")
    return fitted


def _lists_of(fitted: Mapping[str, Any], like: Recommender, split: Split, progress: Progress) -> dict[str, Ints]:
    """The lists of fitted parts, through the filter of the recommender they stand beside."""
    if not fitted:
        return {}
    asked = Recommender(retrieve=dict(fitted), filter=like.filter)
    asked.take_catalogue(split.test_fit)
    lists = ranked_lists(asked, split.test, DEPTH, whole=False, progress=progress, text="ask the baselines")
    return {name: lists[name] for name in fitted}
