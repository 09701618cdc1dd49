"""Jool's instances: live ones change in place, and only what Jool cannot change is made anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, Iterator, List, Optional, Tuple

from ..engines import jool
from ..operations import Command
from ..pool4 import Pool4, Range, Run, Table, fuse, intersect, ranges, subtract, union
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
#: The same of static entries: above the one number, at once the other. So many are done well within the time that a program has.
_ENTRIES_ONE_BY_ONE = 16
_ENTRIES_AT_ONCE = 250
_USING = "those that use these addresses"


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
    row_by_row = not _touching(now.pool4, want.pool4)
    both = _both(now.pool4, want.pool4)
    if row_by_row:
        _add_rows(steps, key, now.pool4, want.pool4)
    elif both != now.pool4:
        steps.add_all(
            CHANGE,
            "%s: put the pools, with %s" % (instance_label(key), _rows(want.pool4, now.pool4)),
            (jool.handle_file(key, replace(now, pool4=both)),),
            (jool.handle_file(key, now), *_end_sessions(key, want.pool4, now.pool4)),
        )
    _remove_entries(steps, key, now, want)
    if row_by_row:
        _remove_rows(steps, key, now.pool4, want.pool4)
    elif both != want.pool4:
        left = replace(now, bib=now.bib & want.bib)
        ended = _end_sessions(key, now.pool4, want.pool4)
        steps.add_all(
            CHANGE,
            "%s: put the pools, without %s" % (instance_label(key), _rows(now.pool4, want.pool4)),
            (jool.handle_file(key, replace(left, pool4=want.pool4)), *ended),
            (jool.handle_file(key, replace(left, pool4=both)),),
            drops_sessions=_USING if ended else "",
        )
    _add_entries(steps, key, now, want)


def _touching(now: Pool4, want: Pool4) -> bool:
    """Whether a range grows, shrinks or splits, or one that changes meets another of its address. Jool, up to 4.1.15 at least, then counts the
    pool wrong: more than there is, and it finds no port for connections; nothing, and it divides by that. So such pools are put as a whole."""
    for table, before, after in _tables(now, want):
        beside = union(each.runs for (mark, protocol), each in want.tables.items() if protocol == table[1] and mark != table[0])
        come, go = subtract(after.runs, before.runs), subtract(before.runs, after.runs)
        if _meet(come, union((_whole(now, table[1]), beside))) or _meet(go, _whole(want, table[1])):
            return True
    return False


def _meet(some: Tuple[Run, ...], others: Tuple[Run, ...]) -> bool:
    """Overlap, or follow each other on one address."""
    wider = tuple(Run(run.first, run.last, fuse((max(0, low - 1), min(65535, high + 1)) for low, high in run.ports)) for run in some)
    return bool(intersect(wider, others))


def _whole(pool4: Pool4, protocol: str) -> Tuple[Run, ...]:
    """Of all marks: packets from IPv4 have none."""
    return union(table.runs for (_, each), table in pool4.tables.items() if each == protocol)


def _tables(now: Pool4, want: Pool4) -> List[Tuple[Tuple[int, str], Table, Table]]:
    return [(table, now.tables.get(table, Table(())), want.tables.get(table, Table(()))) for table in sorted(set(now.tables) | set(want.tables))]


def _both(now: Pool4, want: Pool4) -> Pool4:
    return Pool4(
        {
            table: Table(union((before.runs, after.runs)), (after if after.runs else before).iterations)
            for table, before, after in _tables(now, want)
        }
    )


def _rows(pool4: Pool4, without: Pool4) -> str:
    """What the one has and the other has not, in words: enough to recognize it."""
    tables = _tables(without, pool4)
    words = [_row(row, protocol, mark) for (mark, protocol), less, table in tables for row in ranges(subtract(table.runs, less.runs))]
    shown = 4
    return ", ".join(words[:shown] + (["%d more" % (len(words) - shown)] if len(words) > shown else [])) or "other max-iterations"


def _end_sessions(key: InstanceKey, before: Pool4, after: Pool4) -> Tuple[Command, ...]:
    """Of transport addresses that are no longer in the pool; removing them once more does nothing else."""
    gone = [(table, subtract(subtract(old.runs, new.runs), _whole(after, table[1]))) for table, old, new in _tables(before, after)]
    return tuple(jool.pool4_remove(key, mark, protocol, row) for (mark, protocol), runs in gone for row in ranges(runs))


def _add_rows(steps: Steps, key: InstanceKey, now: Pool4, want: Pool4) -> None:
    label = instance_label(key)
    for (mark, protocol), before, after in _tables(now, want):
        for row in ranges(subtract(after.runs, before.runs)):
            what = "%s: add %s" % (label, _row(row, protocol, mark))
            steps.add(CHANGE, what, jool.pool4_add(key, mark, protocol, row), jool.pool4_remove(key, mark, protocol, row))
        if after.runs and after.iterations != before.iterations:
            # Adding what is there changes nothing but the iterations of the table. If anything stays, that is undone with it.
            row = ranges(intersect(after.runs, before.runs) or after.runs)[0]
            steps.add(
                CHANGE,
                "%s: max-iterations %s for %s%s" % (label, after.iterations, protocol, _marked(mark)),
                jool.pool4_iterations(key, mark, protocol, row, after.iterations),
                *((jool.pool4_iterations(key, mark, protocol, row, before.iterations),) if before.runs else ()),
            )


def _remove_rows(steps: Steps, key: InstanceKey, now: Pool4, want: Pool4) -> None:
    for (mark, protocol), before, after in _tables(now, want):
        for index, row in enumerate(ranges(subtract(before.runs, after.runs))):
            undo = [jool.pool4_add(key, mark, protocol, row)]
            if index == 0 and not after.runs and before.iterations != "auto":
                # The last to be undone, of a table that was gone.
                undo.append(jool.pool4_iterations(key, mark, protocol, row, before.iterations))
            what = "%s: remove %s" % (instance_label(key), _row(row, protocol, mark))
            steps.add(CHANGE, what, jool.pool4_remove(key, mark, protocol, row), *undo, drops_sessions=_USING)


def _remove_entries(steps: Steps, key: InstanceKey, now: Instance, want: Instance) -> None:
    removed = sorted(now.bib - want.bib)
    if len(removed) > _ENTRIES_ONE_BY_ONE:
        for entries in _parts(removed):
            what = "%s: remove %s" % (instance_label(key), _entries(entries))
            remove, add = jool.bib_many(key, "remove", entries), jool.bib_many(key, "add", entries)
            steps.add(CHANGE, what, remove, add, drops_sessions="those of these entries")
        return
    for entry in removed:
        what = "%s: remove static entry %s" % (instance_label(key), _entry(entry))
        steps.add(CHANGE, what, jool.bib_remove(key, entry), jool.bib_add(key, entry), drops_sessions="those of this entry")


def _add_entries(steps: Steps, key: InstanceKey, now: Instance, want: Instance) -> None:
    added = sorted(want.bib - now.bib)
    many = len(added) > _ENTRIES_ONE_BY_ONE
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
        if not many:
            steps.add(CHANGE, "%s: add static entry %s" % (instance_label(key), _entry(entry)), jool.bib_add(key, entry), jool.bib_remove(key, entry))
    for entries in _parts(added) if many else ():
        what = "%s: add %s" % (instance_label(key), _entries(entries))
        steps.add(CHANGE, what, jool.bib_many(key, "add", entries), jool.bib_many(key, "remove", entries))


def _parts(entries: List[str]) -> Iterator[List[str]]:
    for start in range(0, len(entries), _ENTRIES_AT_ONCE):
        yield entries[start : start + _ENTRIES_AT_ONCE]


def _entries(entries: List[str]) -> str:
    return "%d static entries, %s to %s" % (len(entries), _entry(entries[0]), _entry(entries[-1]))


def _row(row: Range, protocol: str, mark: int) -> str:
    return "%s %d-%d for %s%s" % (row.prefix, row.ports[0], row.ports[1], protocol, _marked(mark))


def _marked(mark: int) -> str:
    return " with mark %d" % mark if mark else ""


def _entry(entry: str) -> str:
    protocol, six, port6, four, port4 = entry.split(",")
    return "%s %s#%s to %s#%s" % (protocol, four, port4, six, port6)
