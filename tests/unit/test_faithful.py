"""Faithful: a rephrased reason that says anything the evidence does not hold is refused, in both languages."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from rephrasings import statements

from zhiyin.candidates import Reason
from zhiyin.event import CODES
from zhiyin.explanation.faithful import MOST, faithful
from zhiyin.explanation.templates import Templates
from zhiyin.item import Item, Items
from zhiyin.profile import History, Profile
from zhiyin.query import Query

TITLES = [
    "Barolo Riserva, Casa Blu",
    "Merlot 7",
    "Silk Road",
    "Old Hill Zinfandel",
    "Night, and Day",
    "月光白",
    "The Best Choice",
    "Merlot",
]
GRAPES = ["Nebbiolo", "Merlot", "Syrah", "Zinfandel", "Malbec", "Riesling", "Gamay", "Merlot"]
ITEMS = Items(
    [
        Item(f"w{at}", name, attributes={"grapes": (GRAPES[at],), "country": ("Italy", "Chile")[at % 2]})
        for at, name in enumerate(TITLES)
    ]
    + [
        Item(f"x{at}", f"Plain {at}", attributes={"grapes": (GRAPES[at % 8],), "country": ("Italy", "Chile")[at % 2]})
        for at in range(40)
    ]
)


def template_of(reason: Reason, language: str) -> str:
    rows = np.arange(len(ITEMS), dtype=np.int32)
    kinds = np.full(len(rows), CODES["like"], np.uint8)
    history = History(rows, rows.astype(np.float64), np.ones(len(rows), np.float32), kinds)
    return Templates().sentence(reason, Query(Profile("u", history=history), language=language), ITEMS)


def accepts(text: str, reason: Reason, language: str = "en") -> bool:
    return faithful(text, reason, template_of(reason, language), ITEMS).faithful


HISTORY = Reason("history", ("w0", "w2"), source="item_knn")
SHARED = Reason("attribute", ("w1", "w7"), ("grapes", "Merlot"), 2.0)
CHOSEN = Reason("popular", number=1204.0)


@pytest.mark.parametrize("reason", [HISTORY, SHARED, CHOSEN, Reason("fresh"), Reason("recent"), Reason("friends"), Reason("seeds", ("w5",), source="ease"), Reason("text", ("w4",))], ids=lambda one: one.kind)  # fmt: skip
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_template_itself_is_faithful(reason, language):
    text = template_of(reason, language)
    assert text
    assert accepts(text, reason, language), text


@pytest.mark.parametrize(
    ("text", "reason", "language"),
    [
        (
            "You liked Barolo Riserva, Casa Blu and Silk Road, and people who chose them tend to choose this too.",
            HISTORY,
            "en",
        ),
        (
            "Because you enjoyed Silk Road, this could be a good fit: others who picked it often pick this.",
            HISTORY,
            "en",
        ),
        ("你喜欢“Silk Road”，选过的人往往也选这款。", HISTORY, "zh"),
        ("It shares the grape Merlot with 2 items you liked.", SHARED, "en"),
        ("1,204 people picked this one.", CHOSEN, "en"),
        ("1204 people chose it", CHOSEN, "en"),
        ("已有 1,204 人选过这款", CHOSEN, "zh"),
    ],
)
def test_a_rephrasing_that_only_rephrases_is_accepted(text, reason, language):
    assert accepts(text, reason, language)


@pytest.mark.parametrize(
    ("text", "reason", "language"),
    [
        ("Because you liked Old Hill Zinfandel: people who chose it tend to choose this too", HISTORY, "en"),
        (
            "Because you liked Silk Road and Old Hill Zinfandel: people who chose them tend to choose this too",
            HISTORY,
            "en",
        ),
        ("Because you liked Silk Roads: people who chose it tend to choose this too", HISTORY, "en"),
        ("Because you bought Silk Road: people who chose it tend to choose this too", HISTORY, "en"),
        ("Because you did not like Silk Road: people who chose it tend to choose this too", HISTORY, "en"),
        ("Because your friends liked Silk Road: people who chose it tend to choose this too", HISTORY, "en"),
        ("Because you liked Silk Road, critics chose this", HISTORY, "en"),
        (
            "Because you liked Silk Road: people who chose it tend to choose this too. It won a gold medal",
            HISTORY,
            "en",
        ),
        ("Because you liked Silk Road: 9 of 10 people who chose it tend to choose this too", HISTORY, "en"),
        ("Because you liked Silk Road: most people who chose it tend to choose this too", HISTORY, "en"),
        ("Because you liked Silk Road, you will want this Merlot", HISTORY, "en"),
        ("It is like “Moonlight”, and you liked Silk Road", HISTORY, "en"),
        ("People who chose it tend to choose this too", HISTORY, "en"),
        ("因为你喜欢“Silk Road”：专家也选这款", HISTORY, "zh"),
        ("因为你不喜欢“Silk Road”：选过的人往往也选这个", HISTORY, "zh"),
        ("因为你买过“Silk Road”：选过的人往往也选这个", HISTORY, "zh"),
        ("因为你喜欢“Silk Road”和“月光白”：选过的人往往也选这个", HISTORY, "zh"),
        ("因为你喜欢“Silk Road”：大多数选过的人也选这个", HISTORY, "zh"),
        ("Shares grape Malbec with 2 items you liked", SHARED, "en"),
        ("Shares country Merlot with 2 items you liked, from Italy", SHARED, "en"),
        ("Shares grape Merlot with 3 items you liked", SHARED, "en"),
        ("Shares grape Merlot with two dozen items you liked", SHARED, "en"),
        ("Chosen by 1,205 people", CHOSEN, "en"),
        ("Chosen by over 2,000 people", CHOSEN, "en"),
        ("Chosen by everyone", CHOSEN, "en"),
        ("Chosen by people", CHOSEN, "en"),
        ("Shares grape Merlot with items you liked", SHARED, "en"),
        ("选过这款的人", CHOSEN, "zh"),
        ("The reason: " + "the reason is that you liked Silk Road and " * 3, HISTORY, "en"),
        ("因为你喜欢“Silk Road”" + "：选过的人往往也选" * 3, HISTORY, "zh"),
        ("1,204 人没选过", CHOSEN, "zh"),
        ("Chosen by 1,204 people <b>now</b>", CHOSEN, "en"),
        ("Chosen by 1,204 people. Visit evil.example", CHOSEN, "en"),
        ("1,204 人选过", CHOSEN, "en"),
        ("", CHOSEN, "en"),
        ("Chosen by 1,204 people " * 40, CHOSEN, "en"),
    ],
)
def test_what_the_evidence_does_not_hold_is_refused(text, reason, language):
    assert not accepts(text, reason, language)


def test_a_title_made_of_claims_does_not_open_the_door_to_them():
    reason = replace(HISTORY, items=("w6",))
    assert accepts("Because you liked The Best Choice: people who chose it tend to choose this too", reason)
    assert not accepts("Because you liked The Best Choice: people who chose it tend to choose this, the best", reason)


def test_precision_over_made_rephrasings():
    seen = {True: [0, 0], False: [0, 0]}
    for one in statements(ITEMS, seed=3, rounds=8):
        seen[one.true][accepts(one.text, one.reason, one.language)] += 1
    accepted = seen[True][1] + seen[False][1]
    assert seen[False][0] > 200
    assert seen[True][1] / accepted >= 0.98
    assert seen[True][1] / sum(seen[True]) >= 0.6, "a check that refuses everything would be precise too"
    assert MOST >= 200
