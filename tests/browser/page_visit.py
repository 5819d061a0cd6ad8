"""A visit to the page: what a test sees and does."""

from __future__ import annotations

from dataclasses import dataclass, field

from page_server import Engine
from playwright.sync_api import Page


@dataclass
class Visit:
    """A page, the server behind it, and everything the browser complained of or asked for."""

    page: Page
    base: str
    engine: Engine
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def go(self, query: str = "user=ann-1&lang=en") -> Visit:
        self.page.goto(f"{self.base}/?{query}")
        self.page.wait_for_selector("[data-shelf=for_you] [data-item]")
        self.page.wait_for_selector("#profile #topic-field")
        self.page.evaluate("window.sameDocument = true")
        return self

    def shown(self, shelf: str = "for_you") -> list[str]:
        cards = self.page.locator(f"[data-shelf={shelf}] [data-item]")
        return cards.evaluate_all("cards => cards.map(card => card.dataset.item)")

    def wait_changed(self, before: list[str], shelf: str = "for_you") -> list[str]:
        self.page.wait_for_function(
            "([shelf, old]) => { const list = document.querySelector(`[data-shelf=${shelf}]`);"
            " return list.getAttribute('aria-busy') === 'false' &&"
            " [...list.querySelectorAll('[data-item]')].map(card => card.dataset.item).join() !== old }",
            arg=[shelf, ",".join(before)],
        )
        return self.shown(shelf)
