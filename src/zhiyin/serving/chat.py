"""Chat: POST /chat. The conversation reads and checks; the engine's own tools search, recommend, explain and take feedback."""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from zhiyin.arrays import Bools
from zhiyin.event import Event
from zhiyin.explanation.templates import Templates
from zhiyin.languages.messages import spoken_in
from zhiyin.llm.cache import speaking_of
from zhiyin.llm.deadline import within
from zhiyin.serving import wire
from zhiyin.serving.bodies import message, takes
from zhiyin.serving.callers import Needs
from zhiyin.serving.engine import Engine
from zhiyin.serving.pools import Pools
from zhiyin.serving.routes import reply
from zhiyin.serving.sealed import Seal
from zhiyin.understanding.conversation import Ask
from zhiyin.understanding.dialogue import Card, Reader, Turn, avoided, by_rules, turn
from zhiyin.understanding.lexicon import Topic
from zhiyin.understanding.planned import planning
from zhiyin.understanding.saying import Voice

CHAT = [Depends(Needs("read")), Depends(Needs("write"))]
"""A conversation reads, and may change what is kept of who has it."""

STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "properties": {"event": {"enum": ["read", "text", "items", "done"]}, "data": {"type": "string"}},
                    "required": ["event", "data"],
                },
                "example": 'event: text\ndata: {"text": "These come closest."}\n\n',
            }
        }
    }
}
"""With stream: the events read, text, items and done, each with its fields as JSON."""

KEPT = 5_000
"""Conversations kept in memory, those used last."""

DEEP = 200
"""Items a search looks through before the constraints are checked."""


class ChatIn(wire.Wire):
    """One message. Without conversation_id a new conversation begins; without user_id it is a guest's, kept in memory only."""

    message: wire.Text = Field(min_length=1)
    user_id: str = Field("", max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")
    conversation_id: wire.Id | None = None
    language: wire.Language | None = None
    """That of the message, when left out."""
    stream: bool = False
    """Server-sent events (read, text, items, done) instead of one JSON answer."""


class ChatCard(wire.ShownItem):
    """One item of an answer. facts: what it has of what was asked for. request_id: of the list it came from."""

    facts: str
    request_id: str


class ChatOut(BaseModel):
    """An answer. asked: what it keeps to, in words; steps: what was done, in order."""

    conversation_id: str
    model_version: str
    language: str
    intent: str
    text: str
    asked: str
    items: list[ChatCard]
    steps: list[dict[str, Any]]


class Conversations:
    """What each conversation has asked for, and why its last items were shown.

    What was asked for is of users in the event log as well, and is read back from there.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seal = Seal(engine.store.meta)
        self._kept: OrderedDict[tuple[str, str], tuple[Ask, dict[str, str]]] = OrderedDict()
        self._lock = Lock()

    def get(self, user_id: str, conversation_id: str) -> tuple[Ask, dict[str, str]]:
        """A conversation's state and the explanations by item; of an unknown one the beginning. Nobody reads another user's."""
        with self._lock:
            found = self._kept.get((user_id, conversation_id))
        return found or ((self._read(user_id, conversation_id) if user_id else None) or Ask(), {})

    def _read(self, user_id: str, conversation_id: str) -> Ask | None:
        for event in reversed(self._engine.store.log.of_user(user_id)):
            if event.event_type == "message" and event.session_id == conversation_id:
                state = self._seal.open(_about(user_id, conversation_id), event.context.get("ask"))
                if state is not None:  # else a client, or a file, wrote an event of that kind
                    return _asked(state)
        return None

    def sealed(self, user_id: str, conversation_id: str, ask: Ask) -> str:
        """The state of a conversation as an event may carry it: read back only where nobody else wrote it."""
        return self._seal.close(_about(user_id, conversation_id), json.dumps(ask.table(), ensure_ascii=False))

    def put(self, user_id: str, conversation_id: str, ask: Ask, said: dict[str, str]) -> None:
        """Keep the state of a conversation, and what was said of its last items."""
        with self._lock:
            self._kept[user_id, conversation_id] = (ask, said)
            self._kept.move_to_end((user_id, conversation_id))
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def forget(self, user_id: str) -> None:
        """Drop everything of a user."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == user_id]:
                del self._kept[key]


_ASK = TypeAdapter(Ask)


def _about(user_id: str, conversation_id: str) -> str:
    return json.dumps([user_id, conversation_id])


def _asked(state: str) -> Ask | None:
    """A stored state, checked; one that an earlier Zhiyin wrote in another form is begun anew."""
    try:
        return _ASK.validate_json(state)
    except ValidationError:
        return None


@dataclass
class EngineTools:
    """The engine as the tools of a conversation, for one user and language. said: why the last items were shown, by id."""

    engine: Engine
    user_id: str
    language: str
    said: Mapping[str, str]

    def recommend(self, ask: Ask, n: int, exclude: Sequence[str]) -> list[Card]:
        """See Tools."""
        return self._asked(ask, n, exclude)

    def similar(self, item_id: str, ask: Ask, n: int, exclude: Sequence[str]) -> list[Card]:
        """See Tools."""
        shelf = "related" if "related" in self.engine.live.recommender.shelves else "for_you"
        return self._asked(ask, n, exclude, shelf=shelf, seeds=[item_id])

    def _asked(self, ask: Ask, n: int, exclude: Sequence[str], **more: Any) -> list[Card]:
        items = self.engine.live.recommender.items
        gone = [one for one in (*exclude, *avoided(ask, items)) if one in items.vocabulary]
        answer = self.engine.recommend(
            self.user_id, n, text=ask.text, exclude=gone, conditions=ask.conditions(), refusals=ask.unwanted,
            language=self.language, **more,
        )  # fmt: skip
        return [{**card, "request_id": answer["request_id"]} for card in answer["items"]]

    def search(self, ask: Ask, n: int, exclude: Sequence[str]) -> list[Card]:
        """See Tools. Of what the search finds, what meets the ask; the user's own refusals hold here too."""
        items, gone = self.engine.live.recommender.items, set(exclude)
        own = tuple((name, value) for name, value in self._known("refusals"))
        strict = replace(ask, unwanted=(*ask.unwanted, *own))
        answer = self.engine.search(ask.text, DEEP, ask.conditions(), self.language)
        allowed = (
            {**card, "request_id": answer["request_id"]} for card in answer["items"] if card["item_id"] not in gone
        )
        return [card for card in allowed if strict.meets(items[items.vocabulary.position(card["item_id"])])][:n]

    def _known(self, what: str) -> Any:
        return self.engine.profile(self.user_id)[what] if self.user_id else ()

    def explain(self, item_id: str) -> str:
        """See Tools."""
        return self.said.get(item_id, "")

    def feedback(self, item_id: str, event_type: str) -> bool:
        """See Tools."""
        if not self.user_id:
            return False
        now = self.engine.clock()
        event = Event(self.user_id, item_id, event_type, now, context={"surface": "chat"}, event_id=uuid4().hex)
        self.engine.record([event])
        return True

    def refuse(self, topics: Sequence[Topic]) -> bool:
        """See Tools."""
        if self.user_id:
            self.engine.edit_profile(self.user_id, {"refuse": list(topics), "allow": [], "wish": [], "unwish": []})
        return bool(self.user_id)

    def profile(self) -> str:
        """See Tools."""
        return str(self.engine.profile(self.user_id)["summaries"][self.language]) if self.user_id else ""

    def available(self) -> Bools:
        """See Tools."""
        return self.engine.live.recommender.items.available(self.engine.clock())


class Chat:
    """Answers messages. reader: reads them, by rules unless a model does; whatever it reads, the same checks hold."""

    def __init__(self, engine: Engine, reader: Reader = by_rules) -> None:
        self.engine = engine
        self.reader = reader
        self.conversations = Conversations(engine)
        engine.on_forget.append(self.conversations.forget)

    def answer(self, body: ChatIn) -> dict[str, Any]:
        """Answer one message, and keep what it asked for."""
        engine, conversation_id = self.engine, body.conversation_id or uuid4().hex
        language = spoken_in(body.message, body.language)
        before, said = self.conversations.get(body.user_id, conversation_id)
        tools = EngineTools(engine, body.user_id, language, said)
        voice = Voice(language, labels_of(engine))
        with speaking_of(body.user_id), within(engine.settings.message_seconds):
            done = turn(body.message, before, engine.live.recommender.items, tools, voice, self.reader)
        if done.cards:
            said = {card["item_id"]: card["explanation"] for card in done.cards}
        self.conversations.put(body.user_id, conversation_id, done.ask, said)
        self._keep(body, conversation_id, done)
        return self._out(done, voice, conversation_id, language)

    def _keep(self, body: ChatIn, conversation_id: str, done: Turn) -> None:
        """The message of a user as an event, so that it outlives the process, is exported, and is deleted with the user."""
        if body.user_id:
            context = {
                "text": body.message,
                "ask": self.conversations.sealed(body.user_id, conversation_id, done.ask),
                "intent": done.intent,
            }
            event = Event(
                body.user_id,
                "",
                "message",
                self.engine.clock(),
                context=context,
                session_id=conversation_id,
                event_id=uuid4().hex,
            )
            self.engine.record([event])

    def _out(self, done: Turn, voice: Voice, conversation_id: str, language: str) -> dict[str, Any]:
        cards = [{**card, "rank": rank} for rank, card in enumerate(done.cards, 1)]
        return {
            "conversation_id": conversation_id,
            "model_version": self.engine.live.version,
            "language": language,
            "intent": done.intent,
            "text": done.text,
            "asked": voice.asked(done.ask),
            "items": cards,
            "steps": list(done.steps),
        }


def labels_of(engine: Engine) -> dict[str, str]:
    """What the recipe, or else the pack, calls its attributes, so that a conversation calls them as the reasons do."""
    made = engine.live.recommender
    said = next((one.labels for one in made.explainers if isinstance(one, Templates)), {})
    return {**made.items.pack.labels, **said}


def make_chat(engine: Engine, pools: Pools) -> APIRouter:
    """The route of the conversation. A workspace's language model reads the messages where it has one for the use "chat"."""
    router = APIRouter(responses={422: {"model": wire.Failure}})
    models = getattr(engine.versions, "models", None)  # a Workspace has them
    model = models.of("chat") if models is not None else None
    chat = Chat(engine, by_rules if model is None else planning(model))

    @router.post(
        "/chat", response_model=ChatOut, responses=STREAM, tags=["recommendations"], dependencies=CHAT,
        openapi_extra=takes(ChatIn),
    )  # fmt: skip
    async def said(request: Request) -> Response:
        """Say what you want in words, English or Chinese; every item of the answer meets everything asked for so far."""
        raw = await request.body()
        body, answer = await pools.chat(lambda: answered(raw))
        if not body.stream:
            return reply(answer)
        whole = b"".join(streamed(answer))  # it is all there, so nothing has to wait for a client between its pieces
        return Response(whole, media_type="text/event-stream", headers={"cache-control": "no-cache"})

    def answered(raw: bytes) -> tuple[ChatIn, dict[str, Any]]:
        body = message(raw, ChatIn)
        return body, chat.answer(body)

    return router


def streamed(answer: Mapping[str, Any]) -> Iterator[bytes]:
    """An answer as server-sent events: what was read, the text piece by piece, the items, and the rest."""
    yield _event("read", {name: answer[name] for name in ("conversation_id", "language", "intent", "asked", "steps")})
    for piece in _pieces(answer["text"]):
        yield _event("text", {"text": piece})
    yield _event("items", {"items": answer["items"]})
    yield _event("done", {name: answer[name] for name in ("conversation_id", "model_version")})


def _event(name: str, value: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(value, ensure_ascii=False, allow_nan=False)}\n\n".encode(
        "utf-8", "replace"
    )


def _pieces(text: str, length: int = 24) -> Iterator[str]:
    for start in range(0, len(text), length):
        yield text[start : start + length]
