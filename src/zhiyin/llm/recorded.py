"""Recorded: real replies in a file, replayed where no model may be called. One JSON object a line, readable in a review."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from zhiyin.errors import ModelError
from zhiyin.llm.cache import call_key
from zhiyin.ports import Call, LanguageModel, Reply


@dataclass
class Recorded:
    """Replays the replies in a file; with a model, asks it for those that are missing and adds them to the file.

    A line holds key (see cache.call_key), model, messages as [role, content], text, prompt_tokens and reply_tokens.
    Raises ModelError for a call that was never recorded, or a damaged line.
    """

    path: Path
    name: str
    model: LanguageModel | None = None
    _known: dict[str, Reply] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        lines = self.path.read_text("utf-8").splitlines() if self.path.is_file() else []
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                self._known[row["key"]] = Reply(row["text"], row["model"], row["prompt_tokens"], row["reply_tokens"])
            except (ValueError, KeyError, TypeError) as error:
                raise ModelError(f"{self.path}, line {number}: not a recorded reply ({error!r})") from error

    @property
    def identity(self) -> str:
        """See LanguageModel. The recorded model's, so that its calls are found again without it."""
        return self.name

    def complete(self, call: Call) -> Reply:
        """See LanguageModel."""
        key = call_key(self.name, call)
        if key in self._known:
            return self._known[key]
        if self.model is None:
            start = call.messages[-1].content[:60] if call.messages else ""
            raise ModelError(f"{self.path}: no reply is recorded for {start!r}; run once with a model to record it")
        reply = self.model.complete(call)
        self._known[key] = reply
        row: dict[str, Any] = {
            "key": key,
            "model": reply.model,
            "messages": [[one.role, one.content] for one in call.messages],
        }
        row |= {"text": reply.text, "prompt_tokens": reply.prompt_tokens, "reply_tokens": reply.reply_tokens}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return reply
