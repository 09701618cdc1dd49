"""Addresses that the router and its translators speak with: of 198.18.0.0/15 and fd64:6464:6464::/96 (see isolated.py).

They are reserved where there is a translator with an interface of its own. Without one nothing of them is used, and VyOS takes them.
"""
from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import Dict, Iterator, List, Sequence, Tuple, Union

from nat64ctl.isolated import OWN6, PAIRS, pairs, private_pools
from nat64ctl.model import Engine, Mode
from nat64ctl.problems import Collector

from .addresses import plain
from .facts import RouterFacts
from .nodes import Node
from .rules import Checked, CheckedClat, CheckedDestination, CheckedSource, leaf_or_self, refuse, refuse_value

#: Of links, and of dynamic maps behind `masquerade`.
OWN4 = IPv4Network("198.18.0.0/15")

_Network = Union[IPv4Network, IPv6Network]


def check_reserved(members: Sequence[Checked], collector: Collector) -> None:
    user = next((checked for checked in members if has_interface(checked)), None)
    if user is None:
        return
    for checked in members:
        for node, network in _addresses(checked):
            own: _Network = OWN4 if isinstance(network, IPv4Network) else OWN6
            if network.overlaps(own):
                what = "its link" if user is checked else f"the link of {user.label}"
                refuse_value(
                    collector, node, f"{plain(network)} is of {own}" if network.prefixlen >= own.prefixlen else f"{network} has {own} in it",
                    f"This network is kept for what router and translators say to each other, such as on {what}.", "other addresses",
                )


def check_own_addresses(facts: RouterFacts, members: Sequence[Checked], collector: Collector) -> None:
    """The router's own interfaces have none of these addresses. The rest of the networks is only near."""
    users = {_interface(checked): checked for checked in members if has_interface(checked)}
    if not users:
        return
    try:
        links, pools = pairs(users), private_pools(_without_pool(users))
    except ValueError:
        # More rules than addresses; whoever plans says so.
        return
    near = (each for each in facts.addresses if (each in OWN4 if isinstance(each, IPv4Address) else each in OWN6))
    for address in sorted(near, key=int):
        names = [name for name, pair in links.items() if address in (pair.outer, pair.inner)]
        names += [name for name, pool in pools.items() if isinstance(address, IPv4Address) and address in pool]
        if names:
            taken = users[names[0]]
            refuse(
                collector, taken.node, f"{address}, of its link, is an address of this router", f"Links to translators have addresses of {PAIRS}.",
                "another address for the router's interface, or another number for the rule",
            )
        else:
            first = next(iter(users.values()))
            collector.warning(
                first.node.position, first.node.path, f"{address} is an address of this router",
                f"{OWN4} and {OWN6} are kept for what router and translators say to each other.", "another address for the router's interface",
            )


def has_interface(checked: Checked) -> bool:
    """One that is disabled has it too, in isolated mode."""
    holder = checked.clat if isinstance(checked, CheckedClat) else checked.rule
    return holder.engine is Engine.TAYGA or holder.mode is Mode.ISOLATED


def _interface(checked: Checked) -> str:
    if isinstance(checked, CheckedClat):
        return "nat46-clat"
    return ("nat64-%d" if isinstance(checked, CheckedSource) else "nat46-%d") % checked.rule.number


def _without_pool(users: Dict[str, Checked]) -> List[str]:
    return [
        name for name, checked in users.items()
        if isinstance(checked, CheckedSource) and checked.rule.engine is Engine.TAYGA and checked.rule.masquerade and not checked.rule.pools
    ]


def _addresses(checked: Checked) -> Iterator[Tuple[Node, _Network]]:
    if isinstance(checked, CheckedClat):
        clat = checked.clat
        yield leaf_or_self(checked.node, "plat-prefix"), clat.plat_prefix
        yield leaf_or_self(checked.node, "ipv4", "address"), clat.ipv4_address
        yield leaf_or_self(checked.node, "ipv6", "prefix"), clat.ipv6_prefix
        return
    if checked.rule.disabled:
        return
    if isinstance(checked, CheckedDestination):
        rule = checked.rule
        yield leaf_or_self(checked.node, "destination", "address"), rule.address
        yield leaf_or_self(checked.node, "translation", "address"), rule.translation_address
        yield leaf_or_self(checked.node, "source", "prefix"), rule.source_prefix
        return
    yield leaf_or_self(checked.node, "source", "prefix"), checked.rule.prefix
    for pool, node in checked.pools:
        yield leaf_or_self(node, "address"), pool.address
    for static, node in checked.statics:
        # There may be tens of thousands, so networks are made of those alone that are told of.
        if static.inside_address in OWN6:
            yield leaf_or_self(node, "inside", "address"), IPv6Network((int(static.inside_address), 128))
        if static.outside_address in OWN4:
            yield leaf_or_self(node, "outside", "address"), IPv4Network((int(static.outside_address), 32))
