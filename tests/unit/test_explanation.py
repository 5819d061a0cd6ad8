"""Explanations: the reasons are what carried the score, and the sentences name nothing that is not in them."""

import re
from dataclasses import replace

import numpy as np
import pytest

from zhiyin.candidates import Candidates, Reason
from zhiyin.event import CODES
from zhiyin.explanation.evidence import Evidence, source_shares
from zhiyin.explanation.templates import LONGEST, TAILS, Templates, joined, shortened
from zhiyin.item import Item, Items
from zhiyin.profile import History, Profile
from zhiyin.query import Query

TITLES = ["Chianti Classico", "Barolo", "Rioja Reserva", "Port 20 Years", "Merlot 7", "白葡萄酒", "Brunello", "Cava"]
GRAPES = ["Sangiovese", "Nebbiolo", "Tempranillo", "Touriga", "Merlot", "Riesling", "Sangiovese", "Macabeo"]
ITEMS = Items(
    [Item(f"w{at}", name, attributes={"grapes": (GRAPES[at],), "type": "Red"}) for at, name in enumerate(TITLES)]
)


def query(items, language="en", kinds="like", **more) -> Query:
    count = len(items)
    history = History(
        np.array(items, np.int32),
        np.arange(count, dtype=np.float64),
        np.ones(count, np.float32),
        np.full(count, CODES[kinds], np.uint8),
        tuple(f"e{at}" for at in range(count)),
    )
    return Query(Profile("u", history=history), language=language, **more)


def candidates(items, sources, shares, contributions) -> Candidates:
    count = len(items)
    return Candidates(
        np.array(items, np.int32),
        np.ones(count, np.float32),
        sources=sources,
        shares=np.array(shares, np.float32),
        contributions={name: np.array(matrix, np.float32) for name, matrix in contributions.items()},
    )


def evidence(**more) -> Evidence:
    part = Evidence(**more)
    part.popularity = np.array([5, 1204, 3, 1, 0, 2, 9, 7], np.float32)
    return part


def test_the_cited_items_are_those_that_carried_the_score():
    asked = query([0, 2, 1, 3])
    found = candidates([6], ("transition", "popular"), [[3, 1]], {"transition": [[8, 0, 3, 0.01]]})
    first, second, third = evidence().explain(asked, found, ITEMS)[0]
    assert (first.kind, first.items, first.events) == ("history", ("w0", "w1"), ("e0", "e2"))
    assert first.share == pytest.approx(0.75)
    # 0.75 of the score, 8 of 11 of that from the wine with the same grape, which 2 of 8 wines have anyway.
    assert (second.topic, second.items, second.share) == (
        ("grapes", "Sangiovese"),
        ("w0",),
        pytest.approx(0.75 * 8 / 11.01 * 0.75),
    )
    assert (third.kind, third.number, third.share) == ("popular", 9.0, pytest.approx(0.25))


def test_what_reads_the_order_says_so_where_there_is_one():
    def said(asked):
        return [one.kind for one in evidence().explain(asked, candidates([6], ("next_item",), [[1]], {}), ITEMS)[0]]

    assert said(query([0, 2])) == ["sequence"]
    assert said(query([])) == []
    both = candidates([6], ("next_item", "transition"), [[6, 4]], {"transition": [[1, 0]]})
    told = evidence().explain(query([0, 2]), both, ITEMS)[0]
    assert [one.kind for one in told if one.kind != "attribute"] == ["history", "sequence"], "what is named comes first"
    assert said(query([0, 2], seeds=np.array([1], np.int32))) == []


def test_an_attribute_that_every_item_has_is_no_reason_but_a_rarer_one_is():
    found = candidates([6], ("transition",), [[1]], {"transition": [[1, 0, 0]]})
    reasons = evidence().explain(query([0, 1, 2]), found, ITEMS)[0]
    assert [one.topic for one in reasons if one.kind == "attribute"] == [("grapes", "Sangiovese")]


def test_an_attribute_that_carried_nothing_is_no_reason():
    found = candidates([6], ("popular",), [[1]], {})
    assert [one.kind for one in evidence().explain(query([0, 1]), found, ITEMS)[0]] == ["popular"]


def test_nothing_is_claimed_where_nothing_is_known():
    without = candidates([4], ("popular", "mine"), [[1, 1]], {})
    assert evidence().explain(query([0]), without, ITEMS) == ((),), "item 4 was chosen by nobody"
    silent = Candidates(
        np.array([1], np.int32), np.ones(1, np.float32), ("popular",), predictions=np.ones((1, 1), np.float32)
    )
    assert not source_shares(silent).any(), "a ranker that does not say what carried its score"
    assert evidence().explain(query([0]), silent, ITEMS) == ((),)


def test_a_drawn_item_says_its_chance():
    found = Candidates(np.array([1], np.int32), np.ones(1, np.float32), propensities=np.array([0.05], np.float32))
    reason = evidence().explain(query([0]), found, ITEMS)[0][0]
    assert (reason.kind, reason.number) == ("explore", pytest.approx(0.05))
    assert Templates().sentence(reason, query([0]), ITEMS) == "Something different to try"
    assert Templates().sentence(reason, query([0]), ITEMS, alone=False) == ""


@pytest.mark.parametrize(
    ("reason", "english", "chinese"),
    [
        (
            Reason("history", ("w0", "w1"), source="transition"),
            "Because you liked Chianti Classico and Barolo: people who chose them often choose this next",
            "因为你喜欢“Chianti Classico”和“Barolo”：选过的人接着常选这个",
        ),
        (
            Reason("seeds", ("w5",), source="ease"),
            "Goes with 白葡萄酒: people who chose it tend to choose this too",
            "与“白葡萄酒”相配：选过的人往往也选这个",
        ),
        (
            Reason("attribute", ("w0", "w1"), ("grapes", "Sangiovese"), 2.0),
            "Shares grape Sangiovese with 2 wines you liked",
            "与你喜欢的 2 款酒有相同的葡萄品种：Sangiovese",
        ),
        (
            Reason("attribute", ("w0",), ("grapes", "Sangiovese"), 1.0),
            "Shares grape Sangiovese with Chianti Classico",
            "与“Chianti Classico”有相同的葡萄品种：Sangiovese",
        ),
        (Reason("popular", number=1204.0), "Chosen by 1,204 people", "1,204 人选过"),
        (Reason("popular", number=1.0), "Chosen by 1 person", "1 人选过"),
        (Reason("fresh"), "New here", "新上架"),
        (Reason("recent"), "Popular right now", "近期热门"),
        (Reason("sequence"), "Tends to come next after what you chose lately", "常在你最近的选择之后被选"),
    ],
)
def test_reasons_in_words(reason, english, chinese):
    part = Templates(nouns={"en": "wines", "zh": "款酒"}, labels={"grapes": "grape", "zh.grapes": "葡萄品种"})
    assert part.sentence(reason, query([0, 1, 5]), ITEMS) == english
    assert part.sentence(reason, query([0, 1, 5], "zh-CN"), ITEMS) == chinese


@pytest.mark.parametrize(("kind", "word"), [("purchase", "bought"), ("click", "looked at"), ("listen", "listened to")])
def test_the_verb_says_what_was_done(kind, word):
    reason = Reason("history", ("w0",), source="ease")
    assert f"Because you {word} Chianti" in Templates().sentence(reason, query([0], kinds=kind), ITEMS)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_model_claims_no_count_of_people(language):
    """What people chose next was counted by one source and only learned from by the other."""
    asked = query([0], language)
    said = {name: Templates().sentence(Reason("history", ("w0",), source=name), asked, ITEMS) for name in TAILS}
    counted = {"en": "people who chose it", "zh": "选过的人"}[language]
    assert counted in said["transition"]
    assert counted not in said["next_item"]
    assert "Chianti" in said["next_item"]


def test_a_mixed_history_is_not_called_liked():
    mixed = query([0, 1])
    mixed.profile.history.kinds[1] = CODES["click"]
    assert "looked at" in Templates().sentence(Reason("history", ("w0", "w1")), mixed, ITEMS)


def test_titles_of_others_are_made_one_short_line():
    assert shortened("a\n\u202eb\x00  c") == "a b c"
    assert len(shortened("x" * 5000)) == LONGEST


def test_joined_sentences_end_as_the_language_does():
    reasons = (
        Reason("fresh", sentence="New here"),
        Reason("fresh", sentence="New here"),
        Reason("recent", sentence="B"),
    )
    assert joined(reasons) == "New here. B."
    assert joined((Reason("fresh", sentence="新上架"),), "zh") == "新上架。"
    assert joined(()) == ""


def test_thousands_of_sentences_name_only_their_evidence():
    """An independent reading: take out what the reason holds, and only words of the language are left."""
    chance, part, made = np.random.default_rng(0), evidence(), 0
    words = re.compile(r"[a-z ,:.“”“”]*|[\u4e00-\u9fff、：，。“” ]*", re.IGNORECASE)
    others = {*TITLES, *GRAPES}
    for round_ in range(400):
        seen = chance.choice(8, chance.integers(1, 8), replace=True).tolist()
        count = int(chance.integers(1, 8))
        found = candidates(
            chance.choice(8, count, replace=False).tolist(),
            ("transition", "ease", "popular", "dense", "fresh"),
            chance.random((count, 5)) * (chance.random((count, 5)) < 0.6),
            {
                name: chance.random((count, len(seen))) * chance.integers(0, 2, (count, len(seen)))
                for name in ("transition", "ease", "dense")
            },
        )
        asked = query(seen, "zh" if round_ % 2 else "en", kinds=str(chance.choice(["like", "purchase", "click"])))
        reasons = part.explain(asked, found, ITEMS)
        for row in Templates().explain(asked, replace(found, reasons=reasons), ITEMS):
            for reason in row:
                rest = reason.sentence
                cited = {TITLES[int(one[1:])] for one in reason.items} | set(reason.topic or ())
                assert {int(one[1:]) for one in reason.items} <= set(seen), "only items of the history are cited"
                for name in sorted(cited, key=len, reverse=True):
                    rest = rest.replace(name, "")
                if reason.number is not None:
                    rest = rest.replace(f"{int(reason.number):,}", "", 1)
                assert not any(name in rest for name in others), reason
                assert words.fullmatch(rest), (rest, reason)
                made += bool(reason.sentence)
    assert made > 2000
