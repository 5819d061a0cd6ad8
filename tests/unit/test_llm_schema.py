"""schema: our dataclasses out as JSON schema, replies in as checked instances, and exactly one repair."""

import json
from dataclasses import dataclass, fields
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiyin.errors import InvalidReply, ModelError
from zhiyin.llm.fake import Fake, echo
from zhiyin.llm.guard import Guarded
from zhiyin.llm.schema import ask, ask_reply, for_grammar, limit, parse, schema_of
from zhiyin.ports import Call, Message


@dataclass(frozen=True)
class Interest:
    topic: str = limit(letters=20)
    weight: float = limit(least=0, most=1)


@dataclass(frozen=True)
class Answer:
    mood: Literal["calm", "lively"]
    interests: tuple[Interest, ...] = limit(most=3)
    items: tuple[str, ...] = limit(most=4, distinct=True)
    age: int | None = None
    sure: bool = False


GOOD = {
    "mood": "calm",
    "interests": [{"topic": "red wine", "weight": 0.5}],
    "items": ["A", "B"],
    "age": 3,
    "sure": True,
}
ASKED = [Message("user", "what?")]


def test_the_schema_is_closed_and_bounded():
    schema = schema_of(Answer, {"items": ["A", "B"]})
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["mood", "interests", "items", "age", "sure"]
    assert schema["properties"]["mood"] == {"type": "string", "enum": ["calm", "lively"]}
    assert schema["properties"]["items"]["items"] == {"type": "string", "enum": ["A", "B"]}
    assert schema["properties"]["items"]["maxItems"] == 4
    inner = schema["properties"]["interests"]["items"]["properties"]
    assert inner["topic"] == {"type": "string", "maxLength": 20}
    assert inner["weight"] == {"type": "number", "minimum": 0, "maximum": 1}


def test_a_grammar_lets_no_number_go_on_for_ever():
    tight = for_grammar(schema_of(Answer))
    weight = tight["properties"]["interests"]["items"]["properties"]["weight"]
    assert weight == {"type": "number", "minimum": 0, "maximum": 1, "multipleOf": 0.0001}
    age = next(one for one in tight["properties"]["age"]["anyOf"] if one["type"] == "integer")
    assert -age["minimum"] == age["maximum"] == 1_000_000_000
    assert tight["properties"]["mood"]["enum"] == ["calm", "lively"]
    assert "multipleOf" not in json.dumps(schema_of(Answer)), "what endpoints are sent stays plain"


def test_a_field_that_no_reply_can_hold_is_our_mistake():
    @dataclass
    class Wrong:
        table: dict[str, int]

    with pytest.raises(TypeError, match="cannot hold"):
        schema_of(Wrong)


@pytest.mark.parametrize(
    "around", ["{}", "Here you are:\n```json\n{}\n```", "<think>{{hm}}</think>{}", "{} and more {{}}", '{}{{"mood":1}}']
)
def test_the_json_is_found_whatever_stands_around_it(around):
    text = around.replace("{}", json.dumps(GOOD)).replace("{{", "{").replace("}}", "}")
    found = parse(text, Answer)
    assert found == Answer("calm", (Interest("red wine", 0.5),), ("A", "B"), 3, True)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"mood": "angry"}, "mood: 'angry' is not one of 'calm', 'lively'"),
        ({"mood": None}, "mood: must be a text, got null"),
        ({"interests": [{"topic": "x"}]}, r"interests\[0\]: field 'weight' is missing"),
        ({"interests": [{"topic": "x", "weight": 2}]}, "0 to 1 is allowed"),
        ({"interests": [{"topic": "x", "weight": True}]}, "must be a number, got true or false"),
        ({"interests": [{"topic": "x" * 21, "weight": 1}]}, "21 characters; at most 20"),
        ({"interests": [{"topic": "x", "weight": 1}] * 4}, "4 values; 0 to 3"),
        ({"interests": "red"}, "must be a list"),
        ({"interests": ["red"]}, "must be an object"),
        ({"items": ["A", "A"]}, "a value comes twice"),
        ({"items": ["A", "Z"]}, r"items\[1\]: 'Z' is not one of 'A', 'B'"),
        ({"age": 1.5}, "must be a whole number"),
        ({"age": 10**400}, "is allowed"),
        ({"sure": "yes"}, "must be true or false"),
    ],
)
def test_what_is_wrong_is_named(change, why):
    with pytest.raises(InvalidReply, match=why):
        parse(json.dumps({**GOOD, **change}), Answer, {"items": ["A", "B"]})


@pytest.mark.parametrize(
    "text",
    ["", "no json", "{", '{"mood": ', "{'mood': 1}", "[" * 100_000, '{"a":' * 50_000, '{"age": NaN}', "null", "7"],
)
def test_what_is_no_json_is_refused_by_name(text):
    with pytest.raises(InvalidReply):
        parse(text, Answer)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda one: (
            st.lists(one) | st.dictionaries(st.sampled_from([f.name for f in fields(Answer)] + ["topic", "x"]), one)
        ),
    )
)
def test_any_json_gives_an_instance_or_the_named_error(value):
    try:
        found = parse(json.dumps(value), Answer)
    except InvalidReply:
        return
    assert found.mood in ("calm", "lively")
    assert len(found.items) <= 4


def test_hidden_characters_do_not_come_back_in_a_reply():
    found = parse(json.dumps({**GOOD, "items": ["a\u202eb", "\ud800c"]}), Answer)
    assert found.items == ("ab", "c")


def test_a_good_reply_is_asked_for_once():
    fake = Fake([GOOD])
    assert ask(fake, Call(ASKED), Answer).age == 3
    assert len(fake.asked) == 1
    assert fake.schemas[0] == schema_of(Answer)


def test_a_bad_reply_is_sent_back_once_with_what_is_wrong():
    fake = Fake([{**GOOD, "age": "old"}, GOOD])
    reply = ask_reply(Guarded(fake), Call(ASKED), Answer)
    assert reply.value.age == 3
    first, second = fake.asked
    assert second[: len(first)] == first
    assert [one.role for one in second[len(first) :]] == ["assistant", "user"]
    assert "age: must be a whole number" in second[-1].content
    assert '"maxItems": 3' in second[-1].content, "the schema is said in full"
    assert reply.reply_tokens > len(json.dumps(GOOD)) // 4, "both calls are counted"


def test_two_bad_replies_are_the_named_error_and_no_third_is_asked_for():
    fake = Fake(["no", "never", GOOD])
    with pytest.raises(InvalidReply, match="fake: its reply was unusable even after a repair"):
        ask(fake, Call(ASKED), Answer)
    assert len(fake.asked) == 2


def test_a_reply_that_broke_off_is_not_paid_for_twice():
    fake = Fake(['{"mood": "calm", "interests": [' + '{"topic": "red wine", "weight": 0.5},' * 9] * 2)
    with pytest.raises(InvalidReply, match="broke off at 20 tokens"):
        ask(fake, Call(ASKED, max_tokens=20), Answer)
    assert len(fake.asked) == 1


def test_a_model_that_fails_is_not_repaired():
    fake = Fake([ModelError("down"), GOOD])
    with pytest.raises(ModelError, match="down"):
        ask(fake, Call(ASKED), Answer)
    assert len(fake.asked) == 1


def test_a_fake_says_when_it_has_no_more_replies_and_can_echo():
    with pytest.raises(ModelError, match="asked 1 times, but there are 0 replies"):
        Fake().complete(Call(ASKED))
    assert Fake(echo).complete(Call(ASKED)).text == "what?"
