"""The job behind `zhiyin replay`: a folder of data or a workspace's store, and a moment, in; findings out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhiyin.errors import DataError, SettingError
from zhiyin.progress import Progress, silent
from zhiyin.recipe import load_recipe
from zhiyin.replay.facts import Facts
from zhiyin.replay.findings import Findings, Measure, spread
from zhiyin.replay.living import LIVE, Answerer, Living, N, Plan, alone, chosen, frozen
from zhiyin.replay.rivals import DAYS, WeekPopularity
from zhiyin.replay.story import Story, day, read_story, story_of
from zhiyin.replay.world import World
from zhiyin.stores.memory import MemoryStore
from zhiyin.workspace import Workspace

FROZEN, KNOWN, POPULAR = "frozen", "all items known", f"popular, {DAYS} days"


@dataclass(frozen=True)
class Wanted:
    """What a replay is to do.

    begin: a share of the events or a moment. refit: after every how many of the ten parts everything is fitted again.
    questions: how many of the wanted events are asked at most, a random sample. sources: whether every source is asked alone.
    known_items: whether all is lived through once more with the whole catalogue from the start. Raises SettingError.
    """

    recipe: str = "default"
    begin: str | float | None = None
    refit: int | None = None
    questions: int | None = None
    sources: bool = True
    known_items: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.refit is not None and self.refit < 1:
            raise SettingError(
                f"--refit {self.refit}: must be 1 or more: fit again after every so many of the ten parts"
            )
        if self.questions is not None and self.questions < 1:
            raise SettingError(f"--questions {self.questions}: must be 1 or more; leave it out to ask all")


def replay_folder(data: Path, wanted: Wanted, progress: Progress = silent) -> Findings:
    """Replay a folder of events and what belongs to them. Raises DataError, SettingError."""
    load_recipe(wanted.recipe)
    with tempfile.TemporaryDirectory(prefix="zhiyin-replay-") as folder:
        progress(f"read {data}")
        story = read_story(data, MemoryStore(), Path(folder), progress)
    return replay(story, wanted, progress=progress)


def replay_workspace(workspace: Workspace, wanted: Wanted, progress: Progress = silent) -> Findings:
    """Replay what is in a workspace's store, which is only read. Raises DataError, SettingError."""
    load_recipe(wanted.recipe)
    progress("read the store")
    story = story_of(workspace.store, workspace.folder.resolve().name)
    return replay(story, wanted, vectors=workspace.folder / "vectors.db", progress=progress)


def replay(
    story: Story,
    wanted: Wanted,
    *,
    vectors: Path | None = None,
    progress: Progress = silent,
    timer: Callable[[], float] = time.perf_counter,
) -> Findings:
    """Fit on what was known at a moment, live through the rest, and measure. vectors: encoded texts to begin with.

    Raises DataError when nothing wanted happened after the moment, SettingError when the moment is outside the data.
    """
    start = story.cut(wanted.begin)
    with tempfile.TemporaryDirectory(prefix="zhiyin-replay-") as folder:
        world = World(story, start, wanted.recipe, Path(folder) / "live", vectors=vectors, progress=progress)
        facts = Facts.of(story, world.weights)
        every = facts.wanted(start)
        if not every.any():
            after = int((story.times >= start).sum())
            raise DataError(
                f"{story.name}: none of the {after:,} events from {day(start)} on is of an item that the person liked and "
                "had not met before; take an earlier --from"
            )
        plan = Plan(story, facts, start, chosen(every, wanted.questions, wanted.seed), wanted.refit or 0)
        beside, kinds = _beside(world, plan, wanted)
        lived = Living(world, plan, beside, timer).through(progress)
        world.close()
        lists = dict(lived.lists)
        if wanted.known_items:
            known = World(
                story,
                start,
                wanted.recipe,
                Path(folder) / "known",
                known_items=True,
                vectors=vectors,
                progress=progress,
            )
            lists[KNOWN] = Living(known, plan, {}, timer).through(progress).lists[LIVE]
            known.close()
    measure = Measure(plan, {LIVE: "live", KNOWN: "known items", **kinds}, wanted.seed)
    answers, puts = spread(lived.seconds), spread(lived.puts)
    return Findings(
        story.name, load_recipe(wanted.recipe).name, start,
        known=plan.begin, events=len(story.times) - plan.begin, wanted=int(every.sum()), questions=len(plan.asked),
        people=len(np.unique(facts.users[plan.asked])), refits=lived.refits,
        lines=measure.lines(lists), parts=measure.stretches(lived),
        moved=_mean(lived.moved), shown_again=_mean(lived.again), met=lived.met,
        seconds={**{f"answer {name}": one for name, one in answers.items()}, **{f"put {name}": one for name, one in puts.items()}},
    )  # fmt: skip


def _beside(world: World, plan: Plan, wanted: Wanted) -> tuple[dict[str, Answerer], dict[str, str]]:
    """Who is asked beside the engine, and of which kind each is."""
    facts = plan.facts
    shown = np.array([not plan.story.item_of[one].hidden for one in facts.item_names], np.bool_)
    week = WeekPopularity(facts, shown)

    def popular(user: str, now: float, number: int) -> list[str]:
        return [facts.item_names[at] for at in week.top(now, facts.user_names.get(user), N).tolist()]

    beside: dict[str, Answerer] = {FROZEN: frozen(world), POPULAR: popular}
    kinds = {FROZEN: "frozen", POPULAR: "popularity"}
    if wanted.sources:
        names = list(world.engine.live.recommender.retrievers)
        beside |= {name: alone(world, name) for name in names}
        kinds |= dict.fromkeys(names, "source")
    return beside, kinds


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else 0.0
