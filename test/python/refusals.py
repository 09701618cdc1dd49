"""What Jool's modules, TAYGA and iproute2 refuse, for the model of a router.

Read in Jool 4.1.9 to 4.1.15 (nl/attribute.c, global.c, address.c, db/pool4/db.c, xlator.c) and TAYGA 0.9.2-10 (conffile.c, addrmap.c). A
function returns the value as the program keeps it, or raises Refused with its words.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Iterable, List, Optional, Sequence, Tuple, Union

#: From this release on a pool must not have ports of the namespace's own range.
EPHEMERAL_REFUSED = (4, 1, 15)
MOST_PLATEAUS = 64
#: Bytes of an address and its ports in a table of pool4, which is one piece of memory; and the largest that kmalloc gives.
POOL4_ENTRY, LARGEST_PIECE = 12, 4 << 20

_SCOPED = [IPv4Network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32")]
_TAYGA_RESERVED = [IPv4Network(text) for text in ("127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")]
#: TAYGA compares these 32 bits only.
_WELL_KNOWN = IPv6Network("64:ff9b::/32")
_WELL_KNOWN_96 = IPv6Network("64:ff9b::/96")


class Refused(Exception):
    """A tool refuses: its status and its words."""

    def __init__(self, stderr: str, status: int = 1) -> None:
        super().__init__(stderr)
        self.status = status


def module_error(number: int, words: str) -> Refused:
    return Refused("Error: The kernel module returned error %d: %s" % (number, words))


# Jool


def plateaus(values: Iterable[int]) -> str:
    """As the module keeps them: falling, each once, without zeros."""
    given = list(values)
    if len(given) > MOST_PLATEAUS:
        raise module_error(22, "Too many plateaus.")
    kept = sorted({value for value in given if value}, reverse=True)
    if not kept:
        raise module_error(22, "The plateaus list contains nothing but zeroes.")
    return ",".join(str(value) for value in kept)


def rfc6791_prefix(text: str) -> str:
    for subnet in _SCOPED:
        if IPv4Network(text).overlaps(subnet):
            raise module_error(22, "Prefix %s intersects with subnet scoped network %s." % (text, subnet))
    return text


def pool4_ports(version: str, ephemeral: str, protocol: str, low: int, high: int) -> None:
    """`ephemeral`: net.ipv4.ip_local_port_range of the namespace."""
    if protocol == "ICMP" or tuple(int(part) for part in version.split("."))[:3] < EPHEMERAL_REFUSED:
        return
    first, last = (int(word) for word in ephemeral.split())
    if max(low, 1) <= last and high >= first:
        words = "Port range %d-%d intersects with the namespace's ephemeral range (%d-%d)."
        raise module_error(22, words % (max(low, 1), high, first, last))


def pool4_memory(entries: int) -> None:
    if entries * POOL4_ENTRY > LARGEST_PIECE:
        raise module_error(12, "Cannot allocate memory")


# iproute2


def interface_name(name: str) -> str:
    if not name or len(name.encode("utf-8")) > 15 or re.search(r"[\s/:]", name):
        raise Refused('Error: argument "%s" is wrong: "iif" not a valid ifname' % name, 255)
    return name


# TAYGA

Network = Union[IPv4Network, IPv6Network]


def tayga_configuration(text: str) -> None:
    """Reads a configuration as TAYGA does when it starts."""
    maps4: List[Network] = []
    maps6: List[IPv6Network] = []
    prefix: Optional[IPv6Network] = None
    own4: Optional[IPv4Address] = None
    own6: Optional[IPv6Address] = None
    for words in (line.split() for line in text.splitlines()):
        directive, arguments = words[0], words[1:]
        if directive == "ipv4-addr":
            own4 = IPv4Address(arguments[0])
            _tayga4(own4, directive)
        elif directive == "ipv6-addr":
            own6 = IPv6Address(arguments[0])
            _tayga6(own6, directive)
        elif directive == "prefix":
            prefix = IPv6Network(arguments[0])
            _tayga6(prefix.network_address, directive)
            _insert6(maps6, prefix)
        elif directive == "dynamic-pool":
            pool = IPv4Network(arguments[0])
            _tayga4(pool.network_address, directive)
            if pool.prefixlen > 31:
                raise Refused("Cannot use a prefix longer than /31 in dynamic-pool directive, aborting...")
            _insert4(maps4, pool)
        elif directive == "map":
            four, six = IPv4Network(arguments[0]), IPv6Network(arguments[1])
            _tayga_map(four, six)
            _insert4(maps4, four)
            _insert6(maps6, six)
    if own4 is None:
        raise Refused("Error: no ipv4-addr directive found")
    _insert4(maps4, IPv4Network(own4))
    if own6 is not None:
        _insert6(maps6, IPv6Network((int(own6), 128)))


def _tayga_map(four: IPv4Network, six: IPv6Network) -> None:
    if 32 - four.prefixlen != 128 - six.prefixlen:
        raise Refused("IPv4 and IPv6 subnet must be of the same size, but found %s and %s" % (four, six))
    _tayga4(four.network_address, "map")
    _tayga6(six.network_address, "map")
    if six.network_address in _WELL_KNOWN:
        raise Refused("Cannot create single-host maps inside 64:ff9b::/96, aborting...")


def _tayga4(address: IPv4Address, directive: str) -> None:
    if any(address in network for network in _TAYGA_RESERVED):
        raise Refused("Cannot use reserved address %s in %s directive, aborting..." % (address, directive))


def _tayga6(address: IPv6Address, directive: str) -> None:
    reserved = int(address) >> 120 in (0, 0xFF) or int(address) >> 118 == 0x3FA
    # As seen of 0.9.2-8; 0.9.2-10 takes all of 64:ff9b::/32.
    if reserved and address not in _WELL_KNOWN_96:
        raise Refused("Cannot use reserved address %s in %s directive, aborting..." % (address, directive))


def _insert4(maps: List[Network], new: IPv4Network) -> None:
    """Maps may be nested, and no prefix is there twice."""
    if new in maps:
        raise Refused("Error: IPv4 address in map directive conflicts with earlier definition of %s" % new)
    maps.append(new)


def _insert6(maps: List[IPv6Network], new: IPv6Network) -> None:
    for old in maps:
        if old.overlaps(new):
            raise Refused("Error: IPv6 address in map directive overlaps with earlier definition of %s" % old)
    maps.append(new)


# joold


def joold_port(text: str) -> None:
    if not 0 < int(text) < 65536:
        raise Refused("getaddrinfo() failed: Servname not supported for ai_socktype")


def in_pool4(rows: Sequence[Tuple[int, int]], port: int) -> bool:
    return any(low <= port <= high for low, high in rows)
