"""The real server process, killed in the middle of a load: what it acknowledged is in the store."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from serving_world import fill

from zhiyin.stores.sql import SqlStore

SERVER = """
import sys, uvicorn
sys.path.insert(0, sys.argv[1])
from serving_world import fitted
from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.stores.sql import SqlStore
store = SqlStore(sys.argv[2])
uvicorn.run(create_app(Engine(fitted(store), store)), port=int(sys.argv[3]), log_level="error")
"""


def post(port: int, events: list[dict[str, object]]) -> int:
    body = json.dumps(events).encode()
    request = Request(f"http://127.0.0.1:{port}/events", body, {"content-type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return int(json.loads(answer.read())["accepted"])


def test_every_acknowledged_event_survives_kill_9(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'world.db'}"
    store = SqlStore(url)
    fill(store)
    before = store.log.count()
    store.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    here = str(Path(__file__).parent)
    server = subprocess.Popen([sys.executable, "-c", SERVER, here, url, str(port)])
    acknowledged: list[str] = []
    try:
        wait_for(port, server)

        def load(client: int) -> None:
            for batch in range(1000):
                names = [f"k-{client}-{batch}-{row}" for row in range(1 + batch % 5)]
                events = [
                    {"user_id": f"u{client}", "item_id": "w01", "event_type": "click", "event_id": one} for one in names
                ]
                try:
                    if post(port, events) == len(events):
                        acknowledged.extend(names)
                except (URLError, OSError, ValueError):
                    return

        with ThreadPoolExecutor(4) as pool:
            running = [pool.submit(load, client) for client in range(4)]
            while len(acknowledged) < 150 and not all(one.done() for one in running):
                time.sleep(0.01)
            os.kill(server.pid, signal.SIGKILL)
            for one in running:
                one.result()
    finally:
        server.kill()
        server.wait()
    assert len(acknowledged) >= 150
    assert len(acknowledged) < 4 * 3000
    kept = SqlStore(url).log
    stored = set(kept.columns(["event_id"])["event_id"].to_list())
    assert set(acknowledged) <= stored
    assert kept.count() >= before + len(acknowledged)


def wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert server.poll() is None, "the server ended before it answered"
        try:
            with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
                return
        except (URLError, OSError):
            time.sleep(0.1)
    raise AssertionError("the server did not become ready within a minute")
