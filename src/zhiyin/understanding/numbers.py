"""Numbers in what people say: "under 13 %", "between 10 and 20 euros", 「2010年以后」, as ranges of a catalogue's attributes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

Range = tuple[float | None, float | None]
"""Least and most, both included; None for no limit."""

# Every repetition has an end: two that could share a run of spaces or digits between them would try every way to cut it.
GAP = r"\s{0,4}"
DIGITS = r"\d{1,15}(?:\.\d{1,15})?"
NUMBER = rf"(?P<{{}}>{DIGITS.replace('{', '{{').replace('}', '}}')}){GAP.replace('{', '{{').replace('}', '}}')}(?P<{{}}u>%|度|degrees?|元|块钱?|人民币|dollars?|bucks|euros?|pounds?|usd|eur|gbp|kuai|rmb|年代|年|s\b|[$€£¥])?"
MONEY = rf"[$€£¥]?{GAP}"
ONE = MONEY + NUMBER.format("n", "n")

UNITS = (
    ("abv", re.compile(r"%|度|degree")),
    ("year", re.compile(r"年|^s$")),
    ("price", re.compile(r"[$€£¥]|元|块|人民币|dollar|buck|euro|pound|usd|eur|gbp|kuai|rmb")),
)
WORDS = (
    ("price", re.compile(r"price|cost|budget|spend|cheap|expensive|价|预算|花|贵|便宜")),
    ("abv", re.compile(r"alcohol|abv|strong|proof|酒精|度数")),
    ("year", re.compile(r"year|vintage|since|released|decade|年|\bfrom the\b|\bbefore\b|\bafter\b|older|newer")),
)

BETWEEN = re.compile(
    rf"(?:between|from)?{GAP}{MONEY}{NUMBER.format('a', 'a')}{GAP}(?:and|to|-|–|—|~|到|至){GAP}{MONEY}{NUMBER.format('b', 'b')}(?:{GAP}之间)?"
)
BELOW = r"(?:not|no) (?:newer|later) than|not after|不晚于|under|below|less than|cheaper than|lower than|weaker than|at most|no more than|up to|max(?:imum)?(?: of)?|within|before|until|older than|earlier than|not over|not above|<=?|≤|低于|少于|不超过|不高于|最多|小于|早于"
ABOVE = r"(?:not|no) (?:older|earlier) than|not before|不早于|over|above|more than|higher than|stronger than|at least|no less than|min(?:imum)?(?: of)?|after|since|newer than|later than|not under|not below|>=?|≥|高于|超过|不低于|至少|最少|大于|晚于"
PREFIXED = re.compile(rf"(?P<word>{BELOW}|{ABOVE}){GAP}(?:about{GAP})?{ONE}")
SUFFIXED = re.compile(
    rf"{ONE}{GAP}(?P<word>以下|以内|之内|以前|之前|以上|以后|之后|之上|起|or less|or under|or below|or more|or above|or over|and up|and above|max)"
)
ABOUT = re.compile(rf"(?:(?:around|about|roughly|大约|大概|约){GAP}{ONE})")
ABOUT_AFTER = re.compile(rf"{ONE}{GAP}(?:左右|上下)")
DECADE = re.compile(rf"(?:the\s{{1,4}})?(?P<d>(?:19|20)?\d0){GAP}(?:'s|’s|s\b|年代)")
YEAR = re.compile(rf"(?<!\d)(?P<y>(?:18|19|20)\d\d)(?:{GAP}年)?(?!\d)")
STRICT = re.compile(
    r"^(?:under|below|less than|cheaper than|lower than|weaker than|before|older than|earlier than|<|低于|少于|小于|早于|over|above|more than|higher than|stronger than|after|newer than|later than|>|高于|超过|大于|晚于)$"
)
DOWN = re.compile(rf"^(?:{BELOW}|以下|以内|之内|以前|之前|or less|or under|or below|max)$")


@dataclass(frozen=True, slots=True)
class Limit:
    """A range that a text asks for. about: "price", "abv" or "year", "" when it does not say. start, end: where it is."""

    about: str
    range: Range
    start: int
    end: int


def limits_in(text: str) -> list[Limit]:
    """The ranges a text asks for. text: folded in letters (see folded_numbers), punctuation kept."""
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
    for match in BETWEEN.finditer(text):
        low, high = sorted((float(match["a"]), float(match["b"])))
        take(match, _about(text, match, match["au"] or match["bu"], low), low, high)
    for pattern in (PREFIXED, SUFFIXED):
        for match in pattern.finditer(text):
            take(match, _about(text, match, match["nu"], float(match["n"])), *_side(match["word"], float(match["n"])))
    for pattern in (ABOUT, ABOUT_AFTER):
        for match in pattern.finditer(text):
            number = float(match["n"])
            about = _about(text, match, match["nu"], number)
            room = 2 if about == "year" else 0.5 if about == "abv" else number * 0.15
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


def _about(text: str, match: re.Match[str], unit: str | None, number: float) -> str:
    unit = unit or (re.search(r"[$€£¥]", match.group()) or [""])[0]
    if unit:
        return next((about for about, pattern in UNITS if pattern.search(unit)), "")
    if re.fullmatch(r"(?:18|19|20)\d\d", f"{number:g}") and re.search(
        r"before|after|since|older|newer|earlier|later|until|以前|以后|之前|之后|早于|晚于", match.group()
    ):
        return "year"
    near = text[max(match.start() - 24, 0) : match.end() + 16]
    named = next((about for about, pattern in WORDS if pattern.search(near)), "")
    if named:
        return named
    return "year" if 1800 <= number <= 2100 and number == int(number) else ""


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
