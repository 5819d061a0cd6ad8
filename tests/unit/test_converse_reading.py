"""Reading messages by rules: topics and their negations, ranges, likeness, opinions; and what a conversation makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiyin.item import Item, Items
from zhiyin.packs.pack import load_pack
from zhiyin.understanding.conversation import Ask, heard, meeting
from zhiyin.understanding.lexicon import Lexicon, fold
from zhiyin.understanding.numbers import limits_in
from zhiyin.understanding.reading import read

ROWS = [
    ("Red Oak", "Red", ("Merlot", "Malbec"), ("Beef",), "France", "Full-bodied", "High", 14.0, 30.0),
    ("Valley Night", "Red", ("Pinot Noir",), ("Rich Fish", "Poultry"), "Chile", "Light-bodied", "Medium", 12.5, 12.0),
    ("Morning Dew", "White", ("Riesling",), ("Shellfish",), "Germany", "Light-bodied", "High", 9.0, 18.0),
    ("Silk Road", "White", ("Chardonnay",), ("Poultry",), "Chile", "Medium-bodied", "Low", 13.0, 9.0),
    ("Golden Hour", "Dessert", ("Riesling",), ("Sweet Dessert",), "Germany", "Full-bodied", "High", 8.0, 45.0),
    ("Valley Morning", "Sparkling", ("Syrah/Shiraz",), ("Appetizer",), "Italy", "Light-bodied", "High", 11.5, 22.0),
]
ITEMS = Items(
    [
        Item(f"w{at}", title, "", {"type": kind, "grapes": grapes, "food": food, "country": country, "body": body, "acidity": acidity, "abv": abv, "price": price})
        for at, (title, kind, grapes, food, country, body, acidity, abv, price) in enumerate(ROWS)
    ],
    pack=load_pack("wines", Path()),
)  # fmt: skip
SWEET = (("type", "Dessert"),)


def titles(ask: Ask) -> set[str]:
    return {row.title for row in ITEMS.rows if ask.meets(row)}


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("a light red", {"Valley Night"}),
        ("清淡的红酒", {"Valley Night"}),
        ("white or sparkling", {"Morning Dew", "Silk Road", "Valley Morning"}),
        ("白酒或者起泡酒", {"Morning Dew", "Silk Road", "Valley Morning"}),
        ("Riesling but nothing sweet", {"Morning Dew"}),
        ("雷司令，不要甜的", {"Morning Dew"}),
        ("雷司令，甜的不要", {"Morning Dew"}),
        ("no Merlot, Riesling or Shiraz", {"Valley Night", "Silk Road"}),
        ("anything but Chilean", {"Red Oak", "Morning Dew", "Golden Hour", "Valley Morning"}),
        ("除了智利和德国", {"Red Oak", "Valley Morning"}),
        ("not white, red", {"Red Oak", "Valley Night"}),
        ("不是白的，是红的", {"Red Oak", "Valley Night"}),
        ("under $20", {"Valley Night", "Morning Dew", "Silk Road"}),
        ("20元以下的红酒", {"Valley Night"}),
        ("between 10 and 20 euros", {"Valley Night", "Morning Dew"}),
        ("10到20块", {"Valley Night", "Morning Dew"}),
        ("over 13%", {"Red Oak"}),
        ("13度以上", {"Red Oak", "Silk Road"}),
        ("high acidity, less than 12 % alcohol", {"Morning Dew", "Golden Hour", "Valley Morning"}),
        ("Merlot and Malbec", {"Red Oak"}),
        ("Merlot and Riesling", set()),
        ("Merlot or Riesling", {"Red Oak", "Morning Dew", "Golden Hour"}),
        ("nothing but reds", {"Red Oak", "Valley Night"}),
        ("fish", {"Valley Night"}),
        ("seafood", {"Valley Night", "Morning Dew"}),
        ("海鲜", {"Valley Night", "Morning Dew"}),
        ("没有起泡的，别的都行", {"Red Oak", "Valley Night", "Morning Dew", "Silk Road", "Golden Hour"}),
        ("特别好喝的红酒", {"Red Oak", "Valley Night"}),
        ("no valley", {"Red Oak", "Morning Dew", "Silk Road", "Golden Hour"}),
    ],
)
def test_what_a_message_leaves(message, kept):
    assert titles(heard(Ask(), read(message, ITEMS), ITEMS)) == kept


@pytest.mark.parametrize(
    ("messages", "kept"),
    [
        (("red", "white"), {"Morning Dew", "Silk Road"}),
        (("red", "also white"), {"Red Oak", "Valley Night", "Morning Dew", "Silk Road"}),
        (("红酒", "白酒也可以"), {"Red Oak", "Valley Night", "Morning Dew", "Silk Road"}),
        (("no red", "red"), {"Red Oak", "Valley Night"}),
        (("red", "no red"), {"Morning Dew", "Silk Road", "Golden Hour", "Valley Morning"}),
        (("red from Chile", "any country"), {"Red Oak", "Valley Night"}),
        (("智利红酒", "不限国家"), {"Red Oak", "Valley Night"}),
        (("red from Chile", "start over"), {row[0] for row in ROWS}),
    ],
)
def test_what_a_conversation_leaves(messages, kept):
    ask = Ask()
    for message in messages:
        ask = heard(ask, read(message, ITEMS), ITEMS)
    assert titles(ask) == kept


@pytest.mark.parametrize(
    ("message", "intent", "rank", "like"),
    [
        ("I like the second one", "like", 2, None),
        ("第二个不错", "like", 2, None),
        ("I don't like the last one", "dislike", -1, None),
        ("不喜欢第一款", "dislike", 1, None),
        ("I loved Morning Dew", "like", 0, "Morning Dew"),
        ("something like Morning Dew", "similar", 0, "Morning Dew"),
        ("像《Valley Night》这样的", "similar", 0, "Valley Night"),
        ("why the third?", "explain", 3, None),
        ("为什么推荐这个", "explain", 0, None),
        ("something else", "another", 0, None),
        ("换一批", "another", 0, None),
        ("I would like a red", "recommend", 0, None),
        ("I like red", "recommend", 0, None),
        ("hi", "hello", 0, None),
        ("谢谢", "thanks", 0, None),
    ],
)  # fmt: skip
def test_what_a_message_does(message, intent, rank, like):
    reading = read(message, ITEMS)
    assert (reading.intent, reading.rank) == (intent, rank)
    assert (ITEMS[reading.like].title if reading.like >= 0 else None) == like


def test_cheaper_is_below_the_middle_of_what_was_shown():
    ask = heard(Ask(last=("w0", "w1", "w2")), read("cheaper", ITEMS), ITEMS)
    assert titles(ask) == {"Valley Night", "Silk Road"}
    assert titles(heard(Ask(last=("w0", "w1", "w2")), read("便宜一点", ITEMS), ITEMS)) == titles(ask)
    assert titles(heard(ask.showing(["w1", "w3"]), read("even cheaper", ITEMS), ITEMS)) == {"Silk Road"}


def test_lighter_goes_down_the_scale():
    ask = heard(Ask(last=("w0",)), read("lighter", ITEMS), ITEMS)
    assert {row.attributes["body"] for row in ITEMS.rows if ask.meets(row)} == {"Light-bodied", "Medium-bodied"}


def test_words_without_a_topic_are_a_wish_and_topics_alone_are_none():
    assert read("a red for a candlelight evening", ITEMS).text
    assert read("a light red please", ITEMS).text == ""
    assert read("推荐一款清淡的红酒", ITEMS).text == ""


def test_a_value_that_says_nothing_alone_needs_its_attribute():
    assert read("high quality", ITEMS).wanted == ()
    assert read("high acidity", ITEMS).wanted == (("acidity", ("High",)),)


def test_longer_names_go_before_shorter_ones():
    named = Lexicon.of(ITEMS).mentions(fold("sweet dessert"))
    assert [(one.attribute, one.values) for one in named] == [("food", ("Sweet Dessert",))]


@pytest.mark.parametrize(
    ("text", "about", "low", "high"),
    [("from the 90s", "year", 1990, 1999), ("80年代", "year", 1980, 1989), ("since 2005", "year", 2005, None), ("not older than 2000", "year", 2000, None), ("12-13%", "abv", 12, 13)],
)  # fmt: skip
def test_numbers(text, about, low, high):
    [limit] = limits_in(text, Lexicon.of(ITEMS).grammar)
    assert (limit.about, limit.range) == (about, (low, high))


PIECES = [
    "red",
    "white",
    "no",
    "not",
    "不要",
    "甜的",
    "Riesling",
    "or",
    "and",
    ",",
    "under 12 %",
    "Chile",
    "智利",
    "20元以下",
    "but",
    "valley",
    "like",
    "lighter",
    "第二",
    "any country",
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=8).map(" ".join), min_size=1, max_size=3)
)
def test_the_whole_catalogue_at_once_says_what_each_item_says(messages):
    ask = Ask(last=("w1", "w2"))
    for message in messages:
        ask = heard(ask, read(message, ITEMS), ITEMS)
    assert meeting(ask, ITEMS).tolist() == [ask.meets(row) for row in ITEMS.rows]
    assert Ask.of(ask.table()) == ask
