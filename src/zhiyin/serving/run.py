"""Run the server: one process, the page and the API on one port."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from zhiyin.errors import SettingError
from zhiyin.serving.alone import alone_on
from zhiyin.serving.opening import open_engine
from zhiyin.serving.settings import Settings

if TYPE_CHECKING:
    from zhiyin.workspace import Workspace

LOCAL = ("127.0.0.1", "localhost", "::1")


def run_server(workspace: Workspace, host: str, port: int) -> None:
    """Serve a workspace until interrupted. Raises SettingError for an open door without a key."""
    import uvicorn

    from zhiyin.serving.app import create_app

    settings = settings_from(os.environ)
    if host not in LOCAL and not settings.keys and not os.environ.get("ZHIYIN_OPEN"):
        raise SettingError(
            f"--host {host} can be reached from outside: set ZHIYIN_API_KEYS to one or more keys (comma between), "
            "or ZHIYIN_OPEN=1 when something before it checks who comes"
        )
    with alone_on(workspace.store.file):
        app = create_app(open_engine(workspace, settings))
        print(f"open http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}", flush=True)
        uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)


def settings_from(environment: os._Environ[str] | dict[str, str]) -> Settings:
    """Settings from ZHIYIN_API_KEYS, ZHIYIN_RATE (requests a second), ZHIYIN_IMPRESSIONS, ZHIYIN_UNKNOWN_ITEMS,
    ZHIYIN_PICTURES (a folder) and ZHIYIN_PICTURE_HOSTS (comma between)."""
    keys = [key.strip() for key in environment.get("ZHIYIN_API_KEYS", "").split(",") if key.strip()]
    unknown = environment.get("ZHIYIN_UNKNOWN_ITEMS", "reject")
    if unknown not in ("reject", "accept"):
        raise SettingError(f"ZHIYIN_UNKNOWN_ITEMS = {unknown!r}: must be 'reject' or 'accept'")
    try:
        rate = float(environment.get("ZHIYIN_RATE", "0"))
    except ValueError as error:
        raise SettingError(f"ZHIYIN_RATE: must be a number of requests a second ({error})") from error
    hosts = [host.strip().casefold() for host in environment.get("ZHIYIN_PICTURE_HOSTS", "").split(",") if host.strip()]
    for host in hosts:
        if not re.fullmatch(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?", host):
            raise SettingError(f"ZHIYIN_PICTURE_HOSTS: {host!r} is no host; give names such as img.example.com")
    return Settings(
        unknown_items=unknown,
        impressions=environment.get("ZHIYIN_IMPRESSIONS", "on") != "off",
        keys=frozenset(hashlib.sha256(key.encode()).hexdigest() for key in keys),
        rate=rate,
        pictures=Path(environment.get("ZHIYIN_PICTURES", "images")),
        picture_hosts=frozenset(hosts),
    )
