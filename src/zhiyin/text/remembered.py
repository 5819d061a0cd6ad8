"""Remembered: results for short texts are kept, those for long ones made anew; strangers choose the texts, and a cache
that counts entries and not their length has no bound in bytes."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
R = TypeVar("R")


def remembered(most: int, letters: int = 64) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep the results of a function whose arguments are texts: so many, each of at most so many letters in all of them.

    Arguments given by name are never kept.
    """

    def decorate(call: Callable[P, R]) -> Callable[P, R]:
        kept = lru_cache(most)(call)

        @wraps(call)
        def remembering(*given: P.args, **named: P.kwargs) -> R:
            texts = cast(tuple[str, ...], given)
            return kept(*given) if not named and sum(map(len, texts)) <= letters else call(*given, **named)

        return remembering

    return decorate
