"""What happens after the fit counts in trending as it will once it is fitted."""

import json
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import zhiyin.behaviour.lately
from zhiyin.behaviour.lately import Lately
from zhiyin.candidates import Candidates
from zhiyin.data.dataset import build
from zhiyin.data.moments import DAY
from zhiyin.data.weights import EventWeights
from zhiyin.errors import SavedVersionError
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.ranking.features import Features, learn_facts
from zhiyin.ranking.standing import ITEM_COLUMNS
from zhiyin.recipe import read_recipe
from zhiyin.retrieval.popular import Popular
from zhiyin.retrieval.trending import Trending
from zhiyin.serving.engine import Engine
from zhiyin.stores.memory import MemoryStore
from zhiyin.workspace.saving import load_part, save_part

ITEMS = Items([Item(f"i{at}") for at in range(6)])
START = 1_700_000_000.0
EVENTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.integers(0, 40)), min_size=20, max_size=80)


def signed(day):
    """The weight of an event: every ninth day everybody dislikes."""
    return -1.0 if day % 9 == 0 else 1.0


def lately(rows, cut):
    """The table of what comes at or after a day, of rows (person, item, day)."""
    found, met, liked = [], {}, {}
    for person, item, day in sorted(rows, key=lambda row: row[2]):
        pair = person, item
        if day >= cut:
            found.append((*pair, day * DAY, signed(day), met.get(pair, -np.inf), liked.get(pair, -np.inf)))
        met[pair] = day * DAY
        if signed(day) > 0:
            liked[pair] = day * DAY
    return Lately.of(*(np.array(column) for column in zip(*found, strict=True)))


def dataset(rows):
    users, items, days = zip(*rows, strict=True)
    weights = np.array([signed(day) for day in days])
    names = [f"u{one:02}" for one in users], [f"i{one}" for one in items]
    return build(names[0], ITEMS, names[1], np.array(days) * DAY, weights=weights)


def fitted(rows):
    return Trending(half_life=3.0).fit(dataset(rows))


def lived(rows, later):
    """Rows of which the later ones begin on day 45, before which everybody comes, so that nobody's absence moves now."""
    people = ((at, at % 6, 41 + at % 3) for at in range(31))
    return [*rows, *((person, item, day + 45) for person, item, day in later), *people]


def cut(rows):
    """(trending fitted on what came before day 45, what came later)."""
    return fitted([row for row in rows if row[2] < 45]), lately(rows, 45)


@given(rows=EVENTS, later=EVENTS)
def test_what_was_heard_counts_as_what_was_fitted(rows, later):
    assume(len({person for person, _, _ in later}) >= 5 and min(day for _, _, day in later) < 8)
    every = lived(rows, later)
    part, since = cut(every)
    heard = part.scores([Query(now=100 * DAY, lately=since)])[0]
    known = fitted(every).scores([Query(now=100 * DAY)])[0]
    np.testing.assert_allclose(heard, known, rtol=1e-4, atol=1e-5)


@given(rows=EVENTS, later=EVENTS)
def test_popular_counts_what_was_heard_as_what_was_fitted(rows, later):
    every = lived(rows, later)
    part = Popular().fit(dataset([row for row in every if row[2] < 45]))
    since, known = lately(every, 45), Popular().fit(dataset(every))
    for _ in range(2):
        heard = part.scores([Query(now=100 * DAY, lately=since), Query(now=44.5 * DAY, lately=since)])
        assert heard[0].tolist() == known.counts.tolist()
        assert heard[1].tolist() == part.counts.tolist()


def standings(facts, asked):
    """What a ranker reads of every item but what people thought of it, which stays the fit's."""
    everything = np.arange(len(ITEMS), dtype=np.int32)
    table = Features((), (), facts)._items(asked, Candidates(everything, np.zeros(len(ITEMS))), ITEMS)
    return np.delete(table, ITEM_COLUMNS.index("quality"), 1)


@given(rows=EVENTS, later=EVENTS)
def test_rankers_read_what_was_heard_as_what_was_fitted(rows, later):
    assume(len({person for person, _, _ in later}) >= 5 and min(day for _, _, day in later) < 8)
    every = lived(rows, later)
    facts, since = learn_facts(dataset([row for row in every if row[2] < 45])), lately(every, 45)
    heard = standings(facts, Query(now=100 * DAY, lately=since))
    known = standings(learn_facts(dataset(every)), Query(now=100 * DAY))
    np.testing.assert_allclose(heard, known, rtol=1e-6, atol=1e-9)
    before = standings(facts, Query(now=44.5 * DAY, lately=since))
    np.testing.assert_array_equal(before, standings(facts, Query(now=44.5 * DAY)))
    kept, fresh = (standings(facts, Query(now=70 * DAY, lately=one)) for one in (since, lately(every, 45)))
    np.testing.assert_array_equal(kept, fresh)


@given(rows=EVENTS, later=EVENTS, moments=st.lists(st.integers(0, 200), min_size=1, max_size=8))
def test_what_was_remembered_is_what_would_be_worked_out(rows, later, moments):
    """Whatever was asked before, in whatever order, at moments of events and between them."""
    every = lived(rows, later)
    part, table = cut(every)
    for half_days in moments:
        now = (half_days / 2 + 0.25 * (half_days % 3)) * DAY
        fresh = part.scores([Query(now=now, lately=lately(every, 45))])
        assert part.scores([Query(now=now, lately=table)]).tolist() == fresh.tolist()
        assert len(table.memo) <= table.memo.most


def test_until_something_happens_nothing_is_worked_out_again():
    rows = [(person, person % 3, 1 + person % 4) for person in range(20)]
    part, table = fitted(rows), lately([*rows, *((person, 5, 10) for person in range(7))], 6)
    for now in (11, 12, 400, 0):
        part.scores([Query(now=now * DAY, lately=table)])
    assert len(table.memo) == 1, "after the last event all moments are alike"
    again = lately([(1, 4, 12)], 6)
    both = table.instead(np.array([30]), again)
    assert len(both.memo) == 0
    assert part.scores([Query(now=13 * DAY, lately=both)]).tolist() != part.scores([Query(lately=table)]).tolist()


@given(rows=EVENTS, few=st.sampled_from([0, 200]))
def test_rows_of_some_people_can_be_exchanged(rows, few):
    """Whether few rows are put in their places or many are sorted anew, the table is that of all rows."""
    whole = lately(rows, 0)
    some = np.unique(whole.people)[::2]
    theirs = np.isin(whole.people, some)
    stale = whole.where(~theirs | (np.arange(len(whole)) % 2 == 0))
    with patch.object(zhiyin.behaviour.lately, "FEW", few):
        made = stale.instead(some, whole.where(theirs))
    for old, new in zip(whole.columns, made.columns, strict=True):
        assert old.tolist() == new.tolist()


def test_a_question_about_the_past_hears_nothing_of_what_came_after():
    rows = [(person, person % 3, 1 + person % 4) for person in range(20)]
    part = fitted(rows)
    later = lately([*rows, *((person, 5, 10) for person in range(9))], 6)
    then, now = part.scores([Query(now=10 * DAY, lately=later), Query(now=11 * DAY, lately=later)])
    assert then.tolist() == part.scores([Query(now=10 * DAY)])[0].tolist()
    assert now.argmax() == 5


RECIPE = 'name = "lately"\n[[retrieve]]\nuse = "trending"\nhalf_life = 3.0\n'


class Living:
    """A shop whose trending was fitted on four days, and its engine."""

    def __init__(self):
        self.now = START + 4 * DAY
        self.store = MemoryStore()
        self.store.catalog.put(ITEMS.rows)
        self.store.meta.put("has_clock", True)
        self.store.log.append([Event(f"u{one}", f"i{one % 3}", "purchase", START + one % 4 * DAY) for one in range(24)])
        self.recipe = read_recipe(RECIPE)
        self.recipe.recommender.fit(dataset_from_store(self.store, EventWeights(), None))
        self.engine = self.open()

    def open(self):
        return Engine(self.recipe, self.store, clock=lambda: self.now)

    def tell(self, people, item, day=5):
        self.now = START + (day + 1) * DAY
        self.engine.record([Event(one, item, "purchase", START + day * DAY) for one in people])

    @staticmethod
    def listed(engine):
        return [(one["item_id"], one["score"]) for one in engine.recommend(n=6, seed=0, explain=False)["items"]]


MANY = [f"n{at}" for at in range(9)]


def test_the_next_answer_counts_what_happened_and_a_restart_gives_the_same():
    living = Living()
    before = living.listed(living.engine)
    living.tell(MANY, "i5")
    after = living.listed(living.engine)
    assert before[0][0] != "i5"
    assert after[0][0] == "i5"
    living.tell(["u1", "u2", "n1"], "i2", 6)
    assert living.listed(living.open()) == living.listed(living.engine)


def test_a_person_counts_once_however_often_they_come():
    living = Living()
    living.tell(MANY, "i5")
    once = dict(living.listed(living.engine))["i5"]
    living.tell(MANY, "i5")
    for _ in range(5):
        living.tell(MANY[:1], "i5")
    assert dict(living.listed(living.engine))["i5"] == pytest.approx(once)


def test_an_erased_person_counts_no_more():
    living, other = Living(), Living()
    living.tell(MANY, "i5")
    other.tell(MANY[1:], "i5")
    living.engine.delete_user(MANY[0])
    assert living.listed(living.engine) == living.listed(other.engine) == living.listed(living.open())
    assert MANY[0] not in living.engine.live.happening.users()


def test_an_item_that_comes_after_its_events_has_them_counted():
    living = Living()
    living.tell(MANY, "late")
    living.engine.put_items([Item("late", "Late")])
    assert living.listed(living.engine)[0][0] == "late"
    assert living.listed(living.open()) == living.listed(living.engine)


def test_a_version_of_before_is_read_and_stands_as_of_its_fit(tmp_path):
    """What a part learned before it had a field of its own for when it counted."""
    rows = [(person, person % 3, 1 + person % 4) for person in range(20)]
    part = Popular().fit(dataset(rows))
    save_part(part, tmp_path)
    told = json.loads((tmp_path / "settings.json").read_text())

    def without(field):
        state = {name: one for name, one in told["state"].items() if name != field}
        (tmp_path / "settings.json").write_text(json.dumps({**told, "state": state}))
        return load_part(tmp_path)

    asked = Query(now=99 * DAY, lately=lately([*rows, *((person, 5, 10) for person in range(9))], 6))
    assert without("until").scores([asked]).tolist() == part.scores([Query(now=99 * DAY)]).tolist()
    assert without("nothing").scores([asked])[0, 5] == 9
    with pytest.raises(SavedVersionError, match="damaged"):
        without("counts")
