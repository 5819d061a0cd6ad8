"""openai: any endpoint that speaks the OpenAI chat protocol: OpenAI, vLLM, Ollama, llama.cpp, DashScope, DeepSeek and others."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from zhiyin.errors import ModelError, SettingError, require
from zhiyin.llm.messages import as_chat
from zhiyin.ports import Call, Reply

STRUCTURED = ("json_schema", "json_object", "prompt")
"""How a schema is asked for, strictest first: enforced by the endpoint, JSON of any shape, or only by words."""

OTHERWISE = {"max_tokens": "max_completion_tokens", "temperature": "", "seed": ""}
"""What some endpoints do not take, and what they call it ("" for nothing of the kind)."""

IN_WORDS = "Answer with one JSON object and nothing else. It must satisfy this JSON schema:\n{schema}"


@dataclass
class OpenAI:
    """A model behind an endpoint. Raises SettingError when it is set up wrongly, ModelError when a call fails.

    url: the endpoint's base, e.g. "http://localhost:11434/v1"; key: "" for endpoints without one. timeout: seconds of one
    attempt; retries: further attempts after a refusal that may pass (429, 5xx, a broken connection), with growing pauses
    or those the endpoint asks for. concurrency: calls under way at once. structured: the way a schema is asked for
    first; an endpoint that refuses a way is asked in the next one, from then on.
    """

    model: str
    url: str | None = None
    key: str = field(default="", repr=False)
    timeout: float = 60.0
    retries: int = 2
    concurrency: int = 8
    structured: str = "json_schema"
    _client: Any = field(default=None, init=False, repr=False)
    _without: frozenset[str] = field(default=frozenset(), init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.structured not in STRUCTURED:
            raise SettingError(f"structured = {self.structured!r}: must be one of {', '.join(STRUCTURED)}")
        if self.url is not None and not self.url.startswith(("http://", "https://")):
            raise SettingError(f"url = {self.url!r}: must begin with http:// or https://")
        if self.concurrency < 1:
            raise SettingError(f"concurrency = {self.concurrency}: must be at least 1")
        self._turns = threading.BoundedSemaphore(self.concurrency)

    @property
    def identity(self) -> str:
        """See LanguageModel."""
        return f"{self.url or 'openai'}:{self.model}"

    def complete(self, call: Call) -> Reply:
        """See LanguageModel. A call's timeout is of all its attempts together; without one each has the model's own."""
        chat = as_chat(call.messages)
        plain = {"model": self.model, "max_tokens": call.max_tokens, "temperature": call.temperature, "seed": call.seed}
        started = time.perf_counter()
        until = None if call.timeout is None else started + call.timeout
        way, without = (self.structured if call.schema is not None else ""), self._without
        with self._turn(call.timeout):
            while True:
                try:
                    answer = self._asked(
                        {**_renamed(plain, without), **_shaped(chat, call.schema, way)}, until, call.timeout
                    )
                    break
                except _Refused as refusal:
                    way, without = self._next_way(refusal, way, without)
        # Only what then worked is kept: a prompt that is too long is refused in every way.
        self._without, self.structured = without, way or self.structured
        return self._reply(answer, time.perf_counter() - started)

    def _next_way(self, refusal: Exception, way: str, without: frozenset[str]) -> tuple[str, frozenset[str]]:
        """How to put the same request so that the endpoint may take it. Raises ModelError when every way was tried."""
        named = [one for one in OTHERWISE if one not in without and f"{one}" in str(refusal)]
        if named:
            return way, without | {named[0]}
        if way and way != STRUCTURED[-1]:
            return STRUCTURED[STRUCTURED.index(way) + 1], without
        raise ModelError(f"{self.identity}: {refusal}") from refusal

    @contextmanager
    def _turn(self, timeout: float | None) -> Iterator[None]:
        if not self._turns.acquire(timeout=timeout):
            raise ModelError(f"{self.identity}: {self.concurrency} other calls are under way and none ended")
        try:
            yield
        finally:
            self._turns.release()

    def _asked(self, call: Mapping[str, Any], until: float | None, given: float | None) -> Any:
        openai = require("openai", "llm")
        timeout = self.timeout if until is None else min(self.timeout, until - time.perf_counter())
        if timeout <= 0:
            raise ModelError(f"{self.identity}: no time is left for another attempt")
        try:
            client = self._opened(openai)
            if until is None:
                return client.chat.completions.create(**call, timeout=timeout)
            return self._tried(openai, client.with_options(max_retries=0), call, until)
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            raise _Refused(_plain(error)) from error
        except openai.APITimeoutError as error:
            raise ModelError(f"{self.identity}: no reply within {given or self.timeout:g} s") from error
        except openai.APIConnectionError as error:
            raise ModelError(f"{self.identity}: cannot be reached ({_plain(error)}); is the URL right?") from error
        except openai.OpenAIError as error:
            raise ModelError(f"{self.identity}: {_plain(error)}") from error
        except ValueError as error:  # the client lets a page that is no JSON through as it came
            raise ModelError(f"{self.identity}: answered outside the protocol ({_plain(error)})") from error

    def _tried(self, openai: Any, client: Any, call: Mapping[str, Any], until: float) -> Any:
        """The client's own retries know nothing of a call's end, so what may pass is tried again here, while there is time."""
        passing = (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError)
        for attempt in range(self.retries + 1):
            rest = until - time.perf_counter()
            try:
                return client.chat.completions.create(**call, timeout=min(self.timeout, max(rest, 0.001)))
            except passing as error:
                pause = 0.5 * 2**attempt
                late = isinstance(error, openai.APITimeoutError) or time.perf_counter() + pause >= until
                if late or attempt == self.retries:
                    raise
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _opened(self, openai: Any) -> Any:
        with self._lock:
            if self._client is None:
                # The client insists on a key and would take one from the environment, also for another endpoint.
                self._client = openai.OpenAI(base_url=self.url, api_key=self.key or "none", max_retries=self.retries)
            return self._client

    def _reply(self, answer: Any, seconds: float) -> Reply:
        try:
            text = answer.choices[0].message.content or ""
            usage = answer.usage
            tokens = (int(usage.prompt_tokens or 0), int(usage.completion_tokens or 0)) if usage else (0, 0)
        except (AttributeError, IndexError, TypeError, ValueError) as error:
            raise ModelError(f"{self.identity}: answered outside the protocol ({error!r})") from error
        if not isinstance(text, str):
            raise ModelError(f"{self.identity}: answered outside the protocol (content is {type(text).__name__})")
        return Reply(text, self.model, *tokens, seconds)


class _Refused(Exception):
    """The endpoint refused the request as it was put."""


def _plain(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _renamed(call: Mapping[str, Any], without: frozenset[str]) -> dict[str, Any]:
    names = {key: OTHERWISE[key] if key in without else key for key in call}
    return {name: call[key] for key, name in names.items() if name}


def _shaped(chat: list[dict[str, str]], schema: Mapping[str, Any] | None, way: str) -> dict[str, Any]:
    """Messages and response format for one way of asking for a schema."""
    if schema is None:
        return {"messages": chat}
    if way == "json_schema":
        form = {"type": "json_schema", "json_schema": {"name": "reply", "schema": dict(schema), "strict": True}}
        return {"messages": chat, "response_format": form}
    words = IN_WORDS.format(schema=json.dumps(schema, ensure_ascii=False))
    said = [*chat[:-1], {**chat[-1], "content": chat[-1]["content"] + "\n\n" + words}]
    return (
        {"messages": said, "response_format": {"type": "json_object"}} if way == "json_object" else {"messages": said}
    )
