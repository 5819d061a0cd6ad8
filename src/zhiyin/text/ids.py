"""Ids as both doors take them: files and HTTP mean the same person and the same thing by the same text."""

from __future__ import annotations

from typing import Any

LONGEST = 512
"""Characters of an id at most."""

CONTROL = r"[\x00-\x1f\x7f]"
"""What no id holds, as a regular expression."""

SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""What is cut off both ends of an id: white space as Unicode has it, and as polars strips it from columns."""

AN_ID = f"1 to {LONGEST} characters, none of them a control character"


def plain(value: Any) -> Any:
    """An id without the spaces around it; 7 and 7.0 are "7". What is neither text nor a whole number stays as it is."""
    if isinstance(value, str):
        return value.strip(SPACES)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value
