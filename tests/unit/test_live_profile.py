"""Live profiles: interests from events, with the user's own edits above them."""

import numpy as np

from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.build import dataset_from_store
from zhiyin.ingest.profiles import live_profile
from zhiyin.item import Item, Items
from zhiyin.ports import StoredProfile
from zhiyin.profile import Interest, Profile
from zhiyin.stores.memory import MemoryStore
from zhiyin.vocabulary import Vocabulary

DAY = 86_400.0

ITEMS = Items.of(
    [
        *(Item(f"r{n}", attributes={"type": "Red", "grapes": ("Merlot",)}) for n in range(3)),
        *(Item(f"w{n}", attributes={"type": "White", "grapes": ("Riesling",)}) for n in range(3)),
        Item("only", attributes={"type": "Orange"}),
    ]
)


def profile_of(*events: Event, stored: StoredProfile | None = None) -> Profile:
    return live_profile("u", events, stored, ITEMS, Vocabulary(["u", "v"]), EventWeights())


def event(item: str, days: float, kind: str = "click") -> Event:
    return Event("u", item, kind, days * DAY)


def test_interests_are_ranked_cited_and_dated() -> None:
    events = (event("r0", 1), event("r1", 2), event("w0", 3), event("gone", 4), event("r0", 5, "impression"))
    profile = profile_of(*events)
    assert [one.topic for one in profile.interests][:2] == [("type", "Red"), ("grapes", "Merlot")]
    red = profile.interests[0]
    assert (red.weight, red.first_seen, red.last_seen) == (1.0, DAY, 2 * DAY)
    assert red.evidence == (events[0].event_id, events[1].event_id)
    assert len(profile.history) == 3


def test_old_events_fade() -> None:
    profile = profile_of(event("r0", 0), event("r1", 1), event("w0", 2000))
    assert profile.interests[0].topic == ("type", "White")


def test_dislikes_come_from_negative_events() -> None:
    profile = profile_of(event("r0", 1), event("w0", 2, "dislike"), event("w1", 3, "dislike"))
    assert {one.topic for one in profile.dislikes} == {("type", "White"), ("grapes", "Riesling")}
    assert {one.topic for one in profile.interests} == {("type", "Red"), ("grapes", "Merlot")}


def test_the_user_s_edits_win() -> None:
    refused, wished = ("type", "Red"), ("type", "White")
    latent = Interest(("mood", "calm"), 0.3, latent=True)
    stored = StoredProfile(
        "u", {"age": "30"}, ("v", "gone"), (refused,), (wished,), (latent,), summary="s", version=4, personalise=True
    )
    profile = profile_of(event("r0", 1), event("w0", 2, "dislike"), stored=stored)
    assert [one.topic for one in profile.interests] == [wished, ("grapes", "Merlot"), ("mood", "calm")]
    assert wished not in {one.topic for one in profile.dislikes}
    assert profile.refusals == (refused,)
    assert profile.friends.tolist() == [1]
    assert (profile.attributes, profile.summary, profile.version) == ({"age": "30"}, "s", 4)


def test_nobody_and_an_unknown_user_have_empty_profiles() -> None:
    profile = live_profile("new", [], None, ITEMS, Vocabulary(["u"]), EventWeights())
    assert (profile.position, len(profile.history), profile.interests, profile.dislikes) == (-1, 0, (), ())


def test_a_topic_of_one_item_only_is_no_interest() -> None:
    assert profile_of(event("only", 1)).interests == ()


def test_friends_and_attributes_reach_the_dataset() -> None:
    store = MemoryStore()
    store.log.append(
        [Event("u", "a", "click", 1), Event("v", "b", "rating", 2, 5.0), Event("w", "b", "rating", 3, 2.0)]
    )
    store.profiles.put(StoredProfile("u", {"age": "30"}, ("v",), personalise=True))
    dataset = dataset_from_store(store, EventWeights(), None)
    me, friend = dataset.users.position("u"), dataset.users.position("v")
    assert dataset.profile(me).friends.tolist() == [friend]
    assert dataset.user_attributes["u"] == {"age": "30"}
    assert store.meta.get("meanings") == {"rating_scale": [1.0, 5.0], "rating_counts": False}
    assert np.sign(dataset.interactions.weights).tolist().count(-1) == 1
