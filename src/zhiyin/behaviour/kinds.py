"""The kinds of events: one table of their weights, the meaning of their value, what they hide, and their other names.

The table is kinds.toml. Whatever needs to know something of a kind reads it here, so that a new kind is one entry there.
"""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import resources

ALWAYS = float("inf")
"""Days an item stays hidden after an event that hides it for good."""

NEVER = 0.0
"""Days an item stays hidden after an event that hides nothing."""

DEFAULT = "interaction"
"""What an event is that came without a kind."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of event: see the head of kinds.toml. hides: days. cancels: "" where nothing is taken back."""

    name: str
    weight: float
    value: str
    hides: float
    cancels: str
    names: tuple[str, ...]


def folded(name: str) -> str:
    """A name's letters and digits: "Add to-Cart" and "add_to_cart" and "AddToCart" are one."""
    return "".join(one for one in unicodedata.normalize("NFKC", name).casefold() if one.isalnum())


def days(hides: str | float) -> float:
    """How many days an item stays hidden: "always", "never" or a number."""
    return {"always": ALWAYS, "never": NEVER}[hides] if isinstance(hides, str) else float(hides)


def _table() -> tuple[Kind, ...]:
    text = (resources.files("zhiyin") / "behaviour" / "kinds.toml").read_text(encoding="utf-8")
    rows = tomllib.loads(text)["kind"]
    return tuple(
        Kind(row["name"], row["weight"], row["value"], days(row["hides"]), row.get("cancels", ""), tuple(row["names"]))
        for row in rows
    )


TABLE: tuple[Kind, ...] = _table()
"""Every kind, in the order of their codes."""

KINDS: tuple[str, ...] = tuple(kind.name for kind in TABLE)
"""Their names, in the order of their codes."""

CODES: Mapping[str, int] = {kind: code for code, kind in enumerate(KINDS)}

WITHOUT_ITEM = frozenset({"search", "message"})
"""Kinds that need no item: their text is in the context."""

KNOWN: Mapping[str, str] = {folded(name): kind.name for kind in TABLE for name in (*kind.names, kind.name)}
"""The kind behind each folded name."""


def known_kind(name: str, own: Mapping[str, str] = KNOWN) -> str:
    """The kind that a name stands for. Raises ValueError that says which there are, and which is nearest."""
    kind = kind_of(name, own)
    if kind is None:
        near = get_close_matches(folded(name[:64]), KNOWN, 1)
        hint = f". Did you mean '{KNOWN[near[0]]}'?" if near else ""
        raise ValueError(f"'{name[:64]}' is no kind of event; there are {', '.join(KINDS)} and their usual names{hint}")
    return kind


def kind_of(name: str, own: Mapping[str, str] = KNOWN) -> str | None:
    """The kind that a name or a synonym stands for; None where it is neither. own: names of one's own, folded, first."""
    plain = folded(name)
    return own.get(plain) or KNOWN.get(plain)


def own_names(table: Mapping[str, object]) -> dict[str, str]:
    """The kinds behind the names of one's own in an [events] table: trial_started = "cart". Raises ValueError."""
    return {folded(name): known_kind(kind) for name, kind in table.items() if isinstance(kind, str)}
