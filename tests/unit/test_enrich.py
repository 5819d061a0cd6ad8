"""Enrichment: templates say what is there; of a model's texts only the true sentences stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from zhiyin.errors import ModelError
from zhiyin.item import Item, Items
from zhiyin.llm.fake import Fake
from zhiyin.packs.pack import load_pack
from zhiyin.understanding.enrich import (
    Description,
    described,
    distinct_pairs,
    enriched,
    true_sentences,
    written_into,
    wrong_in,
)
from zhiyin.understanding.saying import Voice

WINES = load_pack("wines", Path())
ATTRIBUTES = {"type": "Red", "grapes": ("Merlot", "Malbec"), "food": ("Beef", "Lamb"), "country": "Chile", "abv": 13.5}
ITEM = Item("a", "Silk Road 7", attributes=ATTRIBUTES)
OTHERS = [
    Item(
        "b",
        "Old Hill Cuvée",
        attributes={"type": "White", "grapes": ("Riesling",), "food": ("Shellfish",), "country": "France", "abv": 12.0},
    )
]
ITEMS = Items(
    [ITEM, *OTHERS, *(Item(f"c{n}", f"Plain {n}", attributes=OTHERS[0].attributes) for n in range(5))], pack=WINES
)


def test_the_template_says_what_is_there_in_three_ways():
    found = described(ITEM, Voice("en", WINES.labels), WINES.telling)
    assert len(found.texts()) == 3
    assert len(set(found.texts())) == 3
    assert "Merlot" in found.facts
    assert "13.5" in found.facts
    assert "Beef" in found.occasion
    assert "Merlot" in found.audience
    assert set(found.tags) <= {"Red", "Merlot", "Malbec", "Beef", "Lamb", "Chile"}
    assert described(Item("bare"), Voice("en", WINES.labels)).texts() == ()
    chinese = described(ITEM, Voice("zh", WINES.labels), WINES.telling)
    for one in (*found.texts(), found.summary):
        assert not wrong_in(one.removeprefix("For an occasion with "), ITEM, ITEMS), one
    assert "葡萄品种" in chinese.facts


@pytest.mark.parametrize(
    "sentence",
    ["A white from the hills.", "Made in France.", "With 14 % alcohol.", "It won a gold medal.", "Much like Old Hill Cuvée.", "A friend of Riesling.", "Loved by Robert Parker.", "适合配海鲜。", "它得过金奖。", "Goes with shellfish."],
)  # fmt: skip
def test_a_sentence_with_a_fact_that_is_not_there_is_dropped(sentence):
    assert wrong_in(sentence, ITEM, ITEMS)
    assert true_sentences(f"A red from Chile. {sentence}", ITEM, ITEMS) == ["A red from Chile."]


@pytest.mark.parametrize(
    "sentence",
    [
        "A red from Chile for an evening with beef.",
        "Merlot and Malbec in one glass, at 13.5 %.",
        "For people who like Silk Road.",
        "智利的红酒，配牛肉。",
    ],
)
def test_a_true_sentence_stays(sentence):
    assert wrong_in(sentence, ITEM, ITEMS) == ""


def test_a_model_s_texts_are_kept_as_far_as_they_are_true():
    reply = {
        "summary": "A red from Chile. It won many awards.", "facts": "Merlot and Malbec.", "occasion": "For oysters and other shellfish.",
        "audience": "Those who like beef.", "tags": ["red", "riesling", "hearty"],
    }  # fmt: skip
    model = Fake([reply])
    found = enriched(ITEM, ITEMS, model)
    assert found.summary == "A red from Chile."
    assert found.occasion == described(ITEM, Voice("en", WINES.labels), WINES.telling).occasion
    assert found.tags == ("red", "hearty")
    assert "Silk Road" in model.heard


def test_a_failing_model_leaves_the_template():
    assert enriched(ITEM, ITEMS, Fake([ModelError("down")])) == described(
        ITEM, Voice("en", WINES.labels), WINES.telling
    )
    assert enriched(ITEM, ITEMS, Fake(["nonsense", "nonsense"])) == described(
        ITEM, Voice("en", WINES.labels), WINES.telling
    )


def test_the_item_s_own_text_is_never_overwritten():
    description = Description("s", "f", "o", "a", ("t",))
    assert written_into(ITEM, description).text == "f o a"
    assert written_into(Item("x", text="own"), description).text == "own"


def test_distinct_pairs():
    assert distinct_pairs(["a b a b"]) == pytest.approx(2 / 3)
    assert distinct_pairs([]) == 0


def test_a_model_that_cannot_stop_says_nothing():
    loop = "The item is a red Merlot" + ", a red Merlot of Chile" * 6
    found = enriched(ITEM, ITEMS, Fake([vars(Description(loop, "A red. A red Merlot.", loop, loop, ("Merlot",)))]))
    plain = described(ITEM, Voice("en", WINES.labels), WINES.telling)
    assert (found.summary, found.occasion, found.audience) == (plain.summary, plain.occasion, plain.audience)
    assert found.facts == "A red. A red Merlot."


def test_a_model_that_repeats_what_it_was_asked_with_says_nothing():
    echo = Description(
        summary="One sentence.",
        facts="You describe one item of a catalogue for a recommender system, in plain English.",
        occasion="The data-abcdefghij is a red.",
        audience="Who would like it.",
        tags=("up to eight short words", "Merlot"),
    )
    found = enriched(ITEM, ITEMS, Fake([vars(echo)]))
    assert found == Description(
        **{**vars(described(ITEM, Voice("en", WINES.labels), WINES.telling)), "tags": ("Merlot",)}
    )
