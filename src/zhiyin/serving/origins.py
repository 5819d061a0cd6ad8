"""Origins: which names a server answers to, and which pages may ask it. A browser is everybody's; its user is not.

A name that was made to point at this machine (DNS rebinding) is not one of the hosts; a page from elsewhere carries its
Origin; a form cannot say that it sends JSON. Programs send neither and are judged by their key alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from ipaddress import ip_address

ANY_ADDRESS = frozenset({"0.0.0.0", "::"})
"""As hosts: every literal address. An address, unlike a name, cannot be made to point elsewhere."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""Always this machine."""

UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
"""Methods that may change something."""

Headers = Mapping[bytes, bytes]


def host_of(header: bytes) -> str:
    """The name in a Host header without its port, in small letters; "" for none."""
    text = header.decode("latin-1").strip().casefold()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].removesuffix(".")


def host_allowed(header: bytes, hosts: Collection[str]) -> bool:
    """Whether a server that answers to these hosts answers to this one; none given allow any."""
    if not hosts:
        return True
    name = host_of(header)
    return name in hosts or (not ANY_ADDRESS.isdisjoint(hosts) and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def refused_origin(method: str, headers: Headers, origins: Collection[str], page: bool) -> str:
    """Why a request that a browser sent for another page is refused, "" when it is not.

    page: whether the path is of the page itself, which may be linked to from anywhere.
    """
    origin = headers.get(b"origin", b"").decode("latin-1").casefold()
    if origin:
        if origin in origins or _same(origin, headers):
            return ""
        if method in UNSAFE:
            return f"a page of '{origin[:200]}' may not do this here; ZHIYIN_ORIGINS lists those that may"
    elsewhere = headers.get(b"sec-fetch-site", b"") in (b"cross-site", b"same-site")
    if elsewhere and (method in UNSAFE or not (page or headers.get(b"sec-fetch-mode") == b"navigate")):
        return "a page from elsewhere may not ask this; ZHIYIN_ORIGINS lists those that may"
    return ""


def own_page(headers: Headers) -> bool:
    """Whether a browser says that the server's own page sent this: what a session asks for, and a key does not."""
    origin = headers.get(b"origin", b"").decode("latin-1").casefold()
    return _same(origin, headers) if origin else headers.get(b"sec-fetch-site") == b"same-origin"


def _same(origin: str, headers: Headers) -> bool:
    scheme, _, host = origin.partition("://")
    return scheme in ("http", "https") and host == headers.get(b"host", b"").decode("latin-1").casefold()


def is_json(content_type: bytes) -> bool:
    """Whether a content type says JSON."""
    kind = content_type.decode("latin-1").partition(";")[0].strip().casefold()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
