"""faithful: whether a rephrased reason says only what the evidence says. What cannot be shown to be so is not said.

A sentence is taken apart: titles and values of the evidence, whole; numbers; and words. Titles of other items, other values,
other numbers and words that claim something the template did not claim (see faithful_words.toml) make it unfaithful. So a model
may change how a reason is said, and nothing else; many good rephrasings are refused, and then the template stands.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from zhiyin.candidates import Reason
from zhiyin.explanation.templates import shortened, title
from zhiyin.item import Items
from zhiyin.llm.guard import repeated
from zhiyin.understanding.lexicon import fold

MOST = 400
"""Characters of a rephrased reason at most."""

_SENTENCES = re.compile(r"(?<=[.!?。！？])\s*")
_QUOTED = re.compile(r"(?=[“\"《「『]([^”\"》」』]{1,200})[”\"》」』])")
_NUMBER = re.compile(r"\d[\d.,]*\d|\d")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
_THIS_ONE = re.compile(r"\b(this|that) one\b", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a text is faithful; why not, for the log: what was found that the evidence does not hold."""

    faithful: bool
    why: str = ""


def faithful(text: str, reason: Reason, template: str, items: Items) -> Verdict:
    """Hold every sentence of a rephrased reason against the reason and the template's own sentence.

    template: what Templates says of the reason, in the language of the text; it is true, and sets what may be claimed.
    """
    if not text.strip() or len(text) > MOST:
        return Verdict(False, f"{len(text)} characters; 1 to {MOST} are allowed")
    chinese = bool(_CJK.search(_without(template, _names(reason, items))))
    if chinese != bool(_CJK.search(_without(text, _names(reason, items)))):
        return Verdict(False, "another language than the template")
    if not any(name in fold(text) for name in map(fold, _names(reason, items))) and _names(reason, items):
        return Verdict(False, "names nothing of the evidence")
    if missing := _numbers(_without(template, _names(reason, items))) - _numbers(_without(text, _names(reason, items))):
        return Verdict(False, f"leaves out the number {min(missing)}")
    if again := repeated(text):
        return Verdict(False, f"says “{again}” again and again")
    for sentence in _SENTENCES.split(text.strip()):
        why = _wrong(sentence, reason, template, items, chinese)
        if why:
            return Verdict(False, why)
    return Verdict(True)


def _numbers(text: str) -> set[str]:
    return {one.rstrip(".,").replace(",", "") for one in _NUMBER.findall(text)}


def _wrong(sentence: str, reason: Reason, template: str, items: Items, chinese: bool) -> str:
    """What a sentence says that it must not, "" when nothing."""
    rest = _without(sentence, _names(reason, items))
    if any(re.search(r"\w", inside) for inside in _QUOTED.findall(rest)):
        return "quotes something that is not in the evidence"
    own = _without(template, _names(reason, items))
    if more := _numbers(rest) - _numbers(own):
        return f"the number {min(more)}"
    rest = _NUMBER.sub(" ", rest)
    if re.search(r"[%$€£¥#@&*/\\<>{}\[\]|~^=+]", rest):
        return "signs of prices, shares or markup"
    wrong = _wrong_words(rest, own, chinese, items.pack.nouns)
    return f"the words {', '.join(wrong[:3])}" if wrong else ""


def _names(reason: Reason, items: Items) -> list[str]:
    """The titles and the value the evidence holds, longest first, whole as the template shows them."""
    names = [title(items, one) for one in reason.items]
    if reason.topic:
        names.append(shortened(reason.topic[1]))
    return sorted(dict.fromkeys(names), key=len, reverse=True)


def _without(text: str, names: Iterable[str]) -> str:
    """A text with every whole name taken out; a name inside a longer word stays."""
    for name in names:
        pattern = re.escape(name)
        before = r"(?<![A-Za-z0-9])" if name[:1].isascii() and name[:1].isalnum() else ""
        after = r"(?![A-Za-z0-9])" if name[-1:].isascii() and name[-1:].isalnum() else ""
        text = re.sub(f'[“"《「『]?{before}{pattern}{after}[”"》」』]?', " \x00 ", text, flags=re.IGNORECASE)
    return text


def _wrong_words(rest: str, own: str, chinese: bool, nouns: Iterable[str]) -> list[str]:
    words = _words("zh" if chinese else "en")
    own_words = set(_pieces(own))
    own_words |= {word.removesuffix("s") for word in own_words} | {f"{word}s" for word in own_words}
    may = own_words | words["plain"] | words["item"] | set(nouns)
    for keys, more in words["groups"].values():
        if any(key in own for key in keys) if chinese else keys & own_words:
            may |= keys | more
    never = words["never"] | words["numbers"]
    if not chinese:
        said = _pieces(_THIS_ONE.sub(r"\1", rest))
        return [word for word in said if (word in never and word not in own_words) or word not in may]
    return _unread(rest, may | set(_CJK.findall(own)), {word for word in never if word not in own})


def _pieces(text: str) -> list[str]:
    """Words, folded; runs of Chinese are one word."""
    apart = _CJK.sub(lambda run: f" {run.group()} ", text)
    return [word.casefold().replace("’", "'") for word in _WORD.findall(apart)]


def _unread(text: str, may: set[str], never: set[str]) -> list[str]:
    """What is left of a Chinese text that allowed words cannot spell, and every letter of another script."""
    wrong = [word for word in _pieces(_CJK.sub(" ", text)) if word not in may]
    longest = max(map(len, may), default=1)
    for run in _CJK.findall(text):
        at = 0
        while at < len(run):
            length = next((size for size in range(min(longest, len(run) - at), 0, -1) if run[at : at + size] in may), 0)
            piece = run[at : at + max(length, 1)]
            if not length or piece in never:
                wrong.append(piece)
            at += max(length, 1)
    return wrong


@lru_cache(maxsize=2)
def _words(language: str) -> dict[str, Any]:
    text = (resources.files("zhiyin") / "explanation" / "faithful_words.toml").read_text("utf-8")
    table = tomllib.loads(text)
    own: Mapping[str, Any] = table[language]
    return {
        "plain": frozenset(own["plain"].split()),
        "item": frozenset(own["item"].split()),
        "groups": {name: _halves(words) for name, words in own["groups"].items()},
        "never": frozenset(table["never"][language].split()),
        "numbers": frozenset(table["numbers"][language].split()),
    }


def _halves(words: str) -> tuple[frozenset[str], frozenset[str]]:
    keys, _, more = words.partition("|")
    return frozenset(keys.split()), frozenset(more.split())
