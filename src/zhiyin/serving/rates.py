"""Rates: how often a caller may ask, and how often they may guess."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address, ip_network


class Buckets:
    """One token bucket per caller: `burst` at once, refilled `rate` a second."""

    def __init__(self, rate: float, burst: int, most: int = 10_000) -> None:
        self.rate, self.burst, self.most = rate, burst, most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now: float) -> float:
        """0 when a token was there, else the seconds until one is. now: any steady clock."""
        if self.rate <= 0:
            return 0.0
        left = self._now(caller, now)
        allowed = left >= 1
        self._left[caller] = (left - 1 if allowed else left, now)
        self._left.move_to_end(caller)
        if len(self._left) > self.most:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) / self.rate

    def wait(self, caller: str, now: float) -> float:
        """What take would say, without taking."""
        left = self._now(caller, now) if self.rate > 0 else 1.0
        return 0.0 if left >= 1 else (1 - left) / self.rate

    def _now(self, caller: str, now: float) -> float:
        left, since = self._left.get(caller, (float(self.burst), now))
        return min(self.burst, left + (now - since) * self.rate)


class Guesses:
    """Wrong keys by address: ten at once, then one in five seconds, and in between no key from there is even looked at.

    Who came from there with a right key before is not held up by somebody who guesses beside them.
    """

    def __init__(self, rate: float = 0.2, burst: int = 10, most: int = 10_000) -> None:
        self._wrong = Buckets(rate, burst, most)
        self._most = most
        self._right: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, address: str, digest: str, now: float) -> float:
        """Seconds until a key from this address is looked at; 0 for now."""
        return 0.0 if (address, digest) in self._right else self._wrong.wait(address, now)

    def wrong(self, address: str, now: float) -> None:
        """A key from this address was wrong."""
        self._wrong.take(address, now)

    def right(self, address: str, digest: str) -> None:
        """A key from this address was right."""
        self._right[address, digest] = None
        self._right.move_to_end((address, digest))
        if len(self._right) > self._most:
            self._right.popitem(last=False)


def neighbourhood(address: str) -> str:
    """The address a rate is kept for. Whoever has one IPv6 address has 2^64 of them, so it is their network."""
    try:
        found = ip_address(address)
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped) if found.ipv4_mapped else str(ip_network((int(found) >> 64 << 64, 64)))
    return address
