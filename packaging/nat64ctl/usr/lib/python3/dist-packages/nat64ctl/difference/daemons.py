"""TAYGA and joold."""

from __future__ import annotations

from typing import Set

from ..engines.tayga import UNIT, value_of
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
                DAEMON,
                "%s: restart with another configuration" % service.unit,
                start_commands(service, text),
                start_commands(service, before),
                drops_sessions=_ended(before, text) if template == UNIT else "",
            )
        elif stale:
            steps.add_all(DAEMON, "%s: restart on a new interface" % service.unit, (restart(service),), (restart(service),))


def _ended(before: str, after: str) -> str:
    """What of TAYGA's does not go on behind its new start, "" where all does: it reads the maps of its folder again, as far as its pool has them."""
    words = []
    if value_of(before, "prefix") != value_of(after, "prefix"):
        words.append("all, since the prefix is another one")
    pool = value_of(before, "dynamic-pool")
    if pool:
        if value_of(before, "data-dir") != value_of(after, "data-dir"):
            words.append("those of dynamic maps, since its new folder has none (`persistent`)")
        elif pool != value_of(after, "dynamic-pool"):
            words.append("those of dynamic maps whose address is not in the new pool")
    gone = {line for line in before.splitlines() if line.startswith("map ")} - set(after.splitlines())
    if gone:
        words.append("those of %d static maps" % len(gone) if len(gone) > 1 else "those of a static map")
    return "; ".join(words)
