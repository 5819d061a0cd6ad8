"""The five doors to the outside: event log, catalogue, profile store, vector index, language model.

Adapters live in stores/ and llm/. Every port has one test suite that each of its adapters passes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from zhiyin.arrays import Bools, Floats, Ints
from zhiyin.data.past import Past
from zhiyin.event import Event
from zhiyin.item import Item
from zhiyin.profile import Interest

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Taken:
    """What became of events given to a log. new: those stored, under the ids they were stored with. known: how many were
    there already. apart: by row, the id under which an event was stored whose own its user had given to other content.
    """

    new: Sequence[Event] = ()
    known: int = 0
    apart: Mapping[int, str] = field(default_factory=dict)


class EventLog(Protocol):
    """Facts, appended and never changed. What append has returned for survives the death of the process.

    An event is the same when its user, its id and its content are. The same id with other content is another event: it
    is kept apart under an id made of both, so that nothing is lost, and said again it is still one.
    """

    def take(self, events: Sequence[Event], undated: Collection[int] = ()) -> Taken:
        """Store events. undated: rows whose time is that of their arrival: sent again they are the same."""

    def append(self, events: Sequence[Event]) -> int:
        """The same. Returns how many were new."""

    def append_table(self, frame: pl.DataFrame) -> int:
        """The same in bulk; the columns of Event, context as JSON text. Returns how many were new."""

    def of_user(self, user_id: str, limit: int | None = None) -> list[Event]:
        """A user's events, oldest first (equal times in order of arrival); with a limit the newest so many."""

    def past(self, user_id: str, kinds: Collection[str]) -> Past:
        """All of a user's events of some kinds, as columns: what a profile is made of, without an object an event."""

    def table(self, since: float | None = None, until: float | None = None) -> pl.DataFrame:
        """Events with since <= timestamp < until as columns, in order of arrival."""

    def columns(
        self,
        names: Sequence[str],
        since: float | None = None,
        until: float | None = None,
        kinds: Collection[str] | None = None,
    ) -> pl.DataFrame:
        """Some columns of table(). kinds: of events that are wanted, all when None."""

    def bulk(self) -> AbstractContextManager[None]:
        """Around many append_table."""

    def count(self) -> int: ...

    def counts(self, users: Collection[str] | None = None, leave_out: Collection[str] = ()) -> dict[str, int]:
        """How many events users have; of all who have any when None. leave_out: kinds that do not count."""

    def delete_user(self, user_id: str) -> int:
        """Forget a user. Returns how many events were deleted."""


class Catalog(Protocol):
    """The items of record."""

    def put(self, items: Iterable[Item]) -> int:
        """Add or replace. Returns how many were new or different."""

    def get(self, item_id: str) -> Item | None: ...

    def delete(self, item_id: str) -> bool: ...

    def all(self) -> list[Item]:
        """Every item, in order of arrival."""

    def ids(self) -> list[str]:
        """The ids of all items, in order of arrival."""


@dataclass(frozen=True, slots=True)
class StoredProfile:
    """What is kept of a user beside the events: registration data, own edits, inferred interests and summary.

    edits by the user: refusals (topics never to show), wishes (topics the user asked for). version counts up.
    personalise: the user agreed that the attributes are read for recommending; see readable.
    """

    user_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    friends: tuple[str, ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    wishes: tuple[tuple[str, str], ...] = ()
    interests: tuple[Interest, ...] = ()
    dislikes: tuple[Interest, ...] = ()
    summary: str = ""
    updated: float = 0.0
    version: int = 0
    personalise: bool = False

    @property
    def readable(self) -> Mapping[str, str]:
        """The attributes that recommending may read: all of them or, without the user's yes, none."""
        return self.attributes if self.personalise else {}

    def agreeing(self, personalise: bool | None) -> StoredProfile:
        """The profile once its user has said whether their attributes may be read; itself where they said nothing new."""
        if personalise is None or personalise == self.personalise:
            return self
        if personalise:
            return replace(self, personalise=True)
        # What a model made of the person while their attributes were read may speak of them.
        return replace(self, personalise=False, summary="", interests=(), dislikes=())


class ProfileStore(Protocol):
    """What is kept of users beside their events; every version is kept until the user is deleted."""

    def get(self, user_id: str, version: int | None = None) -> StoredProfile | None: ...

    def put(self, profile: StoredProfile) -> StoredProfile:
        """Store as the next version; returns it with its version number."""

    def put_many(self, profiles: Sequence[StoredProfile]) -> int:
        """Store each as its user's next version unless that is what is stored. Returns how many were stored."""

    def all(self) -> list[StoredProfile]:
        """The newest version of every profile."""

    def users(self) -> list[str]: ...

    def delete(self, user_id: str) -> bool: ...


@dataclass(frozen=True)
class Erasure:
    """One erasure, of a user or of an item's content: its journal while it runs, its receipt afterwards.

    number counts up. subject: the id, "" once it is done. who: the id's keyed hash. finished: None while it runs. found:
    by step what was taken out, as numbers, and what could not be, as sentences.
    """

    number: int
    kind: str
    subject: str
    who: str
    started: float
    finished: float | None = None
    found: Mapping[str, Any] = field(default_factory=dict)


class Erasures(Protocol):
    """The journal of erasures. What is begun outlives a kill and is ended by whoever opens the store next.

    From its beginning until they act again, nothing that the system itself would write of a user (impressions) is stored.
    """

    def begin(self, kind: str, subject: str, now: float) -> Erasure:
        """Note an erasure, or find the one that is running."""

    def running(self) -> list[Erasure]:
        """Those begun and not finished, oldest first."""

    def note(self, number: int, step: str, found: Mapping[str, Any]) -> None:
        """What a step took out; what it says again is added up, so that a step may be repeated."""

    def sweep(self, erasure: Erasure) -> dict[str, int]:
        """Take a user's events, profiles and name among friends out of the store, in one go. Returns how many of each."""

    def finish(self, erasure: Erasure, now: float) -> Erasure:
        """Sweep once more and close, in one go: what is stored of the id later is of somebody new."""

    def mark(self) -> int:
        """Where the journal stands; see since."""

    def since(self, mark: int) -> dict[str, set[str]]:
        """The hashes of what was erased since a mark, by kind: what was read before must not be kept of them."""

    def hashed(self, subject: str) -> str:
        """The keyed hash of an id."""

    def all(self) -> list[Erasure]:
        """Every erasure, newest first."""


class Meta(Protocol):
    """Notes about the data, by key; any JSON value."""

    def get(self, key: str) -> Any: ...

    def put(self, key: str, value: Any) -> None: ...


class Store(Protocol):
    """The stores of record together."""

    @property
    def log(self) -> EventLog: ...

    @property
    def catalog(self) -> Catalog: ...

    @property
    def profiles(self) -> ProfileStore: ...

    @property
    def meta(self) -> Meta: ...

    @property
    def erasures(self) -> Erasures: ...

    def wipe(self, texts: Collection[str]) -> bool:
        """Have nothing deleted stand anywhere in the store's files; False where somebody reads, so that it cannot be done now.

        texts: what was deleted, to look for; nothing when it is not known.
        """

    def fingerprint(self, kinds: Collection[str] | None = None) -> str:
        """Changes whenever events, items or users do. kinds: of events that count, all when None."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How far a store has come. Two that differ tell that somebody wrote meanwhile.

    events: grows with every event, this process's own included. items, users: change with the writes of others.
    """

    events: int
    items: int
    users: tuple[int, int]


@runtime_checkable
class Watched(Protocol):
    """A store that other processes write to, and that tells what they wrote."""

    def marks(self) -> Marks: ...

    def users_since(self, mark: int, most: int, leave_out: Collection[str] = ()) -> set[str] | None:
        """Who has events after a mark of events; None when there are more than so many. leave_out: kinds of events."""

    def digests(self) -> dict[str, str]:
        """What tells one content of an item from another, by item."""

    def items(self, ids: Sequence[str]) -> list[Item]:
        """Items by id, in order of arrival."""


class VectorIndex(Protocol):
    """Nearest vectors by inner product. Always a rebuildable derivative."""

    def build(self, vectors: Floats) -> None: ...

    def upsert(self, positions: Ints, vectors: Floats) -> None: ...

    def delete(self, positions: Ints) -> None: ...

    def search(self, queries: Floats, k: int, allowed: Bools | None = None) -> tuple[Ints, Floats]:
        """positions [queries, k] (-1 where there are fewer) and inner products, best first."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message to a language model. role: system, user, assistant or data (untrusted content)."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Call:
    """What a language model is asked, and how.

    schema: a JSON schema that the reply must satisfy. max_tokens: of the reply. temperature: 0 for the likeliest reply. seed: of
    what is drawn above it. timeout: seconds until the caller stops waiting, None for the model's own limit.
    """

    messages: Sequence[Message]
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a language model said, and what it cost. value: the parsed reply where a schema was given."""

    text: str
    model: str
    prompt_tokens: int = 0
    reply_tokens: int = 0
    seconds: float = 0.0
    cached: bool = False
    value: Any = None


class LanguageModel(Protocol):
    """A chat model, local or behind an endpoint."""

    @property
    def identity(self) -> str:
        """Names the model and its parameters: part of the cache key."""

    def complete(self, call: Call) -> Reply:
        """Answer a call; with a JSON schema the text is JSON that satisfies it. Raises ModelError."""


@runtime_checkable
class Speaking(Protocol):
    """A part that may ask a language model. use: what for, as in the workspace's settings."""

    use: str

    def speak_with(self, model: LanguageModel | None) -> None:
        """Ask this model from now on; with None none is asked."""
