"""What comes to a translator in the router's own namespace and is left alone by it.

Such a packet goes on to the router's routes, which know nothing of a pool or a prefix: it would leave by the default route, to
those who sent it here, again and again. So what came in from outside for addresses of a translator is unreachable. Jool's own
look-ups, which hairpinning needs, and the router's own packets are not such; and addresses of the router itself, which a pool may
have, come first.
"""

from __future__ import annotations

from ipaddress import IPv4Network, collapse_addresses
from typing import Iterable

from .. import isolated
from ..engines import jool
from ..model import Clat, DestinationRule, SourceRule
from ..state import MAIN, NOWHERE_TABLE, OWN_PRIORITY, STRAY_PRIORITY, STRAY_TABLE, PolicyRule, Route, RouteKey
from .building import Building
from .policy import route6

_NOWHERE = Route("")


def source_strays(building: Building, rule: SourceRule) -> None:
    if rule.disabled:
        return
    _stray4(building, (pool.address for pool in rule.pools))
    pool6 = jool.prefix6(rule.prefix)
    if rule.source_address is None and rule.inbound_interface is None and rule.mark is None:
        _stray(building, 6, route6(rule.prefix))
        return
    # What the rule's match does not name may have another way.
    source = "" if rule.source_address is None else jool.prefix6(rule.source_address)
    building.routes[RouteKey(MAIN, 6, NOWHERE_TABLE, "default")] = _NOWHERE
    building.policy_rules |= {PolicyRule(6, STRAY_PRIORITY, NOWHERE_TABLE, source, pool6, rule.inbound_interface or "", rule.mark or 0)}


def destination_strays(building: Building, rule: DestinationRule) -> None:
    if rule.disabled:
        return
    # The other ports of a stateful rule's address may be those of an IPv4 host.
    if not rule.stateful:
        _stray4(building, [rule.address])
    _stray(building, 6, route6(rule.source_prefix))


def clat_strays(building: Building, clat: Clat) -> None:
    """Its IPv4 hosts are reached without it, and the provider's prefix is elsewhere, even if a rule here has it too."""
    _stray(building, 6, route6(clat.ipv6_prefix))
    building.routes.pop(RouteKey(MAIN, 6, STRAY_TABLE, route6(clat.plat_prefix)), None)


def _stray4(building: Building, networks: Iterable[IPv4Network]) -> None:
    for network in collapse_addresses(networks):
        _stray(building, 4, isolated.destination4(network))


def _stray(building: Building, family: int, destination: str) -> None:
    building.routes[RouteKey(MAIN, family, STRAY_TABLE, destination)] = _NOWHERE
    building.policy_rules |= {
        PolicyRule(family, OWN_PRIORITY, "local", inbound="lo", inverted=True),
        PolicyRule(family, STRAY_PRIORITY, STRAY_TABLE, inbound="lo", inverted=True),
    }
