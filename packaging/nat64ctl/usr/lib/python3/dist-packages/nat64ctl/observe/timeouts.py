"""How long translations live."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Optional, Tuple

from ..engines.jool_tables import timeouts
from ..model import Configuration
from ..state import Kind
from ..system import System
from .filters import Filter
from .owners import sharing_rules
from .translations import TAYGA_LIFETIME, clock
from .translators import jool_instances, running_rules, tayga_daemons


class TimeoutRow(NamedTuple):
    #: Those that the translator works for; none of a foreign one.
    rules: Tuple[str, ...]
    engine: str
    instance: str
    foreign: bool
    #: Seconds by the CLI's name; of TAYGA only `map`.
    seconds: Dict[str, int]


_NAMES = ("udp", "tcp-established", "tcp-transitory", "icmp", "map")
HEADER = ("Rule", "Engine", "UDP", "TCP established", "TCP transitory", "ICMP", "Map")


def timeout_rows(system: System, chosen: Filter, configuration: Optional[Configuration]) -> List[TimeoutRow]:
    """Stateless instances have none. @raises Unreadable, OSError"""
    rows: List[TimeoutRow] = []
    running = running_rules(system)
    for instance in jool_instances(system):
        labels = tuple(sharing_rules(instance, running, configuration)) if instance.ours else ()
        if instance.key.kind is Kind.NAT64 and instance.reachable and chosen.takes_one_of(labels):
            rows.append(TimeoutRow(labels, "jool", instance.key.name, not instance.ours, timeouts(instance.options)))
    daemons = [each for each in tayga_daemons(system) if each.ours and each.pool is not None and chosen.takes_rule(each.label)]
    # TAYGA's cannot be changed.
    return rows + [TimeoutRow((each.label,), "tayga", each.device, False, {"map": TAYGA_LIFETIME}) for each in daemons]


def timeout_json(row: TimeoutRow) -> Dict[str, object]:
    return {"rules": list(row.rules), "engine": row.engine, "instance": row.instance, "foreign": row.foreign, "seconds": row.seconds}


def timeout_cells(row: TimeoutRow) -> List[str]:
    return [", ".join(row.rules) or "(foreign) " + row.instance, row.engine] + [
        clock(row.seconds[name]) if name in row.seconds else "" for name in _NAMES
    ]
