"""One Chromium and one server for all tests of the page; a fresh browser context and a fresh past for each test."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from page_server import Engine, create_app
from page_visit import Visit
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        assert not os.environ.get("CI"), f"{CHROMIUM} is missing: apt-get install chromium"
        pytest.skip(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def served() -> Iterator[tuple[str, Engine]]:
    engine = Engine()
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(engine), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{door.getsockname()[1]}", engine
        server.should_exit = True
        thread.join()


@pytest.fixture
def visit(browser: Browser, served: tuple[str, Engine], request: pytest.FixtureRequest) -> Iterator[Visit]:
    base, engine = served
    engine.events.clear()
    engine.edits.clear()
    engine.failing.clear()
    options = getattr(request, "param", {"viewport": {"width": 1360, "height": 900}})
    context = browser.new_context(**options, reduced_motion="reduce", locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(5000)
    visit = Visit(page, base, engine)
    page.on("console", lambda said: visit.complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("request", lambda asked: visit.requests.append(asked.url))
    yield visit
    context.close()
