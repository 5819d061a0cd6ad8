"""Ids that match nothing because they are written in another way than the ones they mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

WRITTEN: Mapping[str, Callable[[str], str]] = {
    "a decimal": lambda one: re.sub(r"\.0+$", "", one),
    "capital letters": str.casefold,
    "spaces inside": lambda one: re.sub(r"\s+", "", one),
    "zeros in front": lambda one: one.lstrip("0") or "0",
    "dashes": lambda one: one.replace("-", ""),
    "a word in front": lambda one: re.sub(r"^\D+(?=\d+$)", "", one),
}
"""How ids that mean the same come to differ: 13085.0 and 13085, A7 and a7, 007 and 7, user_7 and 7."""

SURE = ("a decimal", "capital letters", "spaces inside")
"""The ways in which two ids of the same table differ only where somebody wrote one of them wrongly."""

MOST = 20_000
"""Ids looked at, the first in order."""


def alike(lost: Collection[str], known: Collection[str]) -> str:
    """Of ids that match no known one, those that would if they were written alike; "" when there are none.

    With the same ids twice: which of them mean the same.
    """
    same = lost is known
    some = sorted(lost)[:MOST]
    for how, plain in WRITTEN.items():
        if same and how not in SURE:
            continue
        there = {plain(one): one for one in sorted(known) if not same or plain(one) == one}
        pairs = [(one, there[plain(one)]) for one in some if there.get(plain(one), one) != one]
        if pairs:
            first, other = pairs[0]
            return (
                f"{len(pairs):,} ids differ from known ones only by {how}: '{first}' beside '{other}'; write them alike"
            )
    return ""
