"""A plan that grows: operations in phases."""

from __future__ import annotations

from typing import List, Tuple

from ..operations import Command, Operation, Plan
from ..state import MAIN

# In the order of the plan.
HALT, CLEAR, PLACE, CREATE, CHANGE, DAEMON, LEAD, FILE, DIVERT, STOP, REMOVE, VANISH = range(12)


class Steps:
    def __init__(self) -> None:
        self._steps: List[Tuple[int, Operation]] = []

    def add(self, phase: int, what: str, do: Command, *undo: Command, drops_sessions: str = "") -> None:
        self.add_all(phase, what, (do,), undo, drops_sessions)

    def add_all(self, phase: int, what: str, do: Tuple[Command, ...], undo: Tuple[Command, ...], drops_sessions: str = "") -> None:
        self._steps.append((phase, Operation(what, do, undo, drops_sessions)))

    def plan(self) -> Plan:
        return tuple(operation for _, operation in sorted(self._steps, key=lambda step: step[0]))


def ip_command(namespace: str, family: int = 0) -> Tuple[str, ...]:
    words: Tuple[str, ...] = ("ip",)
    if namespace != MAIN:
        words += ("-n", namespace)
    if family:
        words += ("-%d" % family,)
    return words
