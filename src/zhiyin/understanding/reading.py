"""Reading: what one message asks for, by rules: topics wanted and unwanted, ranges, likeness, and what to do."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from zhiyin.item import Items
from zhiyin.understanding.corrections import corrected
from zhiyin.understanding.lexicon import LONGEST, Lexicon, Mention, Topic, fold, squeezed
from zhiyin.understanding.numbers import Limit, Range, limits_in, on_attributes
from zhiyin.understanding.phrases import (
    CLAUSES,
    COUNTS,
    EITHER,
    FREE,
    JOINING,
    LIKENESS,
    LIKING,
    MORE,
    NEGATOR,
    OPINION,
    PATTERNS,
    QUOTED,
    RANKS,
    REMEMBER,
    THAT,
    Phrases,
    negated,
    phrases_of,
)
from zhiyin.understanding.titles import Titles

Choice = tuple[str, tuple[str, ...]]
"""An attribute and the values of it that will do."""


@dataclass(frozen=True)
class Reading:
    """What a message asks for. intent: "recommend", "another", "similar", "explain", "like", "dislike", "reset",
    "profile", "hello" or "thanks".

    wanted: (attribute, values) pairs, of each of which any value will do. unwanted: topics that must not be there. avoid: words that must
    not be in a title. ranges: by attribute. missing: what a number was about that the catalogue does not have. relative:
    by attribute -1 for less, +1 for more than now. free: attributes that no longer matter. like: an item position, -1 for
    none. rank: which of the last list is spoken of, from 1, -1 the last one, 0 none. count: how many are asked for. more:
    the topics come to those before, instead of taking their place. remember: for good, not only now. text: what is left
    as a wish in words. unknown: a title that nothing in the catalogue is called.
    """

    intent: str = "recommend"
    wanted: tuple[Choice, ...] = ()
    unwanted: tuple[Topic, ...] = ()
    avoid: tuple[str, ...] = ()
    ranges: dict[str, Range] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    relative: dict[str, int] = field(default_factory=dict)
    free: tuple[str, ...] = ()
    like: int = -1
    rank: int = 0
    count: int = 0
    more: bool = False
    remember: bool = False
    text: str = ""
    unknown: str = ""


def read(message: str, items: Items) -> Reading:
    """What a message asks for. Deterministic; needs no model. Text of any kind and length is answered."""
    lexicon, titles, phrases = Lexicon.of(items), Titles.of(items), phrases_of(items.pack)
    message = corrected(squeezed(message), lexicon)
    plain = unicodedata.normalize("NFKC", message[:LONGEST]).casefold()
    folded = fold(message)
    intent = next((intent for intent, pattern in PATTERNS if pattern.search(folded)), "recommend")
    rank, opinion = _rank(folded, phrases), OPINION.search(folded)
    like, unknown, plain = _likeness(message, plain, titles, phrases)
    found, plain = _numbers(plain, lexicon)
    relative = _relative(folded, lexicon)
    wanted, unwanted, avoid, rest = _topics(plain, lexicon, phrases)
    wanted = _without_relative(wanted, relative, lexicon)
    limits, missing = on_attributes(found, lexicon.numbers)
    free = tuple(one for match in FREE.finditer(folded) if (one := lexicon.attribute_named(match["en"] or match["zh"])))
    spoken = _spoken(folded, opinion, titles) if opinion and not wanted and intent == "recommend" and like < 0 else -1
    if (
        opinion
        and intent == "recommend"
        and not wanted
        and like < 0
        and (rank or spoken >= 0 or _that(folded, opinion))
    ):
        intent, like, avoid, unwanted = ("dislike" if opinion["no"] else "like"), spoken, (), ()
    elif (like >= 0 and intent in ("recommend", "another")) or (
        rank and intent == "recommend" and LIKENESS.search(folded)
    ):
        intent = "similar"
    nothing = not (wanted or unwanted or limits or relative or free)
    return Reading(
        intent=intent if intent != "reset" or nothing else "recommend",
        wanted=wanted, unwanted=unwanted, avoid=avoid if intent in ("recommend", "another", "similar") else (),
        ranges=limits, missing=(*missing, *_no_relative(folded, relative, lexicon)), relative=relative, free=free, like=like, rank=rank,
        count=_count(fold(plain), phrases), more=bool(MORE.search(folded)), remember=bool(REMEMBER.search(folded)),
        text=_wish(message, rest) if intent in ("recommend", "similar") else "", unknown=unknown,
    )  # fmt: skip


def _that(folded: str, opinion: re.Match[str]) -> bool:
    return THAT.search(folded[opinion.end() :].strip()) is not None or THAT.search(folded) is not None


def _spoken(folded: str, opinion: re.Match[str], titles: Titles) -> int:
    """The item an opinion is about: a title that is there whole, or one near enough to the words after the verb."""
    named = titles.named(folded)
    return named[0][0] if named else titles.find(folded[opinion.end() :])


def _likeness(message: str, plain: str, titles: Titles, phrases: Phrases) -> tuple[int, str, str]:
    """The item that is to be like, or the title nothing is called; and the text without it."""
    quoted = QUOTED.search(message)
    if quoted and (at := titles.find(quoted[1])) >= 0:
        return at, "", plain.replace(unicodedata.normalize("NFKC", quoted[0]).casefold(), " ")
    if quoted and LIKENESS.search(plain):
        return -1, quoted[1], plain
    match = LIKENESS.search(plain)
    if not match or LIKING.search(plain[: match.start()]):
        return -1, "", plain
    phrase = next(one for one in (match["en"], match["zh"], match["rest"]) if one)
    phrase = CLAUSES.split(phrase)[0]
    phrase = re.split(r"\b(?:but|only|under|from|without|cheaper)\b|但", phrase)[0].strip()
    if phrases.rank.search(fold(phrase)) or THAT.search(fold(phrase)) or not phrase:
        return -1, "", plain
    at = titles.find(phrase)
    if at >= 0:
        return at, "", plain.replace(phrase, " ", 1)
    # "like a light red" speaks of topics, not of a title.
    return -1, "", plain


def _numbers(plain: str, lexicon: Lexicon) -> tuple[list[Limit], str]:
    found = limits_in(plain, lexicon.grammar)
    return found, _blanks(plain, ((one.start, one.end) for one in found))


def _topics(
    plain: str, lexicon: Lexicon, phrases: Phrases
) -> tuple[tuple[Choice, ...], tuple[Topic, ...], tuple[str, ...], str]:
    """Wanted choices, unwanted topics, unwanted words, and the words that are left."""
    wanted: list[tuple[str, list[str]]] = []
    last_of: dict[str, list[str]] = {}
    unwanted: list[Topic] = []
    avoid: list[str] = []
    rest: list[str] = []
    before: Mention | None = None  # the last unwanted mention of the clause before
    clauses = [fold(clause) for clause in CLAUSES.split(plain)]
    named = [lexicon.mentions(folded) for folded in clauses]
    lists = [
        bool(them) and phrases.list.match(_blanked(folded, them)) is not None
        for folded, them in zip(clauses, named, strict=True)
    ]
    going_on = _going_on(clauses, lists)
    for place, (folded, mentions) in enumerate(zip(clauses, named, strict=True)):
        spans = negated(folded)
        last: Mention | None = None
        good: Mention | None = None  # the wanted mention before, in this clause
        lists_on = before is not None and going_on[place]
        for one in mentions:
            at = bisect_right(spans, (one.start, len(folded))) - 1  # the last negation that begins before it
            bad = (at >= 0 and one.start < spans[at][1]) or bool(phrases.after.match(folded[one.end : one.end + 40]))
            bad = bad or bool(lists_on and before is not None and before.attribute == one.attribute)
            if bad:
                unwanted.extend(one.topics)
                last = one
            else:
                either = good is None or EITHER.search(folded[good.end : one.start]) is not None
                # One more value that will do, or apart, so that both must be there ("a romantic comedy").
                if one.attribute not in last_of or (one.attribute in lexicon.several and not either):
                    last_of[one.attribute] = []
                    wanted.append((one.attribute, last_of[one.attribute]))
                last_of[one.attribute].extend(one.values)
                good = one
        left = _without_labels(_blanked(folded, mentions), phrases)
        for start, end in spans:
            avoid.extend(_words(left[start:end], phrases))
        rest.extend(_words(_cut(left, spans), phrases))
        before = last
    unwanted = list(dict.fromkeys(unwanted))
    gone = set(unwanted)
    kept = ((name, tuple(dict.fromkeys(one for one in values if (name, one) not in gone))) for name, values in wanted)
    choices = tuple(dict.fromkeys((name, values) for name, values in kept if values))
    return choices, tuple(unwanted), tuple(dict.fromkeys(avoid)), " ".join(rest)


def _going_on(clauses: list[str], lists: list[bool]) -> list[bool]:
    """Of each clause, whether it goes on with the list before it: "no green, blue or grey", but not "no white, red"."""
    found = [False] * (len(clauses) + 1)
    for place in range(len(clauses) - 1, -1, -1):
        found[place] = lists[place] and (JOINING.search(clauses[place]) is not None or found[place + 1])
    return found[:-1]


def _blanked(text: str, mentions: Iterable[Mention]) -> str:
    return _blanks(text, ((one.start, one.end) for one in mentions))


def _blanks(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """A text with spaces where these spans are; they are in order and apart."""
    pieces, place = [], 0
    for start, end in spans:
        pieces += [text[place:start], " " * (end - start)]
        place = end
    return "".join([*pieces, text[place:]])


def _cut(text: str, spans: Iterable[tuple[int, int]]) -> str:
    return NEGATOR.sub(" ", _blanks(text, spans))


def _words(text: str, phrases: Phrases) -> list[str]:
    """The words that say something: no numbers, no stop words; runs of Chinese without its particles."""
    found: list[str] = []
    for word in text.split():
        for piece in re.split(r"([\u3040-\u9fff\uac00-\ud7af]+)", word):
            if piece and ord(piece[0]) >= 0x3040:
                found.extend(one for one in phrases.signs.sub(" ", piece).split() if len(one) > 1)
            elif piece not in phrases.stop and len(piece) > 2 and piece.isalpha():
                found.append(piece)
    return found


def _wish(message: str, rest: str) -> str:
    """The message itself as a wish when words are left that no topic caught; an encoder reads it better whole."""
    return " ".join(message.split())[:500] if rest else ""


def _rank(folded: str, phrases: Phrases) -> int:
    match = phrases.rank.search(folded)
    if not match:
        return 0
    return int(match["n"]) if match["n"] else RANKS[match["en"] or match["zh"]]


def _count(folded: str, phrases: Phrases) -> int:
    match = phrases.count.search(folded)
    if not match or folded[max(match.start() - 1, 0)] in "第这那每":
        return 0
    word = match["en"] or match["zh"]
    count = COUNTS.get(word) or (int(word) if word.isdigit() else 0)
    # 「来一个」 and 「一款」 ask for something, not for a list of one.
    return 0 if count == 1 and match["zh"] else min(count, 20)


def _relative(folded: str, lexicon: Lexicon) -> dict[str, int]:
    """By attribute of the catalogue: -1 for less, +1 for more."""
    found = {}
    for about, words in lexicon.pack.relative.items():
        attribute = lexicon.numbers.get(about) or (about if lexicon.scale(about) else None)
        for sign, listed in zip((-1, 1), words, strict=True):
            if attribute and any(_has(folded, one) for one in listed):
                found[attribute] = sign
    return found


def _no_relative(folded: str, found: dict[str, int], lexicon: Lexicon) -> list[str]:
    """What is to be less or more and the catalogue does not have; "cheaper than 20" is a range."""
    return [
        about
        for about, words in lexicon.pack.relative.items()
        if about in lexicon.pack.numbers
        and about not in lexicon.numbers
        and any(_has(folded, one) for two in words for one in two)
    ]


def _has(folded: str, words: str) -> bool:
    if not words.isascii():
        return words in folded
    return re.search(rf"\b{re.escape(words)}\b(?! than \d)", folded) is not None


def _without_labels(text: str, phrases: Phrases) -> str:
    """A text with spaces for the words that name an attribute or compare: what they mean was read already."""
    return phrases.labels.sub(lambda match: " " * len(match.group()), text)


def _without_relative(wanted: tuple[Choice, ...], relative: dict[str, int], lexicon: Lexicon) -> tuple[Choice, ...]:
    """「清淡一点」 is a comparison, though its first two signs are a topic."""
    return tuple((name, values) for name, values in wanted if name not in relative or not lexicon.scale(name))
