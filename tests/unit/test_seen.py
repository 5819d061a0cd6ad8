"""Seen: what is left out of lists, by kind and for how long, over the whole log."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.behaviour.kinds import CODES, KINDS
from zhiyin.behaviour.seen import DAY, Hiding, Seen
from zhiyin.data.assemble import assemble
from zhiyin.data.readers import event_columns
from zhiyin.data.taken_back import taken_back
from zhiyin.data.weights import EventWeights
from zhiyin.errors import SettingError
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.profiles import live_profile
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.recipe import read_recipe
from zhiyin.recommender import Recommender
from zhiyin.retrieval.popular import Popular
from zhiyin.serving.engine import Engine
from zhiyin.stores.memory import MemoryStore
from zhiyin.vocabulary import Vocabulary

NOW = 1000 * DAY
FOR_GOOD = ("interaction", "like", "favourite", "rating", "comment", "purchase", "finish", "dislike", "skip")
NOTHING = ("view", "click", "dwell", "cart", "remove_from_cart", "impression", "search", "message", "refund")


def seen(*events: tuple[int, str, float]) -> Seen:
    items, kinds, ages = zip(*events, strict=True)
    codes = np.array([CODES[kind] for kind in kinds], np.uint8)
    return Seen(np.array(items, np.int32), NOW - np.array(ages) * DAY, codes)


def hidden(hiding: Hiding, *events: tuple[int, str, float]) -> list[int]:
    return seen(*events).hidden(hiding, NOW).tolist()


@pytest.mark.parametrize("kind", FOR_GOOD)
def test_what_was_taken_up_or_refused_is_hidden_for_good(kind: str) -> None:
    assert hidden(Hiding(), (7, kind, 900)) == [7]


@pytest.mark.parametrize("kind", NOTHING)
def test_what_was_looked_at_is_not_hidden(kind: str) -> None:
    assert hidden(Hiding(), (7, kind, 0)) == []


def test_a_recipe_says_otherwise() -> None:
    table = {"purchase": 90, "click": "always", "like": "never", "impression": {"times": 3, "days": 7}}
    hiding = Hiding.from_table(table)
    assert hidden(hiding, (1, "purchase", 89), (2, "purchase", 91), (3, "click", 500), (4, "like", 1)) == [1, 3]
    # Fatigue: three times within the week, however many before; and it fades.
    shown = [(5, "impression", age) for age in (1, 2, 3)] + [(6, "impression", age) for age in (1, 2, 8, 9)]
    assert hidden(hiding, *shown) == [5]
    assert seen(*shown).hidden(hiding, NOW + 5 * DAY).tolist() == []
    assert str(hiding).startswith("met by impression (3 times in 7 days), click, ")


def test_the_usual_time_is_that_between_ones_own_events() -> None:
    hiding = Hiding.from_table({"purchase": "usual"})
    coffee = [(1, "purchase", age) for age in (95, 65, 35)]
    assert hidden(hiding, *coffee, (2, "purchase", 400)) == [2]  # bought once: no usual time
    assert hidden(hiding, *coffee, (1, "purchase", 20)) == [1]


@pytest.mark.parametrize(
    "table",
    [
        {"clik": "always"},
        {"click": "sometimes"},
        {"click": -1},
        {"click": True},
        {"click": {"times": 0}},
        {"click": {"day": 1}},
    ],
)
def test_a_wrong_table_is_refused_by_name(table: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=rf"\[seen\].*{next(iter(table))}"):
        Hiding.from_table(table)
    with pytest.raises(SettingError, match=r"line 4|\[seen\]"):
        read_recipe('[[retrieve]]\nuse = "popular"\n[seen]\nclick = "sometimes"\n')


EVENTS = st.lists(st.tuples(st.integers(0, 4), st.sampled_from(KINDS), st.integers(0, 20)), min_size=1, max_size=30)
RULES = st.dictionaries(
    st.sampled_from(KINDS),
    st.one_of(
        st.sampled_from(["always", "never"]),
        st.integers(0, 20),
        st.fixed_dictionaries({"times": st.integers(1, 3), "days": st.integers(0, 20)}),
    ),
)


@settings(deadline=None)
@given(EVENTS, RULES)
def test_hidden_is_what_the_table_says(events: list[tuple[int, str, int]], table: dict[str, object]) -> None:
    hiding, wanted = Hiding.from_table(table), set()
    for item, kind, _ in events:
        rule = hiding.rules[CODES[kind]]
        recent = [one for one in events if one[:2] == (item, kind) and one[2] < rule.days]
        if len(recent) >= rule.times:
            wanted.add(item)
    assert hidden(hiding, *events) == sorted(wanted)


# -- what is taken back ----------------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.integers(0, 2),
        st.integers(0, 9),
        st.sampled_from(["purchase", "refund", "cart", "remove_from_cart", "click"]),
        st.sampled_from([None, 1.0, 3.0, -2.0]),
    ),
    max_size=30,
)


@settings(deadline=None)
@given(STEPS)
def test_each_refund_takes_back_the_newest_purchase_that_is_left(
    steps: list[tuple[int, int, int, str, float | None]],
) -> None:
    gone = [False] * len(steps)
    for kind, back in (("purchase", "refund"), ("cart", "remove_from_cart")):
        open_: dict[tuple[int, int], list[int]] = {}
        for row, (user, item, _, step, value) in sorted(enumerate(steps), key=lambda one: one[1][2]):
            stack = open_.setdefault((user, item), [])
            if step == back or (step == kind and (value or 0) < 0):
                if stack:
                    bought = stack.pop()
                    before = steps[bought][4]
                    gone[bought] = before is None or value is None or abs(value) >= before
            elif step == kind:
                stack.append(row)
    columns = list(zip(*steps, strict=True)) or [()] * 5
    kinds = np.array([CODES[kind] for kind in columns[3]], np.uint8)
    values = np.array([np.nan if one is None else one for one in columns[4]], np.float32)
    found = taken_back(np.array(columns[0]), np.array(columns[1]), np.array(columns[2], float), kinds, values)
    assert found.tolist() == gone


def test_a_refund_leaves_nothing_of_its_purchase() -> None:
    log = [Event("u", "a", "purchase", 1, 1), Event("u", "a", "refund", 2), Event("u", "b", "purchase", 3, 12)]
    back = [Event("u", "b", "refund", 4, 2), Event("u", "c", "cart", 5), Event("u", "c", "remove_from_cart", 6)]
    profile, dataset = both_ways([*log, *back])
    assert [dataset.items[item].item_id for item in profile.history.items] == ["b"]  # two of twelve came back
    assert profile.met.hidden(Hiding(), NOW).tolist() == [dataset.items.vocabulary.get("b")]


# -- over the whole log ----------------------------------------------------------------------------------------------


def both_ways(events: list[Event], window: int | None = None):  # type: ignore[no-untyped-def]
    """A user's profile as a server has it, and the dataset of the same events."""
    store = MemoryStore()
    store.log.append(events)
    store.catalog.put([Item(one) for one in sorted({event.item_id for event in events} - {""})])
    dataset = dataset_from_store(store, EventWeights(), None)
    past = store.log.past("u", KINDS)
    return live_profile("u", past, None, dataset.items, dataset.users, dataset.weights, window=window), dataset


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(sorted({*KINDS} - {"search", "message"})), st.integers(0, 30)),
        min_size=1,
        max_size=25,
    ),
    st.integers(0, 5),
)
def test_a_server_hides_what_training_hides(rows: list[tuple[int, str, int]], window: int) -> None:
    value = {"rating": 4.0}
    events = [Event("u", f"i{item}", kind, NOW + time, value.get(kind)) for item, kind, time in rows]
    profile, dataset = both_ways(events, window)
    trained = dataset.profile(dataset.users.position("u"))
    assert len(profile.history) == min(window, len(trained.history))
    for hiding in (Hiding(), Hiding.all(), Hiding.from_table({"purchase": 5, "like": "never", "view": 10})):
        assert profile.met.hidden(hiding, NOW + 31).tolist() == trained.met.hidden(hiding, NOW + 31).tolist()


def popular_of(profile, dataset, n: int = 50) -> list[str]:  # type: ignore[no-untyped-def]
    made = Recommender(retrieve=[Popular()]).fit(dataset)
    return made.recommend(Query(profile, n=n, now=NOW)).ids(dataset.items)


def test_what_left_the_window_of_taste_stays_hidden() -> None:
    old = [Event("u", f"old{n}", "purchase", n) for n in range(5)]
    new = [Event("u", f"new{n % 3}", "click", 100 + n) for n in range(40)]
    others = [Event(f"v{n}", f"old{n}", "purchase", 1) for n in range(5)]
    profile, dataset = both_ways([*old, *new, *others], window=20)
    assert len(profile.history) == 20
    assert sorted(popular_of(profile, dataset)) == ["new0", "new1", "new2"]  # clicks hide nothing
    # The same with what was seen read off the shortened history, as it was once, breaks the law.
    assert any(one.startswith("old") for one in popular_of(profile.with_history(profile.history), dataset))


def test_lists_looked_at_take_no_place_among_what_was_done() -> None:
    done = [Event("u", f"i{n}", "like", n) for n in range(5)]
    looked = [Event("u", f"i{n % 9}", "impression", 100 + n, event_id=f"e{n}") for n in range(500)]
    asked = [Event("u", "", kind, 700, context={"text": "x"}) for kind in ("search", "message")]
    profile, _ = both_ways([*done, *looked, *asked], window=20)
    assert len(profile.history) == 5
    assert len(profile.met.hidden(Hiding(), NOW)) == 5


def test_the_filter_shows_or_hides_as_it_is_told() -> None:
    events = [Event("u", "a", "like", 1), Event("u", "b", "click", 2), Event("v", "c", "like", 3)]
    profile, dataset = both_ways(events)
    answers = {}
    for said in ('[filter]\nseen = "show"', '[filter]\nseen = "all"', '[seen]\nlike = "never"\nclick = "always"', ""):
        made = read_recipe(f'[[retrieve]]\nuse = "popular"\n{said}\n').recommender.fit(dataset)
        answers[said] = sorted(made.recommend(Query(profile, now=NOW)).ids(dataset.items))
    assert list(answers.values()) == [["a", "b", "c"], ["c"], ["a", "c"], ["b", "c"]]


def test_without_a_clock_nothing_comes_back() -> None:
    profile, dataset = both_ways([Event("u", "a", "purchase", 3)])
    past = [Event("u", "a", "purchase", 3)]
    timeless = live_profile("u", past, None, dataset.items, Vocabulary(["u"]), EventWeights(), has_clock=False)
    hiding = Hiding.from_table({"purchase": 1})
    assert profile.met.hidden(hiding, NOW).tolist() == []
    assert timeless.met.hidden(hiding, NOW).tolist() == [0]


def test_items_that_come_later_are_met_as_soon_as_they_are_there() -> None:
    past = [Event("u", "later", "like", 1)]
    for items, wanted in ((Items.of([Item("x")]), []), (Items.of([Item("x"), Item("later")]), ["later"])):
        met = live_profile("u", past, None, items, Vocabulary(["u"]), EventWeights()).met
        assert [items[one].item_id for one in met.hidden(Hiding(), NOW)] == wanted


def test_what_tires_gives_way_and_comes_back() -> None:
    """The whole way: a list that is looked at again and again gives way, and returns when the days have passed."""
    store, now = MemoryStore(), [NOW]
    store.catalog.put([Item(f"i{n}") for n in range(12)])
    store.log.append([Event(f"v{n}", f"i{n}", "like", n) for n in range(12)])
    recipe = read_recipe('[[retrieve]]\nuse = "popular"\n[seen]\nimpression = {times = 2, days = 3}\n')
    recipe.recommender.fit(dataset_from_store(store, EventWeights(), None))
    engine = Engine(recipe, store, clock=lambda: now[0])

    def shown() -> list[str]:
        answer = [one["item_id"] for one in engine.recommend("u", n=3)["items"]]
        engine.impressions.flush()
        return answer

    first, second, third = shown(), shown(), shown()
    assert first == second
    assert not set(first) & set(third)
    now[0] += 4 * DAY
    assert shown() == first
    engine.close()


def test_a_purchase_stood_until_its_refund() -> None:
    table = pl.DataFrame(
        {
            "user_id": ["u", "u", "u", "v"],
            "item_id": ["i", "j", "i", "i"],
            "event_type": ["purchase", "purchase", "refund", "purchase"],
            "timestamp": [1.0, 2.0, 5.0, 3.0],
            "value": [None] * 4,
            "context": [""] * 4,
        },
        schema_overrides={"value": pl.Float64},
    )
    data = assemble(event_columns(table), [Item("i"), Item("j")], EventWeights(), has_clock=True)
    met = {m: sorted((data.users[u], data.items[int(i)].item_id) for u, i in pairs(data, m)) for m in (2.0, 5.0, 6.0)}
    assert met == {2.0: [("u", "i")], 5.0: [("u", "i"), ("u", "j"), ("v", "i")], 6.0: [("u", "j"), ("v", "i")]}
    assert len(data.interactions) == 2
    assert len(data.before(5.0).before(1.5).interactions) == 1


def pairs(data, moment):
    past = data.before(moment).interactions
    return list(zip(past.users.tolist(), past.items.tolist(), strict=True))
