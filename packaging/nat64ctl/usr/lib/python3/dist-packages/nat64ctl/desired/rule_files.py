"""What VyOS's own tools read of a rule."""

from __future__ import annotations

import json
from typing import Dict, List

from ..model import Mode, SourceRule
from .building import Building
from .instances import pools_of, ports_of


def rule_file_text(building: Building, rule: SourceRule) -> str:
    """As VyOS writes it, byte for byte: its own tests read it."""
    content: Dict[str, object] = {
        "instance": "instance-%d" % rule.number,
        "framework": "iptables" if rule.mode is Mode.IPTABLES else "netfilter",
        "global": {"pool6": str(rule.prefix), "manually-enabled": not rule.disabled},
    }
    if rule.description:
        content["comment"] = rule.description
    entries: List[Dict[str, object]] = []
    for pool in pools_of(building, rule):
        for protocol in pool.protocols:
            low, high = ports_of(pool) or (61001, 65535)
            entry: Dict[str, object] = {
                "protocol": protocol.value.upper(),
                "prefix": str(pool.address.network_address) if pool.address.prefixlen == 32 else str(pool.address),
                "port range": str(low) if low == high else "%d-%d" % (low, high),
            }
            if rule.mark:
                entry["mark"] = rule.mark
            if pool.description:
                entry["comment"] = pool.description
            entries.append(entry)
    if entries:
        content["pool4"] = entries
    return json.dumps(content, indent=2)
