"""Where the server asks for a key, the page asks for it once, and a reload does not ask again."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from page_server import made_engine, served
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_the_page_asks_for_a_key_instead_of_failing(browser: Browser) -> None:
    engine = made_engine()
    engine.settings = replace(engine.settings, keys=frozenset({hashlib.sha256(b"open sesame").hexdigest()}))
    with served(engine) as base:
        context = browser.new_context(reduced_motion="reduce", locale="en-GB")
        page = context.new_page()
        page.goto(f"{base}/?user=ann-1&lang=en")
        page.fill("#login-key", "wrong")
        page.click("[data-act=login]")
        page.get_by_text("unknown or has expired").wait_for()
        page.keyboard.press("Escape")
        assert page.locator("#login").is_visible(), "there is nothing behind it to be seen"
        page.fill("#login-key", "open sesame")
        page.click("[data-act=login]")
        page.wait_for_selector("[data-shelf=for_you] [data-item]")
        assert page.evaluate("document.cookie") == "", "no script can read the session"
        assert "sesame" not in page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
        page.locator("[data-shelf=for_you] [data-item] [data-act=like]").first.click()
        page.wait_for_selector("#profile [data-topic]")
        page.reload()
        page.wait_for_selector("[data-shelf=for_you] [data-item]")
        assert not page.locator("#login").is_visible()
        context.close()
