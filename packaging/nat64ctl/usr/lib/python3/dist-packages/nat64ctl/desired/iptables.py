"""Rules that give packets to instances of the framework iptables."""

from __future__ import annotations

from ipaddress import IPv4Network, collapse_addresses
from typing import List

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
    building.iptables.append((6, " ".join(words + [target(part)])))
    _iptables_pool4(building, part)


def iptables_destination(building: Building, rule: DestinationRule, part: Part) -> None:
    if rule.disabled:
        return
    building.iptables.append((6, "-s %s -d %s %s" % (jool.prefix6(rule.translation_address), part.pool6, target(part))))
    if rule.stateful:
        _iptables_pool4(building, part)
    else:
        building.iptables.append((4, "-d %s %s" % (rule.address, target(part))))


def _iptables_pool4(building: Building, part: Part) -> None:
    """The way back. ICMP errors about any protocol's packets come as ICMP."""
    pool4 = merged_pool4([part])
    if not pool4:
        # Jool then takes these ports of each of the router's addresses, and gives back what is not for it.
        building.iptables.extend((4, "-p %s -m %s --dport 61001:65535 %s" % (name, name, target(part))) for name in ("tcp", "udp"))
        building.iptables.append((4, "-p icmp " + target(part)))
    networks: List[IPv4Network] = []
    for (_, protocol), table in sorted(pool4.tables.items()):
        for row in ranges(table.runs):
            network = IPv4Network((row.network, row.length))
            networks.append(network)
            if protocol == "ICMP":
                continue
            low, high = row.ports
            match = "" if (low, high) == (1, 65535) else " -m %s --dport %s" % (protocol.lower(), low if low == high else "%d:%d" % (low, high))
            building.iptables.append((4, "-d %s -p %s%s %s" % (network, protocol.lower(), match, target(part))))
    building.iptables.extend((4, "-d %s -p icmp %s" % (network, target(part))) for network in collapse_addresses(networks))


def target(part: Part) -> str:
    return "-j %s --instance %s" % ("JOOL" if part.kind is Kind.NAT64 else "JOOL_SIIT", part.name)
