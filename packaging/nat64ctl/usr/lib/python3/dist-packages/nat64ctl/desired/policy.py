"""Which packets are led to a translator that has an interface."""

from __future__ import annotations

from ..engines import jool
from ..model import SourceRule
from ..state import PolicyRule
from .building import Building

#: Of every policy rule that leads to a translator.
RULE_PRIORITY = 6464
#: Before those: what the router knows a specific route for does not go to a translator.
LOCAL_PRIORITY = 6463


def source_policy(building: Building, rule: SourceRule, pool6: str) -> str:
    """The routing table for the rule's prefix: the main one, or one that only what `match` names looks into."""
    if rule.source_address is None and rule.inbound_interface is None and rule.mark is None:
        return "main"
    table = str(640000000 + rule.number)
    source = "" if rule.source_address is None else jool.prefix6(rule.source_address)
    building.policy_rules |= {PolicyRule(6, RULE_PRIORITY, table, source, pool6, rule.inbound_interface or "", rule.mark or 0)}
    return table
