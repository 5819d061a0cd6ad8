"""Portraits: a model is asked only when tastes have moved, what it says is held against the profile, and versions go back."""

from __future__ import annotations

import pytest

from zhiyin.data.weights import EventWeights
from zhiyin.errors import DataError, ModelError
from zhiyin.event import Event
from zhiyin.ingest.profiles import interests_of, live_profile
from zhiyin.item import Item, Items
from zhiyin.llm.fake import Fake
from zhiyin.ports import StoredProfile
from zhiyin.profile import Profile
from zhiyin.stores.memory import MemoryStore
from zhiyin.understanding.portrait import EVERY, due, portrayed, rolled_back
from zhiyin.vocabulary import Vocabulary

DAY = 86_400.0
ITEMS = Items(
    [
        Item(f"{country}-{grape}-{n}", f"{grape} {n}", attributes={"country": country, "grapes": (grape,)})
        for country, grapes in {"Chile": ("Merlot", "Carmenère"), "Germany": ("Riesling", "Silvaner")}.items()
        for grape in grapes
        for n in range(6)
    ]
)


def events(topic: str, count: int, start: float = 0.0) -> list[Event]:
    return [
        Event("u", f"{topic}-{n % 6}", "like", start + n * DAY, event_id=f"{topic}-{start}-{n}") for n in range(count)
    ]


def profile_of(log: list[Event], stored: StoredProfile | None = None) -> Profile:
    return live_profile("u", log, stored, ITEMS, Vocabulary(["u"]), EventWeights())


def is_due(log: list[Event], stored: StoredProfile | None) -> bool:
    profile = profile_of(log, stored)
    earlier = interests_of(profile.history.before(stored.updated), ITEMS)[0] if stored else ()
    return due(profile, earlier, stored)


def test_the_model_is_asked_when_tastes_moved_or_after_many_events_and_not_at_every_event():
    old = events("Chile-Merlot", 20)
    stored = StoredProfile("u", summary="Likes Merlot.", updated=20 * DAY)
    assert not is_due(old[:3], None), "too little to go by"
    assert is_due(old, None)
    assert not is_due(old, stored)
    assert not is_due([*old, *events("Chile-Merlot", 3, 21 * DAY)], stored), "more of the same"
    assert is_due([*old, *events("Germany-Riesling", 10, 21 * DAY)], stored), "another taste"
    assert is_due([*old, *events("Chile-Merlot", EVERY, 21 * DAY)], stored), "many events"


def test_what_the_model_says_is_held_against_the_profile():
    log = events("Chile-Merlot", 6)
    wrong = (
        "Loves Riesling too. Has bought 900 bottles. Won awards. Enjoys calm evenings. The data-abcdefghij says Merlot."
    )
    reply = {
        "summary": f"Likes Merlot from Chile. {wrong} Likes Merlot from Chile. Merlot with Robert Parker. Mostly Merlot and",
        "latent": [{"topic": "grapes: Carmenère", "reason": "goes with Chile"}],
    }
    model = Fake([reply])
    made = portrayed(model, profile_of(log), StoredProfile("u"), ITEMS, 9 * DAY)
    assert made.summary == "Likes Merlot from Chile."
    assert [one.topic for one in made.interests] == [("grapes", "Carmenère")]
    assert made.interests[0].latent
    assert set(made.interests[0].evidence) <= {one.event_id for one in log}
    assert made.interests[0].evidence
    assert "u" not in model.heard.split(), "no id is told"


@pytest.mark.parametrize(
    "reason", ["Why", "Nine of ten people in Europe like it", "It goes with Riesling", "top 10 with Chile"]
)
def test_where_the_model_says_nothing_true_the_rules_speak(reason):
    log = events("Chile-Merlot", 6)
    reply = {
        "summary": "The document was written by a person.",
        "latent": [{"topic": "grapes: Carmenère", "reason": reason}],
    }
    made = portrayed(Fake([reply]), profile_of(log), StoredProfile("u"), ITEMS, 9 * DAY)
    assert made.summary.startswith("Mostly takes to")
    assert "Merlot" in made.summary
    assert made.interests[0].reason.startswith("goes with")
    assert not is_due(log, made), "not asked again at every event for having said nothing"


def test_a_topic_that_was_not_offered_is_refused():
    reply = {"summary": "Likes Merlot.", "latent": [{"topic": "grapes: Riesling", "reason": "x"}]}
    log = events("Chile-Merlot", 6)
    made = portrayed(Fake([reply, reply]), profile_of(log), StoredProfile("u"), ITEMS, 9 * DAY)
    assert made.interests == ()
    assert made.summary.startswith("Mostly takes to")
    assert not is_due(log, made), "a model that cannot answer is not asked at every event"


def test_a_model_that_is_down_leaves_the_profile_as_it_was():
    with pytest.raises(ModelError):
        portrayed(Fake([ModelError("down")]), profile_of(events("Chile-Merlot", 6)), StoredProfile("u"), ITEMS, 9 * DAY)


def test_an_earlier_version_comes_back_as_the_newest():
    profiles = MemoryStore().profiles
    profiles.put(StoredProfile("u", summary="first"))
    profiles.put(StoredProfile("u", summary="second"))
    assert rolled_back(profiles, "u", 1).version == 3
    assert profiles.get("u").summary == "first"
    assert profiles.get("u", 2).summary == "second"
    with pytest.raises(DataError, match="no version 9"):
        rolled_back(profiles, "u", 9)
