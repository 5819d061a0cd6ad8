"""Availability: right answers that nothing could have shown when it was asked, so that zeros are not read as a bad recipe."""

from __future__ import annotations

import numpy as np

from zhiyin.data.split import Cases


def could_not_be_shown(cases: Cases) -> str:
    """What a report says of right answers that were hidden, or outside their window of availability; "" for none."""
    items = cases.known.items
    begin, end, hidden = items.windows()
    lengths = [len(targets) for targets in cases.targets]
    wanted = np.concatenate([np.empty(0, np.int32), *cases.targets])
    now = np.repeat(np.array(cases.now, np.float64), lengths)
    early = (begin[wanted] > now) & (now != 0)
    late = (end[wanted] <= now) & (now != 0)
    gone = early | late | hidden[wanted]
    if not gone.any():
        return ""
    why = {"available_from is later": early, "available_until is earlier": late & ~early, "hidden": hidden[wanted]}
    told = ", ".join(f"{name}: {int(rows.sum()):,}" for name, rows in why.items() if rows.any())
    return (
        f"{int(gone.sum()):,} of {len(wanted):,} right answers could not be shown at the time they were asked for "
        f"({told}): no recipe can find them; check the dates of the items"
    )
