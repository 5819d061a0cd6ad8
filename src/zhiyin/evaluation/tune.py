"""tune: settings picked on validation, never on test, with the same budget for every part and baseline."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zhiyin.data.dataset import Dataset
from zhiyin.data.split import Split
from zhiyin.errors import TooLarge
from zhiyin.evaluation.baselines import FIXED, baselines, same_in
from zhiyin.evaluation.lists import ranked_lists
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.evaluation.report import Trial
from zhiyin.evaluation.toml_text import with_settings
from zhiyin.part import settings, settings_of
from zhiyin.progress import Progress, silent
from zhiyin.recipe import Recipe, read_recipe
from zhiyin.recommender import Recommender

USERS = 3000
"""Validation users a trial is measured on."""
TRAININGS = 2
"""Times that a part which trains in epochs is fitted at most. Fits are counted, not seconds: a busy machine must not choose
other settings than an idle one."""


@dataclass(frozen=True)
class Tuned:
    """A recipe with the settings chosen, the baselines with theirs (unfitted), and every trial, also those that lost."""

    recipe: Recipe
    baselines: dict[str, Any]
    trials: list[Trial]


def tune(
    recipe: Recipe,
    split: Split,
    *,
    budget: int,
    users: int = USERS,
    trainings: int = TRAININGS,
    seed: int = 0,
    progress: Progress = silent,
) -> Tuned:
    """Try `budget` settings of every retriever and every baseline, fitted on split.fit, asked split.valid.

    The values tried are those a part's `tune=` grids name. The recipe's own settings are the first trial and stay
    unless another has a higher NDCG@10. trainings: a part that trains in epochs is
    fitted no more often than this, and then only what needs no fit is tried.
    """
    asked = split.valid.sample(users, seed)
    targets = Targets.of(asked.targets)

    def measure(part: Any) -> float:
        single = Recommender(retrieve={"alone": part}, filter=recipe.recommender.filter)
        single.take_catalogue(split.fit)
        lists = ranked_lists(single, asked, 10, whole=False)["alone"]
        return float(per_user(lists, targets, (10,), ("ndcg",))["ndcg@10"].mean())

    def search(name: str, part: Any) -> Search:
        found = Search(name, part, split.fit, measure, budget, trainings, np.random.default_rng(seed))
        progress(f"tune {name} on validation")
        found.run()
        return found

    sources = recipe.recommender.retrievers
    searches = {name: search(name, part) for name, part in sources.items()} if len(asked) else {}
    chosen = {name: found.changed for name, found in searches.items() if found.changed}
    rivals = baselines(split.fit)
    for name, part in rivals.items():
        if name in FIXED or not len(asked):
            continue
        key = same_in(name, part, sources) or f"baseline {name}"
        if key not in searches:
            searches[key] = search(key, part)
        rivals[name] = type(part)(**searches[key].best)
    trials = [trial for found in searches.values() for trial in found.trials]
    text = with_settings(recipe.text, chosen) if chosen else recipe.text
    return Tuned(read_recipe(text, f"tuned recipe '{recipe.name}'"), rivals, trials)


@dataclass
class Search:
    """The search over one part's grids: one setting at a time from where it stands, then random combinations.

    Settings that only count when asked come first: they cost no fit.
    """

    name: str
    part: Any
    dataset: Dataset
    measure: Callable[[Any], float]
    budget: int
    trainings: int
    rng: np.random.Generator
    trials: list[Trial] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=dict)
    score: float = -1.0
    fitted: Any = None
    fits: int = 0

    @property
    def grids(self) -> dict[str, tuple[Any, ...]]:
        """The values to try, by setting; those that need no fit first."""
        fields = [one for one in settings_of(type(self.part)) if one.metadata.get("tune")]
        fields.sort(key=lambda one: not one.metadata.get("at_request"))
        return {one.name: one.metadata["tune"] for one in fields}

    @property
    def changed(self) -> dict[str, Any]:
        """The settings chosen that are not the part's own."""
        own = settings(self.part)
        return {name: value for name, value in self.best.items() if value != own[name]}

    def run(self) -> None:
        """Spend the budget."""
        self.best = settings(self.part)
        grids = self.grids
        if not grids or self.budget < 1:
            return
        self.attempt(self.best)
        for name, values in grids.items():
            for value in values:
                self.attempt({**self.best, name: value})
        combinations = list(itertools.islice(itertools.product(*grids.values()), 10_000))
        for place in self.rng.permutation(len(combinations)):
            self.attempt({**self.best, **dict(zip(grids, combinations[place], strict=True))})
        for trial in self.trials:
            trial.chosen = trial.settings == {name: self.best[name] for name in grids}

    def attempt(self, wanted: Mapping[str, Any]) -> None:
        """One trial, unless it was made already or the budget is spent."""
        shown = {name: wanted[name] for name in self.grids}
        if len(self.trials) >= self.budget or any(trial.settings == shown for trial in self.trials):
            return
        if not self.serves(wanted) and "epochs" in wanted and self.fits >= max(self.trainings, 1):
            return
        began = time.perf_counter()
        try:
            part = self.with_fit(wanted)
            score, note = self.measure(part), ""
        except TooLarge as error:
            part, score, note = None, float("nan"), str(error)
        self.trials.append(Trial(self.name, shown, score, time.perf_counter() - began, note=note))
        if score > self.score:
            self.best, self.score, self.fitted = dict(wanted), score, part

    def with_fit(self, wanted: Mapping[str, Any]) -> Any:
        """A fitted part with these settings; the best one's learned fields serve where fit would read nothing new."""
        if not self.serves(wanted):
            self.fits += 1
            return type(self.part)(**wanted).fit(self.dataset)
        part = copy.copy(self.fitted)
        for one in settings_of(type(part)):
            setattr(part, one.name, wanted[one.name])
        return part

    def serves(self, wanted: Mapping[str, Any]) -> bool:
        """Whether the best fitted part differs from what is wanted only in settings that fit does not read."""
        fixed = [one.name for one in settings_of(type(self.part)) if not one.metadata.get("at_request")]
        return self.fitted is not None and all(getattr(self.fitted, name) == wanted[name] for name in fixed)
