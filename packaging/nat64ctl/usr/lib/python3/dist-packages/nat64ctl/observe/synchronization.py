"""What tells sessions to another router, as it is configured and as it runs."""

from __future__ import annotations

import re
from typing import Dict, List, Sequence

from ..model import Synchronization
from ..system import System

_UNIT = re.compile(r"nat64-joold@(.+)\.service\Z")


def daemon_rows(system: System) -> List[str]:
    """The instances that have a joold of ours. @raises OSError"""
    return sorted({match.group(1) for match in (_UNIT.match(process.unit) for process in system.processes("joold")) if match is not None})


def synchronization_json(configured: Synchronization, daemons: Sequence[str]) -> Dict[str, object]:
    return {
        "interface": configured.interface,
        "multicast_address": str(configured.multicast_address),
        "port": configured.port,
        "flush_deadline": configured.flush_deadline,
        "capacity": configured.capacity,
        "max_sessions_per_packet": configured.max_sessions_per_packet,
        "instances": list(daemons),
    }


def synchronization_cells(configured: Synchronization, daemons: Sequence[str]) -> List[List[str]]:
    def own(value: object, unit: str = "") -> str:
        return "Jool's own" if value is None else "%s%s" % (value, unit)
    return [
        ["interface", configured.interface],
        ["multicast group", str(configured.multicast_address)],
        ["port", str(configured.port)],
        ["flush deadline", own(configured.flush_deadline, " ms")],
        ["capacity", own(configured.capacity)],
        ["sessions a packet", own(configured.max_sessions_per_packet)],
        ["joold runs for", ", ".join(daemons) or "no instance"],
    ]
