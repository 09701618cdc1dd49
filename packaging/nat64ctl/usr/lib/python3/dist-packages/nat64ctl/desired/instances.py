"""Instances of Jool: what each rule wants of one, and what several can have together."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Dict, FrozenSet, List, Optional, Tuple

from ..engines import jool
from ..model import DestinationRule, Engine, Mode, Pool, PortRange, Protocol, SourceRule, Synchronization
from ..pool4 import Pool4, Rectangle, table_of
from ..state import MAIN, Framework, Instance, InstanceKey, Kind
from .building import Building, Unplannable


@dataclass(frozen=True)
class Part:
    """What one rule wants of an instance."""

    path: str
    name: str
    kind: Kind
    pool6: str
    enabled: bool
    #: Only what was written.
    options: Dict[str, str]
    #: By mark and protocol: rectangles, iterations ("" for not written).
    pool4: Dict[Tuple[int, str], Tuple[List[Rectangle], str]] = field(default_factory=dict)
    bib: FrozenSet[str] = frozenset()
    eamt: FrozenSet[Tuple[str, str]] = frozenset()
    synchronization: Optional[Synchronization] = None


def source_part(building: Building, path: str, rule: SourceRule, synchronization: Optional[Synchronization]) -> Part:
    # A packet's mark does not cross into another namespace; there the policy rule has looked at it.
    mark = 0 if rule.mode is Mode.ISOLATED else rule.mark or 0
    pool4: Dict[Tuple[int, str], Tuple[List[Rectangle], str]] = {}
    for pool in pools_of(building, rule):
        for protocol in pool.protocols:
            name = protocol.value.upper()
            rows, iterations = pool4.setdefault((mark, name), ([], ""))
            rows.append(jool.pool4_entry(name, *span(pool.address), ports_of(pool)))
            written = "" if pool.max_iterations is None else str(pool.max_iterations)
            if iterations and written and iterations != written:
                raise Unplannable((path,), "Jool has one max-iterations a mark and protocol, and this has %s and %s" % (iterations, written))
            pool4[mark, name] = (rows, written or iterations)
    return Part(
        path,
        "instance-%d" % rule.number,
        Kind.NAT64,
        jool.prefix6(rule.prefix),
        not rule.disabled,
        jool.global_options(rule.options, rule.timeouts, rule.log),
        pool4,
        frozenset(jool.static_entry(entry) for entry in rule.statics),
        synchronization=synchronization,
    )


def pools_of(building: Building, rule: SourceRule) -> Tuple[Pool, ...]:
    """The pools that were written, or the one that `masquerade` stands for."""
    if rule.pools or rule.mode is not Mode.ISOLATED or rule.engine is not Engine.JOOL:
        return rule.pools
    network = IPv4Network(building.pairs["nat64-%d" % rule.number].inner)
    # Nobody else has this address, so all of its ports may be used.
    return (Pool(1, network, PortRange(1024, 65535), (Protocol.TCP, Protocol.UDP)), Pool(2, network, PortRange(0, 65535), (Protocol.ICMP,)))


def ports_of(pool: Pool) -> Optional[Tuple[int, int]]:
    return None if pool.ports is None else (pool.ports.first, pool.ports.last)


def span(network: IPv4Network) -> Tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def destination_part(path: str, rule: DestinationRule, synchronization: Optional[Synchronization]) -> Part:
    name = "nat46-%d" % rule.number
    pool6 = jool.prefix6(rule.source_prefix)
    options = jool.global_options(rule.options, {}, ())
    if rule.ports is None:
        eamt = frozenset({(jool.prefix6(rule.translation_address), str(rule.address))})
        return Part(path, name, Kind.SIIT, pool6, not rule.disabled, options, eamt=eamt if not rule.disabled else frozenset())
    if rule.address.prefixlen != 32:
        raise Unplannable((path,), "a rule with ports translates a single address, not %s" % rule.address)
    pool4: Dict[Tuple[int, str], Tuple[List[Rectangle], str]] = {}
    entries: List[str] = []
    inside = jool.ntop6(rule.translation_address.network_address)
    for protocol in rule.protocols:
        protocol_name = protocol.value.upper()
        pool4[0, protocol_name] = ([jool.pool4_entry(protocol_name, *span(rule.address), (rule.ports.first, rule.ports.last))], "")
        for port in range(rule.ports.first, rule.ports.last + 1):
            inner = port if rule.translation_port is None else rule.translation_port + port - rule.ports.first
            entries.append("%s,%s,%d,%s,%d" % (protocol_name, inside, inner, rule.address.network_address, port))
    return Part(path, name, Kind.NAT64, pool6, not rule.disabled, options, pool4, frozenset(entries), synchronization=synchronization)


def add_instance(building: Building, namespace: str, framework: Framework, parts: List[Part]) -> None:
    """One instance for all these parts. @raises Unplannable"""
    first = parts[0]
    # A rule that is disabled beside one that is not leaves its share out; alone, it is an instance that is paused.
    live = [part for part in parts if part.enabled] or parts
    options: Dict[str, str] = {}
    author: Dict[str, str] = {}
    for part in parts:
        if part.pool6 != first.pool6:
            raise Unplannable(
                (first.path, part.path),
                (
                    "Jool takes one inline %s instance, which has one prefix, and these have %s and %s; give one of them `mode isolated`, which can"
                    % ("NAT64" if first.kind is Kind.NAT64 else "stateless", first.pool6, part.pool6)
                ),
            )
        for name, value in part.options.items():
            if options.setdefault(name, value) != value:
                raise Unplannable(
                    (author[name], part.path),
                    (
                        "they share an instance of Jool, and set %s to %s and %s; give one of them `mode isolated`"
                        % (name, options[name], value)
                    ),
                )
            author.setdefault(name, part.path)
    synchronization = next((part.synchronization for part in parts if part.synchronization is not None), None)
    if synchronization is not None:
        if namespace != MAIN:
            raise Unplannable(
                (first.path,),
                (
                    "joold cannot reach %s from the namespace of an isolated translator; take `mode inline` or `mode iptables`"
                    % synchronization.interface
                ),
            )
        options.update(synchronization_options(synchronization))
    values = {**jool.defaults(first.kind), **options, "pool6": first.pool6}
    values["manually-enabled"] = "TRUE" if any(part.enabled for part in parts) else "FALSE"
    building.instances[InstanceKey(namespace, first.kind, first.name)] = Instance(
        framework,
        values,
        merged_pool4(live),
        frozenset().union(*(part.bib for part in live)),
        frozenset().union(*(part.eamt for part in live)),
    )


def merged_pool4(parts: List[Part]) -> Pool4:
    rows: Dict[Tuple[int, str], List[Rectangle]] = {}
    iterations: Dict[Tuple[int, str], Tuple[str, str]] = {}
    for part in parts:
        for table, (rectangles, written) in part.pool4.items():
            rows.setdefault(table, []).extend(rectangles)
            if written:
                before = iterations.setdefault(table, (written, part.path))
                if before[0] != written:
                    raise Unplannable(
                        (before[1], part.path), "Jool has one max-iterations a mark and protocol, and these have %s and %s" % (before[0], written)
                    )
    return Pool4({table: table_of(rectangles, iterations.get(table, ("auto", ""))[0]) for table, rectangles in rows.items()})


def synchronization_options(synchronization: Synchronization) -> Dict[str, str]:
    numbers = {
        "ss-flush-deadline": synchronization.flush_deadline,
        "ss-capacity": synchronization.capacity,
        "ss-max-sessions-per-packet": synchronization.max_sessions_per_packet,
    }
    return {"ss-enabled": "TRUE", **{name: str(number) for name, number in numbers.items() if number is not None}}
