"""The wire: what comes in over HTTP, and answers, in the field's own terms. Every text, list and number has a bound."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)

from zhiyin.behaviour.kinds import DEFAULT, KINDS, known_kind
from zhiyin.data import times
from zhiyin.languages.messages import language_codes
from zhiyin.text.ids import LONGEST, plain

_SOME = StringConstraints(
    min_length=1, max_length=LONGEST, pattern=r"^[^\x00-\x1f\x7f]*[^\x00-\x1f\x7f\s][^\x00-\x1f\x7f]*$"
)
_ANY = StringConstraints(max_length=LONGEST, pattern=r"^[^\x00-\x1f\x7f]*$")
Id = Annotated[str, _SOME, BeforeValidator(plain, json_schema_input_type=Annotated[str, _SOME] | int)]
NoId = Annotated[str, _ANY, BeforeValidator(plain, json_schema_input_type=Annotated[str, _ANY] | int)]
"""An id that may be left out."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
Value = Annotated[str, StringConstraints(max_length=512, pattern=r"^[^\x00]*$")]
Long = Annotated[str, StringConstraints(max_length=20_000, pattern=r"^[^\x00]*$")]
Number = Annotated[float, Field(allow_inf_nan=False, ge=-1e15, le=1e15)]
Text = Annotated[str, StringConstraints(max_length=1000, pattern=r"^[^\x00]*$")]


def whole(value: Any) -> Any:
    """A whole number, which JSON may write as 5 or 5.0."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 2**53 else value


WHOLE = BeforeValidator(whole)
"""Stands last: what stands after it would be checked, and not be in the schema."""
Count = Annotated[int, Field(ge=1, le=100), WHOLE]
Version = Annotated[int, Field(ge=0, le=2**31 - 1), WHOLE]
"""A profile's version; no store counts further."""
Topic = tuple[Name, Value]


def known_language(value: str) -> str:
    """A language that there is a table of messages for."""
    if value not in language_codes():
        raise ValueError(f"language '{value}' is none of {', '.join(language_codes())}")
    return value


Language = Annotated[
    str, AfterValidator(known_language), WithJsonSchema({"type": "string", "enum": list(language_codes())})
]


def seconds(value: Any) -> Any:
    """A time as files may have it, as seconds since 1970; without a zone it is UTC. Numbers must be seconds already."""
    if isinstance(value, bool):
        raise ValueError(f"{str(value).lower()} is no time: send seconds since 1970 or an ISO 8601 time")
    if isinstance(value, int | float):
        for unit in ("milliseconds", "microseconds", "nanoseconds"):
            if LATEST < value < 1e25 and value * times.UNITS[unit] <= LATEST:
                raise ValueError(f"{value:.0f} is a time in {unit}: send seconds since 1970")
        return value
    if isinstance(value, str):
        return _of_text(value)
    return value


def _of_text(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        found = times.seconds(pl.Series([text[:64]]))[0]  # as slow as a column, for the few that need it
        if found is None:
            raise ValueError(f"'{text[:64]}' is no time: send seconds since 1970 or an ISO 8601 time") from None
        return float(found)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


LATEST = 1e11
"""Seconds since 1970 at most: the year 5138. A later number is no number of seconds."""


ISO = (
    r"^(19[7-9]\d|2\d{3})-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\d|30)|02-(?:0[1-9]|1\d|2[0-8]))"
    r"T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$"
)
"""The form of a time that the schema names; other forms that people write are read too."""

Time = Annotated[
    float,
    BeforeValidator(
        seconds,
        json_schema_input_type=Annotated[float, Field(ge=0, le=LATEST)]
        | Annotated[str, StringConstraints(pattern=ISO)],
    ),
    Field(ge=0, le=LATEST, allow_inf_nan=False),
]


def kind(value: Any, info: ValidationInfo) -> Any:
    """A kind of event by any of its names, in ours. The context of a validation may hold names of the shop's own."""
    return known_kind(value, (info.context or {}).get("kinds", {})) if isinstance(value, str) else value


EventType = Annotated[
    str, StringConstraints(max_length=128), BeforeValidator(kind, json_schema_input_type=Literal[KINDS])
]
"""The schema names our kinds; their usual names, and those that a shop gave, are read too."""


class Wire(BaseModel):
    """A message; unknown keys are refused by name, and 0 is neither false nor "0"."""

    model_config = ConfigDict(extra="forbid", strict=True)


class EventIn(Wire):
    """One thing that happened. Without event_id the same content with the same timestamp counts once."""

    user_id: Id
    item_id: NoId = ""
    event_type: EventType = DEFAULT
    value: Number | None = None
    timestamp: Time | None = None
    """Now, when left out."""
    context: dict[Name, Long | Number | bool | None] = Field(default_factory=dict, max_length=32)
    """text: what a comment, a search or a message says."""
    session_id: Id | None = None
    request_id: Id | None = None
    position: Annotated[int, Field(ge=0, le=1_000_000), WHOLE] | None = None
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


class ItemPatch(Wire):
    """What changes of an item. What is not given stays; null takes away, of an attribute as of everything else."""

    title: Value | None = None
    text: Long | None = None
    attributes: dict[
        Name,
        Annotated[bool, Field(strict=True)] | Number | Value | Annotated[list[Value], Field(max_length=100)] | None,
    ] = Field(default_factory=dict, max_length=64)
    images: list[Annotated[str, StringConstraints(max_length=2048, pattern=r"^[^\x00-\x1f\x7f]*$")]] | None = Field(
        default=None, max_length=20
    )
    available_from: Time | None = None
    available_until: Time | None = None
    hidden: bool | None = None


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
    personalise: Annotated[bool, Field(strict=True)] | None = None
    """Whether the user agreed that the attributes are read for recommending; what was said before where it is not given."""


class ProfileEdit(Wire):
    """A user's own edits, which always win over what is inferred. refuse: topics never to show, allow takes that back;
    wish: topics asked for, unwish takes that back; refusals and wishes replace the whole list."""

    refuse: list[Topic] = Field(default_factory=list, max_length=200)
    allow: list[Topic] = Field(default_factory=list, max_length=200)
    wish: list[Topic] = Field(default_factory=list, max_length=200)
    unwish: list[Topic] = Field(default_factory=list, max_length=200)
    refusals: list[Topic] | None = Field(None, max_length=200)
    wishes: list[Topic] | None = Field(None, max_length=200)
    personalise: Annotated[bool, Field(strict=True)] | None = None
    """Whether what the user registered may be read for recommending; as before where it is not given."""
    version: Version | None = None
    """When given, the edit is refused with 409 unless this is still the newest version."""


class ConditionIn(Wire):
    """A filter on one attribute: equal to one of values, or a number from least to most."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["values"], "properties": {"values": {"minItems": 1}}},
                {"required": ["least"], "properties": {"least": {"type": "number"}}},
                {"required": ["most"], "properties": {"most": {"type": "number"}}},
            ]
        }
    )

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

    user_id: NoId = ""
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
    seed: Annotated[int, Field(ge=0, lt=2**32), WHOLE] | None = None


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
