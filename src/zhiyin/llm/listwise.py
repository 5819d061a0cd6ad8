"""Listwise: a language model orders a short list. What it answers becomes a permutation, whatever it answers.

Items go by letters, so no id reaches the model; every pass shows them in another order, since models favour places in a list
(Hou et al., 2023); the passes' places are averaged. Letters that are missing keep the order they had, those that are not there or come
twice are passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from zhiyin.arrays import Floats
from zhiyin.errors import BudgetExceeded, InvalidReply, ModelError
from zhiyin.llm.guard import clean, fenced
from zhiyin.llm.prompts import prompt
from zhiyin.ports import Call, LanguageModel, Message

LETTERS = "ABCDEFGHIJKLMNOPQRST"

LINE = 160
"""Characters of one item's line: title and attributes."""

READ = 4_000
"""Characters of a reply that are looked at."""


@dataclass(frozen=True)
class Listing:
    """What is asked: lines of items in the order they stand, lines of what was liked, and a wish in words."""

    items: Sequence[str]
    liked: Sequence[str] = ()
    wish: str = ""
    language: str = "en"


@dataclass(frozen=True)
class Opinion:
    """What a model said of a list. places: 0 for the best to 1 for the worst, the mean over passes, None where no pass
    succeeded. notes: what went wrong, or nothing."""

    places: Floats | None
    passes: int
    notes: tuple[str, ...] = ()


def opinion(
    model: LanguageModel, listing: Listing, passes: int, deadline: float | None = None, seed: Sequence[int] = (0,)
) -> Opinion:
    """Ask for an order in several passes, at once. Never raises for what a model does; see Opinion.notes.

    deadline: seconds for all passes; those that are not back by then do not count.
    """
    count = len(listing.items)
    if count < 2:
        return Opinion(None, 0)
    shuffled = [np.random.default_rng([*seed, number]).permutation(count) for number in range(passes)]
    until = None if deadline is None else perf_counter() + deadline
    pool = ThreadPoolExecutor(passes)
    asked = [pool.submit(copy_context().run, _said, model, listing, list(order), deadline) for order in shuffled]
    wait(asked, None if until is None else max(until - perf_counter(), 0.0))
    pool.shutdown(wait=False, cancel_futures=True)
    places, notes = [], []
    for order, future in zip(shuffled, asked, strict=True):
        if not future.done():
            notes.append(f"no reply within {deadline:g} s")
        elif isinstance(error := future.exception(), ModelError):
            notes.append(_plainly(error))
        else:
            said, read = permutation(future.result(), count)
            if 2 * read < count:  # prose has an A and an I in it too
                notes.append(f"the reply named {read} of {count} items")
                continue
            place = np.empty(count)
            place[order[said]] = np.arange(count) / (count - 1)
            places.append(place)
    mean = np.mean(places, 0).astype(np.float32) if places else None
    return Opinion(mean, len(places), tuple(dict.fromkeys(notes)))


def _plainly(error: ModelError) -> str:
    """What went wrong, without the error's own words: they may quote the reply, and so the prompt, to whoever reads a trace."""
    if isinstance(error, BudgetExceeded):
        return "the budget is spent"
    return "the reply was unusable" if isinstance(error, InvalidReply) else "the model failed"


def permutation(text: str, count: int) -> tuple[list[int], int]:
    """Places of a reply's letters, best first, each of the first `count` exactly once; and how many the reply named.

    Read from {"order": […]}, or from the letters that stand alone in the text.
    """
    said: list[int] = []
    for letter in _letters(text[:READ]):
        place = LETTERS.find(letter)
        if 0 <= place < count and place not in said:
            said.append(place)
    return [*said, *(place for place in range(count) if place not in said)], len(said)


def _letters(text: str) -> list[str]:
    start, end = text.find("{"), text.rfind("}")
    if 0 <= start < end:
        try:
            found = json.loads(text[start : end + 1])
            if isinstance(found, dict) and isinstance(found.get("order"), list):
                return [one.strip() for one in found["order"] if isinstance(one, str) and len(one.strip()) == 1]
        except (ValueError, RecursionError):
            pass
    return re.findall(r"(?<![A-Za-z])[A-T](?![A-Za-z])", text)


def _said(model: LanguageModel, listing: Listing, order: Sequence[int], deadline: float | None) -> str:
    letters = LETTERS[: len(order)]
    schema = {
        "type": "object",
        "properties": {
            "order": {
                "type": "array",
                "items": {"type": "string", "enum": list(letters)},
                "minItems": len(order),
                "maxItems": len(order),
            }
        },
        "required": ["order"],
        "additionalProperties": False,
    }
    call = Call(_messages(listing, order), schema=schema, max_tokens=8 * len(order) + 24, timeout=deadline)
    return model.complete(call).text


def _messages(listing: Listing, order: Sequence[int]) -> list[Message]:
    lines = [f"{letter}: {_line(listing.items[place])}" for letter, place in zip(LETTERS, order, strict=False)]
    liked = "\n".join(_line(one) for one in listing.liked) or "-"
    return prompt("rank", listing.language).messages(
        items=fenced("\n".join(lines), "items", 40 * LINE),
        liked=fenced(liked, "liked", 20 * LINE),
        wish=fenced(listing.wish or "-", "wish", 300),
        letters=", ".join(LETTERS[: len(order)]),
    )


def _line(text: str) -> str:
    """An item's text on one line: it cannot begin a line of its own."""
    return " ".join(clean(text, LINE).split())


def capped(wanted: Sequence[int], places: int) -> list[int]:
    """An order near a wanted one in which nobody moves by more than so many places, up or down.

    wanted: a permutation of 0 … n-1, where numbers are the places held now. Returns a permutation.
    """
    rank = {place: position for position, place in enumerate(wanted)}
    left = sorted(rank)
    order: list[int] = []
    for position in range(len(wanted)):
        last = left[0]  # the one longest passed over: if it can wait no longer, it is its turn
        if last + places <= position:
            chosen = last
        else:
            chosen = min((one for one in left if one <= position + places), key=rank.__getitem__)
        left.remove(chosen)
        order.append(chosen)
    return order
