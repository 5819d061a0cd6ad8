"""Run the server: one process, the page and the API on one port."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zhiyin.errors import SettingError
from zhiyin.serving.alone import alone_on
from zhiyin.serving.keys import Keyring
from zhiyin.serving.opening import open_engine
from zhiyin.serving.origins import LOOPBACK
from zhiyin.serving.settings import Settings
from zhiyin.workspace.audit import AUDIT

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from zhiyin.workspace.workspace import Workspace

KEYS = "keys.json"
"""The file of a workspace's keys; see keys.py."""

SWITCH = 0.0005
"""Seconds for which a thread that computes keeps Python's lock while others want it, a tenth of Python's own choice: an
answer gives it back at every large array operation, and would wait so long each time beside a catalogue being read."""

STORE_WAIT = 5.0
"""Seconds that a request waits for a store that another process holds."""

STORE_PAGES = 40.0
"""MiB of the store's pages that a server keeps in memory. The system keeps the rest, as long as it has room."""


def run_server(workspace: Workspace, host: str, port: int) -> None:
    """Serve a workspace until interrupted. Raises SettingError for an open door without a key."""
    import uvicorn

    from zhiyin.serving.app import create_app

    settings = settings_from(os.environ)
    settings = replace(
        settings,
        key_file=workspace.folder / KEYS,
        audit=workspace.folder / AUDIT,
        hosts=settings.hosts | LOOPBACK | {host.casefold()},
    )
    if host not in LOOPBACK and not _guarded(settings) and not os.environ.get("ZHIYIN_OPEN"):
        raise SettingError(
            f"--host {host} can be reached from outside: make a key with `zhiyin keys add NAME`, set ZHIYIN_API_KEYS to "
            "one or more (comma between), or ZHIYIN_OPEN=1 when something before it checks who comes"
        )
    workspace.store.wait_at_most(STORE_WAIT)
    workspace.store.keep_at_most(STORE_PAGES)
    sys.setswitchinterval(SWITCH)
    with alone_on(workspace.store.file):
        app = create_app(open_engine(workspace, settings))
        print(f"open http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}", flush=True)
        uvicorn.Server(config_of(app, settings, host, port)).run()


def config_of(app: FastAPI, settings: Settings, host: str = "127.0.0.1", port: int = 0) -> uvicorn.Config:
    """How uvicorn runs an application: with bounds for strangers, and believing no proxy that is not named."""
    import uvicorn

    from zhiyin.serving.connections import bounded, room_for

    bounds = replace(settings.bounds, connections=room_for(settings.bounds))
    return uvicorn.Config(
        app, host=host, port=port, http=bounded(bounds), ws="none", log_level="error", access_log=False,
        server_header=False, proxy_headers=bool(settings.proxies), forwarded_allow_ips=list(settings.proxies),
        timeout_graceful_shutdown=10,
    )  # fmt: skip


def _guarded(settings: Settings) -> bool:
    return Keyring(settings.keys, settings.key_file).guarded


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings from the environment. Raises SettingError that names what is wrong.

    ZHIYIN_API_KEYS; ZHIYIN_SESSION_SECRET; ZHIYIN_RATE (requests a second); ZHIYIN_HOSTS, ZHIYIN_ORIGINS, ZHIYIN_PROXIES
    and ZHIYIN_PICTURE_HOSTS (comma between); ZHIYIN_IMPRESSIONS; ZHIYIN_UNKNOWN_ITEMS; ZHIYIN_PICTURES (a folder).
    """
    unknown = environment.get("ZHIYIN_UNKNOWN_ITEMS", "reject")
    if unknown not in ("reject", "accept"):
        raise SettingError(f"ZHIYIN_UNKNOWN_ITEMS = {unknown!r}: must be 'reject' or 'accept'")
    secret = environment.get("ZHIYIN_SESSION_SECRET", "")
    if secret and len(secret) < 32:
        raise SettingError("ZHIYIN_SESSION_SECRET: must have at least 32 characters; `openssl rand -hex 32` gives one")
    keys = _listed(environment, "ZHIYIN_API_KEYS")
    return Settings(
        unknown_items=unknown,
        impressions=environment.get("ZHIYIN_IMPRESSIONS", "on") != "off",
        keys=frozenset(hashlib.sha256(key.encode()).hexdigest() for key in keys),
        session_secret=secret,
        rate=_rate(environment.get("ZHIYIN_RATE", "0")),
        hosts=frozenset(_host(one, "ZHIYIN_HOSTS").partition(":")[0] for one in _listed(environment, "ZHIYIN_HOSTS")),
        origins=frozenset(_origin(one) for one in _listed(environment, "ZHIYIN_ORIGINS")),
        proxies=tuple(_proxy(one) for one in _listed(environment, "ZHIYIN_PROXIES")),
        pictures=Path(environment.get("ZHIYIN_PICTURES", "images")),
        picture_hosts=frozenset(
            _host(one, "ZHIYIN_PICTURE_HOSTS") for one in _listed(environment, "ZHIYIN_PICTURE_HOSTS")
        ),
    )


def _listed(environment: Mapping[str, str], name: str) -> list[str]:
    return [one.strip() for one in environment.get(name, "").split(",") if one.strip()]


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not (math.isfinite(rate) and rate >= 0):
        raise SettingError(f"ZHIYIN_RATE = {text!r}: must be a number of requests a second, 0 for no limit")
    return rate


def _host(text: str, name: str) -> str:
    host = text.casefold()
    if not re.fullmatch(r"[a-z0-9.-]{1,253}(?::\d{1,5})?", host) or not (host[0].isalnum() and host[-1].isalnum()):
        raise SettingError(f"{name}: {host!r} is no host; give names such as img.example.com")
    return host


def _origin(text: str) -> str:
    scheme, _, host = text.casefold().partition("://")
    if scheme not in ("http", "https") or not host:
        raise SettingError(f"ZHIYIN_ORIGINS: {text!r} is no origin; give some such as https://shop.example.com")
    return f"{scheme}://{_host(host, 'ZHIYIN_ORIGINS')}"


def _proxy(text: str) -> str:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise SettingError(
            f"ZHIYIN_PROXIES: {text!r} is no address; give addresses or networks such as 10.0.0.2"
        ) from None
    return text
