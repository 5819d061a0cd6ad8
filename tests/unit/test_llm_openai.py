"""openai: the real client against a real server on this machine, which speaks the protocol and misbehaves on demand."""

import json
from dataclasses import dataclass

import pytest
from llm_endpoint import endpoint, refused, said

from zhiyin.errors import InvalidReply, ModelError, SettingError
from zhiyin.llm.batch import complete_many
from zhiyin.llm.openai import OpenAI
from zhiyin.llm.schema import ask, schema_of
from zhiyin.ports import Call, Message

pytest.importorskip("openai")

ASKED = [Message("system", "Be brief."), Message("data", "a wine"), Message("user", "mood?")]


@dataclass(frozen=True)
class Mood:
    mood: str


def model(url: str, **settings) -> OpenAI:
    return OpenAI("m", url, **{"timeout": 10, **settings})


def test_a_reply_comes_with_its_tokens():
    with endpoint((200, said("calm"))) as server:
        reply = model(server.url, key="k1").complete(Call(ASKED, max_tokens=9, temperature=0.5, seed=3))
    assert (reply.text, reply.prompt_tokens, reply.reply_tokens) == ("calm", 11, 7)
    assert reply.seconds > 0
    body = server.asked[0]
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "a wine\n\nmood?"},
    ]
    assert (body["model"], body["max_tokens"], body["temperature"], body["seed"]) == ("m", 9, 0.5, 3)
    assert "response_format" not in body
    assert server.headers[0]["authorization"] == "Bearer k1"


def test_a_key_in_the_environment_is_not_sent_to_another_endpoint(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "the-real-one")
    with endpoint((200, said("calm"))) as server:
        model(server.url).complete(Call(ASKED))
    assert "the-real-one" not in json.dumps(server.headers)


def test_a_schema_is_sent_to_be_enforced():
    with endpoint((200, said('{"mood": "calm"}'))) as server:
        assert ask(model(server.url), Call(ASKED), Mood) == Mood("calm")
    form = server.asked[0]["response_format"]
    assert form["json_schema"]["schema"] == schema_of(Mood)
    assert form["json_schema"]["strict"] is True


def test_an_endpoint_without_schemas_is_asked_in_the_next_way_and_only_once():
    def old(body):
        kind = body.get("response_format", {}).get("type")
        return (400, refused(f"response_format {kind} is not supported")) if kind else (200, said('{"mood": "calm"}'))

    with endpoint(old) as server:
        one = model(server.url)
        assert ask(one, Call(ASKED), Mood) == ask(one, Call(ASKED), Mood) == Mood("calm")
    kinds = [body.get("response_format", {}).get("type") for body in server.asked]
    assert kinds == ["json_schema", "json_object", None, None]
    assert '"additionalProperties": false' in server.asked[-1]["messages"][-1]["content"]


def test_a_prompt_that_is_too_long_changes_nothing_for_the_next():
    with endpoint((400, refused("maximum context length is 10 tokens; lower max_tokens"))) as server:
        one = model(server.url)
        with pytest.raises(ModelError, match="maximum context length"):
            one.complete(Call(ASKED, schema=schema_of(Mood)))
        server.script[:] = [(200, said('{"mood": "calm"}'))]
        assert ask(one, Call(ASKED), Mood) == Mood("calm")
    assert server.asked[-1]["response_format"]["type"] == "json_schema"
    assert "max_tokens" in server.asked[-1]


def test_parameters_that_an_endpoint_does_not_take_are_called_otherwise_or_left_out():
    def new(body):
        for name in ("max_tokens", "temperature"):
            if name in body:
                return 400, refused(f"Unsupported parameter: '{name}'")
        return 200, said("calm")

    with endpoint(new) as server:
        one = model(server.url)
        assert one.complete(Call(ASKED, max_tokens=9)).text == one.complete(Call(ASKED, max_tokens=9)).text == "calm"
    assert len(server.asked) == 4
    assert server.asked[-1]["max_completion_tokens"] == 9
    assert "temperature" not in server.asked[-1]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_refusal_that_may_pass_is_tried_again(status):
    with endpoint((status, refused("busy")), (status, refused("busy")), (200, said("calm"))) as server:
        assert model(server.url).complete(Call(ASKED)).text == "calm"
    assert len(server.asked) == 3


def test_retries_end_in_the_named_error():
    with endpoint((503, refused("busy"))) as server, pytest.raises(ModelError, match="busy"):
        model(server.url, retries=1).complete(Call(ASKED))
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, refused("wrong key")), "wrong key"),
        ((404, refused("no such model")), "no such model"),
        ((200, {"choices": []}), "outside the protocol"),
        ((200, {"nothing": 1}), "outside the protocol"),
        ((200, b"[1]"), "protocol"),
        ((200, b"<html>hello</html>"), "protocol|JSON|json"),
    ],
)
def test_whatever_comes_back_ends_in_the_named_error(answer, why):
    with endpoint(answer) as server, pytest.raises(ModelError, match=why):
        model(server.url, retries=0).complete(Call(ASKED))


def test_an_endpoint_that_does_not_answer_in_time_or_at_all_is_named():
    with endpoint((200, said("late")), pause=0.5) as server, pytest.raises(ModelError, match=r"within 0\.05 s"):
        model(server.url, retries=0).complete(Call(ASKED, timeout=0.05))
    with pytest.raises(ModelError, match="cannot be reached"):
        model(server.url, retries=0).complete(Call(ASKED))


def test_prose_instead_of_json_is_repaired_once_over_the_wire():
    with endpoint((200, said("I feel calm")), (200, said('{"mood": "calm"}'))) as server:
        assert ask(model(server.url), Call(ASKED), Mood) == Mood("calm")
    with endpoint((200, said("I feel calm"))) as server, pytest.raises(InvalidReply):
        ask(model(server.url), Call(ASKED), Mood)
    assert len(server.asked) == 2


def test_no_more_calls_are_under_way_than_allowed_and_each_gets_its_own_answer():
    def echo(body):
        return 200, said(body["messages"][-1]["content"])

    seen = []
    with endpoint(echo, pause=0.02) as server:
        one = model(server.url, concurrency=3)
        answered = dict(
            complete_many(
                [str(n) for n in range(20)],
                lambda text: one.complete(Call([Message("user", text)])).text,
                workers=8,
                progress=lambda done, of: seen.append((done, of)),
            )
        )
    assert answered == {str(n): str(n) for n in range(20)}
    assert server.most_at_once <= 3
    assert seen == [(n, 20) for n in range(1, 21)]


@pytest.mark.parametrize("wrong", [{"structured": "xml"}, {"concurrency": 0}, {"url": "ftp://x"}])
def test_wrong_settings_are_refused_by_name(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        OpenAI(**{"model": "m", **wrong})


def test_the_key_does_not_show():
    assert "secret" not in repr(OpenAI("m", key="secret"))
