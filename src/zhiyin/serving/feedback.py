"""Feedback: events from the wire into the log. Each is judged alone, so that one bad event costs no other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from pydantic import ValidationError

from zhiyin.errors import DataError
from zhiyin.event import Event
from zhiyin.ports import Taken
from zhiyin.serving.engine import Engine
from zhiyin.serving.failures import Refused
from zhiyin.serving.wire import EventIn

MOST = 1000
"""Events in one request."""

APART = "this user gave the id to an event with other content before; both are kept"

AHEAD = 86_400.0
"""Seconds a client's clock may be ahead of ours."""


def take_events(engine: Engine, body: Any) -> tuple[int, dict[str, Any]]:
    """Store one event or a list of them; what is accepted is on disk on return.

    Returns the status (200; 207 when some were refused; 422 when all were) and what became of each.
    """
    given = body if isinstance(body, list) else [body]
    if not given or len(given) > MOST:
        raise Refused(422, "invalid_request", f"send 1 to {MOST} events at once, not {len(given)}")
    now = engine.clock()
    good: list[Event] = []
    places: list[int] = []
    rejected: list[dict[str, Any]] = []
    for index, raw in enumerate(given):
        try:
            good.append(_event(engine, raw, now))
            places.append(index)
        except (Refused, DataError, ValidationError, UnicodeError) as error:
            name = raw.get("event_id") if isinstance(raw, dict) else None
            rejected.append({"index": index, "event_id": name if isinstance(name, str) else None, **_why(error)})
    undated = {row for row, index in enumerate(places) if given[index].get("timestamp") is None}
    taken = engine.record(good, undated) if good else Taken()
    answer: dict[str, Any] = {"accepted": len(taken.new), "duplicates": taken.known, "rejected": rejected}
    if taken.apart:
        answer["kept_apart"] = [
            {"index": places[row], "event_id": good[row].event_id, "stored_as": name, "detail": APART}
            for row, name in taken.apart.items()
        ]
    status = 200 if not rejected else 207 if good else 422
    if not good:
        answer |= {"detail": rejected[0]["detail"], "code": rejected[0]["code"]}
    return status, answer


def _event(engine: Engine, raw: Any, now: float) -> Event:
    one = EventIn.model_validate(raw, context={"kinds": engine.live.snapshot.weights.names})
    if one.timestamp is not None and one.timestamp > now + AHEAD:
        raise Refused(422, "in_the_future", f"timestamp {one.timestamp:.0f} is more than a day ahead of {now:.0f}")
    if one.item_id and engine.settings.unknown_items == "reject" and not engine.knows_item(one.item_id):
        raise Refused(422, "unknown_item", f"no item has the id '{one.item_id}': PUT /items/{{item_id}} first")
    values = one.model_dump(exclude={"timestamp", "event_id"})
    # Without a time of its own an event is a new one each time; with one, the same content is the same event.
    event_id = one.event_id or (uuid4().hex if one.timestamp is None else "")
    return Event(**values, timestamp=now if one.timestamp is None else one.timestamp, event_id=event_id)


def _why(error: Exception) -> dict[str, str]:
    if isinstance(error, Refused):
        return {"code": error.code, "detail": str(error)}
    if isinstance(error, ValidationError):
        return {"code": "invalid_event", "detail": sentence(error.errors(include_url=False))}
    if isinstance(error, UnicodeError):  # JSON can write what no text can hold, and no message can repeat
        return {"code": "invalid_event", "detail": "a text has half of a surrogate pair (\\ud800 to \\udfff) alone"}
    return {"code": "invalid_event", "detail": str(error)}


def sentence(errors: Sequence[Any]) -> str:
    """Pydantic's errors in one line: where, and what is wrong; at most five."""
    texts = [f"{'.'.join(str(one) for one in error['loc']) or 'body'}: {error['msg']}" for error in errors[:5]]
    more = f" (and {len(errors) - 5} more)" if len(errors) > 5 else ""
    return ("; ".join(texts) + more).encode("utf-8", "replace").decode()
