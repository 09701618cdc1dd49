"""A State that grows."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Dict, List, Set, Tuple

from .. import isolated
from ..state import Instance, InstanceKey, Link, Masquerade, PolicyRule, Route, RouteKey, State


class Unplannable(Exception):
    """A configuration that no router can carry out. `rules` are the paths of those concerned, in words of the CLI."""

    def __init__(self, rules: Tuple[str, ...], message: str) -> None:
        super().__init__("%s: %s" % (", ".join(rules), message))
        self.rules = rules
        self.message = message


@dataclass
class Building:
    """A State that grows."""

    # Sets that grow: frozen ones would be copied with each rule.
    namespaces: Set[str] = field(default_factory=set)
    links: Dict[Tuple[str, str], Link] = field(default_factory=dict)
    sysctls: Dict[Tuple[str, str], str] = field(default_factory=dict)
    routes: Dict[RouteKey, Route] = field(default_factory=dict)
    policy_rules: Set[PolicyRule] = field(default_factory=set)
    instances: Dict[InstanceKey, Instance] = field(default_factory=dict)
    #: Family, what it matches, its target.
    iptables: List[Tuple[int, str, str]] = field(default_factory=list)
    masquerades: Set[Masquerade] = field(default_factory=set)
    daemons: Dict[Tuple[str, str], str] = field(default_factory=dict)
    files: Dict[str, str] = field(default_factory=dict)
    pairs: Dict[str, isolated.Pair] = field(default_factory=dict)
    pools: Dict[str, IPv4Network] = field(default_factory=dict)

    def add_routes(self, path: str, routes: Dict[RouteKey, Route]) -> None:
        for key, route in routes.items():
            other = self.routes.setdefault(key, route)
            if other != route:
                raise Unplannable(
                    (path,),
                    "%s is routed to %s already, by another rule; add `match`, or take another %s"
                    % (key.destination, other.device, "prefix" if key.family == 6 else "address"),
                )

    def _iptables(self) -> Dict[int, Tuple[str, ...]]:
        # The first that fits takes a packet, so of several for one prefix those that ask for more come first.
        ordered = sorted(self.iptables, key=lambda rule: -len(rule[1].split()))
        rules = {family: tuple("%s -j %s" % (match, target) for each, match, target in ordered if each == family) for family in (4, 6)}
        return {family: each for family, each in rules.items() if each}

    def state(self) -> State:
        return State(
            namespaces=frozenset(self.namespaces),
            links=self.links,
            sysctls=self.sysctls,
            routes=self.routes,
            policy_rules=frozenset(self.policy_rules),
            instances=self.instances,
            iptables=self._iptables(),
            masquerades=frozenset(self.masquerades),
            daemons=self.daemons,
            files=self.files,
        )
