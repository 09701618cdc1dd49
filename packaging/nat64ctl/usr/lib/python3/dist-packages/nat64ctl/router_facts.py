"""What `check --on-this-router` knows of the router. Asks, and changes nothing: no module is loaded to find out whether it would."""

from __future__ import annotations

import re
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import FrozenSet, List, Optional, Set, Tuple, Union

from .check import RouterFacts
from .foreign_routes import in_the_way
from .model import PortRange
from .needs import Need
from .requirements import lacks
from .running import read_json
from .state import OUR_LINK
from .system import System


def router_facts(system: System) -> RouterFacts:
    interfaces, addresses = _interfaces(system)
    lacking = lacks(system)
    return RouterFacts(
        ephemeral_ports=_ephemeral_ports(system),
        jool_version=None if Need.NAT64 in lacking else _jool_version(system),
        vyos_year=_vyos_year(system),
        lacks=lacking,
        interfaces=interfaces,
        addresses=addresses,
        routes_in_the_way=partial(in_the_way, system),
    )


def _ephemeral_ports(system: System) -> Optional[PortRange]:
    words = (system.read_file("/proc/sys/net/ipv4/ip_local_port_range") or "").split()
    return PortRange(int(words[0]), int(words[1])) if len(words) == 2 else None


def _jool_version(system: System) -> Optional[Tuple[int, ...]]:
    text = system.read_file("/sys/module/jool/version") or system.run(("jool", "--version")).stdout
    found = re.search(r"[0-9]+(?:\.[0-9]+)+", text)
    # The fourth number is always 0, and people do not say it.
    return tuple(int(part) for part in found.group(0).split("."))[:3] if found else None


def _vyos_year(system: System) -> Optional[int]:
    """VyOS's versions are 1.5-rolling-202601120021, or 2025.11 and the like."""
    text = system.read_file("/usr/share/vyos/version.json")
    if text is None:
        return None
    found = re.search(r'"version"\s*:\s*"[^"]*?(20[0-9]{2})[0-9.]', text)
    return int(found.group(1)) if found else None


def _interfaces(system: System) -> Tuple[Optional[FrozenSet[str]], FrozenSet[Union[IPv4Address, IPv6Address]]]:
    result = system.run(("ip", "-j", "address", "show"))
    if result.status != 0:
        return None, frozenset()
    names: Set[str] = set()
    addresses: List[Union[IPv4Address, IPv6Address]] = []
    for row in read_json(result):
        if not row:
            continue
        names.add(row["ifname"])
        if not OUR_LINK.match(row["ifname"]):
            addresses.extend(ip_address(each["local"]) for each in row.get("addr_info", []) if "local" in each)
    return frozenset(names), frozenset(addresses)
