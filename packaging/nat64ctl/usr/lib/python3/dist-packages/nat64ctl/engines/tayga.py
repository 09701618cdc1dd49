"""TAYGA: its configuration. What it runs with is a text, so two taygas with one text do the same.

Limits, from its sources (0.9.2): one dynamic pool of at least two addresses, the first of which nobody gets; no IPv4 address of
169.254.0.0/16; with 64:ff9b::/96 no packet from or to a private or documentation IPv4 address, and an IPv6 address of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Optional, Tuple

from ..isolated import own6
from .jool import ntop6, prefix6

#: Template of its systemd unit.
UNIT = "nat64-tayga"
#: Survives a restart of the daemon, which is how it reads a new configuration, but not a reboot.
VOLATILE_DATA = "/run/nat64/tayga-data"
#: Survives a reboot.
PERSISTENT_DATA = "/var/lib/nat64"

WELL_KNOWN_PREFIX = IPv6Network("64:ff9b::/96")


@dataclass(frozen=True)
class Translator:
    device: str
    #: The source of its ICMP errors.
    address: IPv4Address
    prefix: IPv6Network
    maps: Tuple[Tuple[IPv4Network, IPv6Network], ...]
    pool: Optional[IPv4Network]
    persistent: bool


def configuration_text(translator: Translator, persistent_data: str = PERSISTENT_DATA) -> str:
    lines = [
        "tun-device " + translator.device,
        "ipv4-addr %s" % translator.address,
        "prefix " + prefix6(translator.prefix),
    ]
    if translator.prefix == WELL_KNOWN_PREFIX:
        # Only where it must: otherwise its address lies in the prefix, which the clients can reach.
        lines.insert(2, "ipv6-addr " + own6(translator.address))
    if translator.pool is not None:
        lines.append("dynamic-pool %s" % translator.pool)
    lines.extend("map %s %s" % (_v4(four), _v6(six)) for four, six in sorted(set(translator.maps)))
    lines.append("data-dir %s/%s" % (persistent_data if translator.persistent else VOLATILE_DATA, translator.device))
    return "".join(line + "\n" for line in lines)


def value_of(text: str, directive: str) -> str:
    """Of the first such line of a configuration; "" where there is none."""
    for line in text.splitlines():
        words = line.split(None, 1)
        if len(words) == 2 and words[0] == directive:
            return words[1].strip()
    return ""


def _v4(network: IPv4Network) -> str:
    return str(network.network_address) if network.prefixlen == 32 else str(network)


def _v6(network: IPv6Network) -> str:
    return ntop6(network.network_address) if network.prefixlen == 128 else prefix6(network)
