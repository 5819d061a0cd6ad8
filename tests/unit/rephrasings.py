"""True and false rephrasings of reasons, made by hand-written patterns and by corrupting them. Used by tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zhiyin.candidates import Reason
from zhiyin.explanation.templates import title
from zhiyin.item import Items

TRUE = {
    ("history", "en"): [
        "Since you {verb} {names}, we picked this: people who chose it often go for this too.",
        "People who chose {names} tend to choose this as well, and you {verb} it.",
        "You {verb} {names}. Others who picked it often pick this one too.",
        "Based on your history with {names}: those who chose it tend to choose this.",
    ],
    ("history", "zh"): [
        "因为你{verb}{names}，选过的人往往也选这款。",
        "你{verb}{names}，选过它的人也常选这个，所以推荐给你。",
        "根据你的历史：选过{names}的人往往也会选择它。",
    ],
    ("attribute", "en"): [
        "It has the same {label} as {number} items you {verb}: {value}.",
        "Like {number} items you {verb}, it shares the {label} {value}.",
        "You {verb} {number} items with the {label} {value}, and this shares it.",
    ],
    ("attribute", "zh"): ["与你{verb}的 {number} 件有相同的{label}：{value}。", "你{verb}的 {number} 件都有相同的{label}：{value}，这款也一样。"],
    ("popular", "en"): ["{number} people picked this one.", "This was chosen by {number} people.", "We picked this: {number} people chose it."],
    ("popular", "zh"): ["已有 {number} 人选过这款。", "推荐这款，{number} 人选过。"],
    ("fresh", "en"): ["This is new here.", "A new arrival for you to try."],
    ("fresh", "zh"): ["这款是新上架的。", "新上架，值得一试。"],
}  # fmt: skip

PEOPLE = {
    "en": ["Your friends {verb} {names} and chose this.", "Critics who know {names} recommend this.", "Anna, who chose {names}, tends to choose this too.", "Experts chose this because you {verb} {names}."],
    "zh": ["你的好友选过{names}，往往也选这款。", "专家推荐：因为你{verb}{names}，也会喜欢这款。", "王老师选过{names}，也常选这个。"],
}  # fmt: skip
EXTRA = {
    "en": [" It won a gold medal.", " It costs only $19.", " Rated 95 points.", " It is the best of all.", " Everyone loves it.", " Made in Tuscany.", " Also free of sulfites.", " Sold out soon."],
    "zh": ["它得过金奖。", "只要99元。", "评分95分。", "它是最好的。", "大家都爱它。", "产自托斯卡纳。", "马上就要卖完了。"],
}  # fmt: skip
NEGATED = {
    "en": [("you liked", "you never liked"), ("tend to", "do not tend to"), ("often", "hardly ever"), ("picked this", "did not pick this"), ("shares", "does not share"), ("is new", "is not new")],
    "zh": [("往往", "往往不"), ("你喜欢", "你不喜欢"), ("选过", "没选过"), ("相同", "不相同"), ("新上架", "不是新上架")],
}  # fmt: skip
VERBS = {"en": ["bought", "hated", "listened to", "reviewed", "returned"], "zh": ["买过", "讨厌", "听过", "退过"]}


@dataclass(frozen=True)
class Statement:
    """A rephrased reason, whether it is true, and how it was made."""

    text: str
    reason: Reason
    language: str
    true: bool
    made: str


def statements(items: Items, seed: int = 0, rounds: int = 20) -> Iterator[Statement]:
    """True rephrasings of made reasons over a catalogue, and each of them corrupted in every way that changes it."""
    chance = np.random.default_rng(seed)
    tags = items.tags
    often = np.flatnonzero(tags.matrix.getnnz(axis=0) >= 5)
    titled = [at for at, row in enumerate(items.rows) if row.title and not row.hidden]
    for _ in range(rounds):
        for (kind, language), patterns in TRUE.items():
            one, other = (items[int(at)].item_id for at in chance.choice(titled, 2, replace=False))
            topic, wrong = (tags.names[int(at)] for at in chance.choice(often, 2, replace=False))
            number = float(chance.integers(2, 3000))
            reason = {
                "history": Reason("history", (one,), share=0.6, source="item_knn"),
                "attribute": Reason("attribute", (), topic, number, 0.5),
                "popular": Reason("popular", number=number, share=0.5, source="popular"),
                "fresh": Reason("fresh", share=0.5, source="fresh"),
            }[kind]
            pattern = patterns[int(chance.integers(len(patterns)))]
            fill = {
                "names": title(items, one),
                "value": topic[1][:80],
                "label": topic[0],
                "number": f"{int(number):,}",
                "verb": "liked" if language == "en" else "喜欢",
            }
            text = _filled(pattern, fill, language)
            yield Statement(text, reason, language, True, "true")
            for made, changed in _corrupted(pattern, fill, title(items, other), wrong, language, chance):
                if changed != text:
                    yield Statement(changed, reason, language, False, made)


def _filled(pattern: str, fill: dict[str, str], language: str) -> str:
    named = f"“{fill['names']}”" if language == "zh" else fill["names"]
    return pattern.format(**{**fill, "names": named})


def _corrupted(
    pattern: str, fill: dict[str, str], other: str, wrong: tuple[str, str], language: str, chance: np.random.Generator
) -> Iterator[tuple[str, str]]:
    text = _filled(pattern, fill, language)
    if "{names}" in pattern:
        yield "title", _filled(pattern, {**fill, "names": other}, language)
        yield "people", _filled(str(chance.choice(PEOPLE[language])), fill, language)
        yield (
            "second title",
            _filled(
                pattern, {**fill, "names": f"{fill['names']}{' and ' if language == 'en' else '”和“'}{other}"}, language
            ),
        )
    if "{value}" in pattern and wrong[1] != fill["value"]:
        yield "value", _filled(pattern, {**fill, "value": wrong[1][:80]}, language)
        if wrong[0] != fill["label"]:
            yield "attribute", _filled(pattern, {**fill, "label": wrong[0]}, language)
    if "{number}" in pattern:
        yield (
            "number",
            _filled(
                pattern,
                {**fill, "number": f"{int(fill['number'].replace(',', '')) + int(chance.integers(1, 50)):,}"},
                language,
            ),
        )
        yield "number word", _filled(pattern, {**fill, "number": "most" if language == "en" else "大多数"}, language)
    if "{verb}" in pattern:
        yield "verb", _filled(pattern, {**fill, "verb": str(chance.choice(VERBS[language]))}, language)
    yield "extra", text + str(chance.choice(EXTRA[language]))
    for before, after in NEGATED[language]:
        if before in text:
            yield "negation", text.replace(before, after, 1)
            break
