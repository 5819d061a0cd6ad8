"""Living through: event by event, everyone is asked before each wanted event, and then it is recorded."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from zhiyin.arrays import Bools, Doubles, Ints
from zhiyin.event import Event
from zhiyin.progress import Progress, silent
from zhiyin.replay.facts import Facts
from zhiyin.replay.story import Story
from zhiyin.replay.world import ALONE, World

N = 10
"""Items of every list."""

PARTS = 10
"""Parts of what is lived through, with equally many events."""

BYSTANDERS = 50
"""People who do nothing themselves, at most, and are asked after every part: how far do their lists move?"""

LIVE = "live"
"""The engine that is lived with, among those who are asked."""

Answerer = Callable[[str, float, int], Sequence[str]]
"""A person, a moment and a number of the question (its seed), to the items of a list, best first."""


@dataclass(frozen=True)
class Plan:
    """What is asked when. start: the moment it begins. asked: rows of the wanted events that are questions, in order.

    refit: after every how many parts everything is fitted again, 0 for never.
    """

    story: Story
    facts: Facts
    start: float
    asked: Ints
    refit: int = 0

    @property
    def begin(self) -> int:
        """The row of the first event lived through."""
        return int(np.searchsorted(self.facts.times, self.start))

    @property
    def after(self) -> int:
        """Events lived through."""
        return len(self.facts.times) - self.begin

    def part(self, rows: Ints | int) -> Ints:
        """The part an event lies in. [rows]"""
        return np.asarray((np.asarray(rows) - self.begin) * PARTS // self.after, np.int32)


@dataclass
class Lived:
    """What came of it. lists: by who answered, item positions [questions, 10], -1 pads.

    again: of each of the engine's lists the share that the person had been shown before; moved: the share that their last
    list did not hold; nan for a first list. met: items shown that the person had met. seconds: of each answer of the
    engine. put, puts: items put in each part, and the seconds of each putting. bystanders: the share of their lists
    that changed in each part. refits: how often everything was fitted again.
    """

    lists: dict[str, Ints]
    again: Doubles
    moved: Doubles
    met: int = 0
    seconds: list[float] = field(default_factory=list)
    put: Ints = field(default_factory=lambda: np.zeros(PARTS, np.int32))
    puts: list[float] = field(default_factory=list)
    bystanders: list[float] = field(default_factory=list)
    refits: int = 0


class Living:
    """One passing through a plan. beside: who else is asked the same, by name. timer: seconds, for how long answers take."""

    def __init__(
        self,
        world: World,
        plan: Plan,
        beside: Mapping[str, Answerer],
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.world, self.plan, self.timer = world, plan, timer
        self.answerers: dict[str, Answerer] = {LIVE: self._timed, **beside}
        self.number = {int(row): place for place, row in enumerate(plan.asked)}
        count = len(plan.asked)
        empty = {name: np.full((count, N), -1, np.int32) for name in self.answerers}
        self.lived = Lived(empty, np.full(count, np.nan), np.full(count, np.nan))
        self.shown: dict[str, set[int]] = {}
        self.last: dict[str, Ints] = {}
        self.met: dict[int, set[int]] = {}
        self._meet(range(plan.begin))
        self.panel = bystanders(plan.story, plan.start)
        self.before = {user: self._live(user) for user in self.panel}

    def through(self, progress: Progress = silent) -> Lived:
        """Live through everything from the start on."""
        part = 0
        for moment in self.plan.story.moments(self.plan.start):
            row = moment[0][0]
            if (reached := int(self.plan.part(row))) > part:
                self._end_part(part, reached, progress)
                part = reached
            progress("live through what came after", row - self.plan.begin, self.plan.after)
            self._moment(moment, part)
        self._look_at_bystanders()
        return self.lived

    def _moment(self, moment: Sequence[tuple[int, Event]], part: int) -> None:
        """Items and people arrive, then the questions are asked, then the events are told: none sees its own moment."""
        started = self.timer()
        if came := self.world.arrive(moment[0][1].timestamp):
            self.lived.put[part] += came
            self.lived.puts.append(self.timer() - started)
        wanted = [(row, event.user_id) for row, event in moment if row in self.number]
        for user in dict.fromkeys(user for _, user in wanted):
            self._ask(user, [self.number[row] for row, who in wanted if who == user])
        self.world.record([event for _, event in moment])
        self._meet([row for row, _ in moment])

    def _ask(self, user: str, places: list[int]) -> None:
        """Everyone is asked once: what else the person wants in this moment is not known yet."""
        now = self.world.clock.now
        for name, answer in self.answerers.items():
            found = self.plan.facts.item_names.positions(answer(user, now, places[0]))
            self.lived.lists[name][places, : len(found)] = found
        listed = self.lived.lists[LIVE][places[0]]
        listed = listed[listed >= 0]
        if not len(listed):
            return
        if user in self.last:
            self.lived.moved[places[0]] = 1 - np.isin(listed, self.last[user]).mean()
            self.lived.again[places[0]] = np.mean([item in self.shown[user] for item in listed.tolist()])
        met = self.met.get(self.plan.facts.user_names.get(user), set())
        self.lived.met += sum(item in met for item in listed.tolist())
        self.last[user] = listed
        self.shown.setdefault(user, set()).update(listed.tolist())

    def _meet(self, rows: Sequence[int]) -> None:
        facts = self.plan.facts
        for row in rows:
            if facts.signed[row]:
                self.met.setdefault(int(facts.users[row]), set()).add(int(facts.items[row]))

    def _live(self, user: str, number: int = 0) -> list[str]:
        return asked(self.world, user, number)

    def _timed(self, user: str, now: float, number: int) -> Sequence[str]:
        started = self.timer()
        found = self._live(user, number)
        self.lived.seconds.append(self.timer() - started)
        return found

    def _end_part(self, part: int, reached: int, progress: Progress) -> None:
        self._look_at_bystanders()
        if self.plan.refit and reached // self.plan.refit > part // self.plan.refit:
            self.world.refit(progress)
            self.lived.refits += 1

    def _look_at_bystanders(self) -> None:
        now = {user: self._live(user) for user in self.panel}
        changed = [len({*now[user]} - {*self.before[user]}) / len(now[user]) for user in self.panel if now[user]]
        self.lived.bystanders.append(float(np.mean(changed)) if changed else 0.0)
        self.before = now


def asked(world: World, user: str, number: int, shelf: str = "for_you") -> list[str]:
    """What the world's engine shows a person now."""
    answer = world.engine.recommend(user, N, shelf, explain=False, seed=number)
    return [one["item_id"] for one in answer["items"]]


def alone(world: World, source: str) -> Answerer:
    """A source of the world's recipe, asked by itself through the same engine."""
    return lambda user, now, number: asked(world, user, number, ALONE + source)


def frozen(world: World) -> Answerer:
    """The version as it is now, told nothing any more."""
    engine = world.frozen()

    def answer(user: str, now: float, number: int) -> Sequence[str]:
        return [one["item_id"] for one in engine.recommend(user, N, explain=False, seed=number)["items"]]

    return answer


def bystanders(story: Story, start: float) -> list[str]:
    """People who did something before a moment and nothing after it, those with the most events first."""
    early = story.times < start
    users = story.events["user_id"]
    later = set(users.filter(~early).to_list())
    counts = users.filter(early).value_counts(sort=False)
    quiet = [(-count, user) for user, count in counts.iter_rows() if user not in later]
    return [user for _, user in sorted(quiet)[:BYSTANDERS]]


def chosen(wanted: Bools, questions: int | None, seed: int) -> Ints:
    """Rows of the wanted events that are asked: all, or a random sample, in their order."""
    rows = np.flatnonzero(wanted)
    if questions is not None and questions < len(rows):
        rows = np.sort(np.random.default_rng(seed).choice(rows, questions, replace=False))
    return rows.astype(np.int32)
