"""A translator in a network namespace of its own, behind a veth pair: what the pair and the namespace look like.

The router's end is called as the namespace (`nat64-100`), the other end `router`. Both have fixed hardware addresses, from which the
kernel makes their link-local addresses, and makes them anew when the link has been down: these are the IPv6 next hops. For
IPv4 each pair has two addresses of 198.19.0.0/16 (RFC 2544: never on the Internet). With `masquerade` and no pool the inner one of
them is what the translator translates to. For IPv6 the inner end has an address of fd64:6464:6464::/96, the lower half of which is its IPv4
address: what the translator itself has to say, ICMPv6 errors above all, would be from a link-local address otherwise, and no router passes that on.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Dict, FrozenSet, Iterable, List, Tuple, Union

from .state import INNER_LINK, MAIN, NOWHERE_TABLE, STRAY_PRIORITY, Link, LinkKind, PolicyRule, Route, RouteKey

#: Of a route: its family, and where to as `ip` prints it.
Destination = Tuple[int, str]

OUTER_MAC = "02:64:00:00:00:01"
INNER_MAC = "02:64:00:00:00:02"
OUTER_LINK_LOCAL = "fe80::64:ff:fe00:1"
INNER_LINK_LOCAL = "fe80::64:ff:fe00:2"

#: Larger than any link that the packets come from or go to, so that these links' own MTUs are what counts, and are told right
#: by Packet Too Big: a translated packet is 20 bytes longer than what it was made of.
MTU = 9216

#: Addresses of these on an interface of ours are ours, others are not.
PAIRS = IPv4Network("198.19.0.0/16")
#: The same for IPv6. Of this network are the sources of translators' own ICMPv6 errors.
OWN6 = IPv6Network("fd64:6464:6464::/96")
#: For dynamic maps of TAYGA behind `masquerade`, when no pool is written: 4,094 clients each.
_POOLS = IPv4Network("198.18.0.0/16")
_POOL_LENGTH = 20


@dataclass(frozen=True)
class Pair:
    outer: IPv4Address
    inner: IPv4Address


def pairs(names: Iterable[str]) -> Dict[str, Pair]:
    """Two addresses for each interface name. A rule keeps its addresses when others come or go, unless their numbers collide."""
    first = int(PAIRS.network_address)
    return {name: Pair(IPv4Address(first + 2 * slot), IPv4Address(first + 2 * slot + 1)) for name, slot in _slots(names, 1 << 15).items()}


def private_pools(names: Iterable[str]) -> Dict[str, IPv4Network]:
    """@raises ValueError when there are more than 16."""
    slots = _slots(names, 1 << (_POOL_LENGTH - _POOLS.prefixlen))
    first = int(_POOLS.network_address)
    return {name: IPv4Network((first + (slot << (32 - _POOL_LENGTH)), _POOL_LENGTH)) for name, slot in slots.items()}


def _slots(names: Iterable[str], count: int) -> Dict[str, int]:
    taken: Dict[int, str] = {}
    for name in sorted(names, key=_order):
        family, number = _order(name)
        # The two kinds of rules start at different ends, so that rule 100 of one does not move rule 100 of the other.
        slot = (number if family == 0 else count - 1 - number) % count
        for _ in range(count):
            if slot not in taken:
                break
            slot = (slot + 1) % count
        else:
            raise ValueError("more than %d" % count)
        taken[slot] = name
    return {name: slot for slot, name in taken.items()}


def _order(name: str) -> Tuple[int, int]:
    family, _, number = name.partition("-")
    return (0 if family == "nat64" else 1), (int(number) if number.isdigit() else 0)


def own6(address: IPv4Address) -> str:
    """The IPv6 address of a translator that has this IPv4 address, as `ip` prints it."""
    return str(IPv6Address(int(OWN6.network_address) + int(address)))


def links(name: str, pair: Pair) -> Dict[Tuple[str, str], Link]:
    return {
        (MAIN, name): Link(LinkKind.VETH, OUTER_MAC, MTU, True, frozenset({"%s/31" % pair.outer})),
        (name, INNER_LINK): Link(LinkKind.VETH, INNER_MAC, MTU, True, frozenset({"%s/31" % pair.inner, "%s/128" % own6(pair.inner)})),
    }


def sysctls(name: str) -> Dict[Tuple[str, str], str]:
    """In the order to set them. Without duplicate address detection: on a link of two it only makes the first packets wait."""
    inside = {
        "net.ipv4.ip_forward": "1",
        "net.ipv6.conf.all.forwarding": "1",
        "net.ipv4.conf.all.rp_filter": "0",
        "net.ipv4.conf.default.rp_filter": "0",
        "net.ipv4.conf.all.send_redirects": "0",
        "net.ipv4.conf.default.send_redirects": "0",
        "net.ipv6.conf.all.disable_ipv6": "0",
        "net.ipv6.conf.default.disable_ipv6": "0",
        "net.ipv6.conf.default.accept_dad": "0",
        "net.ipv6.conf.default.accept_ra": "0",
        "net.ipv6.conf.default.addr_gen_mode": "0",
        "net.ipv6.conf.default.keep_addr_on_down": "1",
        # Nobody here opens connections; Jool 4.1.15 refuses pools that overlap with the ports for them.
        "net.ipv4.ip_unprivileged_port_start": "0",
        "net.ipv4.ip_local_port_range": "1 1",
    }
    values = {(name, key): value for key, value in inside.items()}
    values.update(link_sysctls(name))
    values[MAIN, "net.ipv6.conf.%s.accept_dad" % name] = "0"
    values[MAIN, "net.ipv6.conf.%s.addr_gen_mode" % name] = "0"
    return values


def link_sysctls(name: str) -> Dict[Tuple[str, str], str]:
    """Of the router's own end, whatever its defaults say."""
    return {**tun_sysctls(name), (MAIN, "net.ipv6.conf.%s.accept_ra" % name): "0"}


def tun_sysctls(name: str) -> Dict[Tuple[str, str], str]:
    """No more than must be: nobody advertises routers into TAYGA's interface, and in a container settings can only be read."""
    return {(MAIN, "net.ipv6.conf.%s.disable_ipv6" % name): "0"}


def inner_routes(name: str, pair: Pair) -> Dict[RouteKey, Route]:
    """Everything that the translator makes goes back to the router; see inner_rules for the rest."""
    return {
        RouteKey(name, 4, "main", "default"): Route(INNER_LINK, str(pair.outer)),
        RouteKey(name, 6, "main", "default"): Route(INNER_LINK, OUTER_LINK_LOCAL),
        RouteKey(name, 4, NOWHERE_TABLE, "default"): Route(""),
        RouteKey(name, 6, NOWHERE_TABLE, "default"): Route(""),
    }


def inner_rules(name: str) -> FrozenSet[PolicyRule]:
    """What came in and is left alone by the translator, paused as it may be, would go to and fro until its hop limit ends. Jool's own look-ups,
    which hairpinning needs, are not of packets that came in."""
    return frozenset(PolicyRule(family, STRAY_PRIORITY, NOWHERE_TABLE, inbound=INNER_LINK, namespace=name) for family in (4, 6))


def own_route(name: str, pair: Pair) -> Dict[RouteKey, Route]:
    """Where the translator's own IPv6 address is: a firewall that asks so of every source finds its errors where they come from."""
    return {RouteKey(MAIN, 6, "main", own6(pair.inner)): Route(name, INNER_LINK_LOCAL)}


def outer_routes(name: str, pair: Pair, table: str, destinations: Iterable[Destination]) -> Dict[RouteKey, Route]:
    """What the router sends to the translator."""
    return {
        RouteKey(MAIN, family, table, destination): Route(name, str(pair.inner) if family == 4 else INNER_LINK_LOCAL)
        for family, destination in destinations
    }


def destinations(networks: List[IPv4Network]) -> List[Destination]:
    return [(4, destination4(network)) for network in networks]


def destination4(network: IPv4Network) -> str:
    """As `ip route` prints it."""
    if network.prefixlen == 32:
        return str(network.network_address)
    return "default" if network.prefixlen == 0 else str(network)


def destination(network: Union[IPv4Network, IPv6Network]) -> Destination:
    if isinstance(network, IPv4Network):
        return 4, destination4(network)
    return 6, str(network.network_address) if network.prefixlen == 128 else str(network)
