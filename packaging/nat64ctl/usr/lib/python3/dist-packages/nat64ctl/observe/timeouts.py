"""How long translations live."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional

from ..engines.jool_tables import timeouts
from ..state import Kind
from ..system import System
from .filters import Filter
from .translations import TAYGA_LIFETIME, clock
from .translators import jool_instances, tayga_daemons


class TimeoutRow(NamedTuple):
    rule: Optional[str]
    engine: str
    instance: str
    foreign: bool
    #: Seconds by the CLI's name; of TAYGA only `map`.
    seconds: Dict[str, int]


_NAMES = ("udp", "tcp-established", "tcp-transitory", "icmp", "map")
HEADER = ("Rule", "Engine", "UDP", "TCP established", "TCP transitory", "ICMP", "Map")


def timeout_rows(system: System, chosen: Filter) -> List[TimeoutRow]:
    """Stateless instances have none. @raises Unreadable"""
    rows: List[TimeoutRow] = []
    for instance in jool_instances(system):
        label = instance.label if instance.ours else None
        if instance.key.kind is Kind.NAT64 and instance.reachable and chosen.takes_rule(label):
            rows.append(TimeoutRow(label, "jool", instance.key.name, not instance.ours, timeouts(instance.options)))
    daemons = [each for each in tayga_daemons(system) if each.ours and each.pool is not None and chosen.takes_rule(each.label)]
    # TAYGA's cannot be changed.
    return rows + [TimeoutRow(each.label, "tayga", each.device, False, {"map": TAYGA_LIFETIME}) for each in daemons]


def timeout_json(row: TimeoutRow) -> Dict[str, object]:
    return {"rule": row.rule, "engine": row.engine, "instance": row.instance, "foreign": row.foreign, "seconds": row.seconds}


def timeout_cells(row: TimeoutRow) -> List[str]:
    rule = row.rule or ("(foreign) " + row.instance if row.foreign else "?")
    return [rule, row.engine] + [clock(row.seconds[name]) if name in row.seconds else "" for name in _NAMES]
