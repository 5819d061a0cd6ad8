"""What a history hints at: latent interests, active hours, drift; a first profile from a sentence; the summary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.data.weights import EventWeights
from zhiyin.event import Event
from zhiyin.ingest.profiles import live_profile
from zhiyin.item import Item, Items
from zhiyin.packs.pack import load_pack
from zhiyin.ports import StoredProfile
from zhiyin.profile import History, Interest, Profile
from zhiyin.understanding.extract import about, active_hours, drift, first_dislikes, first_interests, latent_interests
from zhiyin.understanding.saying import Voice
from zhiyin.understanding.summary import WORDS, summary, words_in_text
from zhiyin.vocabulary import Vocabulary

HOUR = 3600.0
DAY = 24 * HOUR
GRAPES = {"Chile": ("Merlot", "Carmenère"), "Germany": ("Riesling", "Silvaner"), "France": ("Chardonnay", "Gamay")}
ITEMS = Items(
    [
        Item(f"{country}-{grape}-{n}", f"{grape} {n}", attributes={"country": country, "grapes": (grape,)})
        for country, grapes in GRAPES.items()
        for grape in grapes
        for n in range(6)
    ],
    pack=load_pack("wines", Path()),
)


def at(item: str, time: float, kind: str = "like", user: str = "u") -> Event:
    return Event(user, item, kind, time)


def profile_of(*events: Event, **stored) -> Profile:
    return live_profile(
        "u", events, StoredProfile("u", **stored, personalise=True), ITEMS, Vocabulary(["u"]), EventWeights()
    )


def test_a_latent_interest_goes_with_what_is_liked_was_not_met_and_cites_what_it_rests_on():
    events = [at(f"Chile-Merlot-{n}", n * DAY) for n in range(3)]
    profile = profile_of(*events)
    latent = [one for one in profile.interests if one.latent]
    assert [one.topic for one in latent] == [("grapes", "Carmenère")]
    assert "Chile" in latent[0].reason
    assert set(latent[0].evidence) <= {one.event_id for one in events}
    assert latent[0].evidence


def test_nothing_disliked_refused_or_met_is_latent():
    likes = [at(f"Chile-Merlot-{n}", n * DAY) for n in range(3)]
    assert not [one for one in profile_of(*likes, at("Chile-Carmenère-0", 9 * DAY, "dislike")).interests if one.latent]
    assert not [one for one in profile_of(*likes, refusals=(("grapes", "Carmenère"),)).interests if one.latent]
    assert latent_interests((), ITEMS) == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([row.item_id for row in ITEMS.rows]),
            st.floats(0, 1e8),
            st.sampled_from(["like", "dislike", "click", "view"]),
        ),
        max_size=30,
    )
)
def test_every_citation_is_of_the_history_and_no_topic_comes_twice(rows):
    events = [Event("u", item, kind, time, event_id=f"e{n}") for n, (item, time, kind) in enumerate(rows)]
    profile = profile_of(*events)
    known = {one.event_id for one in events}
    for one in (*profile.interests, *profile.dislikes):
        assert set(one.evidence) <= known
        assert one.evidence
        assert 0 < one.weight <= 1
    topics = [one.topic for one in profile.interests]
    assert len(topics) == len(set(topics))
    for language in ("en", "zh"):
        assert words_in_text(summary(profile, Voice(language), active_hours(profile.history))) <= WORDS


def test_ten_events_of_a_new_topic_bring_it_to_the_top_at_once():
    old = [at(f"Chile-Merlot-{n % 6}", n * DAY) for n in range(40)]
    new = [at(f"Germany-Riesling-{n % 6}", (400 + n) * DAY) for n in range(10)]
    assert profile_of(*old).interests[0].topic == ("grapes", "Merlot")
    after = profile_of(*old, *new).interests
    assert after[0].topic == ("grapes", "Riesling")
    assert ("country", "Germany") in {one.topic for one in after[:3]}


@pytest.mark.parametrize(
    ("sentence", "likes", "dislikes"),
    [
        ("I love Riesling and anything from France, but no Merlot", {("grapes", "Riesling"), ("country", "France")}, {("grapes", "Merlot")}),
        ("我喜欢雷司令，不喜欢智利的酒", {("grapes", "Riesling")}, {("country", "Chile")}),
        ("I am an engineer", set(), set()),
    ],
)  # fmt: skip
def test_a_sentence_about_oneself_is_a_first_profile(sentence, likes, dislikes):
    profile = profile_of(attributes={"about": sentence})
    assert {one.topic for one in profile.interests if not one.latent} == likes
    assert {one.topic for one in profile.dislikes} == dislikes
    assert {one.topic for one in first_interests({"about": sentence}, ITEMS)} == likes
    assert {one.topic for one in first_dislikes({"about": sentence}, ITEMS)} == dislikes


def test_where_somebody_lives_is_no_taste_and_a_favourite_is():
    assert profile_of(attributes={"country": "Chile", "name": "Merlot"}).interests == ()
    assert profile_of(attributes={"favourite grape": "Gamay"}).interests[0].topic == ("grapes", "Gamay")


def test_the_own_edit_wins_over_the_sentence():
    profile = profile_of(attributes={"about": "I love Riesling"}, refusals=(("grapes", "Riesling"),))
    assert ("grapes", "Riesling") not in {one.topic for one in profile.interests}


def test_active_hours_are_where_most_events_are_also_past_midnight():
    times = np.array([23.2 * HOUR, 24.5 * HOUR, 25 * HOUR, 47.5 * HOUR, 49 * HOUR, 36 * HOUR])
    history = History(np.zeros(6, np.int32), times, np.ones(6, np.float32), np.full(6, 3, np.uint8), tuple("abcdef"))
    hours = active_hours(history)
    assert (hours.start, hours.end) in {(22, 2), (23, 3)}
    assert hours.events == ("a", "b", "c", "d", "e")
    assert active_hours(history.where(np.arange(6) < 4)) is None, "too few"
    days = History(np.zeros(6, np.int32), np.arange(6) * DAY, np.ones(6, np.float32), np.full(6, 3, np.uint8))
    assert active_hours(days) is None, "these times say the day only"


def test_drift_is_zero_for_the_same_tastes_and_one_for_others():
    red, white = (Interest(("type", one), 1.0) for one in ("Red", "White"))
    assert drift((red, white), (white, red)) == pytest.approx(0)
    assert drift((red,), (white,)) == pytest.approx(1)
    assert 0 < drift((red, white), (red,)) < 1
    assert drift((), ()) == 0
    assert drift((), (red,)) == 1


def test_the_summary_says_what_the_profile_holds_and_nothing_else():
    profile = profile_of(
        *(at(f"Chile-Merlot-{n}", n * DAY) for n in range(3)), at("France-Gamay-0", 4 * DAY, "dislike"), refusals=(("country", "Germany"),)
    )  # fmt: skip
    english, chinese = (summary(profile, Voice(one, ITEMS.pack.labels)) for one in ("en", "zh"))
    assert english == (
        "Mostly takes to Merlot (grape), Chile (country). Might also like Carmenère (grape). "
        "Keeps away from Gamay (grape), France (country). Never wants Germany (country). Read from 4 events."
    )
    assert "Merlot" in chinese
    assert "Silvaner" not in english + chinese
    assert summary(Profile("u"), Voice("en")) == ""


def test_what_somebody_wrote_is_a_wish_only_until_they_do_something_and_only_when_it_names_a_topic():
    sentence = {"about": "I mostly drink Riesling, well chilled"}
    assert about(profile_of(attributes=sentence)) == sentence["about"]
    assert about(profile_of(attributes={"about": "I have no idea at all"})) == ""
    assert about(profile_of(at("Chile-Merlot-0", 1.0), attributes=sentence)) == ""
    assert about(profile_of(attributes={"name": "Riesling of Chile and more"})) == ""
