"""templates: the reasons said in the language of the request, from its table of messages. They name what the evidence names, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from zhiyin.behaviour.kinds import CODES
from zhiyin.candidates import Candidates, Reason
from zhiyin.item import Items
from zhiyin.languages.messages import Messages, messages
from zhiyin.part import part, setting
from zhiyin.query import Query

LONGEST = 60
"""Signs of a title that are shown; titles are not ours and may be anything, and a card has little room."""

TAIL = "reason.tail.people"
TAILS = {"transition": "reason.tail.transition", "next_item": "reason.tail.next_item"}
"""Why cited items speak for another, by the source that said so. A model counts nothing, so it claims no count."""

VERBS = {"liked": {"like", "favourite", "rating"}, "bought": {"purchase"}, "heard": {"listen"}, "seen": set[str]()}
"""What a person did with the cited items, by kinds of event. The last one holds for every event."""

BECAUSE = {
    "liked": "reason.because.liked",
    "bought": "reason.because.bought",
    "heard": "reason.because.heard",
    "seen": "reason.because.seen",
}
SHARES = {
    "liked": "reason.shares.liked",
    "bought": "reason.shares.bought",
    "heard": "reason.shares.heard",
    "seen": "reason.shares.seen",
}
PLAIN = {
    "recent": "reason.recent",
    "fresh": "reason.fresh",
    "friends": "reason.friends",
    "sequence": "reason.sequence",
    "explore": "reason.explore",
}
"""Reasons that name nothing."""


@part
class Templates:
    """A sentence for every reason, in the language of the request where there is a table of it, else in English."""

    nouns: dict[str, str] = setting({})
    """What items are called, by language, e.g. {en = "books", zh = "本书"}; the default is the language's `reason.noun`."""
    labels: dict[str, str] = setting({})
    """What attributes are called, by name or "language.name", e.g. {"zh.colour" = "颜色"}, where not as the pack says."""

    def explain(self, query: Query, candidates: Candidates, items: Items) -> tuple[tuple[Reason, ...], ...]:
        """See Explainer. Needs the reasons of an explainer before it; without them it has nothing to say."""
        done = Done(query, items)
        return tuple(
            tuple(one.said(self.sentence(one, query, items, len(reasons) == 1, done)) for one in reasons)
            for reasons in candidates.reasons
        ) or ((),) * len(candidates)

    def sentence(self, reason: Reason, query: Query, items: Items, alone: bool = True, done: Done | None = None) -> str:
        """One reason in words, without a full stop; empty when there is nothing to say.

        alone: it is the item's only one. done: of the query, where many reasons are said.
        """
        done = done or Done(query, items)
        say, kind = messages(query.language), reason.kind
        titles = [title(items, one) for one in reason.items]
        if kind in ("history", "seeds", "text") and titles:
            return _of_history(reason, titles, done.verb(reason), say)
        if kind == "attribute" and reason.topic:
            return self._of_attribute(reason, done.verb(reason), items, say)
        if kind == "popular" and reason.number:
            return say("reason.popular", count=int(reason.number))
        if kind == "segment" and reason.topic:
            label, value = self._label(reason.topic[0], items, say), shortened(reason.topic[1])
            return say("reason.segment", label=label, value=value, count=int(reason.number or 0))
        if kind == "text":
            wish = shortened(query.text)
            return say("reason.text", wish=wish) if wish else ""
        if kind == "words" and reason.topic:
            return say("reason.words", words=shortened(reason.topic[1]))
        if kind == "meaning":
            return say("reason.meaning", wish=shortened(query.text))
        if kind == "wish" and reason.topic:
            return say("reason.wish", label=self._label(reason.topic[0], items, say), value=shortened(reason.topic[1]))
        if (kind == "explore" and not alone) or kind not in PLAIN:
            return ""
        return say(PLAIN[kind])

    def _of_attribute(self, reason: Reason, verb: str, items: Items, say: Messages) -> str:
        assert reason.topic is not None
        value, count = shortened(reason.topic[1]), int(reason.number or len(reason.items))
        label = self._label(reason.topic[0], items, say)
        if count == 1 and reason.items:
            return say("reason.shares_one", label=label, value=value, title=title(items, reason.items[0]))
        noun = self.nouns.get(say.code) or say("reason.noun")
        return say(SHARES[verb], label=label, value=value, count=count, noun=noun)

    def _label(self, name: str, items: Items, say: Messages) -> str:
        return say.label(name, self.labels, items.pack.labels)


def joined(reasons: Sequence[Reason], language: str = "en", most: int = 2) -> str:
    """The sentences of an item's first reasons as one explanation."""
    say = messages(language)
    said = list(dict.fromkeys(one.sentence for one in reasons if one.sentence))[:most]
    return say.sentences([f"{one}{say('text.stop')}" for one in said])


def title(items: Items, item_id: str) -> str:
    """What an item is called: its title in one line, its id when it has none."""
    position = items.vocabulary.get(item_id)
    return shortened(items[position].title if position >= 0 else "") or shortened(item_id)


def shortened(text: str) -> str:
    """A text of others in one line, printable, and not longer than LONGEST."""
    line = text[: 8 * LONGEST]
    if not line.isprintable():
        line = "".join(sign if sign.isprintable() else " " for sign in line)
    line = " ".join(line.split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _of_history(reason: Reason, titles: list[str], verb: str, say: Messages) -> str:
    joint = (say("text.comma").strip(), say("text.and"))
    # Where spaces part the words, a title is quoted only if it could be taken for two.
    if not say("text.gap") or any(sign in one for one in titles for sign in joint):
        titles = [say("reason.quoted", title=one) for one in titles]
    names = say.named(titles)
    if reason.kind == "text":
        return say("reason.described", names=names)
    key = "reason.seeds" if reason.kind == "seeds" else BECAUSE[verb]
    tail = say(TAILS.get(reason.source, TAIL), count=len(titles))
    return say("reason.with_tail", start=say(key, names=names, count=len(titles)), tail=tail)


class Done:
    """What a person did with the liked items of their history."""

    def __init__(self, query: Query, items: Items) -> None:
        history = query.profile.history.liked
        self._positions = items.vocabulary
        self._kinds: dict[int, set[int]] = {}
        for item, kind in zip(history.items.tolist(), history.kinds.tolist(), strict=True):
            self._kinds.setdefault(item, set()).add(kind)
        self._all = set(history.kinds.tolist())

    def verb(self, reason: Reason) -> str:
        """The strongest of VERBS that is true of every cited item."""
        if reason.kind == "attribute" and (reason.number or 0) > len(reason.items):
            kinds = [{code} for code in self._all]  # more are counted than cited: true of all, or not said
        else:
            kinds = [self._kinds.get(self._positions.get(one), set()) for one in reason.items]
        for verb, codes in CODED.items():
            if not codes or (kinds and all(codes & one for one in kinds)):
                return verb
        raise AssertionError("the last verb holds for every event")


CODED = {verb: {CODES[kind] for kind in kinds} for verb, kinds in VERBS.items()}
