"""The wire, going out: what routes beside the answers say. See wire.py for what comes in, and for the answers themselves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, JsonValue

Pair = list[str]
"""An attribute and a value."""


class ItemsOut(BaseModel):
    """How many items came, and how many of them were new or different."""

    received: int
    changed: int


class ItemPut(BaseModel):
    """Whether an item was new or different."""

    item_id: str
    changed: bool


class ItemDeleted(BaseModel):
    """An item whose content is gone."""

    item_id: str
    deleted: bool


class ItemOut(BaseModel):
    """A whole item."""

    item_id: str
    title: str
    text: str
    attributes: dict[str, JsonValue]
    images: list[str]
    available_from: float | None
    available_until: float | None
    hidden: bool


class FacetsOut(BaseModel):
    """Attributes with their commonest values, or with the least and the most of a number."""

    facets: list[dict[str, JsonValue]]


class UserLine(BaseModel):
    """A user and how many events they have."""

    user_id: str
    events: int


class UsersOut(BaseModel):
    """Users found, and how many there are in all."""

    users: list[UserLine]
    total: int


class UserPut(BaseModel):
    """The version a user's profile has now."""

    user_id: str
    version: int


class StoredOut(BaseModel):
    """One version of what a user registered and edited."""

    version: int
    updated: float
    attributes: dict[str, str]
    personalise: bool
    friends: list[str]
    refusals: list[Pair]
    wishes: list[Pair]
    interests: list[dict[str, JsonValue]]
    summary: str


class UserOut(StoredOut):
    """What a user registered, and how many events they have."""

    user_id: str
    events: int


class UserDeleted(BaseModel):
    """What was deleted of a user, and the receipt."""

    user_id: str
    events: int
    profile: bool
    receipt: dict[str, JsonValue]


class ErasuresOut(BaseModel):
    """The receipts of what was erased."""

    erasures: list[dict[str, JsonValue]]


class ExportOut(BaseModel):
    """Everything kept of a user."""

    user_id: str
    events: list[dict[str, JsonValue]]
    profiles: list[StoredOut]


class InterestOut(BaseModel):
    """A topic with its weight, and the items and events behind it."""

    topic: Pair
    weight: float
    evidence: list[str]
    events: list[str]
    first_seen: float | None
    last_seen: float | None
    latent: bool
    reason: str


class ProfileOut(BaseModel):
    """What is known of a user and why. items: titles by id of everything that is cited."""

    user_id: str
    version: int
    events: int
    attributes: dict[str, str]
    personalise: bool
    summary: str
    summaries: dict[str, str]
    active_hours: dict[str, JsonValue] | None
    interests: list[InterestOut]
    dislikes: list[InterestOut]
    refusals: list[Pair]
    wishes: list[Pair]
    history: list[dict[str, JsonValue]]
    items: dict[str, str]


class Promoted(BaseModel):
    """The version that serves now."""

    current: str


class ModelsOut(BaseModel):
    """The version that serves, its shelves and parts, the versions there are, and those passed over with the reason."""

    current: str
    shelves: list[str]
    sources: list[str]
    rankers: list[str]
    items: int
    users: int
    versions: list[dict[str, Any]]
    damaged: dict[str, str]


class LiveOut(BaseModel):
    """The process runs."""

    live: bool


class ReadyOut(BaseModel):
    """Everything an answer and an event need is there."""

    ready: bool
    model_version: str


class SessionOut(BaseModel):
    """Who the page is. needed: whether a key is asked for here; name and scopes: of the key that was shown."""

    needed: bool
    name: str
    scopes: list[str]


class AuditOut(BaseModel):
    """What administrators did, the oldest first."""

    entries: list[dict[str, JsonValue]]
