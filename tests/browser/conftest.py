"""One Chromium for all tests of the page; a fresh server and a fresh browser context for each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_server import made_engine, served
from page_visit import Visit
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        assert not os.environ.get("CI"), f"{CHROMIUM} is missing: apt-get install chromium"
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Nothing may leave this machine or the document, and the browser may have nothing to complain of."""
    engine = made_engine()
    options = getattr(request, "param", {"viewport": {"width": 1360, "height": 900}})
    with served(engine) as base:
        context = browser.new_context(**options, reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        page.set_default_timeout(20_000)
        visit = Visit(page, base, engine)
        page.on(
            "console", lambda said: visit.complaints.append(said.text) if said.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        page.on("request", lambda asked: visit.requests.append(asked.url))
        yield visit
        assert all(url.startswith(visit.base) for url in visit.requests), visit.requests
        assert page.evaluate("window.sameDocument") is True, "the page was loaded again"
        assert not visit.complaints, visit.complaints
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        context.close()
