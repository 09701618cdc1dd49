"""What is translated now: Jool's sessions or bindings, TAYGA's maps, explicit address maps. Rows, one by one."""

from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Mapping, NamedTuple, Optional

from ..engines import jool
from ..engines.jool_tables import bindings, seconds, sessions
from ..model import Configuration
from ..state import Kind
from ..system import System, Unreadable
from .filters import Filter
from .owners import owner_of
from .translators import JoolInstance, RunningRule, TaygaDaemon, dynamic_maps, jool_instances, running_rules, tayga_daemons

#: Seconds that TAYGA keeps a map after the last packet: two hours and four minutes.
TAYGA_LIFETIME = 7440


class Translation(NamedTuple):
    """Empty texts are things that this kind of translation does not have."""

    #: session, binding, static binding, map, static map
    kind: str
    engine: str
    #: `nat64-100`; None where several rules share an instance and the addresses do not tell, or the instance is foreign.
    rule: Optional[str]
    instance: str
    #: TCP, UDP, ICMP
    protocol: str
    #: Addresses, or prefixes of a map.
    inside_address: str
    inside_port: str
    inside_destination_address: str
    inside_destination_port: str
    outside_address: str
    outside_port: str
    destination_address: str
    destination_port: str
    state: str
    #: Seconds.
    expires: Optional[float]
    foreign: bool


def translations(
    system: System, chosen: Filter, configuration: Optional[Configuration], now: float, only_bindings: bool = False
) -> Iterator[Translation]:
    """`now` is in seconds since 1970. @raises Unreadable, UnknownTable, OSError"""
    running = running_rules(system)
    for instance in jool_instances(system):
        if instance.reachable:
            yield from of_instance(system, instance, chosen, running, configuration, only_bindings)
    for daemon in tayga_daemons(system):
        if daemon.ours:
            yield from of_tayga(system, daemon, chosen, configuration, now)


def of_instance(
    system: System,
    instance: JoolInstance,
    chosen: Filter,
    running: Mapping[int, RunningRule],
    configuration: Optional[Configuration],
    only_bindings: bool,
) -> Iterator[Translation]:
    if instance.key.kind is Kind.SIIT:
        if chosen.protocol is None and chosen.port is None:
            yield from _explicit(system, instance, chosen, configuration)
        return
    owner = owner_of(instance, running, configuration)
    name, foreign = instance.key.name, not instance.ours
    if only_bindings:
        for binding in bindings(system, instance.key, chosen.protocols):
            if chosen.takes_binding(binding):
                protocol, six, port6, four, port4, static = binding
                rule = owner(protocol, four, port4)
                if chosen.takes_rule(rule):
                    kind = "static binding" if static == "1" else "binding"
                    yield Translation(kind, "jool", rule, name, protocol, six, port6, "", "", four, port4, "", "", "", None, foreign)
        return
    for session in sessions(system, instance.key, chosen.protocols):
        if chosen.takes_session(session):
            protocol, six, port6, six2, port62, four, port4, four2, port42, expires, state = session
            rule = owner(protocol, four, port4)
            if chosen.takes_rule(rule):
                yield Translation(
                    "session", "jool", rule, name, protocol, six, port6, six2, port62, four, port4, four2, port42, state, seconds(expires), foreign
                )


def _explicit(system: System, instance: JoolInstance, chosen: Filter, configuration: Optional[Configuration]) -> Iterator[Translation]:
    """Explicit address maps. The rule is the one that has this map."""
    result = system.run(jool.command(instance.key, "eamt", "display", "--csv").argv)
    if result.status != 0:
        raise Unreadable(result)
    rules = explicit_rules(configuration)
    for six, four in sorted(jool.read_eamt(result.stdout)):
        rule = rules.get((six, four), None if instance.shared else instance.label) if instance.ours else None
        row = Translation("static map", "jool", rule, instance.key.name, "", six, "", "", "", four, "", "", "", "", None, not instance.ours)
        if chosen.takes_rule(rule) and chosen.address in (None, six.partition("/")[0], four.partition("/")[0]):
            yield row


def explicit_rules(configuration: Optional[Configuration]) -> Dict[object, str]:
    """By (IPv6 prefix, IPv4 prefix), as Jool prints them."""
    if configuration is None:
        return {}
    rules: Dict[object, str] = {
        (jool.prefix6(rule.translation_address), str(rule.address)): "nat46-%d" % rule.number
        for rule in configuration.destination_rules
        if not rule.stateful
    }
    if configuration.clat is not None:
        rules[jool.prefix6(configuration.clat.ipv6_prefix), str(configuration.clat.ipv4_address)] = "nat46-clat"
    return rules


def of_tayga(system: System, daemon: TaygaDaemon, chosen: Filter, configuration: Optional[Configuration], now: float) -> Iterator[Translation]:
    if chosen.protocol is not None or chosen.port is not None:
        return
    rules = explicit_rules(configuration)
    maps = daemon.static_maps + dynamic_maps(system, daemon)[0]
    for inside, outside, last_use in maps:
        rule = rules.get((_with_length(inside, 128), _with_length(outside, 32)), daemon.label)
        if chosen.takes_rule(rule) and chosen.address in (None, inside.partition("/")[0], outside.partition("/")[0]):
            left = None if last_use is None else max(0.0, last_use + TAYGA_LIFETIME - now)
            kind = "static map" if last_use is None else "map"
            yield Translation(kind, "tayga", rule, daemon.device, "", inside, "", "", "", outside, "", "", "", "", left, False)


def _with_length(address: str, length: int) -> str:
    return address if "/" in address else "%s/%d" % (address, length)


def translation_json(row: Translation) -> Dict[str, object]:
    """The documented shape: see docs/state.md."""
    return {
        "type": row.kind,
        "engine": row.engine,
        "rule": row.rule,
        "instance": row.instance,
        "foreign": row.foreign,
        "protocol": row.protocol.lower() or None,
        "inside": _end(row.inside_address, row.inside_port),
        "inside_destination": _end(row.inside_destination_address, row.inside_destination_port),
        "outside": _end(row.outside_address, row.outside_port),
        "destination": _end(row.destination_address, row.destination_port),
        "state": row.state or None,
        "expires_seconds": row.expires,
    }


def _end(address: str, port: str) -> Optional[Dict[str, object]]:
    if not address:
        return None
    return {"address": address, "port": int(port) if port else None}


HEADER = ("Rule", "Type", "Protocol", "Inside", "Outside", "Destination", "State", "Expires")


def translation_cells(rows: Iterable[Translation]) -> Iterator[List[str]]:
    for row in rows:
        yield [
            row.rule or ("(foreign) " + row.instance if row.foreign else "?"),
            row.kind,
            row.protocol.lower(),
            transport(row.inside_address, row.inside_port),
            transport(row.outside_address, row.outside_port),
            transport(row.destination_address, row.destination_port),
            row.state,
            "" if row.expires is None else clock(row.expires),
        ]


def transport(address: str, port: str) -> str:
    if not port:
        return address
    return "[%s]:%s" % (address, port) if ":" in address else "%s:%s" % (address, port)


def clock(value: float) -> str:
    whole = int(value)
    return "%d:%02d:%02d" % (whole // 3600, whole // 60 % 60, whole % 60)
