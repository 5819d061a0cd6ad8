"""Check: one small question to a model that was set up, to see that it answers and keeps to a schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from zhiyin.errors import ModelError
from zhiyin.llm.configured import LlmSettings, bare_model
from zhiyin.llm.guard import Guarded
from zhiyin.llm.schema import ask_reply
from zhiyin.ports import Call, Message


@dataclass(frozen=True)
class Colour:
    """The answer asked for."""

    colour: Literal["green", "white"]


def asked(settings: LlmSettings) -> str:
    """One line: what it answered, or how it failed."""
    model = bare_model(settings)
    if model is None:
        return "no model"
    question = [Message("user", 'What colour is fresh snow? Answer as {"colour": "green"} or {"colour": "white"}.')]
    try:
        reply = ask_reply(Guarded(model), Call(question, max_tokens=40), Colour)
    except ModelError as error:
        return f"failed: {error}"
    return f"answered {reply.text!r} in {reply.seconds:.1f} s ({reply.prompt_tokens} + {reply.reply_tokens} tokens)"
