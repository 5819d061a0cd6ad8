"""Event: one thing that happened. The only way facts come in."""

from __future__ import annotations

import json
import math
import struct
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from zhiyin.behaviour.kinds import CODES, KINDS, WITHOUT_ITEM
from zhiyin.errors import DataError

__all__ = ["CODES", "ID_BYTES", "KINDS", "WITHOUT_ITEM", "Event", "circumstances", "float_bits"]

ID_BYTES = 12
"""Of an id made of content: 16 letters, short enough for fast indexes, and no two of 10^12 events alike."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, immutable. Repeats and order are kept.

    timestamp: seconds since 1970 (UTC). event_type: one of kinds.KINDS. value: a rating in its own scale, seconds of
    dwell, a quantity; None where the kind says it all. context: device, place, surface, text and the like. request_id,
    position and propensity tie an impression, or the click on it, to the answer that showed it; without the propensity
    no off-policy evaluation is possible.

    Raises DataError when a field cannot be.
    """

    user_id: str
    item_id: str
    event_type: str
    timestamp: float
    value: float | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    session_id: str | None = None
    request_id: str | None = None
    position: int | None = None
    propensity: float | None = None
    event_id: str = ""

    def __post_init__(self) -> None:
        if not self.user_id:
            raise DataError("event: user_id is empty")
        if self.event_type not in CODES:
            raise DataError(f"event: event_type '{self.event_type}' is not one of {', '.join(KINDS)}")
        if not self.item_id and self.event_type not in WITHOUT_ITEM:
            raise DataError(f"event: item_id is empty; only {', '.join(sorted(WITHOUT_ITEM))} may have none")
        if not math.isfinite(self.timestamp):
            raise DataError(f"event: timestamp {self.timestamp!r} is not a finite number of seconds since 1970")
        if self.value is not None and not math.isfinite(self.value):
            raise DataError(f"event: value {self.value!r} is not a finite number")
        if self.propensity is not None and not 0 < self.propensity <= 1:
            raise DataError(f"event: propensity {self.propensity!r} must be above 0 and at most 1")
        if not self.event_id:
            object.__setattr__(self, "event_id", self.natural_id())

    def natural_id(self) -> str:
        """An id made of the content, so that the same event sent twice is one event. See data/event_ids.py."""
        value = "" if self.value is None else str(float_bits(self.value))
        session = self.session_id or ""
        ids = (str(len(self.user_id)), str(len(self.item_id)), self.user_id, self.item_id)
        key = "\x1f".join((*ids, self.event_type, str(float_bits(self.timestamp)), value, "0", session))
        key += circumstances(json.dumps(dict(self.context)) if self.context else "", self.request_id, self.position)
        return urlsafe_b64encode(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=ID_BYTES).digest()).decode()


def circumstances(context: str, request_id: str | None, position: int | None) -> str:
    """What tells events of one second apart beside their item and value, as the end of a natural id's key; "" for none.

    context: JSON text. Two texts that say the same are the same, however they are spaced and ordered.
    """
    if not context and request_id is None and position is None:
        return ""
    try:
        said = json.loads(context) if context else {}
    except (ValueError, RecursionError):
        said = context
    return "\x1f" + json.dumps([said, request_id, position], sort_keys=True, separators=(",", ":"))


def float_bits(number: float) -> int:
    """The bits of a double as a whole number: unlike its decimal text, the same in every library."""
    return int(struct.unpack("<q", struct.pack("<d", number + 0.0))[0])  # + 0.0 makes -0.0 and 0.0 one number
