"""A real HTTP server that speaks the chat protocol, for tests: replies as scripted, and writes down what came."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Endpoint:
    """url: its base. script: (status, body) for each request, in turn; the last one stays. asked: every request's body."""

    url: str
    script: list[Any]
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0


def said(text: str) -> dict[str, Any]:
    """A reply as the protocol has it."""
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, "usage": usage}


def refused(message: str) -> dict[str, Any]:
    """An error as the protocol has it."""
    return {"error": {"message": message, "type": "invalid_request_error", "code": None}}


@contextmanager
def endpoint(
    *script: tuple[int, Any] | Callable[[dict[str, Any]], tuple[int, Any]], pause: float = 0
) -> Iterator[Endpoint]:
    """Serve the script on a free port of this machine."""
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                step = served.script[min(len(served.asked), len(served.script) - 1)]
                served.asked.append(body)
                served.headers.append({name.lower(): value for name, value in self.headers.items()})
                served.at_once += 1
                served.most_at_once = max(served.most_at_once, served.at_once)
            time.sleep(pause)
            status, answer = step(body) if callable(step) else step
            with lock:
                served.at_once -= 1
            text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("Retry-After-Ms", "1")
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name is http.server's
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1", list(script))
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
