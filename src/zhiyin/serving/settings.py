"""Settings: how a server behaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Bounds:
    """What one stranger may take of a server before anything is known of them.

    connections: open at once; beyond them the one that has kept the server waiting longest is closed. head_bytes: of a
    request line and headers. url_bytes: of an address. head_seconds, body_seconds: until a head, or a body, has come
    whole. write_seconds: that a client may leave an answer unread, all pauses together, until it has taken more.
    pipelined: requests of a connection that wait behind the one being answered. held_bytes: of all bodies held at once.
    """

    connections: int = 512
    head_bytes: int = 65_536
    url_bytes: int = 32_768
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    write_seconds: float = 60.0
    pipelined: int = 32
    held_bytes: int = 64_000_000


@dataclass(frozen=True)
class Settings:
    """How a server behaves. unknown_items: "reject" or "accept" events of items not in the catalogue. impressions:
    whether what was shown is logged.

    keys: SHA-256 (hex) of API keys with every scope. key_file: the keys that `zhiyin keys` manages. Without any key the
    door is open. session_secret: signs the page's sessions; "" for one that ends with the process. audit: the file of
    what administrators did.

    rate: requests a second and key (or address), 0 for no limit. burst: requests that may come at once. most_bytes: of a
    body. hosts: names the server answers to; none for any, 0.0.0.0 for any that is an address. origins: of other pages
    that may ask. proxies: addresses whose X-Forwarded-For is believed.

    message_seconds: until a conversation answers, with or without its language model. pictures: the folder of the items'
    pictures. picture_hosts: from where else the page may show some, over https.
    """

    unknown_items: str = "reject"
    impressions: bool = True
    keys: frozenset[str] = frozenset()
    key_file: Path | None = None
    session_secret: str = field(default="", repr=False)
    audit: Path | None = None
    rate: float = 0.0
    burst: int = 50
    most_bytes: int = 4_000_000
    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    proxies: tuple[str, ...] = ()
    bounds: Bounds = Bounds()
    message_seconds: float = 12.0
    pictures: Path = Path("images")
    picture_hosts: frozenset[str] = frozenset()
