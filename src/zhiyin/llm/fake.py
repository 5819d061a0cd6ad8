"""Fake: a language model for tests that answers what it was given, and writes down what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zhiyin.errors import ModelError
from zhiyin.ports import Call, Message, Reply

Answering = Callable[[Sequence[Message]], Any]


@dataclass
class Fake:
    """Answers in turn from a list, or by a function of the messages. What is not text is sent as JSON.

    asked: every call's messages; schemas: every call's schema. An exception among the replies is raised. Raises
    ModelError when the list has run out.
    """

    replies: Sequence[Any] | Answering = ()
    name: str = "fake"
    asked: list[tuple[Message, ...]] = field(default_factory=list)
    schemas: list[Mapping[str, Any] | None] = field(default_factory=list)

    @property
    def identity(self) -> str:
        """See LanguageModel."""
        return self.name

    def complete(self, call: Call) -> Reply:
        """See LanguageModel. Tokens are counted as a quarter of the characters."""
        self.asked.append(tuple(call.messages))
        self.schemas.append(call.schema)
        said = self._said(call.messages)
        if isinstance(said, Exception):
            raise said
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        prompt = sum(len(one.content) for one in call.messages)
        return Reply(text, self.name, prompt // 4, len(text) // 4)

    def _said(self, messages: Sequence[Message]) -> Any:
        if callable(self.replies):
            return self.replies(messages)
        if len(self.asked) > len(self.replies):
            raise ModelError(f"{self.name}: asked {len(self.asked)} times, but there are {len(self.replies)} replies")
        return self.replies[len(self.asked) - 1]

    @property
    def heard(self) -> str:
        """Everything it was ever asked, as one text: to look for what should never have reached it."""
        return "\n".join(message.content for call in self.asked for message in call)


def echo(messages: Sequence[Message]) -> str:
    """Says all it was told: with it, whatever reaches the model comes out of it."""
    return "\n".join(message.content for message in messages)
