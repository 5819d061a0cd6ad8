"""The law of consent: without a person's yes, what they registered with changes nothing that anybody is recommended."""

from pathlib import Path

import pytest

from zhiyin.data.consent import readable, told
from zhiyin.data.readers import read_folder
from zhiyin.data.reading.asked import Asked
from zhiyin.data.weights import EventWeights
from zhiyin.errors import DataError
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.demo import ingest_demo
from zhiyin.ingest.files import ingest_files
from zhiyin.ingest.profiles import live_profile
from zhiyin.item import Item
from zhiyin.ports import StoredProfile
from zhiyin.profile import Interest
from zhiyin.stores.memory import MemoryStore
from zhiyin.stores.rows import profile_json, profile_of
from zhiyin.understanding.portrait import rolled_back

ABOUT = {"country": "Germany", "about": "I mostly drink Riesling, no Merlot please", "grapes": "Riesling"}
WINES = [Item(f"w{n}", attributes={"grapes": ("Riesling" if n % 2 else "Merlot",)}) for n in range(8)]


def store_of(*profiles: StoredProfile) -> MemoryStore:
    store = MemoryStore()
    store.catalog.put(WINES)
    store.log.append([Event(f"u{n}", f"w{n}", "click", float(n + 1)) for n in range(8)])
    for one in profiles:
        store.profiles.put(one)
    return store


def read(store: MemoryStore) -> tuple[object, ...]:
    """All that recommending reads of a user: by a fit, and by a request."""
    data = dataset_from_store(store, EventWeights(), None)
    profile = live_profile("u1", [], store.profiles.get("u1"), data.items, data.users, EventWeights())
    return (
        {user: dict(one) for user, one in data.user_attributes.items() if one},
        dict(profile.attributes), [(one.topic, one.weight) for one in profile.interests],
        [one.topic for one in profile.dislikes],
    )  # fmt: skip


def test_without_a_yes_it_is_as_if_nothing_was_registered() -> None:
    nothing = read(store_of(StoredProfile("u1")))
    assert read(store_of(StoredProfile("u1", ABOUT))) == nothing
    said = read(store_of(StoredProfile("u1", ABOUT, personalise=True)))
    assert said[0] == {"u1": ABOUT}
    assert said[1] == ABOUT
    assert said[2]
    assert said[3]


def test_taking_it_back_takes_along_what_was_made_of_it() -> None:
    made = StoredProfile(
        "u1", ABOUT, refusals=(("grapes", "Malbec"),), interests=(Interest(("grapes", "Riesling"), 1.0),),
        summary="A German who likes Riesling.", personalise=True,
    )  # fmt: skip
    back = made.agreeing(False)
    assert read(store_of(back)) == read(store_of(StoredProfile("u1")))
    assert (back.summary, back.refusals, dict(back.attributes)) == ("", made.refusals, ABOUT)
    assert made.agreeing(None) is made


def test_an_earlier_version_brings_no_yes_back() -> None:
    store = store_of(StoredProfile("u1", ABOUT, summary="German.", personalise=True))
    store.profiles.put(store.profiles.get("u1").agreeing(False))
    rolled_back(store.profiles, "u1", 1)
    assert not store.profiles.get("u1").personalise
    assert store.profiles.get("u1").summary == ""
    with pytest.raises(DataError):
        rolled_back(store.profiles, "u1", 77)


@pytest.mark.parametrize("agreed", [True, False])
def test_it_is_kept(agreed: bool) -> None:
    kept = StoredProfile("u", ABOUT, personalise=agreed, version=3)
    assert profile_of("u", 3, 0.0, profile_json(kept)) == kept
    assert not profile_of("u", 1, 0.0, '{"attributes": {"country": "Germany"}}').personalise


@pytest.mark.parametrize(
    ("row", "agreed"),
    [
        ({"personalise": "true"}, True), ({"Consent": " YES "}, True), ({"同意": "是"}, True), ({"consent": "0"}, False),
        ({"consent": "perhaps"}, False), ({"consent": "yes", "personalize": "no"}, False), ({}, None),
    ],
)  # fmt: skip
def test_a_row_of_a_file_says_it(row: dict[str, str], agreed: bool | None) -> None:
    assert told({"age": "30", **row}) == ({"age": "30"}, agreed)
    assert readable({"age": "30", **row}) == ({"age": "30"} if agreed else {})


def test_a_file_of_users_is_read_where_it_or_its_bringer_says_so(tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu1,w1,1\nu2,w2,2\n")
    (tmp_path / "users.csv").write_text("user_id,country\nu1,Germany\nu2,Chile\n")
    assert not any(read_folder(tmp_path).user_attributes.values())
    for asked, count in ((Asked(), 0), (Asked(personalise=True), 2)):
        store = MemoryStore()
        summary = ingest_files([tmp_path], store, tmp_path / "quarantine", asked=asked)
        assert sum(one.personalise for one in store.profiles.all()) == count
        assert {one.attributes["country"] for one in store.profiles.all()} == {"Germany", "Chile"}
        assert ("attributes of 2 users are kept and not read" in str(summary)) == (count == 0)


def test_the_countries_of_the_built_in_shop_are_read() -> None:
    store = MemoryStore()
    ingest_demo("retail", store)
    profiles = store.profiles.all()
    assert profiles
    assert all(one.personalise and set(one.attributes) == {"country"} for one in profiles)
