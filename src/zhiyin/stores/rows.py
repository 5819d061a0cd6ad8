"""Words as rows of a table and back, the same for every store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from zhiyin.data.event_ids import SCHEMA
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.ports import StoredProfile
from zhiyin.profile import Interest

EVENT_COLUMNS = tuple(SCHEMA)


def event_row(event: Event) -> dict[str, Any]:
    """An event as a row of an event table."""
    row = {name: getattr(event, name) for name in EVENT_COLUMNS}
    row["context"] = json.dumps(dict(event.context), ensure_ascii=False) if event.context else ""
    return row


def event_of(row: Mapping[str, Any]) -> Event:
    """The event of a row."""
    context = json.loads(row["context"]) if row["context"] else {}
    return Event(**{name: row[name] for name in EVENT_COLUMNS if name != "context"}, context=context)


def item_digest(item: Item) -> str:
    """Changes when anything about the item does, times and images included."""
    from hashlib import blake2b

    parts = (item.title, item.text, sorted(item.attributes.items()), item.images)
    times = (item.available_from, item.available_until, item.hidden)
    return blake2b(repr((parts, times)).encode(), digest_size=16).hexdigest()


def profile_json(profile: StoredProfile) -> str:
    """What is kept of a profile beside its user_id, version and time."""
    body = {
        "attributes": dict(profile.attributes),
        "friends": profile.friends,
        "refusals": profile.refusals,
        "wishes": profile.wishes,
        "interests": [_interest_row(one) for one in profile.interests],
        "dislikes": [_interest_row(one) for one in profile.dislikes],
        "summary": profile.summary,
        "personalise": profile.personalise,
    }
    return json.dumps({key: value for key, value in body.items() if value}, ensure_ascii=False)


def without_friend(profile: StoredProfile, user_id: str) -> StoredProfile:
    """The same profile without a name among its friends."""
    return replace(profile, friends=tuple(one for one in profile.friends if one != user_id))


def profile_of(user_id: str, version: int, updated: float, body: str) -> StoredProfile:
    """The profile of a row."""
    kept = json.loads(body)
    return StoredProfile(
        user_id,
        kept.get("attributes", {}),
        tuple(kept.get("friends", ())),
        tuple((name, value) for name, value in kept.get("refusals", ())),
        tuple((name, value) for name, value in kept.get("wishes", ())),
        tuple(_interest(row) for row in kept.get("interests", ())),
        tuple(_interest(row) for row in kept.get("dislikes", ())),
        kept.get("summary", ""),
        updated,
        version,
        bool(kept.get("personalise", False)),
    )


def _interest_row(one: Interest) -> list[Any]:
    return [*one.topic, one.weight, one.evidence, one.first_seen, one.last_seen, one.latent, one.reason]


def _interest(row: list[Any]) -> Interest:
    name, value, weight, evidence, first, last, latent, reason = row
    return Interest((name, value), weight, tuple(evidence), first, last, latent, reason)
