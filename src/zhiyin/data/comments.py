"""Comments: what their texts say of their items, as one number each."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.text.sentiment import sentiment_of

KEYS = ("text", "comment", "review", "content", "body", "message")
"""Where the text of a comment may stand in its context, the preferred first."""


def comment_text(context: str) -> str:
    """The text in a comment's context (JSON), "" where there is none."""
    try:
        found = json.loads(context) if context else {}
    except (ValueError, RecursionError):
        return ""
    texts = (found.get(key) for key in KEYS) if isinstance(found, dict) else ()
    return next((text for text in texts if isinstance(text, str) and text.strip()), "")


def sentiments(contexts: Sequence[str | None]) -> Floats:
    """For each comment how much it is for (1) or against (-1) its item; nan without a text. contexts: JSON. [comments]"""
    read: dict[str, float] = {}
    for context in contexts:
        if context and context not in read:
            text = comment_text(context)
            read[context] = sentiment_of(text) if text else np.nan
    return np.array([read.get(context or "", np.nan) for context in contexts], np.float32)
