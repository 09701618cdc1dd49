"""Translators that are a TAYGA."""

from __future__ import annotations

from ipaddress import IPv4Network, collapse_addresses

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


def tayga_destination(building: Building, path: str, rule: DestinationRule, persistent_data: str) -> None:
    if rule.stateful:
        raise Unplannable((path,), "TAYGA knows no ports; take `engine jool`, or leave `destination port` out")
    if rule.disabled:
        return
    name = "nat46-%d" % rule.number
    maps = ((rule.address, rule.translation_address),)
    add_tayga(building, tayga.Translator(name, building.pairs[name].inner, rule.source_prefix, maps, None, False), persistent_data)
    building.add_routes(
        path,
        {
            RouteKey(MAIN, 6, "main", jool.prefix6(rule.source_prefix)): Route(name),
            RouteKey(MAIN, 4, "main", isolated.destination4(rule.address)): Route(name),
        },
    )


def add_tayga(building: Building, translator: tayga.Translator, persistent_data: str) -> None:
    name = translator.device
    building.links[MAIN, name] = Link(LinkKind.TUN, "", 0, True)
    building.sysctls.update(isolated.link_sysctls(name))
    building.daemons[tayga.UNIT, name] = tayga.configuration_text(translator, persistent_data)
