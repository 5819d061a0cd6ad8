"""The wire: what comes in over HTTP, and answers, in the field's own terms. Every text, list and number has a bound."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel, StringConstraints

from zhiyin.kinds import DEFAULT, known_kind

Id = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Value = Annotated[str, StringConstraints(max_length=512, pattern=r"^[^\x00]*$")]
Long = Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]
Count = Annotated[int, Field(ge=1, le=100)]
Version = Annotated[int, Field(ge=0, le=2**31 - 1)]
"""A profile's version; no store counts further."""
Topic = tuple[Name, Value]
Language = Literal["en", "zh"]


def seconds(value: Any) -> Any:
    """An ISO 8601 time as seconds since 1970; without a zone it is UTC. Numbers pass."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("must be seconds since 1970 or an ISO 8601 time") from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return value


Time = Annotated[
    float, BeforeValidator(seconds, json_schema_input_type=float | str), Field(ge=0, le=1e11, allow_inf_nan=False)
]


def kind(value: Any) -> Any:
    """A kind of event by any of its names, in ours."""
    if not isinstance(value, str):
        return value
    return known_kind(value)


EventType = Annotated[str, StringConstraints(max_length=128), BeforeValidator(kind)]


class Wire(BaseModel):
    """A message; unknown keys are refused by name, and 0 is neither false nor "0"."""

    model_config = ConfigDict(extra="forbid", strict=True)


class EventIn(Wire):
    """One thing that happened. Without event_id the same content with the same timestamp counts once."""

    user_id: Id
    item_id: Annotated[str, StringConstraints(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    event_type: EventType = DEFAULT
    value: Number | None = None
    timestamp: Time | None = None
    """Now, when left out."""
    context: dict[Name, Value | Number | bool | None] = Field(default_factory=dict, max_length=32)
    session_id: Id | None = None
    request_id: Id | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    propensity: Annotated[float, Field(gt=0, le=1)] | None = None
    event_id: Id | None = None


class Events(RootModel[EventIn | Annotated[list[EventIn], Field(min_length=1, max_length=1000)]]):
    """One event, or up to 1000."""


class ItemIn(Wire):
    """What can be shown."""

    title: Value = ""
    text: Long = ""
    attributes: dict[
        Name, Annotated[bool, Field(strict=True)] | Number | Value | Annotated[list[Value], Field(max_length=100)]
    ] = Field(default_factory=dict, max_length=64)
    images: list[Annotated[str, StringConstraints(max_length=2048, pattern=r"^[^\x00-\x1f\x7f]*$")]] = Field(
        default_factory=list, max_length=20
    )
    available_from: Time | None = None
    available_until: Time | None = None
    hidden: bool = False


class ItemWithId(ItemIn):
    """An item in a list of items."""

    item_id: Id


class ItemsIn(Wire):
    """Many items at once."""

    items: list[ItemWithId] = Field(min_length=1, max_length=1000)


class UserIn(Wire):
    """What a user registers with."""

    attributes: dict[Name, Value] = Field(default_factory=dict, max_length=64)
    friends: list[Id] = Field(default_factory=list, max_length=5000)


class ProfileEdit(Wire):
    """A user's own edits, which always win over what is inferred. refuse: topics never to show, allow takes that back;
    wish: topics asked for, unwish takes that back; refusals and wishes replace the whole list."""

    refuse: list[Topic] = Field(default_factory=list, max_length=200)
    allow: list[Topic] = Field(default_factory=list, max_length=200)
    wish: list[Topic] = Field(default_factory=list, max_length=200)
    unwish: list[Topic] = Field(default_factory=list, max_length=200)
    refusals: list[Topic] | None = Field(None, max_length=200)
    wishes: list[Topic] | None = Field(None, max_length=200)
    version: Version | None = None
    """When given, the edit is refused with 409 unless this is still the newest version."""


class ConditionIn(Wire):
    """A filter on one attribute: equal to one of values, or a number from least to most."""

    attribute: Name
    values: list[Value] = Field(default_factory=list, max_length=200)
    least: Number | None = None
    most: Number | None = None


class Seen(Wire):
    """One event of a guest's history, which is used for this answer and not stored."""

    item_id: Id
    event_type: EventType = DEFAULT
    value: Number | None = None
    timestamp: Time | None = None


class RecommendationsIn(Wire):
    """A full request. Without user_id it is a guest's: history then says what the guest did."""

    user_id: Annotated[str, StringConstraints(max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    n: Count = 10
    shelf: Name = "for_you"
    text: Text = ""
    seeds: list[Id] = Field(default_factory=list, max_length=50)
    exclude: list[Id] = Field(default_factory=list, max_length=1000)
    conditions: list[ConditionIn] = Field(default_factory=list, max_length=20)
    history: list[Seen] = Field(default_factory=list, max_length=500)
    refusals: list[Topic] = Field(default_factory=list, max_length=100)
    weights: dict[Name, Number] = Field(default_factory=dict, max_length=16)
    context: dict[Name, Value] = Field(default_factory=dict, max_length=32)
    language: Language = "en"
    explain: bool = True
    trace: bool = False
    seed: int | None = Field(None, ge=0, lt=2**32)


class SessionIn(Wire):
    """What the page logs in with."""

    key: Annotated[str, StringConstraints(min_length=1, max_length=256)]


class Failure(BaseModel):
    """What went wrong: detail for people, code for programs."""

    detail: str
    code: str


class Rejected(BaseModel):
    """An event that was not taken: its place in the request, and why."""

    index: int
    event_id: str | None
    code: str
    detail: str


class KeptApart(BaseModel):
    """An event whose id its user had given to other content: it is kept beside that one, under another id."""

    index: int
    event_id: str
    stored_as: str
    detail: str


class EventsOut(BaseModel):
    """What became of the events. Those accepted are on disk."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]
    kept_apart: list[KeptApart] = []


class ReasonOut(BaseModel):
    """Why an item is shown, and what supports it."""

    kind: str
    items: list[str]
    topic: tuple[str, str] | None
    number: float | None
    share: float
    source: str
    events: list[str]
    sentence: str


class ShownItem(BaseModel):
    """One item of an answer."""

    item_id: str
    score: float
    rank: int
    source: str
    reasons: list[ReasonOut]
    explanation: str
    propensity: float
    metadata: dict[str, Any]


class AnswerOut(BaseModel):
    """An answer. trace is there when it was asked for: what every stage took, kept and dropped."""

    request_id: str
    model_version: str
    items: list[ShownItem]
    trace: list[dict[str, Any]] | None = None
