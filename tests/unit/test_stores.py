"""The event log, catalogue and profile ports: one suite that every adapter passes."""

import contextlib
import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhiyin.data.event_ids import SCHEMA, Occurrences, event_table
from zhiyin.errors import DataError, SettingError
from zhiyin.event import KINDS, Event
from zhiyin.item import Item
from zhiyin.ports import StoredProfile
from zhiyin.profile import Interest
from zhiyin.stores.memory import MemoryStore
from zhiyin.stores.rows import event_row
from zhiyin.stores.sql import SqlStore


def postgres() -> SqlStore:
    store = SqlStore(os.environ["TEST_POSTGRES_URL"])
    with store.engine.begin() as connection:
        for table in ("events", "items", "profiles", "erasures"):
            connection.exec_driver_sql(f"TRUNCATE {table} RESTART IDENTITY")
    return store


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "memory":
        yield MemoryStore()
        return
    if request.param == "postgresql" and "TEST_POSTGRES_URL" not in os.environ:
        pytest.skip("TEST_POSTGRES_URL is not set")
    made = SqlStore(f"sqlite:///{tmp_path / 'store.db'}") if request.param == "sqlite" else postgres()
    yield made
    made.close()


FULL = Event("u", "i", "impression", 3.5, None, {"device": "手机", "n": 1}, "s", "r", 2, 0.25, "given")


def test_an_event_comes_back_as_it_went_in(store: Any) -> None:
    plain = Event("u", "i", "rating", 4.0, 2.5)
    assert store.log.append([FULL, plain]) == 2
    assert store.log.of_user("u") == [FULL, plain]


def test_a_table_comes_back_as_it_went_in(store: Any) -> None:
    events = [FULL, Event("u", "", "search", 5, context={"text": 'a "b",\nc'}), Event("ü", "i,", "dwell", -1.5, 0.1)]
    store.log.append(events)
    table = store.log.table()
    other = MemoryStore()
    assert other.log.append_table(table) == 3
    assert [*other.log.of_user("u"), *other.log.of_user("ü")] == events
    assert store.log.append_table(table) == 0
    assert table.schema == event_table(table).schema


def test_bulk_keeps_nulls_and_empty_texts(store: Any) -> None:
    events = [Event("u", "i", "click", float(time)) for time in range(3)]
    mixed = [*events, FULL]
    other = MemoryStore()
    other.log.append(mixed)
    assert store.log.append_table(other.log.table()) == 4
    assert store.log.of_user("u") == sorted(mixed, key=lambda one: one.timestamp)


def test_the_same_event_twice_is_one(store: Any) -> None:
    event = Event("u", "i", "click", 1.0)
    assert store.log.append([event, event]) == 1
    assert store.log.append([event]) == 0
    assert (
        store.log.append_table(
            pl.DataFrame({"user_id": ["u"], "item_id": ["i"], "event_type": ["click"], "timestamp": [1.0]})
        )
        == 0
    )
    assert store.log.count() == 1


PLAIN = Event("u", "i", "purchase", 5.0, 2.0, {"shop": "north"}, "s", "r", 1, 0.5, "order-1")


def test_an_id_is_its_user_s_own(store: Any) -> None:
    other = replace(PLAIN, user_id="v", item_id="j")
    assert store.log.append([PLAIN]) == store.log.append([other]) == 1
    assert store.log.append_table(store.log.table().with_columns(user_id=pl.lit("w"))[:1]) == 1
    assert store.log.of_user("v") == [other]


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize(
    "other",
    [
        {"item_id": "j"},
        {"event_type": "click"},
        {"timestamp": 6.0},
        {"value": None},
        {"context": {"shop": "south"}},
        {"context": {}},
        {"session_id": None},
        {"request_id": "r2"},
        {"position": 2},
        {"propensity": 0.25},
    ],
    ids=str,
)
def test_the_same_id_with_other_content_is_kept_apart(store: Any, other: dict[str, Any], bulk: bool) -> None:
    def give(*events: Event) -> int:
        if not bulk:
            return store.log.append(events)
        return store.log.append_table(pl.DataFrame([event_row(one) for one in events], schema=SCHEMA, orient="row"))

    second = replace(PLAIN, **other)
    assert give(PLAIN, second, PLAIN) == 2, "nothing is lost"
    assert give(PLAIN, second) == give(second) == 0, "and said again it is still one"
    kept = {one.event_id: replace(one, event_id="") for one in store.log.of_user("u")}
    assert len(kept) == 2
    assert replace(second, event_id="") in kept.values()


def test_a_context_is_the_same_however_it_is_spaced(store: Any) -> None:
    store.log.append([PLAIN])
    spaced = store.log.table().with_columns(context=pl.lit('{ "shop":"north" }'))
    assert store.log.append_table(spaced) == 0


def test_what_is_sent_again_without_a_time_is_one(store: Any) -> None:
    later = replace(PLAIN, timestamp=9.0)
    assert store.log.take([PLAIN, later], {0, 1}).known == 1
    other = replace(PLAIN, item_id="j")
    first, again = store.log.take([other], {0}), store.log.take([replace(other, timestamp=7.0)], {0})
    assert (len(first.new), again.known) == (1, 1)
    assert list(first.apart.values()) == list(again.apart.values()) == [first.new[0].event_id]


@pytest.mark.parametrize("bulk", [False, True])
def test_what_only_its_circumstances_tell_apart_is_two(store: Any, bulk: bool) -> None:
    events = [
        *(Event("u", "", "search", 7.0, context={"text": text}) for text in ("red", "white")),
        *(Event("u", "", "message", 7.0, context={"text": text}) for text in ("hello", "you")),
        *(Event("u", "i", "impression", 7.0, request_id=one, position=2) for one in ("r1", "r2")),
        *(Event("u", "i", "impression", 7.0, request_id="r", position=one) for one in (1, 2)),
    ]
    frame = pl.DataFrame([event_row(one) for one in events], schema=SCHEMA, orient="row").drop("event_id")
    assert (store.log.append_table(frame) if bulk else store.log.append(events)) == len(events)
    assert store.log.append(events) == store.log.append_table(frame) == 0


def test_counts_are_by_user_and_kind(store: Any) -> None:
    store.log.append([Event("u", "i", "click", 1), Event("v", "i", "impression", 1), Event("u", "i", "impression", 2)])
    assert store.log.counts() == {"u": 2, "v": 1}
    assert store.log.counts(leave_out=["impression"]) == {"u": 1}
    assert store.log.counts(["v", "nobody"]) == {"v": 1}


def test_repeats_in_one_table_are_kept_and_the_table_twice_changes_nothing(store: Any) -> None:
    table = pl.DataFrame(
        {"user_id": ["u"] * 3, "item_id": ["i"] * 3, "event_type": ["purchase"] * 3, "timestamp": [7] * 3}
    )
    assert store.log.append_table(table) == 3
    assert store.log.append_table(table) == 0
    assert len(store.log.of_user("u")) == 3


def test_a_user_s_events_are_oldest_first_and_equal_times_in_order_of_arrival(store: Any) -> None:
    for item, time in (("c", 5), ("a", 9), ("b", 5), ("d", 1)):
        store.log.append([Event("u", item, "click", time)])
    assert [event.item_id for event in store.log.of_user("u")] == ["d", "c", "b", "a"]
    assert [event.item_id for event in store.log.of_user("u", 2)] == ["b", "a"]
    assert store.log.of_user("u", 0) == store.log.of_user("nobody") == []


def test_table_is_in_order_of_arrival_and_half_open(store: Any) -> None:
    store.log.append([Event("u", "i", "click", time) for time in (3, 1, 2)])
    assert store.log.table()["timestamp"].to_list() == [3, 1, 2]
    assert store.log.table(1, 3)["timestamp"].to_list() == [1, 2]
    assert len(store.log.table(50)) == 0


def test_a_bulk_load_that_fails_leaves_the_log_whole(store: Any) -> None:
    table = pl.DataFrame({"user_id": ["u"], "item_id": ["i"], "event_type": ["click"], "timestamp": [1.0]})
    with contextlib.suppress(KeyboardInterrupt), store.log.bulk():
        store.log.append_table(table)
        raise KeyboardInterrupt
    with store.log.bulk():
        assert store.log.append_table(table) == 0
    assert store.log.columns(["user_id", "value"]).rows() == [("u", None)]
    assert len(store.log.of_user("u")) == 1


def test_deleting_a_user_forgets_only_that_user(store: Any) -> None:
    store.log.append([Event("u", "i", "click", 1), Event("v", "i", "click", 1), Event("u", "j", "click", 2)])
    assert store.log.delete_user("u") == 2
    assert store.log.count() == 1
    assert store.log.delete_user("u") == 0


def test_a_wrong_table_is_refused_whole(store: Any) -> None:
    good = {"user_id": "u", "item_id": "i", "event_type": "click", "timestamp": 1.0}
    for wrong in ({"event_type": "hug"}, {"timestamp": float("nan")}, {"user_id": ""}, {"item_id": None}):
        with pytest.raises(DataError, match="in 1 of 2 rows"):
            store.log.append_table(pl.DataFrame([good, {**good, **wrong}]))
    assert store.log.count() == 0


def test_items_are_put_replaced_and_deleted(store: Any) -> None:
    wine = Item(
        "w", "Chianti", "dry", {"abv": 13.5, "grapes": ("Sangiovese",), "bio": True}, ("a.png",), 1.0, 2.0, True
    )
    other = Item("o")
    assert store.catalog.put([wine, other]) == 2
    assert store.catalog.put([wine, replace(other, title="New")]) == 1
    assert store.catalog.all() == [wine, replace(other, title="New")]
    assert store.catalog.get("w") == wine
    assert store.catalog.delete("w")
    assert not store.catalog.delete("w")
    assert store.catalog.get("w") is None


def test_profiles_have_versions(store: Any) -> None:
    interest = Interest(("grapes", "Merlot"), 0.5, ("e1",), 1.0, 2.0, True, "why")
    first = StoredProfile(
        "u", {"age": "30"}, ("v",), (("type", "Red"),), (("type", "Rosé"),), (interest,), (interest,), "s", 9
    )
    stored = store.profiles.put(first)
    assert stored == replace(first, version=1)
    second = store.profiles.put(replace(stored, summary="t"))
    assert (second.version, store.profiles.get("u")) == (2, second)
    assert store.profiles.get("u", 1) == stored
    assert store.profiles.get("u", 3) is store.profiles.get("v") is None
    assert store.profiles.users() == ["u"]
    assert store.profiles.delete("u")
    assert not store.profiles.delete("u")


def test_many_profiles_are_stored_only_where_they_differ(store: Any) -> None:
    one, two = StoredProfile("a", {"x": "1"}), StoredProfile("b")
    assert store.profiles.put_many([one, two]) == 2
    assert store.profiles.put_many([one, replace(two, summary="new")]) == 1
    assert [profile.version for profile in store.profiles.all()] == [1, 2]


def test_notes(store: Any) -> None:
    assert store.meta.get("nothing") is None
    for value in ([1, 5], {"a": None}):
        store.meta.put("scale", value)
        assert store.meta.get("scale") == value


def test_the_fingerprint_follows_every_change(store: Any) -> None:
    seen = [store.fingerprint()]
    for change in (
        lambda: store.log.append([Event("u", "i", "click", 1)]),
        lambda: store.catalog.put([Item("i")]),
        lambda: store.catalog.put([Item("i", "t")]),
        lambda: store.profiles.put(StoredProfile("u")),
        lambda: store.profiles.put(StoredProfile("u")),
        lambda: store.log.delete_user("u"),
    ):
        assert store.fingerprint() == seen[-1]
        change()
        assert store.fingerprint() not in seen
        seen.append(store.fingerprint())


def test_the_fingerprint_of_some_kinds_follows_only_those(store: Any) -> None:
    store.log.append([Event("u", "i", "click", 1)])
    clicks, all_kinds = store.fingerprint(["click", "like"]), store.fingerprint()
    store.log.append([Event("u", "i", "impression", 2), Event("v", "j", "impression", 3)])
    assert store.fingerprint(["click", "like"]) == clicks
    assert store.fingerprint() != all_kinds
    store.log.append([Event("u", "i", "like", 4)])
    assert store.fingerprint(["click", "like"]) != clicks


def test_many_threads_write_at_once(store: Any) -> None:
    def write(thread: int) -> None:
        for number in range(10):
            store.log.append([Event(f"u{thread}", "i", "click", number), Event("all", "i", "click", number)])
            store.profiles.put(StoredProfile("all"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert store.log.count() == 50
    assert store.profiles.get("all").version == 40


def test_a_store_is_still_there_when_opened_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}"
    SqlStore(url, sync="full").log.append([FULL])
    assert SqlStore(url).log.of_user("u") == [FULL]


def test_bulk_and_single_writes_side_by_side_leave_the_file_whole(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path / 'store.db'}")
    with store.engine.connect() as reader:
        for part in range(5):
            times = [part * 100.0 + n for n in range(100)]
            frame = pl.DataFrame({"timestamp": times}).with_columns(
                user_id=pl.lit("u"), item_id=pl.lit("i"), event_type=pl.lit("click")
            )
            assert store.log.append_table(frame) == 100
            store.catalog.put([Item(f"i{part}")])
            assert reader.exec_driver_sql("SELECT count(*) FROM events").scalar() == 100 * (part + 1)
            reader.rollback()
        assert reader.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert not list(tmp_path.glob(".incoming*"))


def test_wrong_urls_and_foreign_files_are_refused(tmp_path: Path) -> None:
    for url in ("nonsense", "sqlite://", "mysql://x/y"):
        with pytest.raises(SettingError, match="must"):
            SqlStore(url)
    (tmp_path / "text.db").write_text("not a database, but long enough to be taken for one" * 40)
    with pytest.raises(DataError, match="cannot be opened"):
        SqlStore(f"sqlite:///{tmp_path / 'text.db'}")


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


CONTEXT = st.dictionaries(TEXT, TEXT | NUMBER | st.integers() | st.lists(TEXT, max_size=2), max_size=2)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.tuples(TEXT, TEXT, st.sampled_from(KINDS), NUMBER, st.none() | NUMBER, CONTEXT),
    st.none() | TEXT,
    st.none() | TEXT,
    st.none() | st.integers(0, 99),
)
def test_an_event_has_the_same_id_alone_and_in_bulk(
    content: tuple[Any, ...], session: str | None, request: str | None, position: int | None
) -> None:
    event = Event(*content, session, request, position)
    frame = pl.DataFrame([event_row(event)], schema=SCHEMA, orient="row").drop("event_id")
    assert event_table(frame)["event_id"].to_list() == [event.event_id]
    spaced = frame.with_columns(pl.Series("context", [json.dumps(dict(reversed(event.context.items())), indent=1)]))
    assert not event.context or event_table(spaced)["event_id"].to_list() == [event.event_id]


def test_ids_are_the_same_for_ever() -> None:
    assert Event("u", "i", "rating", 1.5, -0.0).event_id == Event("u", "i", "rating", 1.5, 0.0).event_id
    assert Event("u", "i", "click", 1337860800).event_id == "lJQP9Ve_6IMP5Pd9"


@given(st.lists(st.integers(0, 4), max_size=30), st.integers(1, 7))
def test_repeats_are_numbered_alike_however_a_file_is_cut(items: list[int], size: int) -> None:
    frame = pl.DataFrame(
        {"user_id": ["u"] * len(items), "item_id": [f"i{one}" for one in items], "event_type": ["click"] * len(items)},
        schema=dict.fromkeys(("user_id", "item_id", "event_type"), pl.String),
    ).with_columns(timestamp=pl.lit(1.0))
    whole = event_table(frame)["event_id"].to_list()
    counter = Occurrences()
    pieces = [event_table(frame.slice(at, size), counter)["event_id"].to_list() for at in range(0, len(items), size)]
    assert [one for piece in pieces for one in piece] == whole
    assert len(set(whole)) == len(items)


def erased_from(store: Any) -> Any:
    store.log.append([Event("u", "i", "click", 1), Event("v", "i", "click", 1)])
    for age in "12":
        store.profiles.put(StoredProfile("u", {"age": age}))
        store.profiles.put(StoredProfile("v", {"age": age}, friends=("u", "w")))
    return store.erasures.begin("user", "u", 10.0)


def test_an_erasure_is_swept_and_closed_and_its_receipt_names_nobody(store: Any) -> None:
    number_before = store.erasures.mark()
    erasure = erased_from(store)
    assert store.erasures.begin("user", "u", 11.0) == erasure, "one that runs is not begun twice"
    assert [one.subject for one in store.erasures.running()] == ["u"]
    store.erasures.note(erasure.number, "store", store.erasures.sweep(erasure))
    store.log.append([Event("u", "i", "click", 2)])
    receipt = store.erasures.finish(erasure, 12.0)
    assert receipt.found == {"store": {"events": 2, "profiles": 2, "friends": 2}}
    assert (receipt.subject, receipt.who, receipt.finished) == ("", store.erasures.hashed("u"), 12.0)
    assert store.log.of_user("u") == []
    assert store.profiles.get("u") is None
    assert [store.profiles.get("v", number).friends for number in (1, 2)] == [("w",), ("w",)]
    assert store.erasures.running() == []
    assert store.erasures.since(number_before)["user"] == {receipt.who}
    assert store.erasures.since(store.erasures.mark())["user"] == set()


def test_nothing_is_written_of_an_erased_user_until_they_act_again(store: Any) -> None:
    shown = [Event("u", "i", "impression", 5.0, request_id="r", position=one) for one in (1, 2)]
    erasure = erased_from(store)
    assert store.log.append(shown) == 0, "while it runs"
    store.erasures.finish(erasure, 12.0)
    assert store.log.append([*shown, Event("v", "i", "impression", 5.0)]) == 1
    assert store.log.of_user("u") == []
    assert store.log.append([Event("u", "i", "like", 6.0)]) == 1
    assert store.log.append(shown) == 2, "who acts again is somebody new"


def test_an_erased_friend_changes_the_fingerprint(store: Any) -> None:
    store.profiles.put(StoredProfile("v", friends=("u",)))
    before = store.fingerprint()
    store.erasures.finish(store.erasures.begin("user", "u", 1.0), 2.0)
    assert store.fingerprint() != before
