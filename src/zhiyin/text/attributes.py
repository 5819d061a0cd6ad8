"""Attributes: what a value says of its item. Which texts are topics, when an item is out of stock, what a filter means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from zhiyin.text.remembered import remembered

Attribute: TypeAlias = str | float | bool | tuple[str, ...]

STOCK = frozenset(("in_stock", "stock"))
"""Attributes that say whether an item can be had."""

OUT = frozenset(
    (
        *(
            "0",
            "false",
            "no",
            "n",
            "out",
            "out of stock",
            "out_of_stock",
            "outofstock",
            "sold out",
            "sold_out",
            "soldout",
        ),
        *("否", "无", "没有", "缺货", "无货", "售罄", "断货"),
    )
)
"""What a text about stock says when there is none."""

NO_TOPICS = re.compile(
    r"(?:.*_)?(?:url|uri|link|href|email|phone|hash|md5|uuid|guid|timestamp|currency|stock|sku|slug|handle|barcode|ean|upc|gtin|isbn\d*)"
    r"|hidden|price"
)
"""Names of attributes whose texts are never topics."""

AN_ID = re.compile(
    r"(?:.*_)?ids?|(?:imdb|tmdb|tvdb|movie|film|item|product|article|book|song|track|album|artist|anime|game|app|video|show|"
    r"parent|external|internal|variant|seller|vendor|shop|store|brand|category|genre|author|user)ids?|.*(?:编号|编码|条码)"
)
"""Names of ids: their values with a digit in them are no topics."""

_NO_VALUES = re.compile(
    r"\d{5,}"  # a long number that stayed a text
    r"|\d{4}[-/.年]\d{1,2}(?:[-/.月]\d{1,2}日?)?(?:[ T]\d{1,2}:.*)?"
    r"|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}(?: \d{1,2}:.*)?"
    r"|\d{1,2}[ -][A-Za-z]{3,9}[ -]\d{2,4}"
    r"|[A-Z][a-z]{2,8} \d{1,2}, \d{4}"
    r"|\d{1,2}:\d\d(?::\d\d)?"
    r"|(?:https?|s3|ftp)://.*|www\..*|[^@\s]+@[^@\s]+\.\w+"
    r"|[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"
    r"|(?:[Tt]rue|TRUE|[Ff]alse|FALSE|[Yy]es|YES|[Nn]o|NO)|是|否"
    r"|(?i:null|nan|n/a|undefined)|\\N|[-–—?.]+"
)
"""Dates, times of day, long numbers, links, addresses, random ids, truths, and what stands for nothing."""


@remembered(1 << 16, letters=128)
def is_topic(name: str, value: str) -> bool:
    """Whether a text of an attribute says what an item is about: no date, id, link, truth or stock."""
    if NO_TOPICS.fullmatch(name) or _NO_VALUES.fullmatch(value):
        return False
    return not (AN_ID.fullmatch(name) and any(one.isdigit() for one in value))


def out_of_stock(attributes: Mapping[str, Attribute]) -> bool:
    """Whether an item cannot be had now: in_stock says no, or where that says nothing stock is 0 or less."""
    for name in ("in_stock", "stock"):
        said = attributes.get(name)
        if isinstance(said, str):
            return said.strip().lower() in OUT
        if said is not None:
            return not isinstance(said, tuple) and said <= 0
    return False


class Values:
    """What some texts ask of an attribute's value: equal but for case, and a number by its value, however written."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.folded = frozenset(one.strip().casefold() for one in texts)
        self.numbers = frozenset(number for one in self.folded if (number := _number(one)) is not None)

    def meet(self, value: Attribute) -> bool:
        """Whether a value is one of them; of several values one is enough."""
        if isinstance(value, bool):
            return bool(self.folded & ({"true", "yes", "1", "是"} if value else {"false", "no", "0", "否"}))
        if isinstance(value, int | float):
            return value in self.numbers
        values = (value,) if isinstance(value, str) else value
        return not self.folded.isdisjoint(one.strip().casefold() for one in values)


def _number(text: str) -> float | None:
    """A plain number; one of more than 15 digits is an id, which a float could not tell from its neighbours."""
    if not re.fullmatch(r"[-+]?\d{1,15}(?:\.\d+)?", text):
        return None
    return float(text)
