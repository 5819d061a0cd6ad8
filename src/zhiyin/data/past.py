"""Past: what one user did, as columns. What a profile is made of, without an object an event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zhiyin.arrays import Array, Doubles, Floats
from zhiyin.behaviour.kinds import CODES
from zhiyin.event import Event


@dataclass(frozen=True)
class Past:
    """Some or all of a user's events: oldest first, equal times in order of arrival. All [events].

    kinds: codes of kinds.KINDS. values: nan for none. contexts: of comments, as JSON text; "" of all others.
    """

    event_ids: Sequence[str]
    item_ids: Sequence[str]
    kinds: Array
    times: Doubles
    values: Floats
    contexts: Sequence[str]

    @classmethod
    def of_rows(cls, rows: Sequence[Any]) -> Past:
        """From rows of event_id, item_id, event_type, timestamp, value and context."""
        names, items, kinds, times, values, contexts = zip(*rows, strict=True) if rows else ((),) * 6
        # float32 as in a dataset, so that a live event weighs exactly what it will weigh in training.
        numbers = np.array([np.nan if one is None else one for one in values], np.float32)
        codes = np.array([CODES[kind] for kind in kinds], np.uint8)
        return cls(names, items, codes, np.array(times, np.float64), numbers, contexts)

    @classmethod
    def of(cls, events: Sequence[Event]) -> Past:
        """From events in any order."""
        ordered = sorted(events, key=lambda one: one.timestamp)
        return cls.of_rows(
            [
                (one.event_id, one.item_id, one.event_type, one.timestamp, one.value, context_text(one))
                for one in ordered
            ]
        )

    def __len__(self) -> int:
        return len(self.event_ids)


def context_text(event: Event) -> str:
    """The context of a comment as JSON text, "" of all others."""
    return json.dumps(dict(event.context), ensure_ascii=False) if event.event_type == "comment" else ""
