"""Saying: what a conversation answers, in English and Chinese, from templates. Names only what was asked for or is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zhiyin.item import Item
from zhiyin.understanding.conversation import Ask
from zhiyin.understanding.lexicon import table
from zhiyin.understanding.numbers import Range

ABOUT = {"price": ("prices", "价格"), "abv": ("alcohol", "酒精度"), "year": ("years", "年份")}

MOST = 6
"""Values of one choice that are named."""


class Voice:
    """Sentences in one language. labels: what attributes are called, by name or "zh.name" (as Templates has them)."""

    def __init__(self, chinese: bool, labels: Mapping[str, str] | None = None) -> None:
        self.chinese = chinese
        self.labels = labels or {}

    def pick(self, english: str, chinese: str) -> str:
        """The sentence in the language of the conversation."""
        return chinese if self.chinese else english

    def label(self, attribute: str) -> str:
        """What an attribute is called."""
        language = "zh" if self.chinese else "en"
        named = self.labels.get(f"{language}.{attribute}") or self.labels.get(attribute)
        return named or table("names")[language].get(attribute) or attribute.replace("_", " ")

    def _joined(self, values: Sequence[str]) -> str:
        more = len(values) - MOST
        listed = ("、" if self.chinese else ", ").join(values[:MOST])
        return listed if more <= 0 else self.pick(f"{listed} and {more} more", f"{listed}等 {len(values)} 种")

    def limits(self, limits: Range) -> str:
        """A range in words. Strict limits sit one step of a double beside the number that was said."""
        low, high = limits
        if low is not None and high is not None:
            return _number(low) if low == high else f"{_number(low)}–{_number(high)}"
        if low is not None:
            strict = low != round(low, 6)
            english, chinese = ("more than", "高于") if strict else ("at least", "至少")
            return self.pick(f"{english} {_number(low)}", f"{chinese} {_number(low)}")
        strict = high != round(high or 0.0, 6)
        english, chinese = ("less than", "低于") if strict else ("at most", "至多")
        return self.pick(f"{english} {_number(high or 0.0)}", f"{chinese} {_number(high or 0.0)}")

    def asked(self, ask: Ask) -> str:
        """What an answer keeps to, in one line; empty when nothing was asked for."""
        colon = "：" if self.chinese else " "
        parts = [f"{self.label(name)}{colon}{self._joined(values)}" for name, values in ask.wanted]
        parts += [f"{self.label(name)}{colon}{self.limits(limits)}" for name, limits in ask.ranges.items()]
        gone = [value for _, value in ask.unwanted] + list(ask.avoid)
        if gone:
            parts.append(self.pick(f"without {self._joined(gone)}", f"不含{self._joined(gone)}"))
        return ("；" if self.chinese else "; ").join(parts)

    def found(self, ask: Ask, count: int, like: str, again: bool) -> str:
        """The sentence above a list."""
        kept = self.asked(ask)
        if like:
            start = self.pick(f"Close to {like}", f"与“{like}”相近的")
        elif again:
            start = self.pick("Others", "换一批")
        else:
            start = self.pick(
                "Here is what fits" if kept or ask.text else "For you", "为你找到" if kept or ask.text else "为你挑选"
            )
        number = self.pick(f"{start}, {count} in all" if count > 1 else start, f"{start}，共 {count} 件")
        return (
            f"{number}{self.pick('. Keeping to: ', '。条件：')}{kept}{self.pick('.', '。')}"
            if kept
            else f"{number}{self.pick('.', '。')}"
        )

    def nothing(self, ask: Ask, loosened: Sequence[tuple[str, int]], shown: bool) -> str:
        """When nothing meets the ask: said plainly, with what would give how many."""
        kept = self.asked(ask)
        if shown:
            return self.pick(
                f"That was everything that fits: {kept}." if kept else "That was everything.",
                f"符合条件的都看过了：{kept}。" if kept else "都看过了。",
            )
        start = self.pick(
            f"Nothing here meets all of this: {kept}." if kept else "Nothing found.",
            f"没有同时符合这些条件的：{kept}。" if kept else "没有找到。",
        )
        ways = [
            self.pick(f"without the {self.label(name)}, {count}", f"不限{self.label(name)}有 {count} 件")
            for name, count in loosened[:3]
        ]
        return (
            f"{start}{self.pick(' ', '')}{self.pick('There are: ', '放宽的话：')}{self.pick('; ', '；').join(ways)}{self.pick('.', '。')}"
            if ways
            else start
        )

    def missing(self, about: Sequence[str]) -> str:
        """What was asked about that the catalogue says nothing of."""
        named = [ABOUT.get(one, (one, one))[self.chinese] for one in about]
        return self.pick(
            f"The catalogue says nothing about {' or '.join(named)}, so that part is left out.",
            f"目录里没有{'、'.join(named)}信息，这一点没有算进去。",
        )

    def facts(self, item: Item, ask: Ask) -> str:
        """What an item has of what was asked for: each fact is read off the item itself."""
        tags = item.tags()
        facts = [value for name, values in ask.wanted for value in values if (name, value) in tags]
        for name in ask.ranges:
            number = item.attributes.get(name)
            if isinstance(number, int | float) and not isinstance(number, bool):
                facts.append(f"{self.label(name)} {_number(float(number))}")
        return " · ".join(dict.fromkeys(facts))

    def describe(self, item: Item) -> str:
        """An item by its own attributes."""
        colon = "：" if self.chinese else ": "
        parts = []
        for name, value in item.attributes.items():
            if isinstance(value, bool) or value == "":
                continue
            text = (
                self._joined(value)
                if isinstance(value, tuple)
                else _number(float(value))
                if isinstance(value, int | float)
                else value
            )
            parts.append(f"{self.label(name)}{colon}{text}")
        return f"{item.title or item.item_id}{self.pick(' – ', '：')}{self.pick('; ', '；').join(parts)}{self.pick('.', '。')}"


def _number(value: float) -> str:
    return f"{round(value, 6):g}"
