"""Ends dynamic translations, and nothing else: not the configuration, not static mappings, not what is foreign.

Jool 4.1 has no command for that. It removes a binding with its sessions (`bib remove`), one process for each, and that is what is done here.
It also removes all bindings of a range when the range leaves a pool (`pool4 remove`), and the mark may be one that nobody has; but then
the range is no longer the pool's for packets that come from IPv4, although `pool4 display` goes on showing it (rm_from_addr_tree in
mod/common/db/pool4/db.c, 4.1.13). That would have to be put back, and whoever is killed in between leaves a pool that only looks whole.
"""

from __future__ import annotations

from typing import Callable, List, NamedTuple, Optional

from .engines import jool
from .engines.jool_tables import Binding, bindings, sessions
from .model import Configuration
from .observe.filters import Filter
from .observe.owners import Owner, owner_of
from .observe.translators import JoolInstance, TaygaDaemon, dynamic_maps, jool_instances, running_rules, tayga_daemons
from .operations import Run
from .services import Service, restart
from .state import InstanceKey, Kind
from .system import System, Unreadable, uninterrupted

#: From so many on it takes seconds, and people are told.
_MANY = 1000

Progress = Callable[[str], None]


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


def reset_translations(
    system: System, chosen: Filter, configuration: Optional[Configuration], with_static: bool, progress: Progress
) -> List[Outcome]:
    """With the lock held. `with_static`: also the sessions of static mappings. @raises Unreadable, UnknownTable, OSError"""
    outcomes: List[Outcome] = []
    running = running_rules(system)
    for instance in jool_instances(system):
        if instance.ours and instance.reachable and instance.key.kind is Kind.NAT64:
            owner = owner_of(instance, running, configuration)
            outcome = _reset_instance(system, instance, owner, chosen, with_static, progress)
            if outcome is not None:
                outcomes.append(outcome)
    daemons = [each for each in tayga_daemons(system) if each.ours and chosen.takes_rule(each.label)]
    # TAYGA's maps have neither protocols nor ports.
    outcomes.extend(_reset_tayga(system, daemon, chosen) for daemon in daemons if chosen.protocol is None and chosen.port is None)
    return outcomes


# Jool


def _reset_instance(system: System, instance: JoolInstance, owner: Owner, chosen: Filter, with_static: bool, progress: Progress) -> Optional[Outcome]:
    removed = static = renewed = 0
    for protocol in chosen.protocols:
        dynamic: List[Binding] = []
        fixed: List[Binding] = []
        for row in bindings(system, instance.key, (protocol,)):
            if chosen.takes_binding(row) and chosen.takes_rule(owner(row.protocol, row.outside_address, row.outside_port)):
                (fixed if row.static == "1" else dynamic).append(row)
        if len(dynamic) >= _MANY:
            progress("%s: removing %d %s bindings, one by one" % (instance.key.name, len(dynamic), protocol))
        for row in dynamic:
            _remove(system, instance.key, row)
        removed += len(dynamic)
        static += len(fixed)
        if with_static and fixed:
            renewed += _renew(system, instance.key, protocol, fixed)
    return Outcome(instance.key.name, removed, static, renewed, "jool") if removed or static or chosen.takes_rule(instance.label) else None


def _remove(system: System, key: InstanceKey, row: Binding) -> None:
    result = system.run(jool.bib_remove(key, _entry(row)).argv)
    # It may have ended by itself.
    if result.status != 0 and "wasn't in the database" not in result.stderr:
        raise Unreadable(result)


def _renew(system: System, key: InstanceKey, protocol: str, fixed: List[Binding]) -> int:
    """A static mapping that has sessions is removed and added again: Jool ends sessions with their mapping only."""
    busy = {(row.inside_address, row.inside_port) for row in sessions(system, key, (protocol,))}
    count = 0
    for row in fixed:
        if (row.inside_address, row.inside_port) not in busy:
            continue
        with uninterrupted():
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
    with uninterrupted():
        try:
            _must(system, Run(("systemctl", "stop", service.unit)))
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
