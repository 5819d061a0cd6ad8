"""How fast likes fade: counted as set, or as the newest likes would have been served best."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from zhiyin.arrays import NEVER
from zhiyin.data.dataset import build
from zhiyin.item import Item, Items
from zhiyin.query import Query
from zhiyin.ranking.blend import Blend
from zhiyin.recommender import Recommender
from zhiyin.retrieval.interests import Interests
from zhiyin.retrieval.recency import DAY, faded_likes, fitting_half_life, gained, hidden, newest_tenth
from zhiyin.retrieval.segment import Segment
from zhiyin.retrieval.trending import Trending
from zhiyin.training import fit as training

TOPICS = ("red", "white")
ITEMS = Items([Item(f"i{at:02}", attributes={"type": TOPICS[at % 2]}) for at in range(40)])


def fashion(days: int, span: float = 1.0):
    """60 people take two items a step; what is in fashion changes every `days` steps, in every topic alike. span: days a step."""
    users, items, times = [], [], []
    for step in range(200):
        for taker in range(4):
            person = (step * 4 + taker) % 60
            lead = (step // days) * 2 % 40
            at = (lead + person % 2 + 2 * (taker // 2)) % 40
            users.append(f"u{person:02}")
            items.append(f"i{at:02}")
            times.append(step * span * DAY + taker)
    return build(users, ITEMS, items, np.array(times))


def test_a_like_counts_half_after_a_half_life():
    dataset = build(["a", "b", "c"], ITEMS, ["i00", "i00", "i01"], np.array([0.0, 10.0, 10.0]) * DAY)
    assert faded_likes(dataset, 10.0)[:3] == pytest.approx([1.5, 1.0, 0.0], abs=1e-4)
    assert faded_likes(dataset, 0.0)[:3].tolist() == [2, 1, 0]


def test_the_gain_is_that_of_the_right_items_by_their_places():
    dataset = fashion(5)
    cases = newest_tenth(dataset)
    assert cases is not None
    one = replace(cases, users=cases.users[:1], now=cases.now[:1], targets=(np.array([3, 4], np.int32),))
    scores = np.full((1, 40), NEVER, np.float32)
    scores[0, [3, 7, 4]] = [3, 2, 1]
    assert gained(one, scores) == pytest.approx(1 + 1 / 2)
    assert not np.isfinite(
        hidden(one, np.ones((1, 40), np.float32))[0, one.known.history(int(one.users[0])).items]
    ).any()


def test_fashion_that_changes_lets_likes_fade_and_steady_taste_does_not():
    quick, steady = Interests().fit(fashion(5)).chosen, Interests().fit(fashion(400)).chosen
    assert 0 < quick["recent"] <= 14
    assert quick["known"] >= 0.75
    assert steady["recent"] == 0, "where nothing is gained by fading, all time counts"


def test_what_is_in_fashion_comes_first_inside_a_topic():
    dataset = fashion(5)
    part = Interests().fit(dataset)
    person = dataset.profile(dataset.users.position("u02"))
    found = part.retrieve([Query(person)], 40)[0].items
    assert {ITEMS[int(at)].attributes["type"] for at in found} == {
        ITEMS[int(at)].attributes["type"] for at in person.history.items
    }
    likes = faded_likes(dataset, part.chosen["recent"])[found]
    assert (np.diff(likes) <= 1e-5).all(), "all of them share the one topic, so the newest likes decide"


def test_settings_that_are_given_are_kept_and_few_events_choose_nothing():
    assert Interests(known=0.5, recent=30.0).fit(fashion(5)).chosen == {"recent": 30.0, "known": 0.5}
    few = build(["a", "b"], ITEMS, ["i00", "i01"], np.array([1.0, 2.0]))
    assert newest_tenth(few) is None
    assert Interests().fit(few).chosen == {"recent": 0.0, "known": 0.75}


def choice_of(part):
    """How fast likes fade in a fitted part, as it chose."""
    if isinstance(part, Trending):
        return float(part.timeline["half_lives"][0])
    return part.chosen["recent"] if isinstance(part, Interests) else part.half_life


@pytest.mark.parametrize("kind", [Trending, Segment, Interests])
def test_a_refit_keeps_what_was_chosen(kind):
    quick, steady = fashion(5), fashion(400)
    assert choice_of(kind().fit(quick)) != choice_of(kind().fit(steady)), "otherwise nothing is shown here"
    kept = kind().fit(quick).refit(steady)
    assert choice_of(kept) == choice_of(kind().fit(quick))
    again = [Query(now=steady.as_of), Query(steady.profile(3), now=steady.as_of)]
    anew = kind(**({"half_life": choice_of(kept)} if kind is Trending else {})).fit(steady)
    if kind is Trending:
        assert [one.items.tolist() for one in kept.retrieve(again, 9)] == [
            one.items.tolist() for one in anew.retrieve(again, 9)
        ]


def test_a_ranker_hears_trends_that_fade_as_they_did_when_it_learned():
    data = fashion(5)
    recommender = Recommender(retrieve=[Trending(), Interests()], rank=[Blend()]).fit(data)
    past, _ = training.held_out(data, "auto")
    assert fitting_half_life(past) != fitting_half_life(data), "otherwise nothing is shown here"
    assert choice_of(recommender.retrievers["trending"]) == fitting_half_life(past)
    assert recommender.retrievers["interests"].chosen == Interests().fit(past).chosen
