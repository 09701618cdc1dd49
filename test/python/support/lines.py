"""`set` lines of rules for tests, short to write."""
from __future__ import annotations

from typing import Tuple

SOURCE = "nat64 source rule"
DESTINATION = "nat46 destination rule"


def source(*lines: str, number: int = 10, prefix: str = "2001:db8:64::/96", pool: str = "192.0.2.0/24", port: str = "1024-4095") -> str:
    """A NAT64 rule with a pool 1; an empty argument leaves its line out. Further lines stand behind."""
    own = (("source prefix", prefix), ("translation pool 1 address", pool), ("translation pool 1 port", port))
    return _lines(f"{SOURCE} {number}", own, lines)


def destination(
    *lines: str, number: int = 10, address: str = "198.51.100.7", target: str = "2001:db8::7", prefix: str = "2001:db8:46::/96",
) -> str:
    """A stateless NAT46 rule, which a line `destination port` makes stateful."""
    return _lines(f"{DESTINATION} {number}", (("destination address", address), ("translation address", target), ("source prefix", prefix)), lines)


def static(number: int, protocol: str = "tcp", inside: str = "2001:db8::1", port: str = "80", outside: str = "192.0.2.1", to: str = "1080") -> Tuple[
    str, ...
]:
    own = (("protocol", protocol), ("inside address", inside), ("inside port", port), ("outside address", outside), ("outside port", to))
    return tuple(f"static {number} {name} {value}" for name, value in own if value)


def clat(ipv4: str = "192.168.0.0/24", ipv6: str = "2001:db8:c::/120", plat: str = "64:ff9b::/96", *lines: str) -> str:
    return _lines("nat46 clat", (("plat-prefix", plat), ("ipv4 address", ipv4), ("ipv6 prefix", ipv6)), lines)


def _lines(base: str, own: Tuple[Tuple[str, str], ...], more: Tuple[str, ...]) -> str:
    return "".join(f"set {base} {line}\n" for line in [f"{name} {value}" for name, value in own if value] + list(more))
