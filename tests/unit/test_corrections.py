"""What a message takes back itself: "something red — no, white" asks for white."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_converse_reading import ITEMS, ROWS

from zhiyin.understanding.conversation import Ask, heard
from zhiyin.understanding.corrections import corrected
from zhiyin.understanding.lexicon import Lexicon
from zhiyin.understanding.reading import read

LEXICON = Lexicon.of(ITEMS)
NAMES = {
    "type": ("Red", "White", "Sparkling", "红酒", "白酒", "起泡酒"),
    "grapes": ("Merlot", "Malbec", "Riesling", "Pinot Noir", "雷司令"),
    "country": ("France", "Chile", "Germany", "智利", "德国"),
}
ENGLISH = (
    " — no, ",
    ", no, ",
    ", no wait, ",
    ", I mean ",
    "... actually ",
    ", sorry, ",
    ". Scratch that. ",
    ", or rather ",
    ", make that ",
    " - wait, no, ",
)
CHINESE = (
    "，不对，",
    "，不，",
    "……不，",
    "，说错了，",
    "，应该是",
    "，我是说",
    "，等等，还是要",
    "。不是，是",
    "，换成",
)


def titles(message: str) -> set[str]:
    ask = heard(Ask(), read(message, ITEMS), ITEMS)
    return {row.title for row in ITEMS.rows if ask.meets(row)}


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("something red — no, white, under 20", {"Morning Dew", "Silk Road"}),
        ("要红的，不对，白的", {"Morning Dew", "Silk Road"}),
        ("红酒，说错了，是白酒，10元以下", {"Silk Road"}),
        ("a red, no wait, a white from Chile", {"Silk Road"}),
        ("red from Chile — no, white", {"Silk Road"}),
        ("要智利的红酒，不对，法国的", {"Red Oak"}),
        ("red or sparkling, sorry, white", {"Morning Dew", "Silk Road"}),
        ("red under $40 - no, under $20", {"Valley Night"}),
        ("red, under 40, no, 20", {"Valley Night"}),
        ("40元以下的红酒，不对，20元以下", {"Valley Night"}),
        ("Merlot — no, Malbec — no, Riesling", {"Morning Dew", "Golden Hour"}),
        ("红的不对白的", {"Morning Dew", "Silk Road"}),
        ("light red, make it full-bodied", {"Red Oak"}),
    ],
)
def test_what_is_taken_back_is_not_asked_for(message, kept):
    assert titles(message) == kept


@pytest.mark.parametrize(
    "message",
    [
        "no Merlot, Riesling or Shiraz",
        "not white, red",
        "I don't want red, no, white",
        "No, white",
        "不对，我要白的",
        "something red, actually also white",
        "红酒，不要甜的",
        "red, no oak",
        "wait, something red",
        "Rieslings, actually nothing above 20",
    ],
)
def test_what_takes_nothing_back_is_read_as_it_stands(message):
    assert corrected(message, LEXICON) == message


def test_counts_and_titles_are_corrected_too():
    assert read("three — no, five wines", ITEMS).count == 5
    assert read("来三瓶红的，不对，五瓶", ITEMS).count == 5
    assert read("like Red Oak — no, like Silk Road", ITEMS).like == [row[0] for row in ROWS].index("Silk Road")
    assert read("under $20 reds", ITEMS).count == 0, "a price is no count"


def test_a_wish_in_words_forgets_what_was_taken_back():
    assert "red" not in read("a mysterious red — no, white, for a starry night", ITEMS).text


@given(st.data(), st.sampled_from(sorted(NAMES)))
def test_the_last_of_two_values_of_an_attribute_holds(data, attribute):
    first, second = data.draw(st.permutations(NAMES[attribute]))[:2]
    marker = data.draw(st.sampled_from(ENGLISH + CHINESE))
    tail = data.draw(st.sampled_from(["", ", under 20", "，20元以下"]))
    said, meant = read(f"{first}{marker}{second}{tail}", ITEMS), read(f"{second}{tail}", ITEMS)
    assert (said.wanted, said.unwanted, said.ranges) == (meant.wanted, meant.unwanted, meant.ranges)


@given(st.data())
def test_what_is_about_something_else_stays(data):
    kept, changed = data.draw(st.permutations(sorted(NAMES)))[:2]
    one = data.draw(st.sampled_from(NAMES[kept]))
    first, second = data.draw(st.permutations(NAMES[changed]))[:2]
    marker = data.draw(st.sampled_from(ENGLISH + CHINESE))
    wanted = dict(read(f"{one}, {first}{marker}{second}", ITEMS).wanted)
    assert wanted == {**dict(read(one, ITEMS).wanted), **dict(read(second, ITEMS).wanted)}


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            ["red", "白酒", "no", "不对", "，", ", ", "under 20", "…", "like", "第一", "İß", "actually", "\n", " ", "Ⅷ"]
        ),
        max_size=12,
    )
)
def test_any_text_is_answered(words):
    message = "".join(words)
    assert isinstance(corrected(message, LEXICON), str)
    read(message, ITEMS)
