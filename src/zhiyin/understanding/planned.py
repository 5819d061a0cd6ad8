"""Planned: a message read by a language model, where the rules would see too little. What it reads is held against the catalogue.

The model only plans. Values it names must be the catalogue's, titles must be found, what the rules see as unwanted stays
unwanted, and numbers are the rules' alone. When it fails or takes too long, the rules' reading stands.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from zhiyin.errors import ModelError
from zhiyin.item import Items
from zhiyin.languages.messages import spoken_in
from zhiyin.llm.deadline import within
from zhiyin.llm.guard import fenced
from zhiyin.llm.prompts import prompt
from zhiyin.llm.schema import ask as ask_model
from zhiyin.llm.schema import limit
from zhiyin.ports import Call, LanguageModel
from zhiyin.understanding.conversation import Ask
from zhiyin.understanding.dialogue import Reader
from zhiyin.understanding.lexicon import Lexicon, Topic
from zhiyin.understanding.reading import Choice, Reading, read
from zhiyin.understanding.saying import Voice
from zhiyin.understanding.titles import Titles

LOG = logging.getLogger("zhiyin.understanding")

VALUES = 25
"""Values of each attribute that the model is shown, the commonest."""


@dataclass(frozen=True)
class Named:
    """Values of one attribute."""

    attribute: str
    values: tuple[str, ...] = limit(most=8, letters=80)


@dataclass(frozen=True)
class Plan:
    """What the model answers. like: a title to be like, or empty. wish: what no attribute says, in a few words."""

    intent: Literal[
        "recommend", "another", "similar", "explain", "like", "dislike", "reset", "profile", "hello", "thanks"
    ]
    wanted: tuple[Named, ...] = limit(most=6)
    unwanted: tuple[Named, ...] = limit(most=6)
    like: str = limit(letters=120)
    wish: str = limit(letters=200)


def planning(model: LanguageModel, timeout: float = 8.0) -> Reader:
    """A reader that asks the model, for `dialogue.turn`. timeout: seconds a message may wait for it."""

    def reader(message: str, items: Items, ask: Ask) -> Reading:
        rules = read(message, items)
        if rules.intent not in ("recommend", "similar"):
            return rules  # opinions, places in the list and the like are plain words; they need no model
        try:
            with within(timeout):  # the repair of an unusable reply included
                plan = _plan(model, message, items, ask, timeout)
            return joined(rules, plan, items)
        except ModelError as error:
            LOG.warning("read by rules: %s", error)
            return rules

    return reader


def _plan(model: LanguageModel, message: str, items: Items, ask: Ask, timeout: float) -> Plan:
    language = spoken_in(message)
    lexicon = Lexicon.of(items)
    by_attribute: dict[str, list[str]] = {}
    for (attribute, value), _ in sorted(lexicon.counts.items(), key=lambda one: -one[1]):
        if len(by_attribute.setdefault(attribute, [])) < VALUES:
            by_attribute[attribute].append(value)
    catalogue = "\n".join(f"{attribute}: {', '.join(values)}" for attribute, values in by_attribute.items())
    messages = prompt("read", language).messages(
        catalogue=fenced(catalogue, "catalogue", 6000),
        asked=fenced(Voice(language, items.pack.labels).asked(ask) or "-", "asked"),
        message=fenced(message, "message"),
    )
    options = {"attribute": list(by_attribute) or ["-"]}
    return ask_model(model, Call(messages, max_tokens=400, timeout=timeout), Plan, options)


def joined(rules: Reading, plan: Plan, items: Items) -> Reading:
    """The rules' reading with what the plan adds and the catalogue knows; where both want values of an attribute, the plan's."""
    unwanted = tuple(dict.fromkeys((*rules.unwanted, *_topics(plan.unwanted, items))))
    planned: tuple[Choice, ...] = tuple(_choices(plan.wanted, items))
    names = {name for name, _ in planned}
    wanted = (*(one for one in rules.wanted if one[0] not in names), *planned)
    kept = ((name, tuple(value for value in values if (name, value) not in unwanted)) for name, values in wanted)
    like = rules.like if rules.like >= 0 or not plan.like else Titles.of(items).find(plan.like)
    intent = (
        "similar"
        if like >= 0
        else rules.intent
        if plan.intent in ("like", "dislike", "explain", "similar", "reset")
        else plan.intent
    )
    return replace(
        rules, intent=intent, wanted=tuple((name, values) for name, values in kept if values), unwanted=unwanted, like=like,
        text=rules.text or plan.wish if intent in ("recommend", "similar") else "",
    )  # fmt: skip


def _choices(named: Iterable[Named], items: Items) -> Iterable[Choice]:
    lexicon = Lexicon.of(items)
    for one in named:
        values = [value for text in one.values if (value := lexicon.value(one.attribute, text)) is not None]
        if values:
            yield one.attribute, tuple(dict.fromkeys(values))


def _topics(named: Iterable[Named], items: Items) -> list[Topic]:
    return [(attribute, value) for attribute, values in _choices(named, items) for value in values]
