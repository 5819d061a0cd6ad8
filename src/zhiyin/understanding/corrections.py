"""Corrections: "something red — no, white" asks for white. What a message takes back is taken out before it is read.

Only what the new words stand in the place of goes: a value of the same attribute, a range of the same number, a count, a title. A
message that takes nothing back comes back as it is.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from zhiyin.understanding.lexicon import LONGEST, Lexicon, Mention, fold
from zhiyin.understanding.numbers import DIGITS, limits_in
from zhiyin.understanding.phrases import COUNTS, LIKENESS, MORE, negated, phrases_of

Span = tuple[int, int]

MOST = 20
"""Corrections of one message that are followed: nobody means more, and each reads the text again."""

_STOPS = ",.;:!?…，。；：！？、—–"
_PAUSE = rf"(?<![{_STOPS}])(?:[{_STOPS}]|\s-)[\s{_STOPS}-]{{0,24}}+"
_GAP = rf"[\s{_STOPS}-]{{0,24}}+"
_BEFORE_STOP = rf"(?=\s{{0,4}}[{_STOPS}]|\s{{1,4}}-)"
MARKER = re.compile(
    rf"(?:{_PAUSE}(?:(?:and|but|oh|ah|uh|er|um|hm{{1,8}}|well|ok|okay|哦|噢|呃|啊|嗯){_GAP}){{0,6}}"
    rf"(?:(?:\b(?:no|nope|nah|wait|sorry|not that)\b{_BEFORE_STOP}"
    r"|\b(?:no,? (?:wait|sorry|make (?:it|that)|actually|i mean)|wait,? no|i (?:mean|meant)(?: to say)?|or rather|rather|actually|make (?:that|it)|"
    r"scratch that|strike that|correction|on second thoughts?|change that(?: to)?|let'?s (?:make it|say))\b"
    rf"|不对|不{{2,8}}|(?:不是|不){_BEFORE_STOP}|说错了?|搞错了?|写错了?|错了|等等|等一下|更正|纠正一下|我是说|我是想说|我的意思是|应该是|改成|改为|换成|还是(?=要|来|换|选)){_GAP}){{1,6}}"
    rf"|\s(?:or rather|no wait|wait no|i mean|scratch that)\b{_GAP}|(?<=\S)(?:不对|说错了)(?![吗劲味称头]){_GAP})"
    r"(?:(?:i want(?:ed)?|rather|instead|make (?:that|it))\b\s{0,4}|我想要|我要|应该|要|是)?",
    re.IGNORECASE,
)
"""What people say between what they take back and what they mean."""
_PIECE = re.compile(r"(?:[^,.;!?，。；！？\n…—]|(?<=\d)[.,](?=\d))+")
_AGAIN = re.compile(r"^\s*(?:also|too|or|and|也|或者?|还要|再|和|都)\b|^(?:也|或|还要|都)")


def corrected(message: str, lexicon: Lexicon) -> str:
    """A message without what it takes back itself; the message as it is where it takes nothing back."""
    text, place, changed = unicodedata.normalize("NFKC", message[:LONGEST]), 0, False
    for _ in range(MOST):
        marker = MARKER.search(text, place)
        if marker is None:
            break
        made = _made(text[: marker.start()], text[marker.end() :], lexicon)
        if made is None:
            place = marker.end()
            continue
        text, place, changed = made[0] + ", " + made[1], len(made[0]), True
    return text if changed else message


def _made(before: str, after: str, lexicon: Lexicon) -> tuple[str, str] | None:
    """What stands before and after a marker, once it is done; None where the words after it replace nothing."""
    piece = next((match for match in _PIECE.finditer(after) if fold(match.group())), None)
    if piece is None or _AGAIN.search(_small(piece.group())) or MORE.search(fold(piece.group())):
        return None
    said = _small(piece.group()).strip()
    number = lexicon.grammar.bare.match(said)
    if number and (limits := limits_in(_small(before), lexicon.grammar)):
        start, end = limits[-1].start, limits[-1].end
        last = list(re.finditer(DIGITS, before[start:end]))[-1]
        return before[: start + last.start()] + number["n"] + before[start + last.end() :], after[piece.end() :]
    gone = [*_values(before, said, lexicon), *_ranges(before, said, lexicon), *_places(before, said, lexicon)]
    return (_blanked(before, gone), after) if gone else None


def _values(before: str, said: str, lexicon: Lexicon) -> list[Span]:
    """Where the last clause that names an attribute of the new words names it."""
    found: list[Span] = []
    for attribute in dict.fromkeys(one.attribute for one in lexicon.mentions(fold(said))):
        for clause in reversed(list(_PIECE.finditer(before))):
            folded = fold(clause.group())
            named = [
                one
                for one in lexicon.mentions(folded)
                if one.attribute == attribute and not _refused(folded, one, lexicon)
            ]
            if named:
                terms = (folded[one.start : one.end] for one in named)
                found += [
                    (clause.start() + start, clause.start() + end) for start, end in _located(clause.group(), terms)
                ]
                break
    return found


def _refused(folded: str, one: Mention, lexicon: Lexicon) -> bool:
    """Whether a mention stands under a negation: what was not wanted is not taken back by what is."""
    return any(start <= one.start < end for start, end in negated(folded)) or bool(
        phrases_of(lexicon.pack).after.match(folded[one.end :])
    )


def _ranges(before: str, said: str, lexicon: Lexicon) -> list[Span]:
    """The last range about what the new range is about."""
    new = {limit.about for limit in limits_in(said, lexicon.grammar)}
    old = [
        limit
        for limit in limits_in(_small(before), lexicon.grammar)
        if limit.about in new or not limit.about or "" in new
    ]
    return [(old[-1].start, old[-1].end)] if new and old else []


def _places(before: str, said: str, lexicon: Lexicon) -> list[Span]:
    """A count, a place in the list or a likeness that is said anew."""
    small, found, phrases = _small(before), [], phrases_of(lexicon.pack)
    if phrases.count.search(fold(said)):
        numbers = "|".join((*map(re.escape, COUNTS), r"\d{1,2}"))
        last = list(re.finditer(rf"(?<![第a-z\d])(?:{numbers})(?![a-z\d])", small))
        found += [last[-1].span()] if last else []
    for pattern in (phrases.rank, LIKENESS):
        old = pattern.search(small)
        if old and pattern.search(said):
            found.append(old.span())
    return found


def _located(text: str, terms: Iterable[str]) -> list[Span]:
    """Where folded words stand in a text, each at its last place."""
    signs: list[str] = []
    at: list[int] = []
    for place, sign in enumerate(text):
        plain = fold(sign) or " "
        signs.append(plain)
        at += [place] * len(plain)
    whole, found = "".join(signs), []
    for term in dict.fromkeys(terms):
        places = list(re.finditer(r"\s*".join(map(re.escape, term.split())), whole))
        found += [(at[one.start()], at[one.end() - 1] + 1) for one in places[-1:]]
    return found


def _small(text: str) -> str:
    """A text in small letters, every sign at its place."""
    return "".join(small if len(small := sign.casefold()) == 1 else sign for sign in text)


def _blanked(text: str, spans: Iterable[Span]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text
