"""Enrich: an item in three more ways (facts, mood and occasion, audience), with tags and a summary, true to its source.

Without a model the texts are templates over the attributes. With one they are the model's, and every sentence is held against
the item: one that names a value, number, title or claim that the source does not hold is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from zhiyin.errors import ModelError
from zhiyin.item import Item, Items
from zhiyin.llm.guard import fenced, names_mark, repeated
from zhiyin.llm.prompts import Prompt, prompt
from zhiyin.llm.schema import ask, limit
from zhiyin.ports import Call, LanguageModel
from zhiyin.understanding.lexicon import Lexicon, fold
from zhiyin.understanding.saying import Voice
from zhiyin.understanding.titles import Titles

OCCASIONS = frozenset(("food", "harmonize", "occasion", "mood", "season", "use", "pairing", "event", "meal"))
"""Attributes that say when and with what, rather than what it is."""

AUDIENCE = frozenset(("genres", "genre", "category", "brand", "country", "region", "style", "type", "author", "artist"))
"""Attributes by which people say what they like, beside those that the pack says tell most."""

CLAIMS = re.compile(
    r"\b(?:best|finest|award\w*|medal\w*|prize\w*|points|rated|rating|cheap\w*|expensive|price\w*|affordable|bargain|famous|renowned|legendary|"
    r"perfect|organic|vegan|biodynamic|limited|rare|guarantee\w*|healthy?|doctor|cure\w*|celebrity|bestsell\w*|number one|critics?|experts?|free)\b"
    r"|最好|最佳|获奖|金奖|大奖|评分|便宜|昂贵|价格|著名|传奇|完美|有机|限量|稀有|保证|健康|专家|评论家|畅销|免费"
)
"""What is claimed of an item only when its own text says it."""

NAMES = re.compile(r"(?<=[\w,;:’'] )[A-Z][\w’'-]+")
"""Capitalised words inside a sentence."""

_SENTENCES = re.compile(r"(?<=[.!?。！？])\s*")
_NUMBERS = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class Description:
    """What is said of one item. tags: short words. Any of the texts may be empty."""

    summary: str = limit(letters=300)
    facts: str = limit(letters=400)
    occasion: str = limit(letters=400)
    audience: str = limit(letters=400)
    tags: tuple[str, ...] = limit(most=8, letters=30)

    def texts(self) -> tuple[str, ...]:
        """The three descriptions, those that say something."""
        return tuple(one for one in (self.facts, self.occasion, self.audience) if one)


def described(item: Item, voice: Voice, telling: Sequence[str] = ()) -> Description:
    """An item by templates over its attributes: nothing is said that is not there. telling: see Pack."""
    values = {name: _values(value) for name, value in item.attributes.items() if not isinstance(value, bool)}
    values = {name: them for name, them in values.items() if them}
    occasion = {name: them for name, them in values.items() if name.casefold() in OCCASIONS}
    texts = {name for name, value in item.attributes.items() if isinstance(value, str | tuple)}
    by_taste = AUDIENCE | (texts & set(telling))
    audience = {name: them for name, them in values.items() if name in by_taste or name.casefold() in AUDIENCE}
    facts = {name: them for name, them in values.items() if name not in occasion}
    title = item.title or item.item_id
    return Description(
        summary=_said(voice, "item.summary", _few(values), 3, title=title),
        facts=_said(voice, "item.facts", facts, 6),
        occasion=_said(voice, "item.occasion", occasion, 6),
        audience=_said(voice, "item.audience", audience, 3),
        tags=tuple(dict.fromkeys(one for them in (*audience.values(), *occasion.values()) for one in them))[:8],
    )


def _values(value: object) -> list[str]:
    listed = value if isinstance(value, tuple) else (value,)
    return [f"{one:g}" if isinstance(one, int | float) else str(one)[:60] for one in listed if one != ""]


def _few(values: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: values[name] for name in list(values)[:4]}


def _said(voice: Voice, key: str, values: dict[str, list[str]], most: int, **more: str) -> str:
    """A message about values; empty without any."""
    if not values:
        return ""
    parts = [f"{voice.label(name)} {voice.say.listed(them[:most])}" for name, them in values.items()]
    return voice.say(key, facts=voice.say("text.semicolon").join(parts), **more)


def enriched(
    item: Item, items: Items, model: LanguageModel | None, language: str = "en", timeout: float = 60.0
) -> Description:
    """A description of an item; the templates' where there is no model, where it fails, and for each text it got wrong."""
    plain = described(item, Voice(language, items.pack.labels), items.pack.telling)
    if model is None:
        return plain
    asking = prompt("enrich", language)
    try:
        told = "\n".join(
            [
                item.title,
                *(f"{name}: {', '.join(_values(value))}" for name, value in item.attributes.items()),
                item.text,
            ]
        )
        messages = asking.messages(item=fenced(told, "item"))
        said = ask(model, Call(messages, max_tokens=500, timeout=timeout), Description)
    except ModelError:
        return plain
    return checked(said, plain, item, items, asking)


def checked(
    said: Description, plain: Description, item: Item, items: Items, asked: Prompt | None = None
) -> Description:
    """What of a description is true to the item, and not what it was asked with; a text of which nothing is left is the template's."""
    own = fold(" ".join(text for _, text in asked.parts)) if asked else ""

    def kept(text: str) -> str:
        if repeated(text):
            return ""
        return " ".join(one for one in true_sentences(text, item, items) if fold(one) not in own)

    texts = {
        name: kept(getattr(said, name)) or getattr(plain, name) for name in ("summary", "facts", "occasion", "audience")
    }
    tags = tuple(one for one in said.tags if kept(one)) or plain.tags
    return replace(said, tags=tags, **texts)


def true_sentences(text: str, item: Item, items: Items) -> list[str]:
    """The sentences of a text that name nothing that the item does not hold."""
    return [one for one in _SENTENCES.split(text.strip()) if one and not wrong_in(one, item, items)]


def wrong_in(sentence: str, item: Item, items: Items) -> str:
    """What a sentence says that the item's source does not: another value, number, title, name or claim; "" when nothing."""
    if names_mark(sentence):
        return "the mark of its data"
    source = fold(f"{item.title} {item.content()} {item.text}")
    folded = fold(sentence)
    own = set(item.tags())
    for mention in Lexicon.of(items).mentions(folded):
        if not own & set(mention.topics) and folded[mention.start : mention.end] not in source:
            return f"the value {mention.values[0]}"
    numbers = {
        f"{value:g}"
        for value in item.attributes.values()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    numbers |= set(_NUMBERS.findall(f"{item.title} {item.text}"))
    for number in _NUMBERS.findall(sentence):
        if number.replace(",", ".") not in numbers:
            return f"the number {number}"
    for claim in CLAIMS.findall(sentence.casefold()):
        if fold(claim) not in source:
            return f"the claim “{claim}”"
    for position, start, end in Titles.of(items).named(folded):
        if items[position].item_id != item.item_id and folded[start:end] not in source:
            return f"the title {items[position].title}"
    return _names(sentence, source)


def _names(sentence: str, source: str) -> str:
    """A capitalised word inside a sentence is a name; it must be one of the source."""
    for word in NAMES.findall(sentence):
        if fold(word) not in source:
            return f"the name {word}"
    return ""


def written_into(item: Item, description: Description) -> Item:
    """The item with its descriptions as text, where its own text is empty, and the tags as an attribute of their own."""
    text = item.text or " ".join(description.texts())
    return replace(
        item,
        text=text,
        attributes={**item.attributes, "tags": description.tags} if description.tags else item.attributes,
    )


def distinct_pairs(texts: Iterable[str]) -> float:
    """Distinct pairs of words over all pairs: how varied texts are (distinct-2), 0 to 1."""
    pairs: list[tuple[str, str]] = []
    for text in texts:
        pairs.extend(pairwise(fold(text).split()))
    return len(set(pairs)) / len(pairs) if pairs else 0.0
