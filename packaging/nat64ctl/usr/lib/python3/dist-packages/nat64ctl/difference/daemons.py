"""TAYGA and joold."""

from __future__ import annotations

from typing import Set

from ..services import Service, restart, start_commands, stop_commands
from ..state import (
    MAIN,
    State,
)
from .steps import DAEMON, HALT, STOP, Steps


def daemons(steps: Steps, running: State, wanted: State, replaced: Set[str]) -> None:
    for (template, name), text in sorted(running.daemons.items()):
        if (template, name) not in wanted.daemons:
            service = Service(template, name)
            # It holds its interface.
            phase = HALT if name in replaced else STOP
            steps.add_all(phase, "%s: stop" % service.unit, stop_commands(service), start_commands(service, text))
    for (template, name), text in sorted(wanted.daemons.items()):
        service = Service(template, name)
        # A daemon holds the interface that it was started with.
        stale = name in replaced or ((MAIN, name) in wanted.links and (MAIN, name) not in running.links)
        before = running.daemons.get((template, name))
        if before is None:
            steps.add_all(DAEMON, "%s: start" % service.unit, start_commands(service, text), stop_commands(service))
        elif before != text:
            steps.add_all(
                DAEMON, "%s: restart with another configuration" % service.unit, start_commands(service, text), start_commands(service, before)
            )
        elif stale:
            steps.add_all(DAEMON, "%s: restart on a new interface" % service.unit, (restart(service),), (restart(service),))
