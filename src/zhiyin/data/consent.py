"""Consent: whether what somebody registered may be read for recommending. Without their yes it is kept and not read."""

from __future__ import annotations

from collections.abc import Mapping

from zhiyin.data.cells import TRUE

NAMES = frozenset(
    ("personalise", "personalize", "personalised", "personalized", "consent", "einwilligung", "个性化", "个性化推荐", "同意")
)  # fmt: skip
"""Columns of users that say it, folded."""


def told(attributes: Mapping[str, str], unsaid: bool | None = None) -> tuple[dict[str, str], bool | None]:
    """A row of users as its attributes without the columns of consent, and what these say; unsaid where there are none.

    A cell that is neither yes nor no is a no: nobody agreed to it. Of several columns all must say yes.
    """
    kept = {name: text for name, text in attributes.items() if name.strip().casefold() not in NAMES}
    said = [text.strip().casefold() for name, text in attributes.items() if name not in kept]
    return kept, all(one in TRUE for one in said) if said else unsaid


def readable(attributes: Mapping[str, str]) -> dict[str, str]:
    """What of a row of users may be read: its attributes where it says yes, else nothing."""
    kept, agreed = told(attributes)
    return kept if agreed else {}
