"""A visit to the page: what a test sees and does."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import Page

from zhiyin.event import Event
from zhiyin.languages.messages import language_codes
from zhiyin.serving.engine import Engine


@dataclass
class Visit:
    """A page, the server behind it, and everything the browser complained of or asked for."""

    page: Page
    base: str
    engine: Engine
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def speak(self, tag: str) -> None:
        """Press the language switch until the page speaks a language."""
        for _ in range(len(language_codes())):
            self.page.locator("[data-act=language]").click()
            if self.page.evaluate("document.documentElement.lang") == tag:
                return
        raise AssertionError(f"no press of the switch led to {tag}")

    def go(self, query: str = "user=ann-1&lang=en") -> Visit:
        """Open the page and wait for the list and the profile."""
        self.arrive(query)
        self.page.wait_for_selector("[data-shelf=for_you] [data-item]")
        self.page.wait_for_selector("#profile #topic-field")
        self.page.wait_for_selector("#filters details")
        return self

    def arrive(self, query: str) -> None:
        """Open the page and mark its document, so that a reload would be noticed."""
        self.page.goto(f"{self.base}/?{query}")
        self.page.evaluate("window.sameDocument = true")

    def shown(self, shelf: str = "for_you") -> list[str]:
        """Item ids of a shelf, in order."""
        cards = self.page.locator(f"[data-shelf={shelf}] [data-item]")
        return cards.evaluate_all("cards => cards.map(card => card.dataset.item)")

    def traits(self) -> list[str]:
        """The trait lines of the person's own list."""
        return self.page.locator("[data-shelf=for_you] .traits").all_inner_texts()

    def wait_changed(self, before: list[str], shelf: str = "for_you") -> list[str]:
        """Wait until a shelf is settled and differs; gives its ids."""
        self.page.wait_for_function(
            "([shelf, old]) => { const list = document.querySelector(`[data-shelf=${shelf}]`);"
            " return list.getAttribute('aria-busy') === 'false' &&"
            " [...list.querySelectorAll('[data-item]')].map(card => card.dataset.item).join() !== old }",
            arg=[shelf, ",".join(before)],
        )
        return self.shown(shelf)

    def said(self) -> list[Event]:
        """What was sent about people, without the impressions."""
        users = self.engine.people.find("", 1000)["users"]
        events = [event for user in users for event in self.engine.store.log.of_user(user["user_id"])]
        return [event for event in events if event.timestamp > 1_700_100_000 and event.event_type != "impression"]

    def cut(self, *paths: str) -> None:
        """Let requests to these paths fail, as if the server were gone."""
        for path in paths:
            self.page.route(f"{self.base}{path}", lambda route: route.abort())
