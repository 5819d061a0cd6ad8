"""sentiment: whether a comment speaks for or against what it is about, by rule, in English and Chinese.

The words stand in sentiment.LANGUAGE.toml, a language a file. A word's strength is turned by a negator before it in the same
clause ("not bad"), raised or lowered by words of degree, and what follows a contrast counts more than what stands before it
("nice, but it broke"). Method: Hutto and Gilbert, VADER (ICWSM 2014), with tables of our own.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

CJK = re.compile(r"[\u3400-\u9fff]")

LONGEST = 4_000
"""Characters of a comment that are read."""

TURNED = -0.7
"""What a negator makes of a strength: "not good" is less bad than "bad"."""

SCOPE = {"en": 5, "zh": 7}
"""How far before a word a negator still turns it: in words, or in characters."""

BEFORE, AFTER = 0.4, 1.6
"""What a clause counts before and after a contrast."""

LAST = 1.4
"""What the last clause of a sentence that says anything counts: people end with what matters."""

LEAST = 0.35
"""Strengths that sum up to less say neither."""

_SENTENCE = re.compile(r"[^.!?。！\n]+[.!?。！]*")
_CLAUSE = re.compile(r"[.!?;,:\n。！？；，：、…~～()（）]+")
_ENDINGS = (
    *(
        ("iest", "y"),
        ("ier", "y"),
        ("ies", "y"),
        ("ily", "y"),
        ("est", ""),
        ("est", "e"),
        ("er", ""),
        ("er", "e"),
        ("ly", ""),
    ),
    *(("es", ""), ("s", ""), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ness", ""), ("y", "")),
)
_WORD = re.compile(r"[a-z0-9]+(?:[-'][a-z]+)*|\x01")
_SHORT = (
    ("can't", "can not"),
    ("cannot", "can not"),
    ("won't", "will not"),
    ("n't", " not"),
    ("'s", ""),
    ("'ve", " have"),
)


@dataclass(frozen=True)
class Tables:
    """The words of one language. strengths: by word or phrase; stems: those that take any ending.
    patterns: ways of speaking with a gap in them, and the phrase each stands for."""

    strengths: Mapping[str, float]
    stems: tuple[tuple[str, float], ...]
    negators: frozenset[str]
    degrees: Mapping[str, float]
    but: frozenset[str]
    although: frozenset[str]
    excess: frozenset[str]
    excessive: frozenset[str]
    neutral: frozenset[str]
    patterns: tuple[tuple[re.Pattern[str], str], ...]
    longest: int


def sentiment_of(text: str) -> float:
    """How much a comment is for (up to 1) or against (down to -1) its item; 0 where it says neither."""
    total = sum(_strengths(*_read(text)))
    return 0.0 if abs(total) < LEAST else total / (total * total + 4.0) ** 0.5


def clauses_of(text: str) -> list[tuple[str, float]]:
    """The clauses of a text, in small letters, each with the strength of its own words of opinion: 0 for none."""
    plain, language = _read(text)
    words = _tables(language)
    joint = "" if language == "zh" else " "
    return [
        (joint.join(tokens), sum(_of_clause(tokens, words, SCOPE[language], language)))
        for sentence in _said(plain)
        for tokens, _ in _parts(sentence, words, language)
    ]


def _read(text: str) -> tuple[str, str]:
    """A text in small letters and plain signs, and its language."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).casefold().replace("’", "'")
    chinese = len(CJK.findall(plain)) * 2 >= len(_WORD.findall(plain)) and CJK.search(plain)
    return plain, "zh" if chinese else "en"


def _said(text: str) -> Iterator[str]:
    """The sentences that say something: a question says nothing yet."""
    for sentence in _SENTENCE.findall(text):
        if not sentence.rstrip().endswith(("?", "吗", "么")):
            yield sentence


def _parts(sentence: str, words: Tables, language: str) -> list[tuple[list[str], str]]:
    """The clauses of a sentence as tokens, cut before words of contrast too; see _divided."""
    clauses = [_tokens(clause, words, language) for clause in _CLAUSE.split(sentence)]
    return [part for clause in clauses for part in _divided(clause, words)]


def _strengths(text: str, language: str) -> Iterator[float]:
    """The strength of every word of opinion, weighed by where it stands."""
    words = _tables(language)
    for sentence in _said(text):
        parts = _parts(sentence, words, language)
        turns = [number for number, (_, mark) in enumerate(parts) if mark == "but"]
        found = [list(_of_clause(tokens, words, SCOPE[language], language)) for tokens, _ in parts]
        last = max((number for number, one in enumerate(found) if one), default=0)
        for number, (_, mark) in enumerate(parts):
            weight = LAST if number == last else 1.0
            if turns:
                weight = AFTER if number >= turns[-1] else BEFORE
            elif mark == "although":
                weight = BEFORE
            yield from (weight * one for one in found[number])


def _divided(tokens: list[str], words: Tables) -> Iterator[tuple[list[str], str]]:
    """A clause cut before every word of contrast, each part with what opened it: "but", "although" or ""."""
    part: list[str] = []
    mark = ""
    for token in tokens:
        if token in words.but or token in words.although:
            if part:
                yield part, mark
            part, mark = [], "but" if token in words.but else "although"
        else:
            part.append(token)
    if part or mark:
        yield part, mark


def _of_clause(tokens: list[str], words: Tables, scope: int, language: str) -> Iterator[float]:
    places, at = [], 0
    for token in tokens:
        places.append(at)
        at += len(token) if language == "zh" else 1 + token.count(" ")
    used: set[int] = set()
    for row, token in enumerate(tokens):
        strength = _strength(token, words)
        if row and tokens[row - 1] in words.excess and token in words.excessive:
            strength = -1.5
        if not strength:
            continue
        degree, turned = 1.0, False
        for before in range(row - 1, -1, -1):
            if places[row] - places[before] > scope + len(tokens[before]) * (language == "zh"):
                break
            if tokens[before] in words.negators and before not in used:
                used.add(before)
                turned = not turned
            elif before == row - 1:
                degree = words.degrees.get(tokens[before], 1.0)
        yield strength * degree * (TURNED if turned else 1.0)


def _strength(token: str, words: Tables) -> float:
    for form in _forms(token):
        if form in words.strengths:
            return words.strengths[form]
    return next((strength for stem, strength in words.stems if token.startswith(stem)), 0.0)


def _forms(word: str) -> Iterator[str]:
    """A word, and what it may be an ending of: "sturdier" of "sturdy", "pleases" of "please"."""
    yield word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 3:
            yield word[: -len(ending)] + instead


def _tokens(clause: str, words: Tables, language: str) -> list[str]:
    """English: words, the longest phrases as one. Chinese: the entries of the tables, and the characters between them."""
    if language == "zh":
        return list(_longest(clause.replace(" ", ""), words, ""))
    for short, long in _SHORT:
        clause = clause.replace(short, long)
    for pattern, phrase in words.patterns:
        clause = pattern.sub(phrase, clause)
    return list(_longest(_WORD.findall(clause), words, " "))


def _longest(units: str | list[str], words: Tables, joint: str) -> Iterator[str]:
    at = 0
    while at < len(units):
        for size in range(min(words.longest, len(units) - at), 0, -1):
            token = joint.join(units[at : at + size])
            if size == 1 or _known(token, words):
                yield token
                at += size
                break


def _known(token: str, words: Tables) -> bool:
    groups = (words.strengths, words.negators, words.degrees, words.but, words.although, words.neutral)
    return any(token in one for one in groups)


@lru_cache(maxsize=8)
def _tables(language: str) -> Tables:
    text = (resources.files("zhiyin") / "text" / f"sentiment.{language}.toml").read_text(encoding="utf-8")
    file = tomllib.loads(text)
    strengths: dict[str, float] = {}
    for strength, listed in file["words"].items():
        strengths |= dict.fromkeys(listed.split(), float(strength))
    for strength, listed in file["phrases"].items():
        strengths |= {" ".join(one.split()): float(strength) for one in listed.split("|") if one.strip()}
    said = {name: frozenset(one.replace("-", " ") for one in listed.split()) for name, listed in file["said"].items()}
    degrees = dict.fromkeys(said["weaker"], 0.6) | dict.fromkeys(said["stronger"], 1.4)
    stems = tuple((word[:-1], one) for word, one in strengths.items() if word.endswith("*"))
    patterns = tuple((re.compile(rf"\b{pattern}\b"), phrase) for pattern, phrase in file.get("patterns", {}).items())
    groups = (strengths, said["negators"], degrees, said["but"], said["although"], said.get("neutral", frozenset()))
    unit = len if language == "zh" else lambda word: word.count(" ") + 1
    return Tables(
        strengths, stems, said["negators"], degrees, said["but"], said["although"], said["excess"], said["excessive"],
        said.get("neutral", frozenset()), patterns, max(unit(word) for group in groups for word in group),
    )  # fmt: skip
