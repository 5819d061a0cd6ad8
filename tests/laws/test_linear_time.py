"""Nothing that reads foreign text takes more than its length: every pattern of the package, and every reader of texts."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from growth import hostile, patterns, sayings, superlinear, whole_only, words_in

from zhiyin.candidates import Reason
from zhiyin.errors import DataError, InvalidReply
from zhiyin.explanation.faithful import faithful
from zhiyin.item import Item, Items
from zhiyin.llm.guard import clean, fenced, guarded, scrubbed
from zhiyin.llm.guard import repeated as repeats
from zhiyin.llm.schema import parse
from zhiyin.packs.pack import load_pack
from zhiyin.ports import Message
from zhiyin.retrieval.terms import phrases_of
from zhiyin.serving.routes import condition_of, weight_of
from zhiyin.understanding.corrections import corrected
from zhiyin.understanding.lexicon import LONGEST, Lexicon, fold
from zhiyin.understanding.matching import choices_met
from zhiyin.understanding.numbers import limits_in
from zhiyin.understanding.reading import read
from zhiyin.understanding.titles import Titles

PATTERNS = patterns()
WHOLE = whole_only()


@pytest.mark.parametrize("few", [True, pytest.param(False, marks=pytest.mark.nightly)], ids=["some", "all"])
@pytest.mark.parametrize("where", sorted(PATTERNS))
def test_every_pattern_of_the_package_takes_time_in_line_with_its_text(where: str, few: bool) -> None:
    pattern = PATTERNS[where]
    for name, make in hostile(words_in(pattern.pattern, pattern.flags & ~re.UNICODE), few):
        said = superlinear(pattern.fullmatch if pattern.pattern in WHOLE else lambda text: pattern.sub("", text), make)
        assert not said, f"{name}: {said}"


@pytest.mark.parametrize("pattern", [r"\s*\s*x", r"(a+)+$", r"[“](.+?)[”]", r"\d+(?:\.\d+)?\s*%"])
def test_the_law_of_patterns_can_fail(pattern: str) -> None:
    kinds = hostile(words_in(pattern, 0))
    assert any(superlinear(lambda text: re.sub(pattern, "", text), make) for _, make in kinds)


def catalogue() -> Items:
    """Items whose topics have names so short that a text can hold thousands of them."""
    rows = [
        Item(
            f"i{at}",
            f"abc def {at}",
            attributes={"country": f"x{chr(97 + at % 26)}q", "genres": (f"zz{at % 9}", "dry"), "price": at + 0.5},
        )
        for at in range(60)
    ]
    last = Item("cjk", "红酒 (a(b(c", attributes={"country": "法国", "grapes": ("梅洛", "霞多丽")})
    return Items([*rows, last], pack=load_pack("wines", Path()))


ITEMS = catalogue()


@dataclass(frozen=True)
class Said:
    """What a model answers."""

    text: str
    topics: tuple[str, ...]


def parsed(text: str) -> None:
    """A reply of a model, read as JSON."""
    for reply in (text, "{" + text, '{"text": "' + text + '", "topics": []}', '{"topics": [' + text, "<think>" + text):
        with suppress(InvalidReply):
            parse(reply, Said)


def taken(text: str) -> None:
    """A text where filters and weights of an address stand."""
    for read_one in (condition_of, weight_of):
        with suppress(DataError):
            read_one(f"a:{text}")


def judged(text: str) -> None:
    """A sentence of a model about a reason."""
    reason = Reason("history", items=("i1", "i2"), topic=("country", "xaq"), share=1.0)
    faithful(text, reason, "You liked abc def 1.", ITEMS)


READERS: dict[str, tuple[Callable[[str], object], int]] = {
    "a message": (lambda text: read(text, ITEMS), LONGEST),
    "a search": (lambda text: choices_met(text, ITEMS), LONGEST),
    "numbers": (lambda text: limits_in(text, Lexicon.of(ITEMS).grammar), 0),
    "a folded text": (fold.__wrapped__, LONGEST),
    "a correction": (lambda text: corrected(text, Lexicon.of(ITEMS)), LONGEST),
    "a title": (lambda text: Titles.of(ITEMS).find(text), LONGEST),
    "words": (phrases_of, 0),
    "cleaning": (lambda text: clean(text, 100_000), 0),
    "scrubbing": (scrubbed, 0),
    "fencing": (lambda text: fenced(text, text, 100_000), 0),
    "guarding": (lambda text: guarded(Message("user", text), 100_000), 0),
    "repeats": (repeats, 0),
    "a reply": (parsed, 40_000),
    "a sentence": (judged, 0),
    "a filter": (taken, 0),
}
SAYINGS = (
    "under ", "between 1 and ", "about 12", "12 %", "2010", "the 90s ", "not ", "no xaq, ", "xaq or ", "zz1 ", "xaq", "法国",
    "梅洛", "和", "像", "的", "不要", "不对", ", no wait, ", ", oh", "- ", "like ", "i don't like ", "what do you know ", "“", "《", "one ",
    "{", "[", '{"a":', "<think>", "</think>", "<|", "<data-aaaaaaaaaa x>\n", "\n</data-aaaaaaaaaa>", "password ", "tel", "微信", "a@", "1.",
    "(a(b(c ", "abc ", "abc def 1 ", "1..", "|", ":",
)  # fmt: skip


@pytest.mark.parametrize("name", READERS)
def test_every_reader_of_foreign_text_takes_time_in_line_with_it(name: str) -> None:
    call, longest = READERS[name]
    wrong = [f"{kind}: {said}" for kind, make in sayings(SAYINGS) if (said := superlinear(call, make, longest=longest))]
    assert not wrong, "\n".join(wrong[:3])
