"""Translators in a network namespace of their own."""

from __future__ import annotations

from ipaddress import IPv4Network, collapse_addresses
from typing import List, Tuple

from .. import isolated
from ..model import DestinationRule, SourceRule
from ..state import Framework, Masquerade
from .building import Building
from .instances import Part, add_instance
from .policy import source_policy


def isolated_source(building: Building, path: str, rule: SourceRule, part: Part) -> None:
    name = "nat64-%d" % rule.number
    add_namespace(building, name)
    add_instance(building, name, Framework.NETFILTER, [part])
    networks = list(collapse_addresses(pool.address for pool in rule.pools))
    if rule.disabled:
        return
    building.add_routes(path, isolated.own_route(name, building.pairs[name]))
    table = source_policy(building, rule, part.pool6)
    building.add_routes(path, isolated.outer_routes(name, building.pairs[name], table, [(6, part.pool6)]))
    building.add_routes(path, isolated.outer_routes(name, building.pairs[name], "main", isolated.destinations(networks)))
    if rule.masquerade:
        sources = networks or [IPv4Network(building.pairs[name].inner)]
        building.masquerades |= {Masquerade(isolated.destination4(network), name) for network in sources}


def isolated_destinations(building: Building, rules: List[Tuple[DestinationRule, Part]]) -> None:
    """Rules of one prefix: one namespace, called after the lowest of them."""
    path = rules[0][1].path
    name = rules[0][1].name
    add_namespace(building, name)
    add_instance(building, name, Framework.NETFILTER, [part for _, part in rules])
    enabled = [rule.address for rule, _ in rules if not rule.disabled]
    if enabled:
        own = [(6, rules[0][1].pool6)] + isolated.destinations(list(collapse_addresses(enabled)))
        building.add_routes(path, isolated.own_route(name, building.pairs[name]))
        building.add_routes(path, isolated.outer_routes(name, building.pairs[name], "main", own))


def add_namespace(building: Building, name: str) -> None:
    building.namespaces |= {name}
    building.links.update(isolated.links(name, building.pairs[name]))
    building.sysctls.update(isolated.sysctls(name))
    building.routes.update(isolated.inner_routes(name, building.pairs[name]))
    building.policy_rules |= isolated.inner_rules(name)
