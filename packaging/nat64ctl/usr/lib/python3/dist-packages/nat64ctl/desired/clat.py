"""464XLAT's customer side."""

from __future__ import annotations

from typing import List

from .. import isolated
from ..engines import jool, tayga
from ..model import Clat, Engine, Mode
from ..state import LOCAL_PRIORITY, MAIN, RULE_PRIORITY, Framework, Kind, PolicyRule, Route, RouteKey
from .building import Building
from .instances import Part, add_instance
from .iptables import target
from .isolated_rules import add_namespace
from .policy import route6
from .strays import clat_strays
from .tayga_rules import add_tayga

CLAT_NAME = "nat46-clat"


def add_clat(building: Building, clat: Clat, inline: List[Part], persistent_data: str) -> None:
    path = "nat46 clat"
    pool6 = jool.prefix6(clat.plat_prefix)
    prefix = jool.prefix6(clat.ipv6_prefix)
    part = Part(path, CLAT_NAME, Kind.SIIT, pool6, True, {}, eamt=frozenset({(prefix, str(clat.ipv4_address))}))
    if clat.engine is Engine.JOOL and clat.mode is Mode.INLINE:
        inline.append(part)
        clat_strays(building, clat)
        return
    if clat.engine is Engine.JOOL and clat.mode is Mode.IPTABLES:
        add_instance(building, MAIN, Framework.IPTABLES, [part])
        building.iptables.append((4, "-s %s ! -d %s" % (clat.ipv4_address, clat.ipv4_address), target(part)))
        # From the provider's prefix, or from an IPv6 router on the way there.
        building.iptables.append((6, "-d " + prefix, target(part)))
        clat_strays(building, clat)
        return
    table = "465000000"
    destination = route6(clat.ipv6_prefix)
    if clat.engine is Engine.TAYGA:
        maps = ((clat.ipv4_address, clat.ipv6_prefix),)
        add_tayga(building, tayga.Translator(CLAT_NAME, building.pairs[CLAT_NAME].inner, clat.plat_prefix, maps, None, False), persistent_data)
        building.add_routes(path, {RouteKey(MAIN, 4, table, "default"): Route(CLAT_NAME), RouteKey(MAIN, 6, "main", destination): Route(CLAT_NAME)})
    else:
        add_namespace(building, CLAT_NAME)
        add_instance(building, CLAT_NAME, Framework.NETFILTER, [part])
        pair = building.pairs[CLAT_NAME]
        building.add_routes(path, isolated.own_route(CLAT_NAME, pair))
        building.add_routes(path, isolated.outer_routes(CLAT_NAME, pair, table, [(4, "default")]))
        building.add_routes(path, isolated.outer_routes(CLAT_NAME, pair, "main", [(6, destination)]))
    source = str(clat.ipv4_address)
    building.policy_rules |= {
        PolicyRule(4, LOCAL_PRIORITY, "main", source, suppress_prefix_length=0),
        PolicyRule(4, RULE_PRIORITY, table, source),
    }
