"""What an address or a prefix may not be, whatever it is for."""
from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Optional, Union

from nat64ctl.model import Engine
from nat64ctl.problems import Collector

from .nodes import Node

WELL_KNOWN_PREFIX = IPv6Network("64:ff9b::/96")

_BAD_IPV4 = tuple((IPv4Network(text), what) for text, what in (
    ("0.0.0.0/8", "it is of this host on this network (RFC 1122 section 3.2.1.3)"),
    ("127.0.0.0/8", "it is a loopback address"),
    ("224.0.0.0/4", "it is a multicast address"),
    ("255.255.255.255/32", "it is the broadcast address"),
))
_BAD_IPV4_RANGES = tuple((int(network.network_address), int(network.broadcast_address), what) for network, what in _BAD_IPV4)
_BAD_FOR_TAYGA = tuple((int(network.network_address), int(network.broadcast_address), what) for network, what in (
    *_BAD_IPV4,
    (IPv4Network("169.254.0.0/16"), "TAYGA takes no link-local address (169.254.0.0/16)"),
    (IPv4Network("240.0.0.0/4"), "TAYGA takes no reserved address (240.0.0.0/4)"),
))
_PRIVATE = tuple(IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16"))
# The zero octet of RFC 6052 section 2.2: bits 64 to 71.
_ZERO_OCTET = 0xFF << (128 - 72)


def bad_ipv4(first: int, last: int, engine: Engine) -> Optional[str]:
    """Why addresses from `first` to `last` cannot be used; None when they can."""
    for low, high, what in _BAD_FOR_TAYGA if engine is Engine.TAYGA else _BAD_IPV4_RANGES:
        if first <= high and last >= low:
            return what
    return None


def bad_ipv6(value: int, engine: Engine) -> Optional[str]:
    """Why an address that hosts are to have cannot be one."""
    top = value >> 118
    if top >= 0x3FC:
        return "it is a multicast address"
    if top == 0x3FA:
        return "it is a link-local address, which no router passes on"
    if value < 2:
        return "it is the loopback address" if value else "it is the unspecified address"
    if value >> 32 == 0:
        return "::/96 is not used (RFC 4291 section 2.5.5.1)"
    if value >> 32 == 0xFFFF:
        return "it is an IPv4-mapped address, which is never on the wire (RFC 4291 section 2.5.5.2)"
    if engine is Engine.TAYGA and value >> 120 == 0:
        return "TAYGA maps no address of ::/8"
    return None


def is_private(network: IPv4Network) -> bool:
    return any(network.overlaps(private) for private in _PRIVATE)


def check_ipv4(collector: Collector, node: Node, network: IPv4Network, engine: Engine) -> None:
    """A leaf's value that hosts are to have."""
    reason = bad_ipv4(int(network.network_address), int(network.broadcast_address), engine)
    if reason is not None:
        node.break_()
        collector.error(
            node.positions[-1], node.path, f"{plain(network)} cannot be used", sentence(reason),
        )


def check_ipv6(collector: Collector, node: Node, address: IPv6Address, engine: Engine) -> None:
    reason = bad_ipv6(int(address), engine)
    if reason is not None:
        node.break_()
        collector.error(node.positions[-1], node.path, f"{address} cannot be used", sentence(reason))


def check_prefix(collector: Collector, node: Node, prefix: IPv6Network, engine: Engine) -> None:
    """A prefix that IPv4 addresses are put into. That its length is one of RFC 6052 is the tree's business where it says so."""
    if prefix.prefixlen not in (32, 40, 48, 56, 64, 96):
        node.break_()
        collector.error(
            node.positions[-1], node.path, f"a length of {prefix.prefixlen} is not valid here", "RFC 6052 section 2.2 has 32, 40, 48, 56, 64 and 96.",
        )
        return
    value = int(prefix.network_address)
    if value & _ZERO_OCTET:
        node.break_()
        collector.error(
            node.positions[-1], node.path, f"bits 64 to 71 are not zero in {prefix}",
            "RFC 6052 section 2.2 keeps this octet for the interface identifiers of RFC 4291.",
            f"{IPv6Network((value & ~_ZERO_OCTET, prefix.prefixlen))} would be valid",
        )
        return
    reason = _bad_prefix(prefix, engine)
    if reason is not None:
        node.break_()
        collector.error(node.positions[-1], node.path, f"{prefix} cannot be used", sentence(reason), "64:ff9b::/96, or a prefix of the network's own")


def _bad_prefix(prefix: IPv6Network, engine: Engine) -> Optional[str]:
    value = int(prefix.network_address)
    if prefix != WELL_KNOWN_PREFIX and prefix.overlaps(WELL_KNOWN_PREFIX):
        return f"the well-known prefix is {WELL_KNOWN_PREFIX}, and has no other length (RFC 6052 section 2.1)"
    if engine is Engine.TAYGA and value >> 120 == 0 and prefix != WELL_KNOWN_PREFIX:
        # Some later versions take 64:ff9b:1::/48 too.
        return f"of ::/8 TAYGA takes only {WELL_KNOWN_PREFIX}, as Debian 12 has it"
    return bad_ipv6(value, Engine.JOOL)


def sentence(reason: str) -> str:
    return reason[0].upper() + reason[1:] + "."


def plain(network: Union[IPv4Network, IPv6Network]) -> str:
    """A network of one address as that address."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
