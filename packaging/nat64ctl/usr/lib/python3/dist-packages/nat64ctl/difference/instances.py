"""Jool's instances: live ones change in place, and only what Jool cannot change is made anew."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

from ..engines import jool
from ..pool4 import Range, Table, intersect, ranges, runs_of, subtract, union
from ..state import (
    Framework,
    Instance,
    InstanceKey,
    Kind,
    State,
    instance_label,
)
from .steps import CHANGE, CREATE, HALT, STOP, Steps

#: A table of explicit maps is put as a whole when more entries than this change: one process, and no moment with half of them.
_MAPS_ONE_BY_ONE = 16


def instances(steps: Steps, running: State, wanted: State) -> None:
    slots = {
        (key.namespace, key.kind)
        for key, instance in wanted.instances.items()
        if instance.framework is Framework.NETFILTER and _must_create(running.instances.get(key), key, instance)
    }
    for key, instance in sorted(running.instances.items(), key=_instance_order):
        want = wanted.instances.get(key)
        if want is not None and not _must_create(instance, key, want):
            continue
        reason = _reason(key, instance, want) if key.kind is Kind.NAT64 else ""
        early = want is not None or (instance.framework is Framework.NETFILTER and (key.namespace, key.kind) in slots)
        steps.add(
            HALT if early else STOP,
            "%s: remove" % instance_label(key),
            jool.remove_instance(key),
            jool.handle_file(key, instance),
            drops_sessions=reason,
        )
    for key, want in sorted(wanted.instances.items(), key=_instance_order):
        now = running.instances.get(key)
        if now is None or _must_create(now, key, want):
            steps.add(CREATE, "%s: create" % instance_label(key), jool.handle_file(key, want), jool.remove_instance(key))
        else:
            _change_instance(steps, key, now, want)


def _instance_order(item: Tuple[InstanceKey, Instance]) -> Tuple[str, str, str]:
    return item[0].namespace, item[0].kind.value, item[0].name


def _must_create(now: Optional[Instance], key: InstanceKey, want: Instance) -> bool:
    return now is None or now.framework is not want.framework or (key.kind is Kind.NAT64 and now.pool6 != want.pool6)


def _reason(key: InstanceKey, now: Instance, want: Optional[Instance]) -> str:
    if want is None:
        return "%s is no longer in the configuration" % instance_label(key)
    if now.framework is not want.framework:
        return "Jool cannot move a live instance from %s to %s" % (now.framework.value, want.framework.value)
    return "Jool cannot change the prefix of a live instance, from %s to %s" % (now.pool6, want.pool6)


def _change_instance(steps: Steps, key: InstanceKey, now: Instance, want: Instance) -> None:
    """A live instance becomes what is wanted; sessions that may stay do."""
    if len(now.eamt ^ want.eamt) > _MAPS_ONE_BY_ONE:
        # Takes the options along. For the stateless translator only: of the other one it would leave bindings outside the pool.
        steps.add(
            CHANGE,
            "%s: put %d explicit maps and all options" % (instance_label(key), len(want.eamt)),
            jool.handle_file(key, want),
            jool.handle_file(key, now),
        )
        return
    _change_pool4(steps, key, now, want)
    _change_maps(steps, key, now, want)
    for name in sorted(want.globals):
        old = now.globals.get(name)
        # An option that this Jool does not have is as good as at its default.
        if old is None and want.globals[name] == jool.defaults(key.kind).get(name):
            continue
        if old != want.globals[name]:
            undo = () if old is None else (jool.update_global(key, name, old),)
            steps.add(
                CHANGE,
                "%s: %s %s" % (instance_label(key), name, want.globals[name] or "none"),
                jool.update_global(key, name, want.globals[name]),
                *undo,
            )


def _change_maps(steps: Steps, key: InstanceKey, now: Instance, want: Instance) -> None:
    label = instance_label(key)
    gone, come = sorted(now.eamt - want.eamt), sorted(want.eamt - now.eamt)
    force = bool(come) and jool.overlapping(want.eamt)
    force_back = bool(gone) and jool.overlapping(now.eamt)
    for entry in gone:
        what = "%s: remove map of %s to %s" % (label, entry[1], entry[0])
        steps.add(CHANGE, what, jool.eamt_remove(key, entry), jool.eamt_add(key, entry, force_back))
    for entry in come:
        steps.add(CHANGE, "%s: map %s to %s" % (label, entry[1], entry[0]), jool.eamt_add(key, entry, force), jool.eamt_remove(key, entry))


def _change_pool4(steps: Steps, key: InstanceKey, now: Instance, want: Instance) -> None:
    """Addresses come, entries go, addresses go, entries come: an entry has to lie in the pool, and not to meet another."""
    label = instance_label(key)
    everything = sorted(set(now.pool4.tables) | set(want.pool4.tables))
    for mark, protocol in everything:
        before = now.pool4.tables.get((mark, protocol), Table(()))
        after = want.pool4.tables.get((mark, protocol), Table(()))
        # Undone, it must not take bindings along that another mark allows.
        others = union(table.runs for (_, other), table in now.pool4.tables.items() if other == protocol)
        for row in ranges(subtract(after.runs, before.runs)):
            shared = bool(intersect(runs_of(row), others))
            steps.add(
                CHANGE,
                "%s: add %s" % (label, _row(row, protocol, mark)),
                jool.pool4_add(key, mark, protocol, row),
                jool.pool4_remove(key, mark, protocol, row, shared),
            )
        if after.runs and after.iterations != before.iterations:
            # Adding what is there changes nothing but the iterations of the table. If anything stays, that is undone with it.
            row = ranges(intersect(after.runs, before.runs) or after.runs)[0]
            steps.add(
                CHANGE,
                "%s: max-iterations %s for %s%s" % (label, after.iterations, protocol, _marked(mark)),
                jool.pool4_iterations(key, mark, protocol, row, after.iterations),
                *((jool.pool4_iterations(key, mark, protocol, row, before.iterations),) if before.runs else ()),
            )
    for entry in sorted(now.bib - want.bib):
        steps.add(
            CHANGE,
            "%s: remove static entry %s" % (label, _entry(entry)),
            jool.bib_remove(key, entry),
            jool.bib_add(key, entry),
            drops_sessions="those of this entry",
        )
    for mark, protocol in everything:
        before = now.pool4.tables.get((mark, protocol), Table(()))
        after = want.pool4.tables.get((mark, protocol), Table(()))
        gone = subtract(before.runs, after.runs)
        others = union(table.runs for (_, other), table in want.pool4.tables.items() if other == protocol)
        removals = [(row, True) for row in ranges(intersect(gone, others))] + [(row, False) for row in ranges(subtract(gone, others))]
        for index, (row, quick) in enumerate(removals):
            undo = [jool.pool4_add(key, mark, protocol, row)]
            if index == 0 and not after.runs and before.iterations != "auto":
                # The last to be undone, of a table that was gone.
                undo.append(jool.pool4_iterations(key, mark, protocol, row, before.iterations))
            steps.add(
                CHANGE,
                "%s: remove %s" % (label, _row(row, protocol, mark)),
                jool.pool4_remove(key, mark, protocol, row, quick),
                *undo,
                drops_sessions="" if quick else "those that use these addresses",
            )
    _add_entries(steps, key, now, want)


def _add_entries(steps: Steps, key: InstanceKey, now: Instance, want: Instance) -> None:
    added = sorted(want.bib - now.bib)
    ends: Dict[Tuple[str, str, str], str] = {}
    if added:
        for entry in now.dynamic:
            protocol, six, port6, four, port4 = entry.split(",")
            ends[protocol, six, port6] = ends[protocol, four, port4] = entry
    for entry in added:
        protocol, six, port6, four, port4 = entry.split(",")
        for clash in sorted({ends.get((protocol, six, port6), entry), ends.get((protocol, four, port4), entry)} - {entry}):
            steps.add(
                CHANGE,
                "%s: remove dynamic entry %s, which is in the way of a static one" % (instance_label(key), _entry(clash)),
                jool.bib_remove(key, clash),
                drops_sessions="those of this entry",
            )
        steps.add(CHANGE, "%s: add static entry %s" % (instance_label(key), _entry(entry)), jool.bib_add(key, entry), jool.bib_remove(key, entry))


def _row(row: Range, protocol: str, mark: int) -> str:
    return "%s %d-%d for %s%s" % (row.prefix, row.ports[0], row.ports[1], protocol, _marked(mark))


def _marked(mark: int) -> str:
    return " with mark %d" % mark if mark else ""


def _entry(entry: str) -> str:
    protocol, six, port6, four, port4 = entry.split(",")
    return "%s %s#%s to %s#%s" % (protocol, four, port4, six, port6)
