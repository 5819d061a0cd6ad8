"""A small fitted workspace and the real server on it, as a process of its own."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

QUICK = """
name = "quick"
[encode.text]
use = "hashing"
[[retrieve]]
use = "transition"
[[retrieve]]
use = "dense"
n = 20
[[retrieve]]
use = "popular"
[[rank]]
use = "blend"
"""
DAY, LAST = 86_400, 1_700_000_000
COLOURS = ("red", "white", "rose", "orange", "grey")


def table(path: Path, head: str, rows: list[tuple[object, ...]]) -> Path:
    """Rows as a CSV file."""
    path.write_text(head + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    return path


def workspace(folder: Path, people: int = 40, items: int = 60) -> Path:
    """A workspace of people who mostly keep to one colour, fitted."""
    rng = random.Random(3)
    folder.mkdir(parents=True, exist_ok=True)
    events = [
        (f"u{who}", f"i{rng.randrange(0, items, 5) + who % 5}", LAST - DAY * (12 - step))
        for who in range(people)
        for step in range(8)
    ]
    shelf = [(f"i{number}", f"{COLOURS[number % 5]} number {number}") for number in range(items)]
    files = (
        table(folder / "events.csv", "user_id,item_id,timestamp", events),
        table(folder / "items.csv", "item_id,title", shelf),
    )
    (folder / "quick.toml").write_text(QUICK)
    zhiyin("ingest", *files, "-w", folder)
    zhiyin("fit", "-r", folder / "quick.toml", "-w", folder)
    return folder


def zhiyin(*words: object, succeeds: bool = True) -> str:
    """Run a command of the command line; what it printed, standard error included."""
    line = [sys.executable, "-m", "zhiyin.cli", *map(str, words)]
    done = subprocess.run(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240)
    assert (done.returncode == 0) is succeeds, done.stdout
    return done.stdout


class Server:
    """A running server, asked over HTTP."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def __call__(self, method: str, path: str, body: object = None) -> Any:
        """The answer's JSON. Raises HTTPError."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        with urlopen(request, timeout=60) as answer:
            return json.loads(answer.read() or b"null")

    def ids(self, user: str, n: int = 10) -> list[str]:
        """What is recommended to a user."""
        items = self("GET", f"/users/{user}/recommendations?n={n}")["items"]
        return [one["item_id"] for one in items]


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[Server]:
    """The server on a workspace, ready to answer."""
    port = free_port()
    line = [sys.executable, "-m", "zhiyin.cli", "serve", "-w", str(folder), "--port", str(port)]
    process = subprocess.Popen(line, env={**os.environ, **environment})
    server = Server(process, port)
    try:
        wait(lambda: ready(server), "the server to be ready", 120)
        yield server
    finally:
        process.terminate()
        process.wait(30)


def ready(server: Server) -> bool:
    """Whether the server answers yet."""
    assert server.process.poll() is None, "the server ended"
    try:
        return bool(server("GET", "/health/ready")["ready"])
    except (HTTPError, URLError, OSError):
        return False


def wait(true: Callable[[], object], what: str, seconds: float = 30) -> None:
    """Until something is true; failing at a deadline that only bounds how long a broken server is waited for."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"waited {seconds:g} s for {what}"
        time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
