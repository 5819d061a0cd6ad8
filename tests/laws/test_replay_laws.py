"""The laws of a replay, and broken ways of living that prove each can fail."""

from dataclasses import replace

import numpy as np
import pytest
from made_story import made_story, recipe_file

from zhiyin.data.weights import EventWeights
from zhiyin.replay.facts import Facts
from zhiyin.replay.living import LIVE, Living, Plan
from zhiyin.replay.run import Options, replay
from zhiyin.replay.world import QUIET, World
from zhiyin.serving.engine import Engine
from zhiyin.stores.memory import MemoryStore

SHARE = 0.6


class RecordsFirst(Living):
    """Broken: what was wanted is told before it is asked for."""

    def _moment(self, moment, part):
        self.world.record([event for _, event in moment])
        super()._moment(moment, part)


class ForgetsSome(Living):
    """Broken: every third moment is lost."""

    def _moment(self, moment, part):
        super()._moment([] if moment[0][0] % 3 == 0 else moment, part) if moment[0][0] % 3 else None


class DrawsAnew(Living):
    """Broken: chance that nobody passed in."""

    def _live(self, user, number=0):
        listed = super()._live(user, number)
        return [listed[at] for at in np.random.default_rng().permutation(len(listed))]


def lived(story, folder, living=Living, plan=None):
    """A world that has lived through a story, the plan, and what came of it. plan: when it begins and what is asked."""
    folder.mkdir(parents=True)
    start = plan.start if plan else story.cut(SHARE)
    world = World(story, start, recipe_file(folder), folder / "world")
    facts = Facts.of(story, EventWeights(), start)
    rows = plan.asked if plan else np.flatnonzero(facts.wanted(start)).astype(np.int32)
    made = Plan(story, facts, start, rows)
    return world, made, living(world, made, {}, lambda: 0.0).through()


def same_state(story, folder, living=Living):
    """Whether living through a story leaves what the story holds, and an engine opened on that answers the same."""
    world, plan, _ = lived(story, folder, living)
    store = world.workspace.store
    told = store.log.table().sort("event_id").drop("context")
    if not told.equals(story.events.sort("event_id").drop("context")):
        return False
    if {one.item_id: one for one in store.catalog.all()} != story.item_of:
        return False
    whole = MemoryStore()
    whole.catalog.put(store.catalog.all())
    whole.profiles.put_many(store.profiles.all())
    whole.log.append_table(story.events)
    whole.meta.put("meanings", store.meta.get("meanings"))
    opened = Engine(world.workspace.load(), whole, settings=QUIET, clock=world.clock)
    users = list(plan.facts.user_names)
    return all(answers(world.engine, user) == answers(opened, user) for user in users)


def answers(engine, user):
    return [(one["item_id"], one["score"]) for one in engine.recommend(user, explain=False, seed=0)["items"]]


def sees_later(story, folder, living=Living):
    """Whether a list changes when the event it is asked before, and all that follow, were others or never happened."""
    _, plan, whole = lived(story, folder / "whole", living)
    row = int(plan.asked[len(plan.asked) // 2])
    early = plan.asked[plan.asked <= row]
    events, moment = story.events, plan.facts.times[row]
    past, later = events.filter(events["timestamp"] < moment), events.filter(events["timestamp"] >= moment)
    ended = events.head(row + 1)
    other = past.vstack(
        later.with_columns(item_id=later["item_id"].reverse(), event_type=later["event_type"].reverse())
    )
    for name, changed in (("ended", ended), ("other", other)):
        told = replace(story, events=changed)
        # When things come is given: without a date of its own an item comes when the log first names it.
        told.__dict__.update(appears=story.appears, joins=story.joins)
        _, _, found = lived(told, folder / name, living, replace(plan, asked=early))
        if not np.array_equal(whole.lists[LIVE][: len(early)], found.lists[LIVE]):
            return True
    return False


@pytest.mark.parametrize("seed", range(3))
def test_living_through_gives_the_state_of_the_log(tmp_path, seed):
    assert same_state(made_story(seed), tmp_path / "state")


def test_a_moment_that_was_lost_is_noticed(tmp_path):
    assert not same_state(made_story(), tmp_path / "state", ForgetsSome)


@pytest.mark.parametrize("seed", range(3))
def test_a_question_never_sees_its_own_or_later_events(tmp_path, seed):
    assert not sees_later(made_story(seed), tmp_path)


def test_telling_before_asking_is_noticed(tmp_path):
    assert sees_later(made_story(), tmp_path, RecordsFirst)


def test_the_same_replay_twice_finds_the_same(tmp_path):
    options = Options(recipe_file(tmp_path), SHARE, refit=4, questions=60, known_items=True)
    once, again = (replay(made_story(), options, timer=lambda: 0.0).document() for _ in range(2))
    assert once == again
    assert once["refits"] == 2


def test_chance_of_its_own_is_noticed(tmp_path):
    once, again = (lived(made_story(), tmp_path / name, DrawsAnew)[2].lists[LIVE] for name in ("once", "again"))
    assert not np.array_equal(once, again)


def test_the_frozen_version_is_told_nothing(tmp_path):
    story = made_story()
    start = story.cut(SHARE)
    with World(story, start, recipe_file(tmp_path), tmp_path / "world") as world:
        frozen = world.frozen()
        known, items = frozen.store.log.count(), len(frozen.store.catalog.all())
        facts = Facts.of(story, EventWeights(), start)
        Living(world, Plan(story, facts, start, np.empty(0, np.int32)), {}, lambda: 0.0).through()
        assert known == frozen.store.log.count() == (story.times < start).sum()
        assert items == len(frozen.store.catalog.all()) == len(frozen.live.recommender.items)
        assert world.workspace.store.log.count() == len(story.events)
        assert len(world.engine.live.recommender.items) == len(story.item_of) > items
