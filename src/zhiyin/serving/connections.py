"""Connections: what uvicorn's own protocol lacks towards strangers: an end to waiting, to heads and addresses, to their number.

httptools has no bound on a head, and uvicorn none on the time before a request or on open connections: 1,200 that never ask
anything take every file a process may open. Here a connection has so many seconds and bytes until its request has come; when
there are too many, the one that has kept us waiting longest goes; a client that does not read its answer, or only a little
now and then, is cut off; and of requests sent before their turn only so many are held.
"""

from __future__ import annotations

import json
from asyncio import TimerHandle, Transport
from collections import OrderedDict
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from zhiyin.serving.settings import Bounds

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

SPARE = 256
"""Files a process needs beside its connections: stores, indexes, logs, pipes."""

FRAMING = 16
"""Bytes of framing that a byte of a body may cost: "1\\r\\nx\\r\\n" and room for short extensions."""


SLOWEST = 1_000.0
"""Bytes a second that a client must take of what waits for it, or it uses up the time it may leave an answer unread."""


class Patience:
    """Seconds that a client may still leave an answer unread. What it takes gives some back, whatever it takes it at.

    most: seconds, at first and ever. All pauses together are at most these and one for each SLOWEST bytes taken.
    """

    def __init__(self, most: float) -> None:
        self.left = self._most = most
        self._since: float | None = None
        self._unread = 0

    def pause(self, now: float, unread: int) -> float:
        """So many bytes wait from now on: the seconds they may."""
        self._since, self._unread = now, unread
        return self.left

    def resume(self, now: float) -> None:
        """They were taken."""
        if self._since is not None:
            self.left = min(max(self.left - (now - self._since), 0.0) + self._unread / SLOWEST, self._most)
            self._since = None


class Bounded(HttpToolsProtocol):
    """One connection. Made for one server by `bounded`."""

    bounds: ClassVar[Bounds]
    waiting: ClassVar[OrderedDict[Bounded, None]]
    """Connections whose next request has not come whole, those that wait longest first."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """See asyncio.Protocol. Makes room when there are too many."""
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)  # else little that is unread pauses nothing, and stays for good
        self._timer: TimerHandle | None = None
        self._stalled: TimerHandle | None = None
        self._patience = Patience(self.bounds.write_seconds)
        self._asked: list[RequestResponseCycle] = []  # that have no whole answer yet, oldest first
        self._deaf = False
        self._refusal = (400, "invalid_request", "this is no HTTP request")
        self._head = self._beside = 0
        self._in_head = True
        self._wait()
        if len(self.connections) > self.bounds.connections:
            oldest, _ = self.waiting.popitem(last=False)  # at worst this one
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._stop_waiting()
        if self._stalled is not None:
            self._stalled.cancel()
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol. Counts what comes beside bodies."""
        if self.transport.is_closing() or self._deaf:
            return
        self._beside += len(data)
        super().data_received(data)
        if self.transport.is_closing() or self.parser is None:
            return
        if self._timer is None and not self._busy and not self._deaf:
            self._wait()  # a line feed between requests, or the rest of a body that is answered, stops uvicorn's own clock
        if self._in_head and len(getattr(self, "url", b"")) > self.bounds.url_bytes:
            self._refuse(414, "too_long", f"an address may have at most {self.bounds.url_bytes:,} bytes")
        elif self._beside > self.bounds.head_bytes:
            self._refuse(431, "too_large", f"headers may have at most {self.bounds.head_bytes:,} bytes in all")

    def on_message_begin(self) -> None:
        """See httptools."""
        self._in_head = True
        super().on_message_begin()
        if self._timer is None:
            self._wait()

    def on_headers_complete(self) -> None:
        """See httptools. A head that came in one piece is measured here."""
        if len(self.url) > self.bounds.url_bytes:
            self._refusal = (414, "too_long", f"an address may have at most {self.bounds.url_bytes:,} bytes")
            raise ValueError("too long")  # comes back as a parser's error, and is answered there
        head = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if head > self.bounds.head_bytes:
            self._refusal = (431, "too_large", f"headers may have at most {self.bounds.head_bytes:,} bytes in all")
            raise ValueError("too large")
        if len(self._asked) > self.bounds.pipelined:
            self._deaf = True
            self._asked[-1].keep_alive = False  # whoever asked sees where the answers end, and asks for the rest anew
            raise ValueError("too many")
        self._in_head = False
        self._beside = 0
        super().on_headers_complete()
        self._asked.append(self.cycle)

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._beside = max(self._beside - FRAMING * len(body), 0)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """See httptools. From now on it is the server that is waited for, unless it has answered already."""
        self._stop_waiting()
        self._beside = 0
        self._in_head = True
        super().on_message_complete()
        if not self._busy:
            self._wait()

    def on_response_complete(self) -> None:
        """See uvicorn. The next request may come; uvicorn's own clock ends a connection on which none does."""
        self._asked = [one for one in self._asked if not one.response_complete]
        super().on_response_complete()
        if not self.transport.is_closing() and not self._busy:
            self.waiting[self] = None

    def send_400_response(self, msg: str) -> None:
        """What the parser could not take, said in the words of the API."""
        if self._deaf:
            self._stop_waiting()  # the connection ends with the last answer it has coming
        else:
            self._refuse(*self._refusal)

    def pause_writing(self) -> None:
        """See asyncio.Protocol. An answer that nobody reads does not stay."""
        super().pause_writing()
        seconds = self._patience.pause(self.loop.time(), self.transport.get_write_buffer_size())
        self._stalled = self.loop.call_later(seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None
            self._patience.resume(self.loop.time())

    @property
    def _busy(self) -> bool:
        """Whether a request that came has no whole answer yet."""
        return bool(self._asked)

    def _leave(self) -> None:
        """Tell every request that nobody waits for its answer any more. uvicorn tells only the newest."""
        for one in self._asked:
            one.disconnected = True
            one.message_event.set()

    def _refuse(self, status: int, code: str, detail: str) -> None:
        body = json.dumps({"detail": detail, "code": code}).encode()
        head = b"content-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        if self._busy:  # an answer is under way on this connection
            self._leave()
        else:
            self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()

    def _wait(self) -> None:
        """Be waited for: a request must come whole up to its body in so many seconds. Bodies have their own."""
        if not self._busy:
            self.waiting[self] = None
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_later(self.bounds.head_seconds, self._late)

    def _stop_waiting(self) -> None:
        self.waiting.pop(self, None)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        if self._busy:
            if self._in_head:  # half a head behind a request that is being answered: it may be us who do not read on
                self._wait()
        elif self._beside:
            self._refuse(408, "too_slow", f"a request must begin within {self.bounds.head_seconds:g} s")
        else:
            self.transport.close()


def bounded(bounds: Bounds) -> type[Bounded]:
    """The protocol of one server."""
    made: dict[str, Any] = {"bounds": bounds, "waiting": OrderedDict()}
    return type("BoundedHere", (Bounded,), made)


def room_for(bounds: Bounds) -> int:
    """How many connections this process may have open: as many as asked for, and never so many that no file is left.

    The limit on open files is raised as far as the system lets it.
    """
    if resource is None:
        return bounds.connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = bounds.connections + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
        soft = raised
    return (
        bounds.connections if soft == resource.RLIM_INFINITY else max(min(bounds.connections, soft - SPARE), soft // 4)
    )
