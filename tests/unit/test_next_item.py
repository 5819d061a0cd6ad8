"""next_item: known answers, what it reads and what it does not, new items, going on, and training that was cut off."""

import json
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from zhiyin.arrays import unit_rows
from zhiyin.data.dataset import Interactions, build
from zhiyin.data.split import last_event_cases
from zhiyin.errors import DataError, SettingError, TooLarge, TrainingError
from zhiyin.item import Item, Items
from zhiyin.profile import History, Profile
from zhiyin.query import Query
from zhiyin.retrieval.next_item import NextItem
from zhiyin.testing import small_dataset

pytest.importorskip("torch")

SMALL = {"width": 16, "blocks": 1, "widening": 2, "length": 8, "dropout": 0.0, "batch": 8, "learning_rate": 0.02}
RING = 12


def ring(users=40, steps=6, backwards=False, texts=False):
    """Users who walk round a circle of items, each from a place of their own."""
    names = [f"item {place:02d}" for place in range(RING)]
    turns = np.arange(RING) / RING * 2 * np.pi
    vectors = {"text": unit_rows(np.stack([np.cos(turns), np.sin(turns), np.ones(RING)], 1))} if texts else None
    who = [f"user {user}" for user in range(users) for _ in range(steps)]
    way = -1 if backwards else 1
    what = [names[(user + way * step) % RING] for user in range(users) for step in range(steps)]
    return build(who, Items([Item(name, name) for name in names], vectors), what, np.tile(np.arange(steps), users))


def asked(*items, now=0.0):
    return Query(Profile("someone new", history=History.of_items(np.array(items, np.int32))), now=now)


def best_after(part, *items):
    return int(part.retrieve([asked(*items)], 1)[0].items[0])


def learned_ring(**settings):
    return NextItem(**{**SMALL, "epochs": 6, "validated": 0, **settings}).fit(ring())


# -- what it learns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layers", ["ligr", "sasrec"])
def test_it_learns_what_comes_next(layers):
    part = learned_ring(layers=layers)
    assert [best_after(part, place - 1, place) for place in range(1, RING - 1)] == list(range(2, RING))


def test_sampled_negatives_learn_it_too():
    part = learned_ring(full_softmax=5, negatives=8, epochs=15)
    assert [best_after(part, place - 1, place) for place in range(1, RING - 1)] == list(range(2, RING))


def test_the_order_of_the_history_counts():
    both = ring()
    other = ring(backwards=True)
    table, more = both.interactions, other.interactions
    data = replace(
        both,
        users=type(both.users)([*both.users, *(f"back {name}" for name in other.users)], "user"),
        interactions=Interactions.sort(
            np.concatenate([table.users, more.users + len(both.users)]),
            np.concatenate([table.items, more.items]),
            np.concatenate([table.times, more.times]),
        ),
    )
    part = NextItem(**{**SMALL, "learning_rate": 0.005}, epochs=40, validated=0).fit(data)
    assert best_after(part, 4, 5, 6) == 7
    assert best_after(part, 8, 7, 6) == 5


def test_training_stops_by_the_last_events_it_kept_out_and_says_how_it_went():
    part = NextItem(**{**SMALL, "learning_rate": 0.003}, epochs=40, patience=3, validated=10).fit(ring(60))
    course = part.course["fit"]
    values = course["ndcg@10"]
    assert len(values) == course["epochs"] == min(40, course["best"] + 3)
    assert values[course["best"] - 1] == max(values) > 0.95
    assert values[0] < max(values)


def test_the_time_since_the_last_event_counts_where_there_is_a_clock():
    """After item 0 comes 1 within the minute, and 2 after a day."""
    who, what, when = [], [], []
    for user in range(60):
        soon = user % 2 == 0
        who += [f"user {user}"] * 2
        what += ["a", "b" if soon else "c"]
        when += [1000.0, 1030.0 if soon else 90_000.0]
    items = Items([Item(name) for name in "abc"])
    part = NextItem(**SMALL, epochs=30, validated=0).fit(build(who, items, what, np.array(when)))
    history = History(
        *(np.array([one], kind) for one, kind in ((0, np.int32), (1000.0, float), (1, np.float32), (2, np.uint8)))
    )
    found = [part.scores([Query(Profile(history=history), now=now)])[0] for now in (1030.0, 95_000.0)]
    assert found[0][1] > found[0][2]
    assert found[1][2] > found[1][1]


# -- what it reads -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("events", [1, 2, 5, 8, 12])
def test_an_event_carries_what_the_score_would_lose_without_it(events):
    part = learned_ring(explained=3)
    query = asked(*(place % RING for place in range(events)), now=9.0)
    history, items = query.profile.history, np.array([0, 5, 7], np.int32)
    told = part.contributions(query, items)
    whole = part.score([query], [items])[0]
    for event in range(events):
        kept = np.delete(np.arange(events), event)
        less = History(history.items[kept], history.times[kept], history.weights[kept])
        other = replace(query, profile=replace(query.profile, history=less))
        rest = np.zeros(3) if events == 1 else part.score([other], [items])[0]
        expected = whole - rest if event >= events - 3 else np.zeros(3)
        np.testing.assert_allclose(told[:, event], expected, atol=1e-4)


def test_what_was_not_read_carries_nothing():
    part = learned_ring()
    refused = History(np.array([3, 4], np.int32), np.zeros(2), np.array([-1.0, 1.0], np.float32))
    told = part.contributions(Query(Profile("one", history=refused), now=0.0), np.array([5], np.int32))
    assert told[0, 0] == 0 != told[0, 1]
    nobody = Query(Profile("new"), now=0.0)
    assert part.contributions(nobody, np.array([5], np.int32)).shape == (1, 0)


def test_refusals_are_neither_read_nor_predicted():
    data = ring()
    table = data.interactions
    added = Interactions.sort(
        np.concatenate([table.users, table.users]),
        np.concatenate([table.items, np.zeros_like(table.items)]),
        np.concatenate([table.times, table.times + 0.5]),
        np.concatenate([table.weights, -table.weights]),
    )
    plain, refused = (
        NextItem(**SMALL, epochs=2).fit(one) for one in (data, replace(data, interactions=added, as_of=9.0))
    )
    history = History.of_items(np.array([3, 0, 4], np.int32))
    history = replace(history, weights=np.array([1, -1, 1], np.float32))
    mixed = Query(Profile("someone", history=history))
    np.testing.assert_array_equal(plain.scores([asked(3, 4)]), refused.scores([mixed]))


# -- new items ---------------------------------------------------------------------------------------------------------


def test_a_new_item_is_ranked_by_its_text():
    data = ring(texts=True)
    part = NextItem(**SMALL, epochs=10, validated=0, bound=0.02).fit(data)
    live = data.items.copy()
    new = live.put(Item("item new"), {"text": live.vectors["text"][7]})
    bare = live.put(Item("item bare"))
    part.extend(live, [new, bare])
    found = part.retrieve([asked(5, 6)], 5)[0].items
    assert {7, new} <= set(found[:3].tolist()), "as good as the item it reads like"
    assert bare not in part.retrieve([asked(5, 6)], 99)[0].items
    assert len(part.retrieve([asked(new)], 3)[0]) == 3, "and it can be read"


def test_an_item_nobody_met_has_only_its_text():
    data = ring(texts=True)
    unseen = replace(data, interactions=data.interactions.where(data.interactions.items != 2))
    part = NextItem(**SMALL, epochs=2).fit(unseen)
    assert not part.weights["items"][2].any()
    assert part.vectors[2].any()
    without = replace(unseen, items=Items(data.items.rows))
    assert 2 not in NextItem(**SMALL, epochs=2).fit(without).retrieve([asked(5)], 99)[0].items


# -- going on, stopping, failing ---------------------------------------------------------------------------------------


def test_refit_goes_on_from_what_was_learned():
    part = learned_ring()
    before = part.vectors.copy()
    part.refit(ring(steps=7))
    assert [best_after(part, place - 1, place) for place in range(1, RING - 1)] == list(range(2, RING))
    assert 0 < np.abs(part.vectors - before).max() < 1
    assert part.course["refit"]["epochs"] == part.refit_epochs
    with pytest.raises(DataError, match="call fit"):
        part.refit(small_dataset())


def test_it_goes_on_as_fast_as_there_is_news():
    part = learned_ring()
    assert part._rate_for(ring()) == 0.1
    assert part._rate_for(ring(steps=8)) == 1.0
    assert part._rate_for(ring(users=42)) == pytest.approx(4 * (1 - 40 / 42))


def test_going_on_needs_the_texts_it_began_with():
    data = ring(texts=True)
    part = NextItem(**SMALL, epochs=1).fit(data)
    with pytest.raises(DataError, match="space 'text'"):
        part.refit(replace(data, items=Items(data.items.rows)))


def test_a_catalogue_larger_than_memory_says_what_would_help():
    with pytest.raises(TooLarge, match=r"memory_gb allows 1e-06.*lower width"):
        NextItem(**SMALL, memory_gb=1e-6).fit(ring())


def test_nothing_to_learn_from_is_an_answer_of_nothing():
    lonely = build(["u", "v"], Items([Item("a"), Item("b")]), ["a", "b"], np.zeros(2))
    part = NextItem(**SMALL).fit(lonely)
    assert len(part.retrieve([asked(0)], 5)[0]) == 0
    assert len(part.refit(lonely).retrieve([asked(0)], 5)[0]) == 0


def test_a_loss_that_is_not_finite_names_its_batch():
    with pytest.raises(TrainingError, match=r"batch \d+ of epoch \d+.*learning rate"):
        NextItem(**{**SMALL, "learning_rate": 1e30}, precision="float32").fit(ring())


def test_heads_must_share_the_width():
    with pytest.raises(SettingError, match="multiple of heads"):
        NextItem(width=10, heads=4)


def test_a_checkpoint_of_another_training_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("zhiyin.retrieval.next_item.shutil.rmtree", lambda *_, **__: None)  # as if cut off at the end
    settings = {**SMALL, "validated": 0, "checkpoint": str(tmp_path)}
    NextItem(**settings, epochs=1).fit(ring())
    with pytest.raises(TrainingError, match=r"other settings \(data"):
        NextItem(**settings, epochs=2).fit(ring(steps=5))
    with pytest.raises(TrainingError, match="dropout"):
        NextItem(**{**settings, "dropout": 0.5}).fit(ring())
    next((tmp_path / "fit").glob("*.safetensors")).write_bytes(b"no")
    with pytest.raises(TrainingError, match="damaged"):
        NextItem(**settings, epochs=2).fit(ring())


def test_a_finished_training_leaves_no_checkpoint(tmp_path):
    NextItem(**SMALL, epochs=1, checkpoint=str(tmp_path)).fit(ring())
    assert not list(tmp_path.rglob("*.*"))


CUT_OFF = """
    import sys
    sys.path.insert(0, {tests!r})
    from test_next_item import SMALL, NextItem, ring
    NextItem(**{{**SMALL, "dropout": 0.2}}, epochs={epochs}, patience=999, checkpoint={folder!r}).fit(ring(120))
"""


def epochs_done(document):
    return json.loads(document.read_text())["progress"]["epoch"] if document.exists() else 0


@pytest.mark.one_draw
def test_training_killed_half_way_ends_as_if_it_never_was(tmp_path):
    settings = {**SMALL, "dropout": 0.2, "patience": 999}
    script = textwrap.dedent(CUT_OFF.format(tests=str(Path(__file__).parent), epochs=10_000, folder=str(tmp_path)))
    running = subprocess.Popen([sys.executable, "-c", script])
    document = tmp_path / "fit" / "progress.json"
    try:
        while epochs_done(document) < 2:
            assert running.poll() is None, "it ended by itself"
            time.sleep(0.01)
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
    reached = epochs_done(document)
    resumed = NextItem(**settings, epochs=reached + 2, checkpoint=str(tmp_path)).fit(ring(120))
    whole = NextItem(**settings, epochs=reached + 2).fit(ring(120))
    assert resumed.course == whole.course
    for name, array in whole.weights.items():
        np.testing.assert_array_equal(resumed.weights[name], array)


def test_half_precision_learns_the_same():
    halved = learned_ring(precision="bfloat16")
    assert [best_after(halved, place - 1, place) for place in range(1, RING - 1)] == list(range(2, RING))


def test_it_beats_chance_on_people_with_tastes():
    data = small_dataset(5, users=80)
    cases = last_event_cases(data)
    part = NextItem(**SMALL, epochs=6, validated=0).fit(data.without_last(1))
    rows = part.scores([cases.query(row) for row in range(len(cases))])
    right = np.array([int(target[0]) for target in cases.targets])
    ahead = (rows > rows[np.arange(len(rows)), right][:, None]).mean()
    assert ahead < 0.42, "the right item lies well before the middle"
