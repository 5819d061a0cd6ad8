"""A real server on a real port for the tests of its doors: uvicorn as `zhiyin serve` runs it, over the small world."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from serving_world import NOW, Folder, fill, fitted

from zhiyin.serving.app import create_app
from zhiyin.serving.engine import Engine
from zhiyin.serving.run import config_of
from zhiyin.stores.sql import SqlStore


@contextmanager
def world(folder: Path, **more: Any) -> Iterator[Engine]:
    """An engine over the small world in a folder."""
    store = SqlStore(f"sqlite:///{folder / 'world.db'}")
    store.wait_at_most(0.2)
    fill(store)
    recipe = fitted(store)
    versions = Folder(folder / "versions")
    versions.add(recipe, "0001")
    versions.promote("0001")
    engine = Engine(versions.load(), store, version="0001", versions=versions, clock=lambda: NOW, **more)
    yield engine
    engine.close()
    store.close()


@contextmanager
def served(engine: Engine, **settings: Any) -> Iterator[int]:
    """Serve an engine; gives the port. settings: see Settings."""
    engine.settings = replace(engine.settings, **settings) if settings else engine.settings
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        server = uvicorn.Server(config_of(create_app(engine), engine.settings))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield int(door.getsockname()[1])
        finally:
            server.should_exit = server.force_exit = True
            thread.join()


def ask(port: int, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """One request on a connection of its own: status, what it said, headers. A name's _ stands for -."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        given = {"content-type": "application/json"} if body is not None else {}
        connection.request(
            method, path, content, {**given, **{name.replace("_", "-"): one for name, one in headers.items()}}
        )
        answer = connection.getresponse()
        raw = answer.read()
        said = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, json.loads(raw) if "json" in said.get("content-type", "") else raw, said
    finally:
        connection.close()
