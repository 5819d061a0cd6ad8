"""The job behind `zhiyin evaluate`: a folder of data and a recipe's name in, a report out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import read_folder
from zhiyin.data.split import Split, leave_one_out, time_split
from zhiyin.data.split import core as k_core
from zhiyin.data.weights import EventWeights
from zhiyin.errors import SettingError
from zhiyin.evaluation.evaluate import evaluate
from zhiyin.evaluation.report import Report, Trial, write_report
from zhiyin.evaluation.tune import PATIENCE, tune
from zhiyin.progress import Progress, silent
from zhiyin.recipe import Recipe, load_recipe
from zhiyin.stages import Encoder

if TYPE_CHECKING:
    from zhiyin.evaluation.study import Studied

SPLITS = {"time": time_split, "leave-one-out": leave_one_out}


def run_evaluation(
    data_folder: str | Path,
    recipe_name: str,
    split_name: str = "time",
    json_path: Path | None = None,
    html_path: Path | None = None,
    *,
    tune_budget: int = 8,
    core: int | None = None,
    users: int | None = None,
    seed: int = 0,
    patience: float = PATIENCE,
    cache_path: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Measure a recipe, a recipe file or a single part on a folder of data.

    tune_budget: trials per part and baseline on validation; 0 keeps the recipe's settings. core: leave out users and
    items with fewer events. users: test a random sample of so many cases. cache_path: where encoded texts are kept.
    Raises DataError, SettingError.
    """
    folder = Path(data_folder)
    recipe, split, dataset = prepared(folder, recipe_name, split_name, core, cache_path, progress)
    notes = [f"{len(dataset.interactions):,} events, {len(dataset.items):,} items" + (f", {core}-core" if core else "")]
    if users is not None and users < len(split.test):
        notes.append(f"a random sample of {users:,} of {len(split.test):,} test cases, seed {seed}")
        split = replace(split, test=split.test.sample(users, seed))
    report = _measured(recipe, split, folder.resolve().name, tune_budget, patience, seed, notes, progress)
    write_report(report, json_path, html_path)
    return report


def searched(
    data_folder: str | Path,
    recipe_name: str,
    split_name: str = "time",
    *,
    core: int | None = None,
    cache_path: Path | None = None,
    progress: Progress = silent,
    **how: Any,
) -> Studied:
    """The job behind `zhiyin tune`: a recipe's settings searched on a folder of data. how: see study.study."""
    from zhiyin.evaluation.study import study

    recipe, split, _ = prepared(data_folder, recipe_name, split_name, core, cache_path, progress)
    return study(recipe, split, progress=progress, **how)


def prepared(
    data_folder: str | Path,
    recipe_name: str,
    split_name: str,
    core: int | None,
    cache_path: Path | None,
    progress: Progress,
) -> tuple[Recipe, Split, Dataset]:
    """The recipe, the split of the folder's data, and the data, encoded."""
    folder = Path(data_folder)
    if split_name not in SPLITS:
        raise SettingError(f"split '{split_name}': must be one of {', '.join(SPLITS)}")
    recipe = load_recipe(recipe_name)
    progress(f"read {folder}")
    dataset = read_folder(folder, EventWeights.from_table(recipe.events))
    if core:
        dataset = k_core(dataset, core)
    encode(recipe, dataset, cache_path, progress)
    return recipe, SPLITS[split_name](dataset), dataset


def _measured(
    recipe: Recipe,
    split: Split,
    data: str,
    budget: int,
    patience: float,
    seed: int,
    notes: list[str],
    progress: Progress,
) -> Report:
    if not budget:
        return evaluate(recipe, split, data=data, notes=notes, seed=seed, progress=progress)
    tuned = tune(recipe, split, budget=budget, patience=patience, seed=seed, progress=progress)
    seconds = {"tune": sum(trial.seconds for trial in tuned.trials)}
    notes.append(
        f"settings of parts and baselines picked by NDCG@10 on validation: at most {budget} trials each, no fit "
        f"begun after {patience:.0f} CPU seconds: {_choices(tuned.trials)}"
    )
    return evaluate(
        tuned.recipe, split, data=data, baselines=tuned.baselines, trials=tuned.trials, seconds=seconds, notes=notes,
        seed=seed, progress=progress,
    )  # fmt: skip


def _choices(trials: list[Trial]) -> str:
    chosen = [trial for trial in trials if trial.chosen]
    return (
        "; ".join(f"{one.part} {', '.join(f'{k} = {v}' for k, v in one.settings.items())}" for one in chosen) or "none"
    )


def encode(recipe: Recipe, dataset: Dataset, cache_path: Path | None, progress: Progress) -> None:
    """Give the items the vectors that parts of the recipe read. A part alone uses the encoders of the default recipe."""
    wanted = {str(part.space) for part in recipe.recommender.retrievers.values() if getattr(part, "space", None)}
    encoders: dict[str, Encoder] = dict(recipe.encoders)
    if wanted - set(encoders):
        ours = load_recipe("default").encoders
        encoders |= {space: ours[space] for space in sorted(wanted - set(encoders)) if space in ours}
    for space, encoder in encoders.items():
        from zhiyin.encoders.cache import encode_items

        text = f"encode items: {space}"
        progress(text)
        encode_items(dataset.items, space, encoder, cache_path, partial(progress, text))
