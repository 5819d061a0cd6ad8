"""Run the server: one process, the page and the API on one port."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from zhiyin.errors import SettingError
from zhiyin.serving.engine import Settings, open_engine

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
    app = create_app(open_engine(workspace, settings))
    print(f"open http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}", flush=True)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, server_header=False)


def settings_from(environment: os._Environ[str] | dict[str, str]) -> Settings:
    """Settings from ZHIYIN_API_KEYS, ZHIYIN_RATE (requests a second), ZHIYIN_IMPRESSIONS and ZHIYIN_UNKNOWN_ITEMS."""
    keys = [key.strip() for key in environment.get("ZHIYIN_API_KEYS", "").split(",") if key.strip()]
    unknown = environment.get("ZHIYIN_UNKNOWN_ITEMS", "reject")
    if unknown not in ("reject", "accept"):
        raise SettingError(f"ZHIYIN_UNKNOWN_ITEMS = {unknown!r}: must be 'reject' or 'accept'")
    try:
        rate = float(environment.get("ZHIYIN_RATE", "0"))
    except ValueError as error:
        raise SettingError(f"ZHIYIN_RATE: must be a number of requests a second ({error})") from error
    return Settings(
        unknown_items=unknown,
        impressions=environment.get("ZHIYIN_IMPRESSIONS", "on") != "off",
        keys=frozenset(hashlib.sha256(key.encode()).hexdigest() for key in keys),
        rate=rate,
    )
