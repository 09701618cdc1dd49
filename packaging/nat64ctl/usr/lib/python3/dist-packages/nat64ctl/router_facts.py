"""What `check --on-this-router` knows of the router. Asks, and changes nothing: no module is loaded to find out whether it would."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Dict, FrozenSet, List, Optional, Set, Tuple, Union

from .check import RouterFacts
from .model import Engine, Mode, PortRange
from .requirements import module_version, tools_version
from .running import read_json
from .state import OUR_LINK, Kind
from .system import System


def router_facts(system: System) -> RouterFacts:
    interfaces, addresses = _interfaces(system)
    engines = _unavailable_engines(system)
    return RouterFacts(
        ephemeral_ports=_ephemeral_ports(system),
        jool_version=None if Engine.JOOL in engines else _jool_version(system),
        vyos_year=_vyos_year(system),
        unavailable_engines=engines,
        unavailable_modes=_unavailable_modes(system),
        interfaces=interfaces,
        addresses=addresses,
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


def _unavailable_engines(system: System) -> Dict[Engine, str]:
    reasons: Dict[Engine, str] = {}
    if not system.find_program("tayga"):
        reasons[Engine.TAYGA] = "The program tayga is not installed; the package tayga has it."
    elif "tun" not in system.list_folder("/dev/net") and system.run(("modprobe", "--dry-run", "tun")).status != 0:
        reasons[Engine.TAYGA] = "This kernel has no TUN device, which TAYGA needs."
    for kind in Kind:
        if not system.find_program(kind.tool):
            reasons[Engine.JOOL] = "The program %s is not installed; the package jool-tools has it." % kind.tool
        elif system.read_file("/sys/module/%s/initstate" % kind.tool) is None:
            found = system.run(("modprobe", "--dry-run", "--first-time", kind.tool))
            if found.status != 0:
                reasons[Engine.JOOL] = "This kernel has no module %s: %s." % (kind.tool, found.stderr.strip())
        else:
            module, tools = module_version(system, kind), tools_version(system, kind)
            if module is not None and module != tools:
                words = "The module %s that is loaded is of version %s, and its tool of version %s; after a reboot they may fit."
                reasons[Engine.JOOL] = words % (kind.tool, module, tools or "unknown")
    return reasons


def _unavailable_modes(system: System) -> Dict[Mode, str]:
    for name in ("iptables-restore", "ip6tables-restore"):
        if not system.find_program(name):
            return {Mode.IPTABLES: "The program %s is not installed; the package iptables has it." % name}
    # A loaded module holds x_tables, one on disk depends on it; where the kernel has that built in, nobody can tell.
    depends = system.run(("modinfo", "--field", "depends", Kind.NAT64.tool))
    modular = system.run(("modinfo", "--field", "filename", "x_tables")).stdout.strip() not in ("", "(builtin)")
    if depends.status == 0 and modular and "x_tables" not in depends.stdout.strip().split(","):
        return {Mode.IPTABLES: "Jool's module on this router was compiled without its targets for iptables."}
    return {}


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
