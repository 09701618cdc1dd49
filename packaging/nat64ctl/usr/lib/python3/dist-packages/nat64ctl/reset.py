"""Ends dynamic translations, and nothing else: not the configuration, not static mappings, not what is foreign.

Jool 4.1 has no command for that. It can remove a binding with its sessions (`bib remove`), one process for each, and it removes all bindings
of a range of addresses and ports when that range leaves a pool (`pool4 remove`) — of whatever mark, and also when the pool of the mark that
it was told about has no such range (mod/common/nl/pool4.c, 4.0 to 4.1.13): it then says that there is no such entry, and the bindings are
gone. So ranges without static mappings are taken out of the pool of a mark that nobody has, by few commands, and no packet meets a
router without its pool. What is still there afterwards was made since, or is removed one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, summarize_address_range
from typing import Dict, Iterable, List, NamedTuple, Optional, Set, Tuple

from .engines import jool
from .engines.jool_tables import Binding, bindings, sessions
from .model import Configuration
from .observe.filters import Filter
from .observe.owners import Owner, owner_of
from .observe.translators import JoolInstance, TaygaDaemon, dynamic_maps, jool_instances, running_rules, tayga_daemons
from .operations import Run
from .services import Service, restart
from .state import InstanceKey, Kind
from .system import System, Unreadable

#: The CLI's marks end at 2147483647.
UNUSED_MARK = 4294967295

#: Below so many, one by one.
_FEW = 32


class Outcome(NamedTuple):
    """Of one translator."""

    name: str
    #: Bindings, or maps of TAYGA, that were removed.
    removed: int
    #: Static mappings, which stay.
    static: int
    #: Static mappings whose sessions were ended.
    renewed: int
    engine: str


@dataclass(frozen=True)
class Span:
    """Transport addresses: networks of whole addresses, or ports of one address."""

    prefix: str
    low: int
    high: int


def reset_translations(system: System, chosen: Filter, configuration: Optional[Configuration], with_static: bool) -> List[Outcome]:
    """With the lock held. `with_static`: also the sessions of static mappings. @raises Unreadable, UnknownTable, OSError"""
    outcomes: List[Outcome] = []
    running = running_rules(system)
    for instance in jool_instances(system):
        if instance.ours and instance.reachable and instance.key.kind is Kind.NAT64:
            owner = owner_of(instance, running, configuration)
            outcome = _reset_instance(system, instance, owner, chosen, with_static)
            if outcome is not None:
                outcomes.append(outcome)
    daemons = [each for each in tayga_daemons(system) if each.ours and chosen.takes_rule(each.label)]
    # TAYGA's maps have neither protocols nor ports.
    outcomes.extend(_reset_tayga(system, daemon, chosen) for daemon in daemons if chosen.protocol is None and chosen.port is None)
    return outcomes


# Jool


def _reset_instance(system: System, instance: JoolInstance, owner: Owner, chosen: Filter, with_static: bool) -> Optional[Outcome]:
    removed = static = renewed = rows = 0
    for protocol in chosen.protocols:
        dynamic: List[Binding] = []
        fixed: List[Binding] = []
        kept: List[Binding] = []
        for row in bindings(system, instance.key, (protocol,)):
            mine = chosen.takes_binding(row) and chosen.takes_rule(owner(row.protocol, row.outside_address, row.outside_port))
            (fixed if row.static == "1" and mine else kept if row.static == "1" or not mine else dynamic).append(row)
        rows += len(dynamic) + len(fixed)
        _remove(system, instance.key, protocol, dynamic, fixed + kept)
        removed += len(dynamic)
        static += len(fixed)
        if with_static and fixed:
            renewed += _renew(system, instance.key, protocol, fixed)
    return Outcome(instance.key.name, removed, static, renewed, "jool") if rows or chosen.takes_rule(instance.label) else None


def _remove(system: System, key: InstanceKey, protocol: str, dynamic: List[Binding], staying: List[Binding]) -> None:
    if len(dynamic) > _FEW:
        spans = spans_between(dynamic, staying)
        if len(spans) < len(dynamic):
            for span in spans:
                _remove_span(system, key, protocol, span)
            left = {_pair(row) for row in bindings(system, key, (protocol,)) if row.static == "0"}
            # Those that have come back at once are removed once more, which costs them little.
            dynamic = [row for row in dynamic if _pair(row) in left]
    for row in dynamic:
        result = system.run(jool.bib_remove(key, _entry(row)).argv)
        # It may have ended by itself.
        if result.status != 0 and "wasn't in the database" not in result.stderr:
            raise Unreadable(result)


def _remove_span(system: System, key: InstanceKey, protocol: str, span: Span) -> None:
    words = ("pool4", "remove", span.prefix, "%d-%d" % (span.low, span.high), "--" + protocol.lower(), "--mark", str(UNUSED_MARK))
    # That there is no such entry is what it should say; whether the bindings are gone is looked up.
    system.run(jool.command(key, *words).argv)


def spans_between(dynamic: Iterable[Binding], staying: Iterable[Binding]) -> List[Span]:
    """Ranges that hold every transport address of `dynamic` and none of `staying`, few of them."""
    fences: Dict[int, Set[int]] = {}
    for row in staying:
        fences.setdefault(int(IPv4Address(row.outside_address)), set()).add(int(row.outside_port))
    addresses: Dict[int, List[int]] = {}
    for row in dynamic:
        addresses.setdefault(int(IPv4Address(row.outside_address)), []).append(int(row.outside_port))
    spans: List[Span] = []
    free = [address for address in sorted(addresses) if address not in fences]
    for first, last in _consecutive(free):
        spans.extend(Span(str(network), 0, 65535) for network in summarize_address_range(IPv4Address(first), IPv4Address(last)))
    for address in sorted(set(addresses) & set(fences)):
        text = "%s/32" % IPv4Address(address)
        spans.extend(Span(text, low, high) for low, high in _gaps(sorted(addresses[address]), sorted(fences[address])))
    return spans


def _consecutive(numbers: List[int]) -> List[Tuple[int, int]]:
    found: List[Tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] + 1 == number:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return found


def _gaps(ports: List[int], fences: List[int]) -> List[Tuple[int, int]]:
    """First and last of those ports that stand together between two fences."""
    found: List[Tuple[int, int]] = []
    place = 0
    for port in ports:
        passed = place
        while place < len(fences) and fences[place] < port:
            place += 1
        if found and passed == place:
            found[-1] = (found[-1][0], port)
        else:
            found.append((port, port))
    return found


def _renew(system: System, key: InstanceKey, protocol: str, fixed: List[Binding]) -> int:
    """A static mapping that has sessions is removed and added again: Jool ends sessions with their mapping only."""
    busy = {(row.inside_address, row.inside_port) for row in sessions(system, key, (protocol,))}
    count = 0
    for row in fixed:
        if (row.inside_address, row.inside_port) not in busy:
            continue
        _must(system, jool.bib_remove(key, _entry(row)))
        added = system.run(jool.bib_add(key, _entry(row)).argv)
        if added.status != 0:
            # Between the two a packet may have got a dynamic binding of the same address and port.
            for end in ("%s#%s" % (row.inside_address, row.inside_port), "%s#%s" % (row.outside_address, row.outside_port)):
                system.run(jool.command(key, "bib", "remove", end, "--" + protocol.lower()).argv)
            _must(system, jool.bib_add(key, _entry(row)))
        count += 1
    return count


def _must(system: System, command: Run) -> None:
    result = system.run(command.argv)
    if result.status != 0:
        raise Unreadable(result)


def _pair(row: Binding) -> Tuple[str, str, str, str]:
    return row.inside_address, row.inside_port, row.outside_address, row.outside_port


def _entry(row: Binding) -> str:
    return ",".join(row[:5])


# TAYGA


def _reset_tayga(system: System, daemon: TaygaDaemon, chosen: Filter) -> Outcome:
    """It reads its maps when it starts, and writes them when it ends: so it is stopped, and started, whatever happens between."""
    service = Service("nat64-tayga", daemon.device)
    maps, there = dynamic_maps(system, daemon)
    gone = [each for each in maps if chosen.address in (None, each.inside, each.outside)]
    static = len(daemon.static_maps)
    if chosen.address is not None and not gone:
        return Outcome(daemon.device, 0, static, 0, "tayga")
    _must(system, Run(("systemctl", "stop", service.unit)))
    try:
        maps, there = dynamic_maps(system, daemon)
        gone = [each for each in maps if chosen.address in (None, each.inside, each.outside)]
        if len(gone) == len(maps):
            system.remove_file(daemon.maps_file)
        elif there:
            lines = ["%s\t%s\t%d\n" % (each.outside, each.inside, each.last_use or 0) for each in maps if each not in gone]
            system.write_file(daemon.maps_file, "".join(lines))
    finally:
        _must(system, restart(service))
    return Outcome(daemon.device, len(gone), static, 0, "tayga")


def outcome_words(outcome: Outcome) -> str:
    if outcome.engine == "tayga":
        text = "%s: removed %s; TAYGA was restarted for it" % (outcome.name, _count(outcome.removed, "dynamic map"))
        return text + "; %s left alone" % _count(outcome.static, "static map") if outcome.static else text
    text = "%s: removed %s with %s sessions" % (outcome.name, _count(outcome.removed, "dynamic binding"), "its" if outcome.removed == 1 else "their")
    if outcome.renewed:
        text += "; ended the sessions of %s" % _count(outcome.renewed, "static mapping")
    left = outcome.static - outcome.renewed
    return text + "; %s left alone" % _count(left, "static mapping") if left else text


def _count(number: int, what: str) -> str:
    return "%d %s%s" % (number, what, "" if number == 1 else "s")
