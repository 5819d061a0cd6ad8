"""The part `interests`: whole topics, signed; what was asked for and what was written counts without any event."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zhiyin.data.dataset import build
from zhiyin.item import Item, Items
from zhiyin.profile import History, Interest, Profile
from zhiyin.query import Query
from zhiyin.retrieval.interests import Interests

ROWS = [
    ("Red", "Merlot"),
    ("Red", "Malbec"),
    ("White", "Riesling"),
    ("White", "Merlot"),
    ("Red", "Merlot"),
    ("White", "Riesling"),
]
ITEMS = Items.of(
    [Item(f"w{at}", attributes={"type": kind, "grapes": (grape,)}) for at, (kind, grape) in enumerate(ROWS)]
)
DATASET = build(["u", "v"], ITEMS, ["w0", "w2"], np.array([1.0, 2.0]))
PART = Interests(known=0.0).fit(DATASET)


def ranked(profile: Profile, part: Interests = PART) -> list[str]:
    found = part.retrieve([Query(profile)], 10)[0]
    return [ITEMS[int(at)].item_id for at in found.items]


def history(*events: tuple[str, float]) -> History:
    at = ITEMS.vocabulary.positions([item for item, _ in events])
    return replace(History.of_items(at), weights=np.array([weight for _, weight in events], np.float32))


def test_items_with_the_liked_topics_come_first_and_those_that_share_none_never():
    found = ranked(Profile("u", history=history(("w0", 1.0))))
    assert set(found[:2]) == {"w0", "w4"}
    assert not {"w2", "w5"} & set(found)


def test_a_dislike_counts_against_its_topics():
    found = ranked(Profile("u", history=history(("w0", 1.0), ("w1", -1.0))))
    assert found.index("w3") < found.index("w1"), "Malbec was disliked, so the white Merlot is nearer than it"


def test_what_was_asked_for_or_written_needs_no_event_and_counts_beside_a_history():
    for reason in ("asked for", "said"):
        wish = (Interest(("grapes", "Riesling"), 1.0, reason=reason),)
        assert set(ranked(Profile("u", interests=wish))[:2]) == {"w2", "w5"}
        assert set(ranked(Profile("u", history=history(("w1", 1.0)), interests=wish))[:3]) == {"w1", "w2", "w5"}
    assert ranked(Profile("u", interests=(Interest(("grapes", "Riesling"), 1.0),))) == [], (
        "inferred: the history says it"
    )


def test_a_refused_topic_counts_nothing_and_only_dislikes_give_nothing():
    liked = Profile("u", history=history(("w0", 1.0)))
    assert ranked(replace(liked, refusals=(("grapes", "Merlot"),)))[0] in {"w0", "w1", "w4"}
    assert set(ranked(replace(liked, refusals=(("grapes", "Merlot"),)))) == {"w0", "w1", "w4"}
    assert ranked(Profile("u", history=history(("w0", -1.0)))) == []


def test_what_many_like_comes_before_its_equals():
    popular = Interests(known=0.5).fit(build(["u", "v", "w"], ITEMS, ["w4", "w4", "w2"], np.array([1.0, 2.0, 3.0])))
    found = ranked(Profile("x", history=history(("w1", 1.0), ("w3", 1.0))), popular)
    assert found.index("w4") < found.index("w0")


def test_contributions_add_up_to_the_score():
    query = Query(Profile("u", history=history(("w0", 1.0), ("w2", 0.5), ("w1", -1.0))))
    at = np.arange(len(ITEMS), dtype=np.int32)
    assert np.allclose(PART.contributions(query, at).sum(1), np.nan_to_num(PART.score([query], [at])[0]), atol=1e-5)
