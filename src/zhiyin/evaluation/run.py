"""The job behind `zhiyin evaluate`: data (files, folders or a workspace) and a recipe's name in, a report out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zhiyin.data.dataset import Dataset
from zhiyin.data.reading.asked import NOTHING, Asked
from zhiyin.data.split import Split, leave_one_out, time_split
from zhiyin.data.split import core as k_core
from zhiyin.data.weights import EventWeights
from zhiyin.errors import SettingError
from zhiyin.evaluation.evaluate import evaluate
from zhiyin.evaluation.report import Report, Trial, write_report
from zhiyin.evaluation.tune import TRAININGS, tune
from zhiyin.ingest.source import dataset_of, shows_unlisted
from zhiyin.part import settings
from zhiyin.progress import Progress, silent
from zhiyin.recipe import Recipe, load_recipe
from zhiyin.reranking.filters import Allowed
from zhiyin.stages import Encoder

if TYPE_CHECKING:
    from zhiyin.evaluation.study import Studied

SPLITS = {"time": time_split, "leave-one-out": leave_one_out}

MASKS = {"recipe": "", "all": "all", "none": "show"}
"""What lists leave out of what was met: what the recipe says, everything (as papers do), or nothing."""

Data = str | Path | Sequence[str | Path]
"""Files, folders, or one workspace."""


def run_evaluation(
    data: Data,
    recipe_name: str,
    split_name: str = "time",
    json_path: Path | None = None,
    html_path: Path | None = None,
    *,
    tune_budget: int = 8,
    core: int | None = None,
    users: int | None = None,
    seed: int = 0,
    trainings: int = TRAININGS,
    mask: str = "recipe",
    cache_path: Path | None = None,
    asked: Asked = NOTHING,
    now: float | None = None,
    progress: Progress = silent,
) -> Report:
    """Measure a recipe, a recipe file or a single part on data: files, folders or a workspace.

    tune_budget: trials per part and baseline on validation; 0 keeps the recipe's settings. core: leave out users and
    items with fewer events. users: test a random sample of so many cases. mask: what lists leave out of what was met,
    see MASKS. cache_path: where encoded texts are kept. asked: how to read the files. now: seconds since 1970, for times
    that lie after it. Raises DataError, SettingError.
    """
    ready = prepared(data, recipe_name, split_name, core, cache_path, progress, mask, asked, now)
    recipe, split, dataset = ready.recipe, ready.split, ready.dataset
    notes = [f"{len(dataset.interactions):,} events, {len(dataset.items):,} items" + (f", {core}-core" if core else "")]
    notes += [line.strip() for line in ready.told]
    if users is not None and users < len(split.test):
        notes.append(f"a random sample of {users:,} of {len(split.test):,} test cases, seed {seed}")
        split = replace(split, test=split.test.sample(users, seed))
    report = _measured(recipe, split, named(data), tune_budget, trainings, seed, notes, progress)
    write_report(report, json_path, html_path)
    return report


def searched(
    data: Data,
    recipe_name: str,
    split_name: str = "time",
    *,
    core: int | None = None,
    mask: str = "recipe",
    cache_path: Path | None = None,
    asked: Asked = NOTHING,
    now: float | None = None,
    progress: Progress = silent,
    **how: Any,
) -> Studied:
    """The job behind `zhiyin tune`: a recipe's settings searched on data. how: see study.study."""
    from zhiyin.evaluation.study import study

    ready = prepared(data, recipe_name, split_name, core, cache_path, progress, mask, asked, now)
    return study(ready.recipe, ready.split, progress=progress, **how)


@dataclass(frozen=True)
class Prepared:
    """The recipe, the split of the data, and the data, encoded. told: what was understood of the files."""

    recipe: Recipe
    split: Split
    dataset: Dataset
    told: list[str]


def named(data: Data) -> str:
    """What data is called in a report."""
    paths = [data] if isinstance(data, str | Path) else data
    return ", ".join(Path(one).resolve().name for one in paths)


def prepared(
    data: Data,
    recipe_name: str,
    split_name: str,
    core: int | None,
    cache_path: Path | None,
    progress: Progress,
    mask: str = "recipe",
    asked: Asked = NOTHING,
    now: float | None = None,
) -> Prepared:
    """Data read as `zhiyin ingest` reads it, split, and encoded for a recipe. mask: see MASKS."""
    if split_name not in SPLITS:
        raise SettingError(f"split '{split_name}': must be one of {', '.join(SPLITS)}")
    if mask not in MASKS:
        raise SettingError(f"mask '{mask}': must be one of {', '.join(MASKS)}")
    recipe = load_recipe(recipe_name)
    weights, show = EventWeights.from_table(recipe.events), shows_unlisted(recipe.recommender.filter)
    if MASKS[mask]:
        recipe.recommender.filter = Allowed(**{**settings(recipe.recommender.filter), "seen": MASKS[mask]})
    progress(f"read {named(data)}")
    dataset, told = dataset_of(data, weights, replace(asked, kinds=weights.names), now, progress, show)
    if core:
        dataset = k_core(dataset, core)
    encode(recipe, dataset, cache_path, progress)
    hiding = recipe.recommender.filter.hiding
    split = time_split(dataset, hiding=hiding) if split_name == "time" else leave_one_out(dataset)
    return Prepared(recipe, split, dataset, told)


def _measured(
    recipe: Recipe,
    split: Split,
    data: str,
    budget: int,
    trainings: int,
    seed: int,
    notes: list[str],
    progress: Progress,
) -> Report:
    if not budget:
        return evaluate(recipe, split, data=data, notes=notes, seed=seed, progress=progress)
    tuned = tune(recipe, split, budget=budget, trainings=trainings, seed=seed, progress=progress)
    seconds = {"tune": sum(trial.seconds for trial in tuned.trials)}
    notes.append(
        f"settings of parts and baselines picked by NDCG@10 on validation: at most {budget} trials each, "
        f"{trainings} for what trains in epochs: {_choices(tuned.trials)}"
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
