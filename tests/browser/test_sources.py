"""The page's source: no markup made from data, nothing loaded from elsewhere."""

from __future__ import annotations

import re

from page_server import WEB

SOURCES = [*WEB.rglob("*.js"), *WEB.rglob("*.css"), *WEB.rglob("*.html")]


def test_no_file_turns_text_into_markup_or_code() -> None:
    for path in SOURCES:
        found = re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\bon\w+=\"", path.read_text()
        )
        assert not found, f"{path.name}: {found}"


def test_nothing_is_loaded_from_another_host() -> None:
    for path in SOURCES:
        for address in re.findall(r"https?://[^\s\"')]+", path.read_text()):
            assert address == "http://www.w3.org/2000/svg", f"{path.name}: {address}"


def test_every_file_stays_readable_in_one_sitting() -> None:
    for path in SOURCES:
        assert len(path.read_text().splitlines()) <= 350, path.name
