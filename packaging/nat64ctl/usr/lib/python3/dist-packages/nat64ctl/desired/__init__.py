"""From a configuration to what has to exist on the router. Pure: the same file means the same on every router.

Jool takes one netfilter instance of each kind a network namespace, so inline rules are merged into one where they can be:
they share their prefix, and do not contradict each other's options. The instance is called after the lowest of them. Of NAT46 rules
elsewhere those with one prefix share a translator too: nothing else tells which of them an IPv6 packet is for.
"""

from __future__ import annotations

from typing import Dict, List, Tuple

from .. import isolated
from ..engines import tayga
from ..model import Configuration, DestinationRule, Engine, Mode
from ..state import MAIN, Framework, Kind, State, rule_file
from .building import Building, Unplannable
from .clat import CLAT_NAME, add_clat
from .instances import Part, add_instance, destination_part, source_part
from .iptables import iptables_destinations, iptables_source
from .isolated_rules import isolated_destinations, isolated_source
from .joold import add_synchronization
from .journal import add_logging
from .rule_files import rule_file_text
from .strays import destination_strays, source_strays
from .tayga_rules import tayga_destinations, tayga_source

__all__ = ["Unplannable", "desired_state"]


def desired_state(configuration: Configuration, persistent_data: str = tayga.PERSISTENT_DATA) -> State:
    """@raises Unplannable"""
    building = Building()
    _allot(configuration, building)
    inline: List[Part] = []
    #: By kind and prefix.
    by_target: Dict[Tuple[Kind, str], List[Tuple[DestinationRule, Part]]] = {}
    for rule in configuration.source_rules:
        path = "nat64 source rule %d" % rule.number
        if rule.engine is Engine.TAYGA:
            tayga_source(building, path, rule, persistent_data)
            continue
        part = source_part(building, path, rule, configuration.nat64_synchronization)
        building.files[rule_file(rule.number)] = rule_file_text(building, rule)
        if rule.mode is Mode.ISOLATED:
            isolated_source(building, path, rule, part)
            continue
        if rule.mode is Mode.INLINE:
            inline.append(part)
        else:
            add_instance(building, MAIN, Framework.IPTABLES, [part])
            iptables_source(building, rule, part)
        source_strays(building, rule)
    isolated_by: Dict[Tuple[Kind, str], List[Tuple[DestinationRule, Part]]] = {}
    tayga_by: Dict[str, List[DestinationRule]] = {}
    for destination in configuration.destination_rules:
        path = "nat46 destination rule %d" % destination.number
        if destination.engine is Engine.TAYGA:
            tayga_by.setdefault(str(destination.source_prefix), []).append(destination)
            continue
        part = destination_part(path, destination, configuration.nat46_synchronization)
        if destination.mode is Mode.ISOLATED:
            isolated_by.setdefault((part.kind, part.pool6), []).append((destination, part))
            continue
        if destination.mode is Mode.INLINE:
            inline.append(part)
        else:
            by_target.setdefault((part.kind, part.pool6), []).append((destination, part))
        destination_strays(building, destination)
    for members in by_target.values():
        add_instance(building, MAIN, Framework.IPTABLES, [part for _, part in members])
        iptables_destinations(building, members)
    for members in isolated_by.values():
        isolated_destinations(building, members)
    for rules in tayga_by.values():
        tayga_destinations(building, rules, persistent_data)
    if configuration.clat is not None:
        add_clat(building, configuration.clat, inline, persistent_data)
    for kind in Kind:
        parts = [part for part in inline if part.kind is kind]
        if parts:
            add_instance(building, MAIN, Framework.NETFILTER, parts)
    add_synchronization(building, configuration)
    add_logging(building)
    return building.state()


def _allot(configuration: Configuration, building: Building) -> None:
    """Which addresses the links between router and translators have."""
    names: List[str] = []
    pools: List[str] = []
    for rule in configuration.source_rules:
        name = "nat64-%d" % rule.number
        if rule.engine is Engine.TAYGA or rule.mode is Mode.ISOLATED:
            names.append(name)
        if rule.engine is Engine.TAYGA and rule.masquerade and not rule.pools:
            pools.append(name)
    names.extend(
        "nat46-%d" % destination.number
        for destination in configuration.destination_rules
        if destination.engine is Engine.TAYGA or destination.mode is Mode.ISOLATED
    )
    if configuration.clat is not None and (configuration.clat.engine is Engine.TAYGA or configuration.clat.mode is Mode.ISOLATED):
        names.append(CLAT_NAME)
    try:
        building.pairs = isolated.pairs(names)
    except ValueError as error:
        raise Unplannable((), "%s rules in `mode isolated` or of TAYGA: each has two addresses of %s" % (error, isolated.PAIRS)) from None
    try:
        building.pools = isolated.private_pools(pools)
    except ValueError as error:
        raise Unplannable(
            tuple("nat64 source rule " + name[len("nat64-") :] for name in pools),
            "%s rules of TAYGA with `masquerade` and no pool; write `translation pool` with a private network for some" % error,
        ) from None
