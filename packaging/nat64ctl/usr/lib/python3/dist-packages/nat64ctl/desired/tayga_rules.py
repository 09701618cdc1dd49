"""Translators that are a TAYGA."""

from __future__ import annotations

from ipaddress import IPv4Network, collapse_addresses
from typing import List

from .. import isolated
from ..engines import jool, tayga
from ..model import DestinationRule, SourceRule
from ..state import MAIN, Link, LinkKind, Masquerade, Route, RouteKey
from .building import Building, Unplannable
from .policy import source_policy


def tayga_source(building: Building, path: str, rule: SourceRule, persistent_data: str) -> None:
    if rule.disabled:
        return
    name = "nat64-%d" % rule.number
    networks = list(collapse_addresses(pool.address for pool in rule.pools))
    if len(networks) > 1:
        raise Unplannable((path,), "TAYGA has one pool, and %s are not one network" % ", ".join(str(network) for network in networks))
    pool = networks[0] if networks else building.pools.get(name)
    if pool is not None and pool.prefixlen > 31:
        raise Unplannable(
            (path,),
            (
                "TAYGA gives each client an address of its own, so its pool is at least a /31, not %s; for many clients behind one address "
                "leave the pool out and set `masquerade`" % pool
            ),
        )
    maps = tuple(sorted({(IPv4Network(entry.outside_address), jool.host6(entry.inside_address)) for entry in rule.statics}))
    # Nobody gets the first address of a pool.
    address = pool.network_address if pool is not None else building.pairs[name].inner
    add_tayga(building, tayga.Translator(name, address, rule.prefix, maps, pool, rule.persistent), persistent_data)
    inside = list(collapse_addresses(([pool] if pool is not None else []) + [four for four, _ in maps]))
    pool6 = jool.prefix6(rule.prefix)
    building.add_routes(path, {RouteKey(MAIN, 6, source_policy(building, rule, pool6), pool6): Route(name)})
    building.add_routes(path, {RouteKey(MAIN, 4, "main", isolated.destination4(network)): Route(name) for network in inside})
    if rule.masquerade:
        building.masquerades |= {Masquerade(isolated.destination4(network), name) for network in inside}


def tayga_destinations(building: Building, rules: List[DestinationRule], persistent_data: str) -> None:
    """Rules of one prefix: one TAYGA with a map for each, on an interface called after the lowest of them."""
    for rule in rules:
        if rule.stateful:
            path = "nat46 destination rule %d" % rule.number
            raise Unplannable((path,), "TAYGA knows no ports; take `engine jool`, or leave `destination port` out")
    enabled = [rule for rule in rules if not rule.disabled]
    if not enabled:
        return
    path = "nat46 destination rule %d" % enabled[0].number
    name = "nat46-%d" % enabled[0].number
    prefix = enabled[0].source_prefix
    maps = tuple((rule.address, rule.translation_address) for rule in enabled)
    add_tayga(building, tayga.Translator(name, building.pairs[name].inner, prefix, maps, None, False), persistent_data)
    building.add_routes(path, {RouteKey(MAIN, 6, "main", jool.prefix6(prefix)): Route(name)})
    inside = collapse_addresses(four for four, _ in maps)
    building.add_routes(path, {RouteKey(MAIN, 4, "main", isolated.destination4(network)): Route(name) for network in inside})


def add_tayga(building: Building, translator: tayga.Translator, persistent_data: str) -> None:
    name = translator.device
    # Its own addresses, which answer echo requests: who asks of every source where it is finds its errors where they come from.
    if translator.pool is None or translator.address not in translator.pool:
        building.routes[RouteKey(MAIN, 4, "main", str(translator.address))] = Route(name)
    if translator.prefix == tayga.WELL_KNOWN_PREFIX:
        building.routes[RouteKey(MAIN, 6, "main", isolated.own6(translator.address))] = Route(name)
    building.links[MAIN, name] = Link(LinkKind.TUN, "", 0, True)
    building.sysctls.update(isolated.tun_sysctls(name))
    building.daemons[tayga.UNIT, name] = tayga.configuration_text(translator, persistent_data)
