"""The configuration against the router that it is for. Only what the facts tell is said."""
from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import Dict, Iterator, List, Optional, Sequence, Tuple, Union

from nat64ctl.isolated import Destination, destination
from nat64ctl.model import Engine, Mode, PortRange, Protocol
from nat64ctl.needs import Lack, Need
from nat64ctl.problems import Collector

from .facts import RouterFacts
from .nodes import Node
from .reserved import check_own_addresses
from .rules import (
    Checked,
    CheckedClat,
    CheckedDestination,
    CheckedSource,
    engine_and_mode,
    is_apart,
    is_disabled,
    leaf_or_self,
    refuse,
    refuse_value,
    translator_of,
)
from .source import DEFAULT_PORTS, ports_of
from .values import text_of

#: The first release of Jool that refuses what overlaps the ephemeral ports, and VyOS's first year that does.
REFUSING_JOOL = (4, 1, 15)
REFUSING_VYOS_YEAR = 2026


def check_router(
    facts: RouterFacts, sources: Sequence[CheckedSource], destinations: Sequence[CheckedDestination], clat: Optional[CheckedClat],
    synchronizations: Sequence[Node], collector: Collector,
) -> None:
    every: List[Checked] = [*sources, *destinations]
    if clat is not None:
        every.append(clat)
    for checked in every:
        _can_run(facts, checked, collector)
    for source in sources:
        _ephemeral_pools(facts, source, collector)
        _statics_without_pools(facts, source, collector)
        for pool, node in source.pools:
            if is_apart(source):
                _own_addresses(facts, pool.address, leaf_or_self(node, "address"), collector)
        _interface(facts, source.node.get("match", "inbound-interface"), "nothing matches", collector)
    for forward in destinations:
        rule = forward.rule
        leaf = forward.node.get("destination", "port")
        if rule.ports is not None and leaf is not None and (rule.engine, rule.mode) != (Engine.JOOL, Mode.ISOLATED):
            _ephemeral(facts, rule.ports, leaf, collector)
        if is_apart(forward):
            _own_addresses(facts, rule.address, leaf_or_self(forward.node, "destination", "address"), collector)
    check_own_addresses(facts, every, collector)
    _routes_in_the_way(facts, every, collector)
    for node in synchronizations:
        if Need.JOOLD in facts.lacks:
            _lacking(facts.lacks[Need.JOOLD], node, collector)
        _interface(facts, node.get("interface"), "no session is told to another router", collector)


def _can_run(facts: RouterFacts, checked: Checked, collector: Collector) -> None:
    """The first of what the rule needs that is not there, in the words of `apply`."""
    for need, leaf in _needs(checked):
        if need in facts.lacks:
            _lacking(facts.lacks[need], leaf, collector)
            return


def _needs(checked: Checked) -> Iterator[Tuple[Need, Node]]:
    """With what in the rule asks for it. A rule of Jool that is disabled is an instance nevertheless, one that is paused."""
    engine, mode = engine_and_mode(checked)
    engine_leaf, mode_leaf = leaf_or_self(checked.node, "engine"), leaf_or_self(checked.node, "mode")
    yield Need.FITTING_TOOLS, engine_leaf
    if engine is Engine.TAYGA:
        if is_disabled(checked):
            return
        yield Need.TAYGA, engine_leaf
    else:
        stateful = translator_of(checked) == "NAT64"
        yield Need.NAT64 if stateful else Need.SIIT, engine_leaf
        if mode is Mode.IPTABLES:
            yield Need.IPTABLES, mode_leaf
            yield Need.NAT64_TARGET if stateful else Need.SIIT_TARGET, mode_leaf
        elif mode is Mode.INLINE:
            yield Need.NAT64_HOOK if stateful else Need.SIIT_HOOK, mode_leaf
    if isinstance(checked, CheckedSource) and checked.rule.masquerade and not checked.rule.disabled:
        yield Need.NFTABLES, leaf_or_self(checked.node, "masquerade")


def _lacking(lack: Lack, leaf: Node, collector: Collector) -> None:
    refuse(collector, leaf, lack.message, "; ".join(lack.words.splitlines()), lack.remedy)


def _routes_in_the_way(facts: RouterFacts, every: Sequence[Checked], collector: Collector) -> None:
    leaves: Dict[Destination, Node] = {}
    for checked in every:
        if is_apart(checked) and not is_disabled(checked):
            for network, leaf in _led_to(checked):
                leaves.setdefault(destination(network), leaf)
    if leaves:
        for where, lack in sorted(facts.routes_in_the_way(leaves.keys()).items()):
            refuse_value(collector, leaves[where], lack.message, lack.words, lack.remedy)


def _led_to(checked: Checked) -> Iterator[Tuple[Union[IPv4Network, IPv6Network], Node]]:
    """Where the main table has a route to the translator. Networks of several rules that become one route are left to `apply`."""
    if isinstance(checked, CheckedClat):
        yield checked.clat.ipv6_prefix, leaf_or_self(checked.node, "ipv6", "prefix")
        return
    if isinstance(checked, CheckedDestination):
        yield checked.rule.address, leaf_or_self(checked.node, "destination", "address")
        yield checked.rule.source_prefix, leaf_or_self(checked.node, "source", "prefix")
        return
    rule = checked.rule
    if rule.source_address is None and rule.inbound_interface is None and rule.mark is None:
        yield rule.prefix, leaf_or_self(checked.node, "source", "prefix")
    parts = [(pool.address, leaf_or_self(node, "address")) for pool, node in checked.pools]
    if rule.engine is Engine.TAYGA:
        parts.extend((IPv4Network(static.outside_address), leaf_or_self(node, "outside", "address")) for static, node in checked.statics)
    for network in collapse_addresses(part for part, _ in parts):
        yield network, next(leaf for part, leaf in parts if part.subnet_of(network))


def _ephemeral_pools(facts: RouterFacts, source: CheckedSource, collector: Collector) -> None:
    """In isolated mode the pools are in a namespace with ephemeral ports of its own, and TAYGA has no ports."""
    if source.rule.engine is not Engine.JOOL or source.rule.mode is Mode.ISOLATED:
        return
    ephemeral = facts.ephemeral_ports
    if not source.pools and ephemeral is not None and ephemeral.first <= DEFAULT_PORTS.last and ephemeral.last >= DEFAULT_PORTS.first:
        # No version of Jool looks here: its ports are in no pool that somebody adds.
        collector.warning(
            source.node.position, source.node.path, f"{text_of(DEFAULT_PORTS)} overlaps the router's ephemeral ports {text_of(ephemeral)}",
            "Without a pool Jool takes those ports of the router's own addresses, and connections of the router itself on such a port break.",
            f"a translation pool; or net.ipv4.ip_local_port_range up to {DEFAULT_PORTS.first - 1}",
        )
    for pool, node in source.pools:
        if pool.protocols != (Protocol.ICMP,):
            leaf = node.get("port") or leaf_or_self(node, "address")
            _ephemeral(facts, ports_of(pool), leaf, collector)


def check_port_one(
    facts: Optional[RouterFacts], sources: Sequence[CheckedSource], destinations: Sequence[CheckedDestination], collector: Collector,
) -> None:
    """A namespace has at least one port for connections of its own, however few it opens; isolated ones have port 1, the lowest."""
    version = None if facts is None else facts.jool_version
    if version is not None and version < REFUSING_JOOL:
        return
    held = [
        (pool.ports, pool.protocols, node.get("port")) for source in sources if _is_isolated(source) for pool, node in source.pools
    ] + [(each.rule.ports, each.rule.protocols, each.node.get("destination", "port")) for each in destinations if _is_isolated(each)]
    for ports, protocols, leaf in held:
        if ports is None or leaf is None or leaf.broken or ports.first > 1 or ports.last < 1 or protocols == (Protocol.ICMP,):
            continue
        message, reason = "port 1 is the namespace's own", "In mode isolated %s, which keeps one port of each namespace for connections from there."
        remedy = f"valid is 2-{ports.last}" if ports.last > 1 else "another port"
        if version is None:
            collector.warning(leaf.positions[-1], leaf.path, message, reason % "Jool 4.1.15 and later refuse it", remedy)
        else:
            refuse_value(collector, leaf, message, reason % "Jool {} refuses it".format(".".join(str(part) for part in version)), remedy)


def _is_isolated(checked: Checked) -> bool:
    return engine_and_mode(checked) == (Engine.JOOL, Mode.ISOLATED)


def _statics_without_pools(facts: RouterFacts, source: CheckedSource, collector: Collector) -> None:
    """Without a pool Jool has the router's addresses, those of now."""
    if facts.interfaces is None or source.pools or source.rule.engine is not Engine.JOOL or source.rule.mode is Mode.ISOLATED:
        return
    for static, node in source.statics:
        if static.outside_address not in facts.addresses:
            refuse_value(
                collector, leaf_or_self(node, "outside", "address"), f"{static.outside_address} is no address of this router",
                "The rule has no pool, so Jool takes mappings of the router's own addresses only.",
                f"a translation pool with {static.outside_address}",
            )


def _ephemeral(facts: RouterFacts, ports: PortRange, leaf: Node, collector: Collector) -> None:
    ephemeral = facts.ephemeral_ports
    if ephemeral is None or ports.first > ephemeral.last or ports.last < ephemeral.first or leaf.broken:
        return
    message = f"{text_of(ports)} overlaps the router's ephemeral ports {text_of(ephemeral)}"
    parts = (PortRange(max(1, ports.first), ephemeral.first - 1), PortRange(ephemeral.last + 1, ports.last))
    free = " or ".join(text_of(part) for part in parts if part.first <= part.last) or f"{ephemeral.last + 1}-65535"
    remedy = f"valid is {free}; or change net.ipv4.ip_local_port_range"
    jool = facts.jool_version is not None and facts.jool_version >= REFUSING_JOOL
    vyos = facts.vyos_year is not None and facts.vyos_year >= REFUSING_VYOS_YEAR
    if jool or vyos:
        version = ".".join(str(part) for part in facts.jool_version or ())
        who = f"Jool {version} refuses this" if jool else f"VyOS refuses this since {REFUSING_VYOS_YEAR}"
        refuse_value(collector, leaf, message, f"{who}: a connection of the router itself on such a port would break.", remedy)
    else:
        collector.warning(
            leaf.positions[-1], leaf.path, message,
            f"Connections of the router itself on such a port break; Jool 4.1.15 and VyOS since {REFUSING_VYOS_YEAR} refuse it.", remedy,
        )


def _own_addresses(facts: RouterFacts, network: IPv4Network, leaf: Node, collector: Collector) -> None:
    own = sorted(str(address) for address in facts.addresses if address.version == 4 and address in network)
    if own:
        refuse_value(
            collector, leaf, f"{own[0]} is an address of this router",
            "Packets to it would end at the router and never reach the translator, which has an interface of its own.",
            "addresses that are routed to this router but are on none of its interfaces; or masquerade",
        )


def _interface(facts: RouterFacts, leaf: Optional[Node], until_then: str, collector: Collector) -> None:
    """A warning, since interfaces come and go: PPPoE, USB, VLANs."""
    if leaf is None or leaf.broken or not leaf.values or facts.interfaces is None or leaf.values[-1] in facts.interfaces:
        return
    collector.warning(
        leaf.positions[-1], leaf.path, f"there is no interface {leaf.values[-1]} on this router now", f"Until it is there, {until_then}.",
    )
