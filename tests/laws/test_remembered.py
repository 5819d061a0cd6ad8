"""What is remembered of foreign texts has a bound in bytes: a cache that counts entries alone takes whatever is sent."""

from __future__ import annotations

import ast
import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from growth import modules

from zhiyin.encoders.hashing import Hashing
from zhiyin.text.attributes import is_topic
from zhiyin.understanding.lexicon import fold

CALLS: dict[str, Callable[[str], object]] = {
    "hashing": Hashing(width=64).encode_query,
    "is_topic": lambda text: is_topic("colour", text),
    "is_topic by name": lambda text: is_topic(text, "red"),
    "fold": fold,
}


def kept(call: Callable[[str], object], texts: range) -> int:
    """Bytes that stay after calls with so many different long texts."""
    gc.collect()
    tracemalloc.start()
    for number in texts:
        call(f"w{number}" + "a" * 2_000)
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size


@pytest.mark.parametrize("name", CALLS)
def test_long_texts_are_not_kept(name: str) -> None:
    CALLS[name]("a" * 2_000)
    assert kept(CALLS[name], range(40)) < 20_000


def test_every_large_cache_of_the_package_is_bounded_by_length_too() -> None:
    """Caches of a few hundred texts are short of that by their number; larger ones must say how long a text they keep."""
    found = []
    for module in modules():
        path = Path(str(module.__file__))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("lru_cache", "functools.lru_cache"):
                given = [*node.args, *(word.value for word in node.keywords if word.arg == "maxsize")]
                if path.name != "remembered.py" and any(_large(one) for one in given):
                    found.append(f"{module.__name__}:{node.lineno}")
    assert not found


def _large(size: ast.expr) -> bool:
    value = eval(compile(ast.Expression(size), "", "eval"), {})
    return value is None or value > 1000
