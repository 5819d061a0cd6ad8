"""How the time of a call grows with the length of what it reads, judged by ratio: a slow machine is slow at every length."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import zhiyin
from zhiyin.packs.pack import load_pack, pack_names
from zhiyin.understanding.numbers import Numbers
from zhiyin.understanding.phrases import Phrases

TIMES = 4
"""A text so many times as long may take so many times as long, and half as much again for noise; a square takes
16 times, a cube 64 times."""

MOST = 9.0

QUICK = 2.5e-4
"""Seconds in which a machine does far fewer than half a million steps."""

LONG = 0.25
"""Seconds of processor time that nothing needs for a thousand characters."""

ATOMS = (
    " ",
    "\t",
    "\n",
    "\u3000",
    "1",
    "a",
    "A",
    "-",
    ".",
    ",",
    "[",
    "(",
    "<",
    "{",
    '"',
    "“",
    "(",
    "@",
    "/",
    "\\",
    "_",
    "的",
    "x1",
    "1 ",
)
PARTNERS = (" ", "1", "a", ".", ",", "\n", "-", "的", "@", "(")
"""What hostile texts are made of beside the words of the pattern itself."""


def seconds(call: Callable[[str], object], text: str, tries: int) -> float:
    """The least processor time of a call in some tries: what else runs here does not count."""
    best = float("inf")
    for _ in range(tries):
        started = time.thread_time()
        call(text)
        best = min(best, time.thread_time() - started)
    return best


def superlinear(call: Callable[[str], object], make: Callable[[int], str], size: int = 1000, longest: int = 0) -> str:
    """What grows faster than its text, in a sentence; "" for what does not.

    make: a hostile text of about so many characters. size: a square of it takes half a million steps, so what is quick at that
    length is no square. longest: characters beyond which the call reads no more.
    """
    small, before = 12, 0.0
    while small < size:  # step by step, since nobody can wait for an exponential one
        took = seconds(call, make(small), 1)
        if before > 2e-4 and took > 12 * before and seconds(call, make(small), 2) > 12 * before:
            return f"{small} characters take {took:.4f} s, {small / 1.5:.0f} a twelfth of that"
        if took > LONG:
            return f"{small} characters take {took:.2f} s"
        small, before = int(small * 1.5), took
    if seconds(call, make(size), 1) < QUICK:
        return ""
    times = min(TIMES, longest / size) if longest else TIMES
    for _ in range(3):  # noise passes, growth stays
        short, long = seconds(call, make(size), 3), seconds(call, make(int(size * times)), 2)
        if long < MOST / TIMES * times * short:
            return ""
    return f"{size} characters take {short:.4f} s, {times:g} times as many {long:.4f} s"


def repeated(text: str, before: str = "", after: str = "") -> Callable[[int], str]:
    """A text over and over between two others, cut at so many characters."""
    return lambda size: before + (text * (size // len(text) + 1))[:size] + after


def hostile(words: Iterable[str], few: bool = True) -> Iterator[tuple[str, Callable[[int], str]]]:
    """Kinds of hostile text with their names: each word over and over, pairs, and one word before a flood of others.

    few: a dozen of the words, with few partners; all of them take minutes.
    """
    given = list(dict.fromkeys(words))
    if few:
        given = given[:: max(len(given) // 12, 1)]
    for word in dict.fromkeys((*ATOMS, *given)):
        yield f"{word!r} repeated", repeated(word)
        yield f"{word!r} repeated, then a letter", repeated(word, after="\x00z")
        for partner in PARTNERS[:3] if few else PARTNERS:
            yield f"{word + partner!r} repeated", repeated(word + partner)
            yield f"{partner + word!r} repeated", repeated(partner + word)
    for word in given:
        for flood in (" ", "b", "1"):
            yield f"{word!r}, then {flood!r}", repeated(flood, word, "\x00z")


def sayings(words: Iterable[str]) -> Iterator[tuple[str, Callable[[int], str]]]:
    """The same for readers of whole texts, which know more words and take longer."""
    for word in dict.fromkeys((*ATOMS, *words)):
        yield f"{word!r} repeated", repeated(word)
        yield f"{word!r} and spaces", repeated(word + " ")
        yield f"{word!r}, then spaces", repeated(" ", word, "z")


def words_in(pattern: str, flags: int) -> list[str]:
    """The literal runs of a pattern, and a character of each of its classes."""
    found: list[str] = []

    def walk(parsed: Any) -> None:
        run = ""
        for op, argument in parsed:
            name = str(op)
            if name == "LITERAL":
                run += chr(argument)
                continue
            if run:
                found.append(run)
                run = ""
            if name == "IN":
                found.extend(
                    chr(one[1] if str(one[0]) == "LITERAL" else one[1][0])
                    for one in argument
                    if str(one[0]) in ("LITERAL", "RANGE")
                )
            for inner in _inside(argument):
                walk(inner)
        if run:
            found.append(run)

    walk(re._parser.parse(pattern, flags))  # type: ignore[attr-defined]
    short = list(dict.fromkeys(one for one in found if one.strip()))
    return short[:: max(len(short) // 24, 1)]


def _inside(argument: Any) -> Iterator[Any]:
    if isinstance(argument, re._parser.SubPattern):  # type: ignore[attr-defined]
        yield argument
    elif isinstance(argument, (tuple, list)):
        for one in argument:
            yield from _inside(one)


def modules() -> list[ModuleType]:
    """Every module of the package that can be imported here."""
    found = []
    for one in pkgutil.walk_packages(zhiyin.__path__, "zhiyin."):
        try:
            found.append(importlib.import_module(one.name))
        except ImportError:  # an extra that is not installed
            continue
    return found


def patterns() -> dict[str, re.Pattern[str]]:
    """Every pattern of the package by where it is: compiled ones that modules hold, and literals in calls of re."""
    found: dict[re.Pattern[str], str] = {}
    for module in modules():
        for name, value in vars(module).items():
            for one in _held(value, 3):
                found.setdefault(one, f"{module.__name__}.{name}")
        for line, one in _written(module):
            found.setdefault(one, f"{module.__name__}:{line}")
    for name in ("", *pack_names()):
        pack = load_pack(name, Path())
        for made in (Phrases(pack), Numbers(pack.numbers)):
            for key, value in vars(made).items():
                for one in _held(value, 3):
                    found.setdefault(one, f"{type(made).__name__} of pack '{name}'.{key}")
    return {f"{where} {one.pattern[:40]!r}": one for one, where in found.items()}


def whole_only() -> set[str]:
    """The patterns that are only ever held against a whole text, by their own text: a search is another question to them."""
    sources = [(module, Path(str(module.__file__)).read_text("utf-8")) for module in modules()]
    everything = "\n".join(text for _, text in sources)
    found: set[str] = set()
    for module, text in sources:
        for name, value in vars(module).items():
            if isinstance(value, re.Pattern) and set(re.findall(rf"\b{name}\.(\w+)\(", everything)) == {"fullmatch"}:
                found.add(str(value.pattern))
        for node in ast.walk(ast.parse(text)):
            if (
                isinstance(node, ast.Call)
                and ast.unparse(node.func) == "re.fullmatch"
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found


def _held(value: Any, deep: int) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif deep and isinstance(value, Mapping):
        for one in value.values():
            yield from _held(one, deep - 1)
    elif deep and isinstance(value, (tuple, list, frozenset)):
        for one in value:
            yield from _held(one, deep - 1)
    elif deep and is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _held(getattr(value, field.name, None), deep - 1)


class _Names(dict[str, Any]):
    """A module's names; one that is only known at run time stands for a word."""

    def __missing__(self, name: str) -> Any:
        return getattr(__import__("builtins"), name, "word")


CALLS = {"compile", "sub", "subn", "match", "fullmatch", "search", "findall", "finditer", "split"}


def _written(module: ModuleType) -> Iterator[tuple[int, re.Pattern[str]]]:
    source = Path(str(module.__file__)).read_text("utf-8")
    for node in ast.walk(ast.parse(source)):
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in CALLS
            and node.args
        ):
            continue
        if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re"):
            continue
        rest = (*node.args[1:], *(word.value for word in node.keywords))
        given = [one for one in rest if re.fullmatch(r"re\.[A-Z]+( \| re\.[A-Z]+)*", ast.unparse(one))]
        names = _Names(vars(module))
        try:
            pattern = eval(compile(ast.Expression(node.args[0]), "", "eval"), dict(names), names)
            flags = sum(int(eval(compile(ast.Expression(one), "", "eval"), {}, names)) for one in given)
            made = pattern if isinstance(pattern, re.Pattern) else re.compile(pattern, flags)
        except Exception as error:
            raise AssertionError(f"{module.__name__}:{node.lineno}: a pattern that cannot be read: {error}") from error
        if isinstance(
            made.pattern, str
        ):  # one of bytes is written for the head of a file or a path, whose lengths are bounded
            yield node.lineno, made
