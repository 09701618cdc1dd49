"""From a configuration to what has to exist on the router. Pure: the same file means the same on every router.

Jool takes one netfilter instance of each kind a network namespace, so inline rules are merged into one where they can be:
they share their prefix, and do not contradict each other's options. The instance is called after the lowest of them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from ipaddress import IPv4Network, collapse_addresses
from typing import Dict, FrozenSet, List, Optional, Tuple

from . import isolated
from .engines import jool, tayga
from .log_settings import JOURNAL_SETTINGS, settings_text
from .model import Clat, Configuration, DestinationRule, Engine, Mode, Pool, PortRange, Protocol, SourceRule, Synchronization
from .pool4 import Pool4, Rectangle, ranges, table_of
from .services import LOG_INSTANCE, LOG_UNIT
from .state import MAIN, Framework, Instance, InstanceKey, Kind, Link, LinkKind, Masquerade, PolicyRule, Route, RouteKey, State, rule_file

CLAT_NAME = "nat46-clat"

#: Template of joold's unit, and where its configurations are.
JOOLD_UNIT = "nat64-joold"

RULE_PRIORITY = 6464
#: Before the rules that send packets to a translator: what the router knows a specific route for does not go there.
LOCAL_PRIORITY = 6463


class Unplannable(Exception):
    """A configuration that no router can carry out. `rules` are the paths of those concerned, in words of the CLI."""

    def __init__(self, rules: Tuple[str, ...], message: str) -> None:
        super().__init__("%s: %s" % (", ".join(rules), message))
        self.rules = rules
        self.message = message


@dataclass
class _Building:
    """A State that grows."""

    namespaces: FrozenSet[str] = frozenset()
    links: Dict[Tuple[str, str], Link] = field(default_factory=dict)
    sysctls: Dict[Tuple[str, str], str] = field(default_factory=dict)
    routes: Dict[RouteKey, Route] = field(default_factory=dict)
    policy_rules: FrozenSet[PolicyRule] = frozenset()
    instances: Dict[InstanceKey, Instance] = field(default_factory=dict)
    iptables: List[Tuple[int, str]] = field(default_factory=list)
    masquerades: FrozenSet[Masquerade] = frozenset()
    daemons: Dict[Tuple[str, str], str] = field(default_factory=dict)
    files: Dict[str, str] = field(default_factory=dict)
    pairs: Dict[str, isolated.Pair] = field(default_factory=dict)
    pools: Dict[str, IPv4Network] = field(default_factory=dict)

    def add_routes(self, path: str, routes: Dict[RouteKey, Route]) -> None:
        for key, route in routes.items():
            other = self.routes.setdefault(key, route)
            if other != route:
                raise Unplannable(
                    (path,),
                    "%s is routed to %s already, by another rule; add `match`, or take another %s"
                    % (key.destination, other.device, "prefix" if key.family == 6 else "address"),
                )

    def _iptables(self) -> Dict[int, Tuple[str, ...]]:
        rules = {family: tuple(rule for each, rule in self.iptables if each == family) for family in (4, 6)}
        return {family: each for family, each in rules.items() if each}

    def state(self) -> State:
        return State(
            namespaces=self.namespaces,
            links=self.links,
            sysctls=self.sysctls,
            routes=self.routes,
            policy_rules=self.policy_rules,
            instances=self.instances,
            iptables=self._iptables(),
            masquerades=self.masquerades,
            daemons=self.daemons,
            files=self.files,
        )


@dataclass(frozen=True)
class _Part:
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


def desired_state(configuration: Configuration, persistent_data: str = tayga.PERSISTENT_DATA) -> State:
    """@raises Unplannable"""
    building = _Building()
    _allot(configuration, building)
    inline: List[_Part] = []
    for rule in configuration.source_rules:
        path = "nat64 source rule %d" % rule.number
        if rule.engine is Engine.TAYGA:
            _tayga_source(building, path, rule, persistent_data)
            continue
        part = _source_part(building, path, rule, configuration.nat64_synchronization)
        building.files[rule_file(rule.number)] = _rule_file_text(building, rule)
        if rule.mode is Mode.INLINE:
            inline.append(part)
        elif rule.mode is Mode.IPTABLES:
            _add_instance(building, MAIN, Framework.IPTABLES, [part])
            _iptables_source(building, rule, part)
        else:
            _isolated_source(building, path, rule, part)
    for destination in configuration.destination_rules:
        path = "nat46 destination rule %d" % destination.number
        if destination.engine is Engine.TAYGA:
            _tayga_destination(building, path, destination, persistent_data)
            continue
        part = _destination_part(path, destination, configuration.nat46_synchronization)
        if destination.mode is Mode.INLINE:
            inline.append(part)
        elif destination.mode is Mode.IPTABLES:
            _add_instance(building, MAIN, Framework.IPTABLES, [part])
            _iptables_destination(building, destination, part)
        else:
            _isolated_destination(building, path, destination, part)
    if configuration.clat is not None:
        _clat(building, configuration.clat, inline, persistent_data)
    for kind in Kind:
        parts = [part for part in inline if part.kind is kind]
        if parts:
            _add_instance(building, MAIN, Framework.NETFILTER, parts)
    _synchronization(building, configuration)
    _logging(building)
    return building.state()


def _allot(configuration: Configuration, building: _Building) -> None:
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
    building.pairs = isolated.pairs(names)
    try:
        building.pools = isolated.private_pools(pools)
    except ValueError as error:
        raise Unplannable(
            tuple("nat64 source rule " + name[len("nat64-") :] for name in pools),
            "%s rules of TAYGA with `masquerade` and no pool; write `translation pool` with a private network for some" % error,
        ) from None


# Jool's instances


def _source_part(building: _Building, path: str, rule: SourceRule, synchronization: Optional[Synchronization]) -> _Part:
    # A packet's mark does not cross into another namespace; there the policy rule has looked at it.
    mark = 0 if rule.mode is Mode.ISOLATED else rule.mark or 0
    pool4: Dict[Tuple[int, str], Tuple[List[Rectangle], str]] = {}
    for pool in _pools(building, rule):
        for protocol in pool.protocols:
            name = protocol.value.upper()
            rows, iterations = pool4.setdefault((mark, name), ([], ""))
            rows.append(jool.pool4_entry(name, *_span(pool.address), _ports(pool)))
            written = "" if pool.max_iterations is None else str(pool.max_iterations)
            if iterations and written and iterations != written:
                raise Unplannable((path,), "Jool has one max-iterations a mark and protocol, and this has %s and %s" % (iterations, written))
            pool4[mark, name] = (rows, written or iterations)
    return _Part(
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


def _pools(building: _Building, rule: SourceRule) -> Tuple[Pool, ...]:
    """The pools that were written, or the one that `masquerade` stands for."""
    if rule.pools or rule.mode is not Mode.ISOLATED or rule.engine is not Engine.JOOL:
        return rule.pools
    network = IPv4Network(building.pairs["nat64-%d" % rule.number].inner)
    # Nobody else has this address, so all of its ports may be used.
    return (Pool(1, network, PortRange(1024, 65535), (Protocol.TCP, Protocol.UDP)), Pool(2, network, PortRange(0, 65535), (Protocol.ICMP,)))


def _ports(pool: Pool) -> Optional[Tuple[int, int]]:
    return None if pool.ports is None else (pool.ports.first, pool.ports.last)


def _span(network: IPv4Network) -> Tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def _destination_part(path: str, rule: DestinationRule, synchronization: Optional[Synchronization]) -> _Part:
    name = "nat46-%d" % rule.number
    pool6 = jool.prefix6(rule.source_prefix)
    options = jool.global_options(rule.options, {}, ())
    if rule.ports is None:
        eamt = frozenset({(jool.prefix6(rule.translation_address), str(rule.address))})
        return _Part(path, name, Kind.SIIT, pool6, not rule.disabled, options, eamt=eamt if not rule.disabled else frozenset())
    if rule.address.prefixlen != 32:
        raise Unplannable((path,), "a rule with ports translates a single address, not %s" % rule.address)
    pool4: Dict[Tuple[int, str], Tuple[List[Rectangle], str]] = {}
    entries: List[str] = []
    inside = jool.ntop6(rule.translation_address.network_address)
    for protocol in rule.protocols:
        protocol_name = protocol.value.upper()
        pool4[0, protocol_name] = ([jool.pool4_entry(protocol_name, *_span(rule.address), (rule.ports.first, rule.ports.last))], "")
        for port in range(rule.ports.first, rule.ports.last + 1):
            inner = port if rule.translation_port is None else rule.translation_port + port - rule.ports.first
            entries.append("%s,%s,%d,%s,%d" % (protocol_name, inside, inner, rule.address.network_address, port))
    return _Part(path, name, Kind.NAT64, pool6, not rule.disabled, options, pool4, frozenset(entries), synchronization=synchronization)


def _add_instance(building: _Building, namespace: str, framework: Framework, parts: List[_Part]) -> None:
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
                        "they share an inline instance of Jool, and set %s to %s and %s; give one of them `mode isolated`"
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
        options.update(_synchronization_options(synchronization))
    values = {**jool.defaults(first.kind), **options, "pool6": first.pool6}
    values["manually-enabled"] = "TRUE" if any(part.enabled for part in parts) else "FALSE"
    building.instances[InstanceKey(namespace, first.kind, first.name)] = Instance(
        framework,
        values,
        _merged_pool4(live),
        frozenset().union(*(part.bib for part in live)),
        frozenset().union(*(part.eamt for part in live)),
    )


def _merged_pool4(parts: List[_Part]) -> Pool4:
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


def _rule_file_text(building: _Building, rule: SourceRule) -> str:
    """As VyOS writes it, byte for byte: its own tests read it."""
    content: Dict[str, object] = {
        "instance": "instance-%d" % rule.number,
        "framework": "iptables" if rule.mode is Mode.IPTABLES else "netfilter",
        "global": {"pool6": str(rule.prefix), "manually-enabled": not rule.disabled},
    }
    if rule.description:
        content["comment"] = rule.description
    entries: List[Dict[str, object]] = []
    for pool in _pools(building, rule):
        for protocol in pool.protocols:
            low, high = _ports(pool) or (61001, 65535)
            entry: Dict[str, object] = {
                "protocol": protocol.value.upper(),
                "prefix": str(pool.address.network_address) if pool.address.prefixlen == 32 else str(pool.address),
                "port range": str(low) if low == high else "%d-%d" % (low, high),
            }
            if rule.mark:
                entry["mark"] = rule.mark
            if pool.description:
                entry["comment"] = pool.description
            entries.append(entry)
    if entries:
        content["pool4"] = entries
    return json.dumps(content, indent=2)


# iptables


def _iptables_source(building: _Building, rule: SourceRule, part: _Part) -> None:
    if rule.disabled:
        # A paused instance drops what the target gives it.
        return
    words = []
    if rule.source_address is not None:
        words.append("-s " + jool.prefix6(rule.source_address))
    words.append("-d " + part.pool6)
    if rule.inbound_interface:
        words.append("-i " + rule.inbound_interface)
    if rule.mark:
        words.append("-m mark --mark 0x%x" % rule.mark)
    building.iptables.append((6, " ".join(words + [_target(part)])))
    _iptables_pool4(building, part)


def _iptables_destination(building: _Building, rule: DestinationRule, part: _Part) -> None:
    if rule.disabled:
        return
    building.iptables.append((6, "-s %s -d %s %s" % (jool.prefix6(rule.translation_address), part.pool6, _target(part))))
    if rule.stateful:
        _iptables_pool4(building, part)
    else:
        building.iptables.append((4, "-d %s %s" % (rule.address, _target(part))))


def _iptables_pool4(building: _Building, part: _Part) -> None:
    """The way back. ICMP errors about any protocol's packets come as ICMP."""
    pool4 = _merged_pool4([part])
    if not pool4:
        # Jool then takes these ports of each of the router's addresses, and gives back what is not for it.
        building.iptables.extend((4, "-p %s -m %s --dport 61001:65535 %s" % (name, name, _target(part))) for name in ("tcp", "udp"))
        building.iptables.append((4, "-p icmp " + _target(part)))
    networks: List[IPv4Network] = []
    for (_, protocol), table in sorted(pool4.tables.items()):
        for row in ranges(table.runs):
            network = IPv4Network((row.network, row.length))
            networks.append(network)
            if protocol == "ICMP":
                continue
            low, high = row.ports
            match = "" if (low, high) == (1, 65535) else " -m %s --dport %s" % (protocol.lower(), low if low == high else "%d:%d" % (low, high))
            building.iptables.append((4, "-d %s -p %s%s %s" % (network, protocol.lower(), match, _target(part))))
    building.iptables.extend((4, "-d %s -p icmp %s" % (network, _target(part))) for network in collapse_addresses(networks))


def _target(part: _Part) -> str:
    return "-j %s --instance %s" % ("JOOL" if part.kind is Kind.NAT64 else "JOOL_SIIT", part.name)


# A namespace of its own


def _isolated_source(building: _Building, path: str, rule: SourceRule, part: _Part) -> None:
    name = "nat64-%d" % rule.number
    _namespace(building, name)
    _add_instance(building, name, Framework.NETFILTER, [part])
    networks = list(collapse_addresses(pool.address for pool in rule.pools))
    own = [(6, part.pool6)] + isolated.destinations(networks)
    building.add_routes(path, isolated.inner_routes(name, building.pairs[name], own))
    if rule.disabled:
        return
    table = _source_policy(building, rule, part.pool6)
    building.add_routes(path, isolated.outer_routes(name, building.pairs[name], table, [(6, part.pool6)]))
    building.add_routes(path, isolated.outer_routes(name, building.pairs[name], "main", isolated.destinations(networks)))
    if rule.masquerade:
        sources = networks or [IPv4Network(building.pairs[name].inner)]
        building.masquerades |= {Masquerade(isolated.destination4(network), name) for network in sources}


def _isolated_destination(building: _Building, path: str, rule: DestinationRule, part: _Part) -> None:
    name = "nat46-%d" % rule.number
    _namespace(building, name)
    _add_instance(building, name, Framework.NETFILTER, [part])
    own = [(6, part.pool6)] + isolated.destinations([rule.address])
    building.add_routes(path, isolated.inner_routes(name, building.pairs[name], own))
    if not rule.disabled:
        building.add_routes(path, isolated.outer_routes(name, building.pairs[name], "main", own))


def _namespace(building: _Building, name: str) -> None:
    building.namespaces |= {name}
    building.links.update(isolated.links(name, building.pairs[name]))
    building.sysctls.update(isolated.sysctls(name))


def _source_policy(building: _Building, rule: SourceRule, pool6: str) -> str:
    """The routing table for the rule's prefix: the main one, or one that only what `match` names looks into."""
    if rule.source_address is None and rule.inbound_interface is None and rule.mark is None:
        return "main"
    table = str(640000000 + rule.number)
    source = "" if rule.source_address is None else jool.prefix6(rule.source_address)
    building.policy_rules |= {PolicyRule(6, RULE_PRIORITY, table, source, pool6, rule.inbound_interface or "", rule.mark or 0)}
    return table


# TAYGA


def _tayga_source(building: _Building, path: str, rule: SourceRule, persistent_data: str) -> None:
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
    _tayga(building, tayga.Translator(name, address, rule.prefix, maps, pool, rule.persistent), persistent_data)
    inside = list(collapse_addresses(([pool] if pool is not None else []) + [four for four, _ in maps]))
    pool6 = jool.prefix6(rule.prefix)
    building.add_routes(path, {RouteKey(MAIN, 6, _source_policy(building, rule, pool6), pool6): Route(name)})
    building.add_routes(path, {RouteKey(MAIN, 4, "main", isolated.destination4(network)): Route(name) for network in inside})
    if rule.masquerade:
        building.masquerades |= {Masquerade(isolated.destination4(network), name) for network in inside}


def _tayga_destination(building: _Building, path: str, rule: DestinationRule, persistent_data: str) -> None:
    if rule.stateful:
        raise Unplannable((path,), "TAYGA knows no ports; take `engine jool`, or leave `destination port` out")
    if rule.disabled:
        return
    name = "nat46-%d" % rule.number
    maps = ((rule.address, rule.translation_address),)
    _tayga(building, tayga.Translator(name, building.pairs[name].inner, rule.source_prefix, maps, None, False), persistent_data)
    building.add_routes(
        path,
        {
            RouteKey(MAIN, 6, "main", jool.prefix6(rule.source_prefix)): Route(name),
            RouteKey(MAIN, 4, "main", isolated.destination4(rule.address)): Route(name),
        },
    )


def _tayga(building: _Building, translator: tayga.Translator, persistent_data: str) -> None:
    name = translator.device
    building.links[MAIN, name] = Link(LinkKind.TUN, "", 0, True)
    building.sysctls.update(isolated.link_sysctls(name))
    building.daemons[tayga.UNIT, name] = tayga.configuration_text(translator, persistent_data)


# 464XLAT's customer side


def _clat(building: _Building, clat: Clat, inline: List[_Part], persistent_data: str) -> None:
    path = "nat46 clat"
    pool6 = jool.prefix6(clat.plat_prefix)
    prefix = jool.prefix6(clat.ipv6_prefix)
    part = _Part(path, CLAT_NAME, Kind.SIIT, pool6, True, {}, eamt=frozenset({(prefix, str(clat.ipv4_address))}))
    if clat.engine is Engine.JOOL and clat.mode is Mode.INLINE:
        inline.append(part)
        return
    if clat.engine is Engine.JOOL and clat.mode is Mode.IPTABLES:
        _add_instance(building, MAIN, Framework.IPTABLES, [part])
        building.iptables.append((4, "-s %s ! -d %s %s" % (clat.ipv4_address, clat.ipv4_address, _target(part))))
        building.iptables.append((6, "-s %s -d %s %s" % (pool6, prefix, _target(part))))
        return
    table = "465000000"
    if clat.engine is Engine.TAYGA:
        maps = ((clat.ipv4_address, clat.ipv6_prefix),)
        _tayga(building, tayga.Translator(CLAT_NAME, building.pairs[CLAT_NAME].inner, clat.plat_prefix, maps, None, False), persistent_data)
        building.add_routes(path, {RouteKey(MAIN, 4, table, "default"): Route(CLAT_NAME), RouteKey(MAIN, 6, "main", prefix): Route(CLAT_NAME)})
    else:
        _namespace(building, CLAT_NAME)
        _add_instance(building, CLAT_NAME, Framework.NETFILTER, [part])
        pair = building.pairs[CLAT_NAME]
        building.add_routes(path, isolated.inner_routes(CLAT_NAME, pair, [(6, prefix)]))
        building.add_routes(path, isolated.outer_routes(CLAT_NAME, pair, table, [(4, "default")]))
        building.add_routes(path, isolated.outer_routes(CLAT_NAME, pair, "main", [(6, prefix)]))
    source = str(clat.ipv4_address)
    building.policy_rules |= {
        PolicyRule(4, LOCAL_PRIORITY, "main", source, suppress_prefix_length=0),
        PolicyRule(4, RULE_PRIORITY, table, source),
    }


# Session synchronization


def _synchronization_options(synchronization: Synchronization) -> Dict[str, str]:
    numbers = {
        "ss-flush-deadline": synchronization.flush_deadline,
        "ss-capacity": synchronization.capacity,
        "ss-max-sessions-per-packet": synchronization.max_sessions_per_packet,
    }
    return {"ss-enabled": "TRUE", **{name: str(number) for name, number in numbers.items() if number is not None}}


def _synchronization(building: _Building, configuration: Configuration) -> None:
    """A joold for each stateful instance that is to be known elsewhere. Several have ports that follow each other: joold does not
    say in its packets which instance they are about."""
    ports: Dict[int, int] = {}
    for key, instance in sorted(building.instances.items(), key=lambda item: _by_number(item[0].name)):
        if instance.globals.get("ss-enabled") != "TRUE":
            continue
        source = key.name.startswith("instance-")
        synchronization = configuration.nat64_synchronization if source else configuration.nat46_synchronization
        synchronization = synchronization or configuration.nat64_synchronization or configuration.nat46_synchronization
        if synchronization is None:
            continue
        port = synchronization.port + ports.get(synchronization.port, 0)
        ports[synchronization.port] = ports.get(synchronization.port, 0) + 1
        content: Dict[str, object] = {
            "instance": key.name,
            "multicast address": str(synchronization.multicast_address),
            "multicast port": str(port),
            "ttl": 1,
        }
        if synchronization.multicast_address.version == 6:
            # For IPv4 joold wants an address of the interface here; left out, the kernel's route to the group decides.
            content.update({"in interface": synchronization.interface, "out interface": synchronization.interface})
        building.daemons[JOOLD_UNIT, key.name] = json.dumps(content, indent=1, sort_keys=True) + "\n"


# Logging


def _logging(building: _Building) -> None:
    """What brings Jool's lines about bindings and sessions from the kernel's log to the journal, where an instance writes any."""
    if any("TRUE" in (each.globals.get("logging-bib"), each.globals.get("logging-session")) for each in building.instances.values()):
        building.daemons[LOG_UNIT, LOG_INSTANCE] = settings_text(JOURNAL_SETTINGS)


def _by_number(name: str) -> Tuple[str, int]:
    family, _, number = name.partition("-")
    return family, int(number) if number.isdigit() else 0
