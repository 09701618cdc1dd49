"""What becomes of an address right now: the dynamic bindings and maps that it has."""

from __future__ import annotations

from typing import Iterator, Optional

from ..engines import jool
from ..engines.jool_tables import bindings
from ..explain import CLIENT_IN_SIX, Answer, Question
from ..model import Configuration
from ..state import Kind
from ..system import System
from .owners import owner_of
from .translators import dynamic_maps, jool_instances, running_rules, tayga_daemons


def live_answers(system: System, question: Question, configuration: Optional[Configuration]) -> Iterator[Answer]:
    """@raises Unreadable, UnknownTable, OSError"""
    running = running_rules(system)
    text = jool.ntop6(question.address) if question.address.version == 6 else str(question.address)
    port = None if question.port is None else str(question.port)
    protocols = jool.PROTOCOLS if question.protocol is None else (question.protocol.value.upper(),)
    # In a row: the address and port inside, or those outside.
    where = 1 if question.address.version == 6 else 3
    for instance in jool_instances(system):
        if instance.key.kind is not Kind.NAT64 or not instance.reachable:
            continue
        owner = owner_of(instance, running, configuration)
        for row in bindings(system, instance.key, protocols):
            if row.static == "0" and row[where] == text and port in (None, row[where + 1]):
                rule = owner(row.protocol, row.outside_address, row.outside_port)
                yield Answer(
                    rule or ("(foreign) " + instance.key.name if not instance.ours else "?"),
                    "jool",
                    "dynamic",
                    row.protocol.lower(),
                    row.inside_address,
                    int(row.inside_port),
                    row.outside_address,
                    int(row.outside_port),
                    CLIENT_IN_SIX,
                    "now",
                )
    for daemon in tayga_daemons(system):
        if not daemon.ours:
            continue
        for inside, outside, _ in dynamic_maps(system, daemon)[0]:
            if text in (inside, outside):
                protocol = "" if question.protocol is None else question.protocol.value
                yield Answer(daemon.label, "tayga", "dynamic", protocol, inside, question.port, outside, question.port, CLIENT_IN_SIX, "now")
