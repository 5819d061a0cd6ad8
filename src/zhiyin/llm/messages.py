"""Messages as a chat model's protocol wants them: data is said by the user, and no role speaks twice in a row."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.errors import ModelError
from zhiyin.ports import Message

ROLES = ("system", "user", "assistant", "data")


def as_chat(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as role and content, for an endpoint or a chat template. Raises ModelError for a role that is none."""
    chat: list[dict[str, str]] = []
    for message in messages:
        if message.role not in ROLES:
            raise ModelError(f"message of role '{message.role}': must be one of {', '.join(ROLES)}")
        role = "user" if message.role == "data" else message.role
        if chat and chat[-1]["role"] == role:
            chat[-1]["content"] += "\n\n" + message.content
        else:
            chat.append({"role": role, "content": message.content})
    if not chat:
        raise ModelError("no messages: give at least one")
    return chat
