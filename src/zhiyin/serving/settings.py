"""Settings: how a server behaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """How a server behaves. unknown_items: "reject" or "accept" events of items not in the catalogue. impressions:
    whether what was shown is logged. keys: SHA-256 (hex) of the API keys allowed; none leaves the door open.
    rate: requests a second and key (or address), 0 for no limit. burst: requests that may come at once. most_bytes: of a body.
    pictures: the folder of the items' pictures. picture_hosts: from where else the page may show some, over https.
    """

    unknown_items: str = "reject"
    impressions: bool = True
    keys: frozenset[str] = frozenset()
    rate: float = 0.0
    burst: int = 50
    most_bytes: int = 4_000_000
    pictures: Path = Path("images")
    picture_hosts: frozenset[str] = frozenset()
