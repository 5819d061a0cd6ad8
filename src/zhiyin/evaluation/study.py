"""study: settings searched by Optuna within a budget of trials or seconds, on validation alone, and gone on with later."""

from __future__ import annotations

import math
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from zhiyin.data.split import Split
from zhiyin.errors import SettingError, ZhiyinError, require
from zhiyin.evaluation.lists import FUSED, WHOLE, ranked_lists
from zhiyin.evaluation.ranking_metrics import Targets, per_user
from zhiyin.evaluation.search_space import Axis, axes_of, plain
from zhiyin.evaluation.toml_text import to_toml
from zhiyin.part import settings, settings_of
from zhiyin.progress import Progress, silent
from zhiyin.recipe import Recipe, read_recipe
from zhiyin.recommender import Recommender

USERS = 3000
"""Validation users a trial is measured on."""
KEPT = 4
"""Fitted parts kept for trials that change only what fit does not read."""
NAME = "zhiyin"


@dataclass(frozen=True)
class Studied:
    """What came of it. own, best: NDCG@10 on validation of the recipe's settings and of the best; trials: of all calls;
    failed: of those, how many could not be fitted. chosen: by "stage.part.setting". recipe: with the best settings.
    """

    recipe: Recipe
    own: float
    best: float
    trials: int
    failed: int
    seconds: float
    chosen: dict[str, Any] = field(default_factory=dict)


def study(
    recipe: Recipe,
    split: Split,
    *,
    part: str = "",
    trials: int | None = None,
    seconds: float | None = None,
    ranges: Mapping[str, str] | None = None,
    wide: bool = False,
    file: Path | None = None,
    users: int = USERS,
    seed: int = 0,
    progress: Progress = silent,
) -> Studied:
    """Search settings by a tree-structured Parzen estimator (Bergstra 2011), all of a recipe's at once or one source's.

    Every trial is fitted on split.fit and asked split.valid; test is never read. The recipe's own settings are the first
    trial and stay unless another has a higher NDCG@10. part: a source, measured alone. ranges: by "stage.part.setting" a
    text like "50:2000", "50:2000:log" or "a,b,c"; other settings take the values their parts name (`tune=`), with wide the
    range these span. file: a journal that a later call goes on with; it must be of the same search. At least one of trials
    and seconds bounds this call. Raises SettingError.
    """
    if trials is None and seconds is None:
        raise SettingError("tune: give a budget: trials, seconds or both")
    axes = axes_of(recipe, part, ranges or {}, wide)
    if not axes:
        raise SettingError(f"tune: nothing of {part or recipe.name} names values to try; give ranges yourself")
    bench = _Bench(recipe, split, part, axes, users, seed)
    found = _opened(file, bench.identity(), seed)
    if not found.trials:
        found.enqueue_trial({axis.key: axis.said(axis.own) for axis in axes})
    begun, before = time.monotonic(), len(found.trials)

    def shown(study: Any, trial: Any) -> None:
        best = study.best_value if any(one.value is not None for one in study.trials) else float("nan")
        progress(f"tune {part or recipe.name}: best {best:.4f}", len(study.trials) - before, trials)
        if len(bench.tried(study)) >= bench.combinations:
            study.stop()

    optuna = require("optuna", "tune")
    left = None if trials is None else trials
    found.optimize(bench.objective, n_trials=left, timeout=seconds, catch=(ZhiyinError,), callbacks=[shown])
    done = [one for one in found.trials if one.state == optuna.trial.TrialState.COMPLETE]
    if not done:
        reasons = {str(one.user_attrs.get("why", "it failed")) for one in found.trials}
        raise SettingError(f"tune: no trial could be fitted: {'; '.join(sorted(reasons))}")
    best = found.best_trial
    own = bench.values(axes, {axis.key: axis.said(axis.own) for axis in axes})
    first = [one.value for one in done if bench.values(axes, one.params) == own]
    chosen = bench.values(axes, best.params)
    if first and first[0] >= best.value:
        chosen = own
    changed = {key: value for key, value in chosen.items() if value != own[key]}
    return Studied(
        bench.recipe_with(changed), first[0] if first else float("nan"), best.value, len(found.trials),
        len(found.trials) - len(done), time.monotonic() - begun, changed,
    )  # fmt: skip


def _opened(file: Path | None, identity: str, seed: int) -> Any:
    """The study of a file, or a new one. Raises SettingError when the file holds another search or none."""
    optuna = require("optuna", "tune")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = None
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        backend = optuna.storages.journal.JournalFileBackend(str(file))
        try:
            storage = optuna.storages.JournalStorage(backend)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingError(
                f"{file}: not a study that can be read ({error}); delete it or name another file"
            ) from error
    found = optuna.create_study(study_name=NAME, storage=storage, direction="maximize", load_if_exists=True)
    known = found.user_attrs.get("identity")
    if known is None:
        found.set_user_attr("identity", identity)
    elif known != identity:
        raise SettingError(f"{file}: a study of another recipe, data or search; delete it or name another file")
    # Another seed for each call: the same one would suggest again what was tried.
    found.sampler = optuna.samplers.TPESampler(seed=seed + len(found.trials), multivariate=True)
    return found


class _Bench:
    """Where trials are measured: fits, asks, and keeps what the next trial can use again."""

    def __init__(self, recipe: Recipe, split: Split, part: str, axes: Sequence[Axis], users: int, seed: int) -> None:
        self.recipe, self.split, self.part, self.axes = recipe, split, part, axes
        self.asked = split.valid.sample(users, seed)
        self.targets = Targets.of(self.asked.targets)
        self._fitted: dict[str, Any] = {}
        if not len(self.asked):
            raise SettingError("tune: the split leaves nothing to validate on; use more data or the other split")

    def identity(self) -> str:
        """Changes with the recipe, the data, the split and what is searched."""
        table = self.split.fit.interactions
        digest = blake2b(digest_size=16)
        for one in (
            self.recipe.text,
            self.split.name,
            self.part,
            str([(axis.key, axis.values, axis.low, axis.high) for axis in self.axes]),
        ):
            digest.update(one.encode() + b"\x1f")
        digest.update(table.users.tobytes() + table.items.tobytes() + self.asked.users.tobytes())
        return digest.hexdigest()

    def objective(self, trial: Any) -> float:
        """NDCG@10 on validation of one trial's settings."""
        chosen = {axis.key: axis.suggest(trial) for axis in self.axes}
        known = self.tried(trial.study)
        if (same := str(sorted(trial.params.items()))) in known:
            return known[same]
        try:
            return self._alone(chosen) if self.part else self._whole(chosen)
        except ZhiyinError as error:
            trial.set_user_attr("why", str(error))
            raise

    @staticmethod
    def tried(study: Any) -> dict[str, float]:
        """NDCG@10 by what was tried; few choices are soon suggested again."""
        done = [one for one in study.get_trials(deepcopy=False) if one.value is not None]
        return {str(sorted(one.params.items())): float(one.value) for one in done}

    @property
    def combinations(self) -> float:
        """How many different trials there are."""
        return math.prod(len(axis.values) or math.inf for axis in self.axes)

    @staticmethod
    def values(axes: Sequence[Axis], params: Mapping[str, Any]) -> dict[str, Any]:
        """A trial's settings from what the study stored."""
        return {axis.key: plain(axis.values[params[axis.key]]) if axis.values else params[axis.key] for axis in axes}

    def recipe_with(self, chosen: Mapping[str, Any]) -> Recipe:
        """The recipe with other settings."""
        if not chosen:
            return self.recipe
        document = tomllib.loads(self.recipe.text)
        for key, value in chosen.items():
            stage, rest = key.split(".", 1)
            name, setting = rest.rsplit(".", 1)
            table = next(one for one in document[stage] if one.get("name", one["use"]) == name)
            table[setting] = value
        return read_recipe(to_toml(document), f"tuned recipe '{self.recipe.name}'")

    def _alone(self, chosen: Mapping[str, Any]) -> float:
        own = self.recipe.recommender.retrievers[self.part]
        wanted = {**settings(own), **{key.rsplit(".", 1)[1]: value for key, value in chosen.items()}}
        fixed = [one.name for one in settings_of(type(own)) if not one.metadata.get("at_request")]
        key = repr([wanted[name] for name in fixed])
        if key not in self._fitted:
            self._fitted[key] = type(own)(**wanted).fit(self.split.fit)
            while len(self._fitted) > KEPT:
                del self._fitted[next(iter(self._fitted))]
        fitted = self._fitted[key]
        for name, value in wanted.items():
            if name not in fixed:
                setattr(fitted, name, value)
        single = Recommender(retrieve={self.part: fitted}, filter=self.recipe.recommender.filter)
        single.take_catalogue(self.split.fit)
        return self._measured(ranked_lists(single, self.asked, 10, whole=False)[self.part])

    def _whole(self, chosen: Mapping[str, Any]) -> float:
        made = self.recipe_with(chosen).recommender
        made.fit(self.split.fit, holdout="time" if self.split.name == "time" else "last")
        lists = ranked_lists(made, self.asked, 10)
        return self._measured(lists.get(WHOLE, lists[FUSED]))

    def _measured(self, lists: Any) -> float:
        return float(per_user(lists, self.targets, (10,), ("ndcg",))["ndcg@10"].mean())
