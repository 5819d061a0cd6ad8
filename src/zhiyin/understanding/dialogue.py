"""Dialogue: one turn of a conversation. The message is read, tools act, and whatever they bring is checked before it is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from zhiyin.arrays import Bools
from zhiyin.item import Items
from zhiyin.understanding.conversation import Ask, heard, loosened, meeting, spoken_of
from zhiyin.understanding.lexicon import Topic
from zhiyin.understanding.reading import Reading, read
from zhiyin.understanding.saying import Voice

COUNT = 5
"""Items of an answer unless a message says how many."""

Card = dict[str, Any]
"""An item as the wire has it; item_id is always there."""


class Tools(Protocol):
    """What a conversation can do. All lists are best first, and are checked again by whoever asks."""

    def recommend(self, ask: Ask, n: int, exclude: Sequence[str]) -> list[Card]: ...

    def search(self, ask: Ask, n: int, exclude: Sequence[str]) -> list[Card]: ...

    def similar(self, item_id: str, ask: Ask, n: int, exclude: Sequence[str]) -> list[Card]: ...

    def explain(self, item_id: str) -> str:
        """Why an item was shown, in sentences; empty when there is nothing to cite."""

    def feedback(self, item_id: str, event_type: str) -> bool:
        """Note a like or dislike; False for a guest, of whom nothing is kept."""

    def refuse(self, topics: Sequence[Topic]) -> bool:
        """Never show these again; False for a guest."""

    def profile(self) -> str:
        """What is known of the user, in sentences."""

    def available(self) -> Bools:
        """Which items may be shown now. [items]"""


@dataclass(frozen=True)
class Turn:
    """One answer. steps: what was done, in order, for those who want to see it."""

    text: str
    cards: tuple[Card, ...]
    ask: Ask
    intent: str
    steps: tuple[dict[str, Any], ...] = ()


@dataclass
class _Talk:
    items: Items
    tools: Tools
    voice: Voice
    steps: list[dict[str, Any]] = field(default_factory=list)

    def note(self, tool: str, **about: Any) -> None:
        self.steps.append({"tool": tool, **about})


Reader = Callable[[str, Items, Ask], Reading]
"""From a message to what it asks for."""


def by_rules(message: str, items: Items, ask: Ask) -> Reading:
    """The deterministic reader."""
    return read(message, items)


def turn(message: str, ask: Ask, items: Items, tools: Tools, voice: Voice, reader: Reader = by_rules) -> Turn:
    """Answer one message. Every item of the answer is in the catalogue, may be shown, and meets every constraint."""
    talk = _Talk(items, tools, voice)
    reading = reader(message, items, ask)
    before, (ask, aside) = ask, _settled(talk, ask, reading)
    talk.note("read", intent=reading.intent, asked=voice.asked(ask))
    said = _without_list(talk, reading, before)
    if said is not None:
        return Turn(said, (), ask, reading.intent, tuple(talk.steps))
    return _with_list(talk, reading, ask, aside)


def _settled(talk: _Talk, before: Ask, reading: Reading) -> tuple[Ask, str]:
    """What is asked for now, and what had to be set aside for it, in words.

    A new request that nothing meets together with the earlier ones stands alone; what must not be there stays. A
    comparison that leads nowhere ("lighter" than the lightest) is not kept.
    """
    ask = heard(before, reading, talk.items)
    if not (reading.wanted or reading.ranges or reading.relative) or _any(talk, ask):
        return ask, ""
    if reading.relative and not (reading.wanted or reading.ranges):
        return replace(before, turns=ask.turns), talk.voice.say("chat.no_further")
    bare = replace(before, wanted=(), ranges={}, text="", like=())
    alone = heard(bare, reading, talk.items)
    old = talk.voice.asked(replace(before, unwanted=(), avoid=()))
    if not old or not _any(talk, alone):
        return ask, ""
    return alone, talk.voice.say("chat.set_aside", old=old)


def _any(talk: _Talk, ask: Ask) -> bool:
    allowed = talk.tools.available()
    return bool((meeting(ask, talk.items)[: len(allowed)] & allowed[: len(talk.items.tags.matrix.indptr) - 1]).any())


def _without_list(talk: _Talk, reading: Reading, before: Ask) -> str | None:
    """The answer to a message that asks for no list; None when it asks for one. before: the state the message met."""
    voice, tools = talk.voice, talk.tools
    if reading.intent == "hello":
        return voice.say("chat.hello")
    if reading.intent == "thanks":
        return voice.say("chat.welcome")
    if reading.intent == "reset":
        return voice.say("chat.reset")
    if reading.intent == "profile":
        talk.note("profile")
        return tools.profile() or voice.say("chat.unknown_person")
    if reading.intent == "explain":
        return _explained(talk, reading, before)
    if (
        reading.missing
        and not (reading.wanted or reading.unwanted or reading.ranges or reading.text or reading.relative)
        and before.last
    ):
        return voice.missing(reading.missing)
    return None


def _explained(talk: _Talk, reading: Reading, ask: Ask) -> str:
    item = talk.items[reading.like].item_id if reading.like >= 0 else spoken_of(ask, reading)
    if not item:
        return talk.voice.say("chat.none_shown")
    talk.note("explain", item_id=item)
    row = talk.items[talk.items.vocabulary.position(item)]
    why, facts = talk.tools.explain(item), talk.voice.facts(row, ask)
    stop = talk.voice.say("text.stop")
    why = why and why.rstrip(".。") + stop
    asked = talk.voice.say("chat.you_asked", facts=facts) if facts else ""
    return talk.voice.say.sentences([talk.voice.describe(row), why, asked])


def _with_list(talk: _Talk, reading: Reading, ask: Ask, aside: str) -> Turn:
    voice, notes = talk.voice, [aside] if aside else []
    if reading.missing:
        notes.append(voice.missing(reading.missing))
    if reading.unknown:
        notes.append(voice.say("chat.unknown", name=reading.unknown))
    if reading.intent in ("like", "dislike"):
        notes.append(_opinion(talk, reading, ask))
    if reading.remember and reading.unwanted:
        kept = talk.tools.refuse(reading.unwanted)
        talk.note("refuse", topics=[list(one) for one in reading.unwanted], kept=kept)
        if kept:
            notes.append(voice.say("chat.refused"))
    again = reading.intent in ("another", "like", "dislike")
    cards = _found(talk, ask, again)
    ways = [] if cards else loosened(ask, talk.items, talk.tools.available())
    like = _title(talk.items, ask.like[0]) if ask.like else ""
    said = voice.found(ask, len(cards), like, again) if cards else voice.nothing(ask, ways, again)
    shown = ask.showing([card["item_id"] for card in cards]) if cards else ask
    joined = voice.say.sentences([*notes, said])
    return Turn(joined, tuple(cards), shown, reading.intent, tuple(talk.steps))


def _opinion(talk: _Talk, reading: Reading, ask: Ask) -> str:
    item = talk.items[reading.like].item_id if reading.like >= 0 else spoken_of(ask, reading)
    if not item:
        return talk.voice.say("chat.which")
    kept = talk.tools.feedback(item, reading.intent)
    talk.note("feedback", item_id=item, event_type=reading.intent, kept=kept)
    title = _title(talk.items, item)
    if not kept:
        return talk.voice.say("chat.understood", title=title)
    return talk.voice.say("chat.noted_like" if reading.intent == "like" else "chat.noted_dislike", title=title)


def _found(talk: _Talk, ask: Ask, again: bool) -> list[Card]:
    """What the tools bring, checked; the wish in words first, what else meets the constraints after it."""
    n = ask.count or COUNT
    exclude = tuple(dict.fromkeys((*(ask.shown if again else ()), *ask.like)))
    brought: list[Card] = []
    if ask.like:
        talk.note("similar", item_id=ask.like[0])
        brought += talk.tools.similar(ask.like[0], ask, n, exclude)
    elif ask.text:
        talk.note("search", text=ask.text)
        brought += talk.tools.search(ask, n, exclude)
    kept = _checked(talk, brought, ask, exclude)
    if len(kept) < n:
        talk.note("recommend", n=n - len(kept))
        more = talk.tools.recommend(ask, n - len(kept), (*exclude, *(card["item_id"] for card in kept)))
        kept = _checked(talk, [*kept, *more], ask, exclude)
    return kept[:n]


def _checked(talk: _Talk, cards: Sequence[Card], ask: Ask, exclude: Sequence[str]) -> list[Card]:
    """Only items of the catalogue that may be shown and meet the ask, each once. The last word on what is shown."""
    allowed, gone = talk.tools.available(), set(exclude)
    kept: dict[str, Card] = {}
    for card in cards:
        at = talk.items.vocabulary.get(card["item_id"])
        if 0 <= at < len(allowed) and allowed[at] and card["item_id"] not in gone and ask.meets(talk.items[at]):
            kept.setdefault(card["item_id"], card)
    dropped = len({card["item_id"] for card in cards}) - len(kept)
    if dropped:
        talk.note("filter", dropped=dropped)
    return [
        {**card, "facts": talk.voice.facts(talk.items[talk.items.vocabulary.get(one)], ask)}
        for one, card in kept.items()
    ]


def _title(items: Items, item_id: str) -> str:
    at = items.vocabulary.get(item_id)
    return (items[at].title if at >= 0 else "") or item_id


def avoided(ask: Ask, items: Items) -> list[str]:
    """Ids of the items that words of their titles rule out, so that a tool need not bring them."""
    if not ask.avoid:
        return []
    bare = Ask(avoid=ask.avoid)
    return [row.item_id for row in items.rows if not bare.meets(row)]
