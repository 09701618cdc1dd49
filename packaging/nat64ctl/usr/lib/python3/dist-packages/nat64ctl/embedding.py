"""IPv4 addresses in IPv6 ones: RFC 6052 prefixes of all six lengths, and explicit address maps (RFC 7757)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Optional

#: Bits 64 to 71, which are zero (RFC 6052 section 2.2).
_RESERVED = 0xFF << 56


class NotEmbedded(ValueError):
    """The address lies in the prefix, and yet has no IPv4 address in it."""


def embed(prefix: IPv6Network, address: IPv4Address) -> IPv6Address:
    """@raises ValueError for a length that RFC 6052 does not have"""
    length = prefix.prefixlen
    _check(length)
    if length == 96:
        return IPv6Address(int(prefix.network_address) | int(address))
    before = 64 - length
    # The first bits up to bit 64, the others after the reserved octet.
    high, low = int(address) >> (32 - before) if before else 0, int(address) & ((1 << (32 - before)) - 1)
    return IPv6Address(int(prefix.network_address) | high << 64 | low << (56 - (32 - before)))


def extract(prefix: IPv6Network, address: IPv6Address) -> Optional[IPv4Address]:
    """None for an address outside the prefix. Bits after the IPv4 address are ignored, as RFC 6052 asks. @raises NotEmbedded, ValueError"""
    length = prefix.prefixlen
    _check(length)
    if address not in prefix:
        return None
    value = int(address)
    if length == 96:
        return IPv4Address(value & 0xFFFFFFFF)
    if value & _RESERVED:
        raise NotEmbedded("bits 64 to 71 of %s are not zero (RFC 6052 section 2.2)" % address)
    before = 64 - length
    after = 32 - before
    high = (value >> 64) & ((1 << before) - 1)
    low = (value >> (56 - after)) & ((1 << after) - 1)
    return IPv4Address(high << after | low)


def _check(length: int) -> None:
    if length not in (32, 40, 48, 56, 64, 96):
        raise ValueError("RFC 6052 has no prefixes of %d bits" % length)


def map_to_six(four: IPv4Network, six: IPv6Network, address: IPv4Address) -> Optional[IPv6Address]:
    """By an explicit address map: the bits after the IPv4 prefix follow the IPv6 prefix. None for an address outside."""
    if address not in four:
        return None
    suffix = int(address) - int(four.network_address)
    return IPv6Address(int(six.network_address) | suffix << (128 - six.prefixlen - (32 - four.prefixlen)))


def map_to_four(four: IPv4Network, six: IPv6Network, address: IPv6Address) -> Optional[IPv4Address]:
    """The other way. Bits after the mapped ones are ignored."""
    if address not in six:
        return None
    suffix = (int(address) - int(six.network_address)) >> (128 - six.prefixlen - (32 - four.prefixlen))
    return IPv4Address(int(four.network_address) | suffix)
