"""Which packets are led to a translator that has an interface."""

from __future__ import annotations

from ipaddress import IPv6Network

from ..engines import jool
from ..model import SourceRule
from ..state import RULE_PRIORITY, PolicyRule
from .building import Building


def route6(network: IPv6Network) -> str:
    """As `ip route` prints it."""
    return jool.ntop6(network.network_address) if network.prefixlen == 128 else jool.prefix6(network)


def source_policy(building: Building, rule: SourceRule, pool6: str) -> str:
    """The routing table for the rule's prefix: the main one, or one that only what `match` names looks into."""
    if rule.source_address is None and rule.inbound_interface is None and rule.mark is None:
        return "main"
    table = str(640000000 + rule.number)
    source = "" if rule.source_address is None else jool.prefix6(rule.source_address)
    building.policy_rules |= {PolicyRule(6, RULE_PRIORITY, table, source, pool6, rule.inbound_interface or "", rule.mark or 0)}
    return table
