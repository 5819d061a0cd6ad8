"""Asked: what somebody says of files, where the files do not say it themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zhiyin.data.times import UTC, TimeForm
from zhiyin.errors import SettingError

TABLES = ("events", "items", "users", "edges")

OURS = (
    *("user_id", "item_id", "friend_id", "timestamp", "event_type", "value", "session_id", "title", "text", "price"),
    *("stock", "in_stock", "hidden", "available_from", "available_until", "images", "event_id", "position", "ignore"),
)
"""Names that a column may be given; "ignore" leaves it out."""


@dataclass(frozen=True)
class Asked:
    """How to read files.

    table: what they are, one of TABLES, "" to tell from their columns. names: our name (one of OURS) by column. encoding:
    of text files, "" to tell from their bytes. times: unit, order and zone of times. ordered: events have no times, the
    order of the rows counts. currency: of prices that do not say it. replace: an item's row replaces what is known of it,
    instead of adding to it. kinds: of events, by names of one's own; see kinds.own_names.
    personalise: the users of the files agreed that their attributes are read, where no column says it. Raises SettingError.
    """

    table: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    encoding: str = ""
    times: TimeForm = UTC
    ordered: bool = False
    currency: str = ""
    replace: bool = False
    kinds: Mapping[str, str] = field(default_factory=dict)
    personalise: bool = False

    def __post_init__(self) -> None:
        if self.table not in ("", *TABLES):
            raise SettingError(f"a file may be read as {', '.join(TABLES)}, not as '{self.table}'")
        for column, name in self.names.items():
            if name not in OURS:
                raise SettingError(f"column '{column}' cannot be named '{name}': must be one of {', '.join(OURS)}")
        try:
            "".encode(self.encoding or "utf-8")
        except LookupError:
            raise SettingError(
                f"encoding '{self.encoding}': must be a name like utf-8, gb18030, big5 or latin-1"
            ) from None


NOTHING = Asked()
