"""Saying: what a conversation answers, in the language it is held in, from its table of messages. Names only what was asked for or is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zhiyin.item import Item
from zhiyin.languages.messages import messages
from zhiyin.understanding.conversation import Ask
from zhiyin.understanding.numbers import Range

ABOUT = {"price": "chat.about.price", "year": "chat.about.year"}

MOST = 6
"""Values of one choice that are named."""


class Voice:
    """Sentences in one language. labels: what attributes are called, by name or "language.name" (as packs have them)."""

    def __init__(self, language: str, labels: Mapping[str, str] | None = None) -> None:
        self.say = messages(language)
        self.labels = labels or {}

    def label(self, attribute: str) -> str:
        """What an attribute is called."""
        return self.say.label(attribute, self.labels)

    def _joined(self, values: Sequence[str]) -> str:
        more, listed = len(values) - MOST, self.say.listed(values[:MOST])
        return listed if more <= 0 else self.say("chat.more", values=listed, more=more)

    def limits(self, limits: Range) -> str:
        """A range in words. Strict limits sit one step of a double beside the number that was said."""
        low, high = limits
        number = self.say.number
        if low is not None and high is not None:
            return number(low) if low == high else f"{number(low)}–{number(high)}"
        if low is not None:
            key = "chat.more_than" if low != round(low, 6) else "chat.at_least"
            return self.say(key, number=number(low))
        key = "chat.less_than" if high != round(high or 0.0, 6) else "chat.at_most"
        return self.say(key, number=number(high or 0.0))

    def asked(self, ask: Ask) -> str:
        """What an answer keeps to, in one line; empty when nothing was asked for."""
        kept = [(name, self._joined(values)) for name, values in ask.wanted]
        kept += [(name, self.limits(limits)) for name, limits in ask.ranges.items()]
        parts = [self.say("chat.part", label=self.label(name), value=value) for name, value in kept]
        gone = [value for _, value in ask.unwanted] + list(ask.avoid)
        if gone:
            parts.append(self.say("chat.without", values=self._joined(gone)))
        return self.say("text.semicolon").join(parts)

    def found(self, ask: Ask, count: int, like: str, again: bool) -> str:
        """The sentence above a list."""
        kept = self.asked(ask)
        if like:
            start = self.say("chat.like", title=like)
        elif again:
            start = self.say("chat.others")
        else:
            start = self.say("chat.fits" if kept or ask.text else "chat.for_you")
        if not kept:
            return self.say("chat.in_all", start=start, count=count)
        return self.say("chat.in_all_keeping", start=start, count=count, kept=kept)

    def nothing(self, ask: Ask, loosened: Sequence[tuple[str, int]], shown: bool) -> str:
        """When nothing meets the ask: said plainly, with what would give how many."""
        kept = self.asked(ask)
        if shown:
            return self.say("chat.was_everything_for", kept=kept) if kept else self.say("chat.was_everything")
        start = self.say("chat.nothing_for", kept=kept) if kept else self.say("chat.nothing")
        ways = [self.say("chat.loosened", label=self.label(name), count=count) for name, count in loosened[:3]]
        if not ways:
            return start
        return self.say.sentences([start, self.say("chat.ways", ways=self.say("text.semicolon").join(ways))])

    def missing(self, about: Sequence[str]) -> str:
        """What was asked about that the catalogue says nothing of."""
        named = [self.say(ABOUT[one]) if one in ABOUT else self.label(one) for one in about]
        return self.say("chat.missing", about=self.say("text.or").join(named))

    def facts(self, item: Item, ask: Ask) -> str:
        """What an item has of what was asked for: each fact is read off the item itself."""
        tags = item.tags()
        facts = [value for name, values in ask.wanted for value in values if (name, value) in tags]
        for name in ask.ranges:
            number = item.attributes.get(name)
            if isinstance(number, int | float) and not isinstance(number, bool):
                facts.append(f"{self.label(name)} {self.say.number(float(number))}")
        return " · ".join(dict.fromkeys(facts))

    def describe(self, item: Item) -> str:
        """An item by its own attributes."""
        parts = []
        for name, value in item.attributes.items():
            if isinstance(value, bool) or value == "":
                continue
            text = (
                self._joined(value)
                if isinstance(value, tuple)
                else self.say.number(float(value))
                if isinstance(value, int | float)
                else value
            )
            parts.append(self.say("item.fact", label=self.label(name), value=text))
        facts = self.say("text.semicolon").join(parts)
        return self.say("item.described", title=item.title or item.item_id, facts=facts)
