"""Cache: what was asked once is not paid for twice."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b

from zhiyin.llm.database import Database, about
from zhiyin.ports import Call, LanguageModel, Reply


def call_key(identity: str, call: Call) -> str:
    """A hash of everything that shapes a reply: model, messages (and so the prompt's text), schema and parameters."""
    said = [[one.role, one.content] for one in call.messages]
    shaping = [identity, said, call.schema, call.max_tokens, call.temperature, call.seed]
    return blake2b(json.dumps(shaping, sort_keys=True).encode(), digest_size=20).hexdigest()


@contextmanager
def speaking_of(user_id: str) -> Iterator[None]:
    """Calls made inside are about this user: Database.forget deletes what was kept of them.

    Threads started inside do not inherit it; batch.complete_many does.
    """
    token = about.set(user_id)
    try:
        yield
    finally:
        about.reset(token)


@dataclass(frozen=True)
class Cached:
    """A language model that remembers its replies. A reply that breaks off, or is no JSON where it should be, is not kept."""

    model: LanguageModel
    database: Database

    @property
    def identity(self) -> str:
        """See LanguageModel."""
        return self.model.identity

    def complete(self, call: Call) -> Reply:
        """See LanguageModel. A remembered reply costs nothing: its tokens, seconds and money were paid before."""
        key = call_key(self.identity, call)
        known = self.database.read("SELECT reply FROM replies WHERE key = ?", (key,))
        if known and (reply := _reply(known[0][0])):
            return reply
        who = self.database.pseudonym(about.get())
        forgotten = self.database.times_forgotten(who)
        reply = self.model.complete(call)
        if (call.schema is None or _is_object(reply.text)) and self.database.times_forgotten(who) == forgotten:
            kept = json.dumps([reply.text, reply.model, reply.prompt_tokens, reply.reply_tokens])
            self.database.write("INSERT OR REPLACE INTO replies VALUES (?, ?, ?)", [(key, kept, who)])
        return reply


def _reply(text: str) -> Reply | None:
    try:
        said, model, prompt, reply = json.loads(text)
        return dataclasses.replace(Reply(str(said), str(model), int(prompt), int(reply)), cached=True)
    except (ValueError, TypeError):
        return None


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text[text.find("{") : text.rfind("}") + 1]), dict)
    except (ValueError, RecursionError):
        return False
