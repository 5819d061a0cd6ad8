"""The job behind `zhiyin replay`: a folder of data or a workspace's store, and a moment, in; findings out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zhiyin.arrays import Doubles
from zhiyin.data.weights import EventWeights
from zhiyin.errors import DataError, SettingError
from zhiyin.parts import allowed_parts
from zhiyin.progress import Progress, silent
from zhiyin.recipe import load_recipe
from zhiyin.replay.facts import Facts
from zhiyin.replay.findings import Findings, Measure, Spread
from zhiyin.replay.living import LIVE, Answerer, Living, N, Plan, alone, chosen, frozen
from zhiyin.replay.rivals import DAYS, WeekPopularity
from zhiyin.replay.story import Story, day, read_story, story_of
from zhiyin.replay.world import NOTHING, Brought, World
from zhiyin.stores.memory import MemoryStore
from zhiyin.workspace.workspace import Workspace

FROZEN, KNOWN, POPULAR = "frozen", "all items known", f"popular, {DAYS} days"


@dataclass(frozen=True)
class Options:
    """What a replay is to do.

    begin: a share of the events or a moment. refit: after every how many of the ten parts everything is fitted again.
    questions: how many of the wanted events are asked at most, a random sample. sources: whether every source is asked alone.
    known_items: whether all is lived through once more with the whole catalogue from the start. events: how many are
    lived through at most. Raises SettingError.
    """

    recipe: str = "default"
    begin: str | float | None = None
    refit: int | None = None
    questions: int | None = None
    sources: bool = True
    known_items: bool = False
    seed: int = 0
    events: int | None = None

    def __post_init__(self) -> None:
        if self.refit is not None and self.refit < 1:
            raise SettingError(
                f"--refit {self.refit}: must be 1 or more: fit again after every so many of the ten parts"
            )
        if self.questions is not None and self.questions < 1:
            raise SettingError(f"--questions {self.questions}: must be 1 or more; leave it out to ask all")


def replay_folder(data: Path | Sequence[Path], options: Options, progress: Progress = silent) -> Findings:
    """Replay a folder of events and what belongs to them. Raises DataError, SettingError."""
    load_recipe(options.recipe)  # a wrong name is said before anything is read
    with tempfile.TemporaryDirectory(prefix="zhiyin-replay-") as folder:
        progress(f"read {data if isinstance(data, Path) else ', '.join(map(str, data))}")
        story = read_story(data, MemoryStore(), Path(folder), progress)
    return replay(story, options, progress=progress)


def replay_workspace(workspace: Workspace, options: Options, progress: Progress = silent) -> Findings:
    """Replay what is in a workspace's store, which is only read. Raises DataError, SettingError."""
    brought = Brought(workspace.folder / "vectors.db", allowed_parts(workspace.folder))
    load_recipe(options.recipe)
    progress("read the store")
    story = story_of(workspace.store, workspace.folder.resolve().name)
    return replay(story, options, brought=brought, progress=progress)


def replay(
    story: Story,
    options: Options,
    *,
    brought: Brought = NOTHING,
    progress: Progress = silent,
    timer: Callable[[], float] = time.perf_counter,
) -> Findings:
    """Fit on what was known at a moment, live through the rest, and measure. brought: what its worlds take along.

    Raises DataError when nothing wanted happened after the moment, SettingError when the moment is outside the data.
    """
    start = story.cut(options.begin)
    story = story if options.events is None else story.ending(start, options.events)
    recipe = load_recipe(options.recipe)
    facts = Facts.of(story, EventWeights.from_table(recipe.events), start)
    wanted = facts.wanted(start)
    plan = Plan(story, facts, start, chosen(wanted, options.questions, options.seed), options.refit or 0)
    if not len(plan.asked):
        raise DataError(
            f"{story.name}: none of the {plan.after:,} events from {day(start)} on is of an item that the person liked and "
            "had not met before; take an earlier --from"
        )
    with tempfile.TemporaryDirectory(prefix="zhiyin-replay-") as folder:
        with World(story, start, options.recipe, Path(folder) / "live", brought=brought, progress=progress) as world:
            beside, kinds = _beside(world, plan, options)
            lived = Living(world, plan, beside, timer).through(progress)
        lists = dict(lived.lists)
        if options.known_items:
            progress("the same with all items known")
            whole = replace(story, known_items=True)
            with World(
                whole, start, options.recipe, Path(folder) / "known", brought=brought, progress=progress
            ) as world:
                lists[KNOWN] = Living(world, plan, {}, timer).through(progress).lists[LIVE]
    measure = Measure(plan, {LIVE: "live", KNOWN: "known items", **kinds}, options.seed)
    return Findings(
        story.name, recipe.name, start,
        known=plan.begin, events=plan.after, wanted=int(wanted.sum()), questions=len(plan.asked),
        asked=len(lived.seconds), people=len(np.unique(facts.users[plan.asked])), refits=lived.refits,
        lines=measure.lines(lists), parts=measure.stretches(lived),
        moved=_mean(lived.moved), shown_again=_mean(lived.again), met=lived.met,
        answers=Spread.of(lived.seconds), puts=Spread.of(lived.puts),
    )  # fmt: skip


def _beside(world: World, plan: Plan, options: Options) -> tuple[dict[str, Answerer], dict[str, str]]:
    """Who is asked beside the engine, and of which kind each is."""
    facts = plan.facts
    shown = np.array([not plan.story.item_of[one].hidden for one in facts.item_names], np.bool_)
    week = WeekPopularity(facts, shown)

    def popular(user: str, now: float, number: int) -> list[str]:
        return [facts.item_names[at] for at in week.top(now, facts.user_names.get(user), N).tolist()]

    beside: dict[str, Answerer] = {FROZEN: frozen(world), POPULAR: popular}
    kinds = {FROZEN: "frozen", POPULAR: "popularity"}
    if options.sources:
        names = list(world.engine.live.recommender.retrievers)
        beside |= {name: alone(world, name) for name in names}
        kinds |= dict.fromkeys(names, "source")
    return beside, kinds


def _mean(values: Doubles) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
