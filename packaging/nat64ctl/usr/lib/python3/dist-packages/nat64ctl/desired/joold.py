"""Session synchronization between routers."""

from __future__ import annotations

import json
from typing import Dict, Tuple

from ..model import Configuration
from ..services import JOOLD_UNIT
from .building import Building


def add_synchronization(building: Building, configuration: Configuration) -> None:
    """A joold for each stateful instance that is to be known elsewhere. Several have ports that follow each other: joold does not
    say in its packets which instance they are about."""
    ports: Dict[int, int] = {}
    for key, instance in sorted(building.instances.items(), key=lambda item: _by_number(item[0].name)):
        if instance.globals.get("ss-enabled") != "TRUE":
            continue
        source = key.name.startswith("instance-")
        synchronization = configuration.nat64_synchronization if source else configuration.nat46_synchronization
        synchronization = synchronization or configuration.nat64_synchronization or configuration.nat46_synchronization
        if synchronization is None:
            continue
        port = synchronization.port + ports.get(synchronization.port, 0)
        ports[synchronization.port] = ports.get(synchronization.port, 0) + 1
        content: Dict[str, object] = {
            "instance": key.name,
            "multicast address": str(synchronization.multicast_address),
            "multicast port": str(port),
            "ttl": 1,
            "in interface": synchronization.interface,
            "out interface": synchronization.interface,
        }
        building.daemons[JOOLD_UNIT, key.name] = json.dumps(content, indent=1, sort_keys=True) + "\n"


def _by_number(name: str) -> Tuple[str, int]:
    family, _, number = name.partition("-")
    return family, int(number) if number.isdigit() else 0
