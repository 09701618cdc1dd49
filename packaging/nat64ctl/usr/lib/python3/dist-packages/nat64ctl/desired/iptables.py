"""Rules that give packets to instances of the framework iptables."""

from __future__ import annotations

from ipaddress import IPv4Network, collapse_addresses
from typing import List, Tuple

from ..engines import jool
from ..model import DestinationRule, SourceRule
from ..pool4 import ranges
from ..state import Kind
from .building import Building
from .instances import Part, merged_pool4


def iptables_source(building: Building, rule: SourceRule, part: Part) -> None:
    if rule.disabled:
        # A paused instance drops what the target gives it.
        return
    words = []
    if rule.source_address is not None:
        words.append("-s " + jool.prefix6(rule.source_address))
    words.append("-d " + part.pool6)
    if rule.inbound_interface:
        words.append("-i " + rule.inbound_interface)
    if rule.mark:
        words.append("-m mark --mark 0x%x" % rule.mark)
    building.iptables.append((6, " ".join(words), target(part)))
    _iptables_pool4(building, part, target(part))


def iptables_destinations(building: Building, members: List[Tuple[DestinationRule, Part]]) -> None:
    """Of one instance, called after the first. Whoever sends to the prefix is an IPv6 server, or a router that complains of its way there."""
    instance = target(members[0][1])
    live = [(rule, part) for rule, part in members if not rule.disabled]
    if live:
        building.iptables.append((6, "-d " + live[0][1].pool6, instance))
    for rule, part in live:
        if rule.stateful:
            _iptables_pool4(building, part, instance)
        else:
            building.iptables.append((4, "-d %s" % rule.address, instance))


def _iptables_pool4(building: Building, part: Part, instance: str) -> None:
    """The way back. ICMP errors about any protocol's packets come as ICMP."""
    pool4 = merged_pool4([part])
    if not pool4:
        # Jool then takes these ports of each of the router's addresses, and gives back what is not for it.
        building.iptables.extend((4, "-p %s -m %s --dport 61001:65535" % (name, name), instance) for name in ("tcp", "udp"))
        building.iptables.append((4, "-p icmp", instance))
    networks: List[IPv4Network] = []
    for (_, protocol), table in sorted(pool4.tables.items()):
        for row in ranges(table.runs):
            network = IPv4Network((row.network, row.length))
            networks.append(network)
            if protocol == "ICMP":
                continue
            low, high = row.ports
            match = "" if (low, high) == (1, 65535) else " -m %s --dport %s" % (protocol.lower(), low if low == high else "%d:%d" % (low, high))
            building.iptables.append((4, "-d %s -p %s%s" % (network, protocol.lower(), match), instance))
    building.iptables.extend((4, "-d %s -p icmp" % network, instance) for network in collapse_addresses(networks))


def target(part: Part) -> str:
    return "%s --instance %s" % ("JOOL" if part.kind is Kind.NAT64 else "JOOL_SIIT", part.name)
