"""What only the router knows. Gathered by whoever runs there; the check itself asks nothing of the system."""
from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import AbstractSet, Callable, FrozenSet, Mapping, Optional, Tuple, Union

from nat64ctl.isolated import Destination
from nat64ctl.model import PortRange
from nat64ctl.needs import Lack, Need


def _none(_destinations: AbstractSet[Destination]) -> Mapping[Destination, Lack]:
    return {}


@dataclass(frozen=True)
class RouterFacts:
    """Facts of one router at one moment. What is not known is left out, and then nothing is said of it."""

    #: net.ipv4.ip_local_port_range of the router's own namespace.
    ephemeral_ports: Optional[PortRange] = None
    #: Version of Jool's modules and tools, such as (4, 1, 13).
    jool_version: Optional[Tuple[int, ...]] = None
    #: Year of the VyOS release; None on another system.
    vyos_year: Optional[int] = None
    #: What this router has not.
    lacks: Mapping[Need, Lack] = field(default_factory=dict)
    #: Names of the router's interfaces; None: not known.
    interfaces: Optional[FrozenSet[str]] = None
    #: Addresses on the interfaces of the router's own namespace.
    addresses: FrozenSet[Union[IPv4Address, IPv6Address]] = frozenset()
    #: Routes of others at destinations of the main table. A function, since a router may have a million of them.
    routes_in_the_way: Callable[[AbstractSet[Destination]], Mapping[Destination, Lack]] = _none
