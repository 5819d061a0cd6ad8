"""Numbers in what people say: "under 13 %", "between 10 and 20 euros", 「2010年以后」, as ranges of a catalogue's attributes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zhiyin.packs.pack import Number

Range = tuple[float | None, float | None]
"""Least and most, both included; None for no limit."""

# Every repetition has an end: two that could share a run of spaces or digits between them would try every way to cut it.
GAP = r"\s{0,4}"
DIGITS = r"\d{1,15}(?:\.\d{1,15})?"
MONEY = rf"[$€£¥]?{GAP}"
WEAKEST = "year"
"""What a number is about only where no word near it says otherwise: "before" and "after" are said of anything."""

BELOW = r"(?:not|no) (?:newer|later) than|not after|不晚于|under|below|less than|cheaper than|lower than|weaker than|at most|no more than|up to|max(?:imum)?(?: of)?|within|before|until|older than|earlier than|not over|not above|<=?|≤|低于|少于|不超过|不高于|最多|小于|早于"
ABOVE = r"(?:not|no) (?:older|earlier) than|not before|不早于|over|above|more than|higher than|stronger than|at least|no less than|min(?:imum)?(?: of)?|after|since|newer than|later than|not under|not below|>=?|≥|高于|超过|不低于|至少|最少|大于|晚于"
DECADE = re.compile(rf"(?:the\s{{1,4}})?(?P<d>(?:19|20)?\d0){GAP}(?:'s|’s|s\b|年代)")
YEAR = re.compile(rf"(?<!\d)(?P<y>(?:18|19|20)\d\d)(?:{GAP}年)?(?!\d)")
BEHIND = r"以下|以内|之内|以前|之前|以上|以后|之后|之上|起|or less|or under|or below|or more|or above|or over|and up|and above|max"
STRICT = re.compile(
    r"^(?:under|below|less than|cheaper than|lower than|weaker than|before|older than|earlier than|<|低于|少于|小于|早于|over|above|more than|higher than|stronger than|after|newer than|later than|>|高于|超过|大于|晚于)$"
)
DOWN = re.compile(rf"^(?:{BELOW}|以下|以内|之内|以前|之前|or less|or under|or below|max)$")


@dataclass(frozen=True, slots=True)
class Limit:
    """A range that a text asks for. start, end: where it is. about: such as "price"; "" when it does not say."""

    about: str
    range: Range
    start: int
    end: int


class Numbers:
    """The numbers of one pack, as patterns. bare: a whole text that is a number and no more."""

    def __init__(self, numbers: Mapping[str, Number]) -> None:
        self.numbers = numbers
        self._about = {unit: about for about, one in numbers.items() for unit in one.units}
        units = "|".join(map(re.escape, sorted(self._about, key=lambda unit: (-len(unit), unit))))
        one, a, b = (f"{MONEY}(?P<{name}>{DIGITS}){GAP}(?P<{name}u>{units or '(?!)'}|s\\b)?" for name in "nab")
        self.between = re.compile(rf"(?:between|from)?{GAP}{a}{GAP}(?:and|to|-|–|—|~|到|至){GAP}{b}(?:{GAP}之间)?")
        self.limiting = (
            re.compile(rf"(?P<word>{BELOW}|{ABOVE}){GAP}(?:about{GAP})?{one}"),
            re.compile(rf"{one}{GAP}(?P<word>{BEHIND})"),
        )
        self.nearly = (
            re.compile(rf"(?:(?:around|about|roughly|大约|大概|约){GAP}{one})"),
            re.compile(rf"{one}{GAP}(?:左右|上下)"),
        )
        self.bare = re.compile(rf"^{one}$")
        last = sorted(numbers, key=lambda about: about == WEAKEST)
        self._words = [(about, _beginnings(numbers[about].words)) for about in last if numbers[about].words]

    def about(self, text: str, match: re.Match[str], unit: str | None, number: float) -> str:
        """What a number is about: by its unit, a word of time with a year, or a word near it; "" for none."""
        unit = unit or (re.search(r"[$€£¥]", match.group()) or [""])[0]
        if unit:
            return "year" if unit == "s" else self._about.get(unit, "")
        if re.fullmatch(r"(?:18|19|20)\d\d", f"{number:g}") and re.search(
            r"before|after|since|older|newer|earlier|later|until|以前|以后|之前|之后|早于|晚于", match.group()
        ):
            return "year"
        near = text[max(match.start() - 24, 0) : match.end() + 16]
        named = next((about for about, pattern in self._words if pattern.search(near)), "")
        if named:
            return named
        return "year" if 1800 <= number <= 2100 and number == int(number) else ""

    def room(self, about: str, number: float) -> float:
        """How far "about" a number reaches on both sides."""
        near = self.numbers[about].near if about in self.numbers else None
        return number * 0.15 if near is None else near


def _beginnings(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b{re.escape(one)}" if one.isascii() else re.escape(one) for one in words))


def limits_in(text: str, numbers: Numbers) -> list[Limit]:
    """The ranges a text asks for. text: folded in letters, punctuation kept."""
    found: list[Limit] = []
    taken = bytearray(len(text))  # 1 where a range stands already

    def take(match: re.Match[str], about: str, low: float | None, high: float | None) -> None:
        start, end = match.span()
        if taken.find(1, start, end) < 0:
            taken[start:end] = b"\x01" * (end - start)
            found.append(Limit(about, (low, high), start, end))

    for match in DECADE.finditer(text):
        before = text[max(match.start() - 14, 0) : match.start()]
        first = float(match["d"]) if len(match["d"]) == 4 else _century(float(match["d"]))
        if not re.search(rf"(?:{BELOW}|{ABOVE}){GAP}$", before):
            take(match, "year", first, first + 9)
    for match in numbers.between.finditer(text):
        low, high = sorted((float(match["a"]), float(match["b"])))
        take(match, numbers.about(text, match, match["au"] or match["bu"], low), low, high)
    for pattern in numbers.limiting:
        for match in pattern.finditer(text):
            number = float(match["n"])
            take(match, numbers.about(text, match, match["nu"], number), *_side(match["word"], number))
    for pattern in numbers.nearly:
        for match in pattern.finditer(text):
            number = float(match["n"])
            about = numbers.about(text, match, match["nu"], number)
            room = numbers.room(about, number)
            take(match, about, number - room, number + room)
    for match in YEAR.finditer(text):
        take(match, "year", float(match["y"]), float(match["y"]))
    return sorted(found, key=lambda one: one.start)


def _century(short: float) -> float:
    return 1900 + short if short >= 30 else 2000 + short


def _side(word: str, number: float) -> Range:
    """ "under 20" is strictly less, "at most 20" is not."""
    if DOWN.match(word):
        return None, math.nextafter(number, -math.inf) if STRICT.match(word) else number
    return (math.nextafter(number, math.inf) if STRICT.match(word) else number), None


def on_attributes(limits: list[Limit], numbers: Mapping[str, str]) -> tuple[dict[str, Range], list[str]]:
    """Ranges by attribute, and what was asked for that no attribute of the catalogue is about.

    numbers: attributes by what they are about. A number that says nothing is of the only attribute there is, else a price.
    """
    ranges: dict[str, Range] = {}
    missing = []
    for limit in limits:
        about = limit.about or (next(iter(numbers)) if len(numbers) == 1 else "price")
        attribute = numbers.get(about)
        if attribute is None:
            missing.append(about)
        else:
            ranges[attribute] = meet(ranges.get(attribute, (None, None)), limit.range)
    return ranges, list(dict.fromkeys(missing))


def meet(first: Range, second: Range) -> Range:
    """What both ranges allow."""
    lows = [one for one in (first[0], second[0]) if one is not None]
    highs = [one for one in (first[1], second[1]) if one is not None]
    return max(lows) if lows else None, min(highs) if highs else None
