"""One connection towards a client that sends before its turn, takes little now and then, or goes while it is answered.

The protocol is driven directly, with a transport that keeps what is written, so that every order of events can be made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.server import ServerState

from zhiyin.serving.connections import SLOWEST, Bounded, Patience, bounded
from zhiyin.serving.settings import Bounds

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Wire(asyncio.Transport):
    """A transport that keeps what is written. unread: bytes that its other end does not take."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closed, self.aborted, self.unread = b"", False, False, 0

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.written += bytes(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return self.unread

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class App:
    """Answers a request when it may, and notes what it was told."""

    def __init__(self) -> None:
        self.may = asyncio.Semaphore(0)
        self.begun = self.left = 0
        self.at_once = False

    async def __call__(self, scope: Any, receive: Callable[[], Awaitable[dict[str, Any]]], send: Send) -> None:
        self.begun += 1
        while not self.at_once:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left += 1
                return
            if not message["more_body"]:
                break
        if not self.at_once:
            gone, may = asyncio.ensure_future(receive()), asyncio.ensure_future(self.may.acquire())
            await asyncio.wait((gone, may), return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                self.left += 1
                may.cancel()
                return
            gone.cancel()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Door:
    """Connections of one server."""

    def __init__(self, **bounds: Any) -> None:
        self.app = App()
        self.config = uvicorn.Config(self.app, http=bounded(Bounds(**bounds)), log_level="critical")
        self.config.load()
        self.state = ServerState()

    def open(self) -> tuple[Bounded, Wire]:
        wire = Wire()
        made = self.config.http_protocol_class(config=self.config, server_state=self.state, app_state={})
        assert isinstance(made, Bounded)
        made.connection_made(wire)
        return made, wire


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    # In a thread of its own: a browser that an earlier test opened keeps this one's event loop.
    with ThreadPoolExecutor(1) as alone:
        alone.submit(lambda: asyncio.run(asyncio.wait_for(scene(), 30))).result()


async def turns(many: int = 20) -> None:
    """Let everything that can go on go on."""
    for _ in range(many):
        await asyncio.sleep(0)


def test_only_so_many_requests_wait_behind_the_one_being_answered() -> None:
    async def scene() -> None:
        door = Door(pipelined=5)
        one, wire = door.open()
        one.data_received(GET * 2_000)
        one.data_received(GET * 2_000)
        await turns()
        assert len(one.pipeline) == 5
        assert not wire.closed, "those that are held are answered"
        for _ in range(6):
            door.app.may.release()
            await turns()
        assert wire.written.count(b"200 OK") == 6
        assert wire.written.count(b"connection: close") == 1
        assert wire.closed
        assert wire.written.endswith(b"connection: close\r\n\r\nok"), "the client sees where its answers end"

    run(scene)


@pytest.mark.parametrize("size", [1, 3, 6])
def test_those_within_the_bound_are_all_answered_and_the_connection_stays(size: int) -> None:
    async def scene() -> None:
        door = Door(pipelined=5)
        one, wire = door.open()
        for rounds in range(1, 4):
            one.data_received(GET * size)
            for _ in range(size):
                door.app.may.release()
                await turns()
            assert wire.written.count(b"200 OK") == rounds * size
            assert not wire.closed

    run(scene)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 5_000), st.floats(0, 50)), max_size=40))
def test_all_pauses_together_have_an_end(pauses: list[tuple[float, int, float]]) -> None:
    """Each: seconds until unread bytes were taken, how many, and seconds until the next pause."""
    patience, now, paused, taken = Patience(3.0), 0.0, 0.0, 0
    for seconds, unread, later in pauses:
        left = patience.pause(now, unread)
        assert 0 <= left <= 3.0
        if seconds >= left:
            paused += left
            break
        now += seconds
        patience.resume(now)
        paused, taken, now = paused + seconds, taken + unread, now + later
    assert paused <= 3.0 + taken / SLOWEST + 1e-6


def test_who_takes_a_little_now_and_then_is_cut_off() -> None:
    async def scene() -> None:
        one, wire = Door(write_seconds=0.2).open()
        wire.unread = 1
        for _ in range(6):
            one.pause_writing()
            await asyncio.sleep(0.12)
            one.resume_writing()
        assert wire.aborted

    run(scene)


def test_who_takes_what_is_there_in_time_stays() -> None:
    async def scene() -> None:
        one, wire = Door(write_seconds=2.0).open()
        wire.unread = 20_000
        for _ in range(30):
            one.pause_writing()
            await asyncio.sleep(0.1)
            one.resume_writing()
        assert not wire.closed

    run(scene)


def test_every_request_hears_that_its_client_is_gone() -> None:
    async def gone(by: Callable[[Bounded], None]) -> None:
        door = Door()
        one, _ = door.open()
        one.data_received(GET * 3)
        await turns()
        assert (door.app.begun, door.app.left) == (1, 0)
        by(one)
        await turns()
        assert door.app.left == 1

    run(lambda: gone(lambda one: one.connection_lost(None)))
    run(lambda: gone(lambda one: one.data_received(b"\x00 this is no request\r\n\r\n")))


def test_a_connection_whose_next_request_is_being_answered_is_not_dropped_to_make_room() -> None:
    async def scene() -> None:
        door = Door(connections=2)
        one, wire = door.open()
        one.data_received(GET * 2)
        await turns()
        door.app.may.release()
        await turns()
        assert (door.app.begun, wire.written.count(b"200 OK")) == (2, 1)
        _, idle = door.open()
        _, third = door.open()
        assert (wire.closed, idle.closed, third.closed) == (False, True, False)

    run(scene)


def test_half_a_head_behind_a_long_answer_ends_neither_and_is_waited_for_after_it() -> None:
    async def scene() -> None:
        door = Door(head_seconds=0.1)
        one, wire = door.open()
        one.data_received(GET + GET[:10])
        await asyncio.sleep(0.25)
        assert not wire.closed
        assert one not in one.waiting
        door.app.may.release()
        await turns()
        assert wire.written.count(b"200 OK") == 1
        await asyncio.sleep(0.25)
        assert wire.closed

    run(scene)


def test_a_body_that_comes_after_its_answer_keeps_no_connection() -> None:
    async def scene() -> None:
        for rest in (b"b", b"b" * 9):
            door = Door(head_seconds=0.1)
            door.app.at_once = True
            one, wire = door.open()
            one.data_received(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\na")
            await turns()
            assert b"200 OK" in wire.written
            one.data_received(rest)
            assert one in one.waiting, "it can make room"
            await asyncio.sleep(0.25)
            assert wire.closed

    run(scene)


def test_the_body_of_a_request_before_its_turn_has_no_clock_of_a_head() -> None:
    async def scene() -> None:
        door = Door(head_seconds=0.1)
        one, wire = door.open()
        one.data_received(GET + b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\na")
        await turns()
        door.app.may.release()
        await turns()
        for _ in range(9):
            await asyncio.sleep(0.03)
            one.data_received(b"b")
        door.app.may.release()
        await turns()
        assert wire.written.count(b"200 OK") == 2
        assert not wire.closed

    run(scene)
