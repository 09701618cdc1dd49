"""From what runs to what is wanted: the operations, in their order. Pure.

What only adds comes first, then what takes packets to it, and what takes away comes last: a failure on the way finds the old
translator still there. Exceptions are forced: Jool has one netfilter instance of a kind a namespace, and an interface has its name
to itself, so there the old one goes first.
"""

from __future__ import annotations

from ..names import keep_names
from ..operations import Plan
from ..state import State
from .daemons import daemons
from .files import files
from .firewall import iptables, masquerades
from .instances import instances
from .links import links, namespaces, replaced_links, sysctls
from .routes import policy_rules, routes
from .steps import Steps

__all__ = ["difference"]


def difference(running: State, wanted: State) -> Plan:
    """Empty when what runs is what is wanted."""
    wanted = keep_names(running, wanted)
    steps = Steps()
    replaced = replaced_links(running, wanted)
    namespaces(steps, running, wanted)
    # An interface takes its settings from the defaults of the moment when it is made, and its own before it comes up.
    sysctls(steps, running, wanted, replaced, inside=True)
    links(steps, running, wanted, replaced)
    sysctls(steps, running, wanted, replaced, inside=False)
    instances(steps, running, wanted)
    daemons(steps, running, wanted, replaced)
    routes(steps, running, wanted, replaced)
    policy_rules(steps, running, wanted)
    iptables(steps, running, wanted)
    masquerades(steps, running, wanted)
    files(steps, running, wanted)
    return steps.plan()
