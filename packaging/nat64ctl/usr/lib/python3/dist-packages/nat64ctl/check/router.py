"""The configuration against the router that it is for. Only what the facts tell is said."""
from __future__ import annotations

from ipaddress import IPv4Network
from typing import List, Optional, Sequence

from nat64ctl.model import Engine, Mode, PortRange, Protocol
from nat64ctl.problems import Collector

from .facts import RouterFacts
from .nodes import Node
from .reserved import check_own_addresses
from .rules import Checked, CheckedClat, CheckedDestination, CheckedSource, leaf_or_self, refuse, refuse_value
from .source import ports_of
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
            if _apart(source):
                _own_addresses(facts, pool.address, leaf_or_self(node, "address"), collector)
        _interface(facts, source.node.get("match", "inbound-interface"), "nothing matches", collector)
    for destination in destinations:
        rule = destination.rule
        leaf = destination.node.get("destination", "port")
        if rule.ports is not None and leaf is not None and (rule.engine, rule.mode) != (Engine.JOOL, Mode.ISOLATED):
            _ephemeral(facts, rule.ports, leaf, collector)
        if _apart(destination):
            _own_addresses(facts, rule.address, leaf_or_self(destination.node, "destination", "address"), collector)
    check_own_addresses(facts, every, collector)
    for node in synchronizations:
        _interface(facts, node.get("interface"), "no session is told to another router", collector)


def _apart(checked: Checked) -> bool:
    """The translator has an interface of its own, and packets are routed to it."""
    holder = checked.clat if isinstance(checked, CheckedClat) else checked.rule
    return holder.engine is Engine.TAYGA or holder.mode is Mode.ISOLATED


def _can_run(facts: RouterFacts, checked: Checked, collector: Collector) -> None:
    holder = checked.clat if isinstance(checked, CheckedClat) else checked.rule
    reason = facts.unavailable_engines.get(holder.engine)
    if reason is not None:
        others = [engine.value for engine in Engine if engine is not holder.engine and engine not in facts.unavailable_engines]
        refuse(
            collector, leaf_or_self(checked.node, "engine"), f"the engine {holder.engine.value} cannot run on this router", reason,
            f"engine {others[0]}" if others else "",
        )
        return
    reason = facts.unavailable_modes.get(holder.mode) if holder.engine is Engine.JOOL else None
    if reason is not None:
        modes = [mode.value for mode in Mode if mode is not holder.mode and mode not in facts.unavailable_modes]
        refuse(
            collector, leaf_or_self(checked.node, "mode"), f"the mode {holder.mode.value} cannot run on this router", reason,
            "mode {}".format(" or ".join(modes)) if modes else "",
        )


def _ephemeral_pools(facts: RouterFacts, source: CheckedSource, collector: Collector) -> None:
    """In isolated mode the pools are in a namespace with ephemeral ports of its own, and TAYGA has no ports."""
    if source.rule.engine is not Engine.JOOL or source.rule.mode is Mode.ISOLATED:
        return
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
    holder = checked.clat if isinstance(checked, CheckedClat) else checked.rule
    return (holder.engine, holder.mode) == (Engine.JOOL, Mode.ISOLATED)


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
