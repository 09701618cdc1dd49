"""A merged instance is called after the lowest of its rules, and Jool cannot rename a live one.

When that rule goes, or a lower one comes, the instance that runs keeps its name, and with it its sessions.
"""

from __future__ import annotations

import dataclasses
import json
from typing import Dict

from .services import JOOLD_UNIT
from .state import MAIN, Framework, Instance, InstanceKey, Kind, State


def keep_names(running: State, wanted: State) -> State:
    """What is wanted, with the names of those instances that run already and serve for it as they are."""
    names: Dict[InstanceKey, InstanceKey] = {}
    for key, instance in wanted.instances.items():
        if key in running.instances or not _nameless(key, instance):
            continue
        for other, candidate in running.instances.items():
            # There is one netfilter instance of a kind in a namespace, so whichever runs is the one.
            # A prefix that changes makes a stateful instance anew, so that can as well have its new name.
            same = other.kind is key.kind and (key.kind is Kind.SIIT or candidate.pool6 == instance.pool6)
            if same and _nameless(other, candidate) and other not in wanted.instances:
                names[key] = other
    if not names:
        return wanted
    daemons = dict(wanted.daemons)
    for key, other in names.items():
        text = daemons.pop((JOOLD_UNIT, key.name), None)
        if text is not None:
            daemons[JOOLD_UNIT, other.name] = json.dumps({**json.loads(text), "instance": other.name}, indent=1, sort_keys=True) + "\n"
    instances = {names.get(key, key): instance for key, instance in wanted.instances.items()}
    return dataclasses.replace(wanted, instances=instances, daemons=daemons)


def _nameless(key: InstanceKey, instance: Instance) -> bool:
    """Whether nothing but people refers to it by its name."""
    return key.namespace == MAIN and instance.framework is Framework.NETFILTER
