"""Measure distillation: a teacher's order in a light student, on answers that neither has seen, for everyone who has one.

    python benchmarks/quality/distill.py --data FOLDER --teacher full --student two_tower [--seeds 0 1 2]

The data is split by time, or leave-one-out where there is no clock. Everyone learns from what came before the test, as after
`zhiyin distill`: rankers from the last part of it, sources from the teacher's lists for everyone at its end. Four students
stand beside the teacher: as it is, trained just as long without a teacher, taught, and taught by a teacher whose scores were
shuffled. Prints lines of the table in leaderboard.md.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zhiyin.arrays import Doubles
from zhiyin.data.dataset import Dataset
from zhiyin.data.readers import read_folder
from zhiyin.data.split import Cases, leave_one_out, time_split
from zhiyin.data.weights import EventWeights
from zhiyin.encoders.cache import encode_items
from zhiyin.evaluation.bootstrap import Resamples
from zhiyin.evaluation.toml_text import to_toml
from zhiyin.parts import class_of, stage_of
from zhiyin.recipe import Recipe, load_recipe, read_recipe
from zhiyin.recommender import Recommender
from zhiyin.training.distill import Teachable, check_teachable, everyone, gains, lists_of, settle, teach
from zhiyin.training.fit import held_out

HERE = Path(__file__).parent
WAYS = AS_IT_IS, UNTAUGHT, TAUGHT, SHUFFLED = ("as it is", "as long, untaught", "taught", "shuffled teacher")


@dataclass(frozen=True)
class World:
    """What is fitted on before and after the lessons, the questions of the lessons, and those of the test."""

    past: Dataset
    whole: Dataset
    lessons: Cases
    test: Cases


def main() -> None:
    """Every seed: the four students; then each against the first over all seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="a folder with events.* and items.*")
    parser.add_argument("--teacher", default="full", help="a recipe, a .toml file or a retriever")
    parser.add_argument("--student", default="two_tower")
    parser.add_argument("--set", default="{}", help="settings of a student that is one retriever, as JSON")
    parser.add_argument("--encoder", default="e5")
    parser.add_argument("--requests", type=int, default=4000)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    asked = parser.parse_args()
    world = prepared(asked)
    teacher = load_recipe(asked.teacher).recommender
    say("fit the teacher")
    best = gains(teacher.fit(world.whole), world.test)
    each = milliseconds(teacher, world.test)
    print(f"teacher {asked.teacher}: {best.mean():.4f} on {len(best):,} people, {each:.1f} ms an answer", flush=True)
    found: dict[str, list[Doubles]] = {}
    for seed in asked.seeds:
        for way, one in students(asked, teacher, world, seed):
            found.setdefault(way, []).append(gains(one, world.test))
            each = milliseconds(one, world.test)
            say(f"seed {seed}, {way}: {found[way][-1].mean():.4f}, {each:.2f} ms an answer")
    report(f"{asked.data.name} | {Path(asked.student).stem} of {Path(asked.teacher).stem}", best, found)


def students(
    asked: argparse.Namespace, teacher: Recommender, world: World, seed: int
) -> Iterator[tuple[str, Recommender]]:
    """The student in each of the WAYS it can learn in, fitted on all data before the test."""
    light = seeded(student(asked.student, json.loads(asked.set)).recommender, seed)
    check_teachable(light)
    light.fit(world.past).take_catalogue(world.whole)
    able = any(isinstance(part, Teachable) for part in light.retrievers.values())
    before = None
    if light.rankers:
        say(f"seed {seed}: fit the teacher on the past, for rankers learn from what came after")
        earlier = load_recipe(asked.teacher).recommender.fit(world.past)
        earlier.take_catalogue(world.whole)
        before = lists_of(earlier, light, world.lessons.sample(asked.requests, seed), asked.k)
    settled = copied(light)
    settle(settled, world.whole)
    today = lists_of(teacher, settled, everyone(world.whole).sample(asked.requests, seed), asked.k) if able else None
    for way in WAYS if able else [one for one in WAYS if one != UNTAUGHT]:
        one = copied(settled)
        if before is not None and way in (TAUGHT, SHUFFLED):
            judged = copied(light)
            teach(judged, before, world.past, way == SHUFFLED, seed)
            one.rankers = judged.rankers
            settle(one, world.whole)
        if today is not None and way != AS_IT_IS:
            teach(
                weighted(one, 0.0) if way == UNTAUGHT else one, today, world.whole, way == SHUFFLED, seed, rankers=False
            )
        yield way, one


def copied(light: Recommender) -> Recommender:
    """A student that may learn without the other knowing. Parts put new arrays in place of old ones."""
    one = copy.copy(light)
    one.retrievers = {name: copy.copy(part) for name, part in light.retrievers.items()}
    one.rankers = tuple(copy.deepcopy(ranker) for ranker in light.rankers)
    return one


def weighted(light: Recommender, taught: float) -> Recommender:
    """The student itself, a teacher's lists counting so much."""
    for part in light.retrievers.values():
        if isinstance(part, Teachable):
            part.taught = taught  # type: ignore[attr-defined]
    return light


def say(text: str) -> None:
    """With the processor seconds so far."""
    print(f"  {time.process_time():5.0f} CPU s: {text}", flush=True)


def prepared(asked: argparse.Namespace) -> World:
    """The data, its texts encoded."""
    dataset = read_folder(asked.data, EventWeights.from_table(load_recipe(asked.teacher).events))
    encode_items(dataset.items, "text", class_of(asked.encoder)(), HERE / "per_user" / "vectors.db")
    split = time_split(dataset) if dataset.has_clock else leave_one_out(dataset)
    past, cases = held_out(split.test_fit, "auto")
    return World(past, split.test_fit, cases[0], split.test)


def student(name: str, settings: dict[str, object]) -> Recipe:
    """A student by name, with other settings where it is one retriever."""
    if settings and stage_of(name) == "retrieve":
        return read_recipe(to_toml({"retrieve": [{"use": name, **settings}]}))
    return load_recipe(name)


def seeded(recommender: Recommender, seed: int) -> Recommender:
    """Every part that has a seed with this one."""
    for part in (*recommender.retrievers.values(), *recommender.rankers):
        if hasattr(part, "seed"):
            part.seed = seed
    return recommender


def milliseconds(recommender: Recommender, cases: Cases, count: int = 300) -> float:
    """The middle processor time of one answer of ten items."""
    some, spent = cases.sample(count, 0), []
    for row in range(len(some)):
        query = some.query(row)
        started = time.process_time()
        recommender.recommend_batch([query], explain=False)
        spent.append((time.process_time() - started) * 1e3)
    return float(np.median(spent))


def report(name: str, teacher: Doubles, found: dict[str, list[Doubles]]) -> None:
    """One line per way; people are drawn, each with the mean of their seeds."""
    means = {way: np.mean(rows, 0) for way, rows in found.items()}
    first = WAYS[0]
    for way, mean in means.items():
        against = [within(mean, means[one]) for one in (first, WAYS[1]) if one in means and one != way]
        seeds = ", ".join(f"{one.mean():.4f}" for one in found[way])
        print(
            f"| {name} | {way} | {mean.mean():.4f} | {seeds} | {' | '.join(against)} | "
            f"{mean.mean() / teacher.mean():.1%} | {len(mean):,} |",
            flush=True,
        )


def within(ours: Doubles, theirs: Doubles) -> str:
    """A difference and its 95 % interval."""
    gap = Resamples(np.stack([ours, theirs], 1)).difference(0, 1)
    return f"{gap.mean:+.4f} ({gap.low:+.4f} to {gap.high:+.4f})"


if __name__ == "__main__":
    main()
