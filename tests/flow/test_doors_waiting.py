"""Whatever hangs behind the door, liveness answers, what can be answered is, and the rest is refused with a time to come again."""

from __future__ import annotations

import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from doors import ask, served, world

from zhiyin.errors import ModelError
from zhiyin.llm.deadline import Timely, within
from zhiyin.ports import Call, Message, Reply
from zhiyin.serving.engine import Engine
from zhiyin.understanding.planned import planning

CLICK = {"user_id": "new", "item_id": "w01", "event_type": "click"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with world(tmp_path) as engine:
        yield engine


class Hung:
    """A language model, or an encoder, that answers when it is let go."""

    identity = "hung"

    def __init__(self) -> None:
        self.free = threading.Event()
        self.asked = threading.Semaphore(0)

    def complete(self, call: Call) -> Reply:
        self.asked.release()
        self.free.wait(60)
        raise ModelError("let go")

    def encode_query(self, text: str) -> object:
        self.asked.release()
        self.free.wait(60)
        raise ModelError("let go")


def test_liveness_and_readiness_tell_the_truth_under_a_foreign_lock(engine: Engine) -> None:
    foreign = sqlite3.connect(str(engine.store.file), isolation_level=None)
    with served(engine) as port:
        assert ask(port, "GET", "/health/ready")[0] == 200
        foreign.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(12) as many:
            writes = [many.submit(ask, port, "POST", "/events", CLICK) for _ in range(12)]
            assert ask(port, "GET", "/health/live")[:2] == (200, {"live": True})
            answers = [one.result() for one in writes]
        assert {status for status, _, _ in answers} == {503}
        assert {said["code"] for _, said, _ in answers} <= {"store_busy", "busy"}
        assert all(int(headers["retry-after"]) > 0 for _, _, headers in answers)
        time.sleep(1.1)  # what readiness found is true for a second
        status, said, headers = ask(port, "GET", "/health/ready")
        assert (status, said["code"]) == (503, "store_busy")
        assert "retry-after" in headers
        foreign.execute("ROLLBACK")
        assert ask(port, "POST", "/events", CLICK)[1]["accepted"] == 1
    foreign.close()


def test_a_hung_encoder_holds_its_own_pool_alone(engine: Engine) -> None:
    hung = Hung()
    with served(engine) as port:
        assert ask(port, "GET", "/users/ann-1/recommendations")[0] == 200
        engine.live.search.encoders["text"] = hung  # type: ignore[assignment]
        with ThreadPoolExecutor(40) as many:
            found = [many.submit(ask, port, "GET", f"/search?q=wine{number}") for number in range(40)]
            for _ in range(4):
                hung.asked.acquire(timeout=30)
            refused = next(one.result() for one in _done(found) if one.result()[0] == 503)
            assert (refused[1]["code"], "retry-after" in refused[2]) == ("busy", True)
            assert ask(port, "GET", "/health/live")[0] == 200
            assert ask(port, "GET", "/users/ann-1/recommendations")[0] == 200
            assert ask(port, "POST", "/events", CLICK)[0] == 200
            hung.free.set()
        assert {one.result()[0] for one in found} == {200, 503}


SLOW = [
    ("DELETE", "/users/ann-{}"),
    ("DELETE", "/items/w0{}"),
    ("POST", "/models/0001/promote"),
    ("POST", "/models/0001/rollback"),
]


@pytest.mark.parametrize(("method", "path"), SLOW)
def test_what_administrators_ask_for_holds_no_write_however_long_it_takes(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, method: str, path: str
) -> None:
    """An erasure waits for another process's, a version is loaded and tried; both in a line of their own."""
    free = threading.Event()
    folder = engine.versions
    assert folder is not None
    erasing, load = folder.erasing, folder.load

    def waiting(work: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *given: (free.wait(60), work(*given))[1]

    monkeypatch.setattr(folder, "erasing", waiting(erasing))
    monkeypatch.setattr(folder, "load", waiting(load))
    with served(engine) as port, ThreadPoolExecutor(100) as many:
        assert ask(port, "GET", "/users/ann-1/recommendations")[0] == 200
        found = [many.submit(ask, port, method, path.format(number % 9)) for number in range(100)]
        try:
            refused = next(one.result() for one in _done(found) if one.result()[0] == 503)
            assert (refused[1]["code"], "retry-after" in refused[2]) == ("busy", True)
            beside = ThreadPoolExecutor(3)
            for asked in (("POST", "/events", CLICK), ("PUT", "/items/new", {"title": "new"}), ("PUT", "/users/u", {})):
                assert beside.submit(ask, port, *asked).result(timeout=10)[0] == 200
        finally:
            free.set()
        assert {one.result()[0] for one in found} <= {200, 404, 409, 503}


def _done(found: list) -> Iterator:
    while not any(one.done() for one in found):
        time.sleep(0.01)
    return (one for one in found if one.done())


def test_a_conversation_with_a_hung_model_answers_by_rules_at_its_deadline(engine: Engine) -> None:
    hung = Hung()
    engine.versions.models = SimpleNamespace(of=lambda use: Timely(hung), forget=lambda user: 0)  # type: ignore[attr-defined]
    with served(engine, message_seconds=0.5) as port:
        status, said, _ = ask(port, "POST", "/chat", {"message": "a red from Italy"})
        assert (status, said["items"][0]["metadata"]["attributes"]["country"]) == (200, "Italy")
        hung.free.set()


def test_all_attempts_of_a_call_share_one_deadline() -> None:
    hung = Hung()
    model, call = Timely(hung), Call([Message("user", "hello")], timeout=30.0)
    with within(0.2), pytest.raises(ModelError, match="no reply within 0"):
        model.complete(call)
    with within(0.2):
        time.sleep(0.21)
        with pytest.raises(ModelError, match="no time is left"):
            model.complete(call)
    hung.free.set()
    assert planning(model, 0.2)


def test_256_connections_that_say_nothing_keep_nobody_out(engine: Engine) -> None:
    with served(engine) as port:
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(256)]
        for one in idle[::2]:
            one.sendall(b"GET /users/ann-1/recommendations HTTP/1.1\r\nHost: localhost\r\n")
        assert ask(port, "GET", "/health/live")[0] == 200
        assert ask(port, "GET", "/users/ann-1/recommendations")[0] == 200
        for one in idle:
            one.close()


def test_a_full_disk_is_507_and_readiness_says_so(engine: Engine) -> None:
    with served(engine) as port:
        with engine.store.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        import sqlalchemy as sa

        @sa.event.listens_for(engine.store.engine, "connect")
        def small(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute(f"PRAGMA max_page_count = {pages}")

        engine.store.engine.dispose()
        events = [{**CLICK, "item_id": f"w{at % 40:02}", "context": {"text": "x" * 15_000}} for at in range(200)]
        status, said, headers = ask(port, "POST", "/events", events)
        assert (status, said["code"]) == (507, "disk_full")
        assert "retry-after" in headers
        assert ask(port, "GET", "/health/live")[0] == 200
        assert ask(port, "GET", "/users/ann-1/recommendations")[0] == 200
