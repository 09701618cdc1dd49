"""From what runs to what is wanted: the operations, in their order. Pure.

What only adds comes first, then what takes packets to it, and what takes away comes last: a failure on the way finds the old
translator still there. Exceptions are forced: Jool has one netfilter instance of a kind a namespace, and an interface has its name
to itself, so there the old one goes first.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Set, Tuple

from .engines import jool
from .names import keep_names
from .operations import Command, Operation, Plan, RemoveFile, Run, WriteFile
from .pool4 import Range, Table, intersect, ranges, runs_of, subtract, union
from .services import Service, restart, start_commands, stop_commands
from .state import (
    INNER_LINK,
    MAIN,
    Framework,
    Instance,
    InstanceKey,
    Kind,
    Link,
    LinkKind,
    Masquerade,
    PolicyRule,
    Route,
    RouteKey,
    State,
    instance_label,
)

MASQUERADE_TABLE = "nat64ctl"
IPTABLES_CHAIN = "NAT64CTL"

#: A table of explicit maps is put as a whole when more entries than this change: one process, and no moment with half of them.
_MAPS_ONE_BY_ONE = 16

# In the order of the plan.
_HALT, _CLEAR, _PLACE, _CREATE, _CHANGE, _DAEMON, _LEAD, _FILE, _DIVERT, _STOP, _REMOVE, _VANISH = range(12)


class _Steps:
    def __init__(self) -> None:
        self._steps: List[Tuple[int, Operation]] = []

    def add(self, phase: int, what: str, do: Command, *undo: Command, drops_sessions: str = "") -> None:
        self.add_all(phase, what, (do,), undo, drops_sessions)

    def add_all(self, phase: int, what: str, do: Tuple[Command, ...], undo: Tuple[Command, ...], drops_sessions: str = "") -> None:
        self._steps.append((phase, Operation(what, do, undo, drops_sessions)))

    def plan(self) -> Plan:
        return tuple(operation for _, operation in sorted(self._steps, key=lambda step: step[0]))


def difference(running: State, wanted: State) -> Plan:
    """Empty when what runs is what is wanted."""
    wanted = keep_names(running, wanted)
    steps = _Steps()
    replaced = _replaced_links(running, wanted)
    _namespaces(steps, running, wanted)
    # An interface takes its settings from the defaults of the moment when it is made, and its own before it comes up.
    _sysctls(steps, running, wanted, replaced, inside=True)
    _links(steps, running, wanted, replaced)
    _sysctls(steps, running, wanted, replaced, inside=False)
    _instances(steps, running, wanted)
    _daemons(steps, running, wanted, replaced)
    _routes(steps, running, wanted, replaced)
    _policy_rules(steps, running, wanted)
    _iptables(steps, running, wanted)
    _masquerades(steps, running, wanted)
    _files(steps, running, wanted)
    return steps.plan()


# Namespaces and links


def _namespaces(steps: _Steps, running: State, wanted: State) -> None:
    for name in sorted(running.broken_namespaces):
        steps.add(_CLEAR, "%s: remove the rest of a network namespace" % name, Run(("ip", "netns", "delete", name)))
    for name in sorted(wanted.namespaces - running.namespaces):
        steps.add(_PLACE, "%s: add network namespace" % name, _add_namespace(name), _delete_namespace(name))
    for name in sorted(running.namespaces - wanted.namespaces):
        # With it go its settings and routes; instances and links have been removed by then, each with its own inverse.
        settings = {key: value for (namespace, key), value in running.sysctls.items() if namespace == name}
        routes = [
            _route("add", key, route) for key, route in sorted(running.routes.items(), key=_route_order) if key.namespace == name and not route.device
        ]
        steps.add(
            _VANISH, "%s: delete network namespace" % name, _delete_namespace(name), _add_namespace(name), *_set_sysctls(name, settings), *routes
        )


def _add_namespace(name: str) -> Run:
    return Run(("ip", "netns", "add", name))


def _delete_namespace(name: str) -> Run:
    return Run(("ip", "netns", "delete", name))


def _replaced_links(running: State, wanted: State) -> Set[str]:
    """Names, in the main namespace, of links of which something else has to be made, or of whose two ends one is missing."""
    replaced: Set[str] = set()
    for (namespace, name), link in running.links.items():
        if namespace != MAIN:
            # An end without the other, which somebody renamed or moved.
            if (MAIN, namespace) not in running.links:
                replaced.add(namespace)
            continue
        want = wanted.links.get((MAIN, name))
        if want is not None and (want.kind is not link.kind or (want.kind is LinkKind.VETH and (name, INNER_LINK) not in running.links)):
            replaced.add(name)
    return replaced


def _links(steps: _Steps, running: State, wanted: State, replaced: Set[str]) -> None:
    for (namespace, name), link in sorted(running.links.items()):
        if namespace != MAIN:
            if namespace in replaced and (MAIN, namespace) not in running.links:
                steps.add(_CLEAR, "%s: delete half of a veth pair" % namespace, Run(("ip", "-n", namespace, "link", "delete", "dev", name)))
            continue
        if name in replaced:
            steps.add(
                _CLEAR, "%s: delete interface, to make another of its name" % name, _delete_link(name, link.kind), *_rebuild_link(running, name)
            )
        elif (MAIN, name) not in wanted.links:
            steps.add(_REMOVE, "%s: delete interface" % name, _delete_link(name, link.kind), *_rebuild_link(running, name))
    for (namespace, name), link in sorted(wanted.links.items(), key=lambda item: (item[0][0] != MAIN, item[0])):
        outer = name if namespace == MAIN else namespace
        before = None if outer in replaced else running.links.get((namespace, name))
        if before is None and namespace == MAIN:
            inner = wanted.links.get((name, INNER_LINK))
            steps.add(_PLACE, "%s: add %s interface" % (name, link.kind.value), _add_link(name, link, inner), _delete_link(name, link.kind))
        _adjust_link(steps, namespace, name, before, link)


def _add_link(name: str, link: Link, inner: Optional[Link]) -> Run:
    if link.kind is LinkKind.TUN:
        return Run(("ip", "tuntap", "add", "dev", name, "mode", "tun"))
    assert inner is not None
    return Run(
        (
            "ip",
            "link",
            "add",
            name,
            "address",
            link.mac,
            "mtu",
            str(link.mtu),
            "type",
            "veth",
            "peer",
            "name",
            INNER_LINK,
            "netns",
            name,
            "address",
            inner.mac,
            "mtu",
            str(inner.mtu),
        )
    )


def _delete_link(name: str, kind: LinkKind) -> Run:
    return Run(("ip", "tuntap", "delete", "dev", name, "mode", "tun")) if kind is LinkKind.TUN else Run(("ip", "link", "delete", "dev", name))


def _adjust_link(steps: _Steps, namespace: str, name: str, before: Optional[Link], link: Link) -> None:
    label = name if namespace == MAIN else "%s in namespace %s" % (name, namespace)
    if before is not None and link.mac != before.mac:
        steps.add(
            _PLACE,
            "%s: hardware address %s" % (label, link.mac),
            _set_link(namespace, name, "address", link.mac),
            _set_link(namespace, name, "address", before.mac),
        )
    if before is not None and link.mtu != before.mtu:
        steps.add(
            _PLACE,
            "%s: MTU %d" % (label, link.mtu),
            _set_link(namespace, name, "mtu", str(link.mtu)),
            _set_link(namespace, name, "mtu", str(before.mtu)),
        )
    old = frozenset() if before is None else before.addresses
    for address in sorted(link.addresses - old):
        steps.add(
            _PLACE,
            "%s: add address %s" % (label, address),
            _address("add", namespace, name, address),
            *_undo_if(before, _address("delete", namespace, name, address)),
        )
    for address in sorted(old - link.addresses):
        steps.add(
            _REMOVE,
            "%s: delete address %s" % (label, address),
            _address("delete", namespace, name, address),
            _address("add", namespace, name, address),
        )
    if link.up and (before is None or not before.up):
        steps.add(_CREATE, "%s: up" % label, _set_link(namespace, name, "up"), *_undo_if(before, _set_link(namespace, name, "down")))
    if before is not None and before.up and not link.up:
        steps.add(_REMOVE, "%s: down" % label, _set_link(namespace, name, "down"), _set_link(namespace, name, "up"))


def _undo_if(before: Optional[Link], undo: Command) -> Tuple[Command, ...]:
    """Of a link that the plan has made itself, the inverse is its deletion."""
    return () if before is None else (undo,)


def _set_link(namespace: str, name: str, *words: str) -> Run:
    return Run(_ip(namespace) + ("link", "set", "dev", name) + words)


def _address(verb: str, namespace: str, name: str, address: str) -> Run:
    return Run(_ip(namespace) + ("address", verb, address, "dev", name))


def _ip(namespace: str, family: int = 0) -> Tuple[str, ...]:
    words: Tuple[str, ...] = ("ip",)
    if namespace != MAIN:
        words += ("-n", namespace)
    if family:
        words += ("-%d" % family,)
    return words


def _rebuild_link(state: State, name: str) -> Tuple[Command, ...]:
    """All of an interface as it was: with it go its other end, its settings, addresses and routes."""
    link = state.links[MAIN, name]
    inner = state.links.get((name, INNER_LINK)) if link.kind is LinkKind.VETH else None
    if link.kind is LinkKind.VETH and inner is None:
        # Nobody could make half a pair.
        return ()
    commands: List[Command] = [_add_link(name, link, inner)]
    commands.extend(
        _set_sysctls(MAIN, {key: value for (namespace, key), value in state.sysctls.items() if namespace == MAIN and _belongs(key, name)})
    )
    for namespace, device, each in ((MAIN, name, link), (name, INNER_LINK, inner)):
        if each is not None:
            commands.extend(_address("add", namespace, device, address) for address in sorted(each.addresses))
            commands.extend([_set_link(namespace, device, "up")] if each.up else [])
    for key, route in sorted(state.routes.items(), key=_route_order):
        if (key.namespace == MAIN and route.device == name) or (key.namespace == name and route.device == INNER_LINK):
            commands.append(_route("replace", key, route))
    return tuple(commands)


def _belongs(key: str, link: str) -> bool:
    return ".conf.%s." % link in key


def _sysctls(steps: _Steps, running: State, wanted: State, replaced: Set[str], inside: bool) -> None:
    """In one go for each namespace, or for each interface of the main one."""
    scopes: Dict[Tuple[str, str], Dict[str, str]] = {}
    for (namespace, key), value in wanted.sysctls.items():
        if (namespace != MAIN) is not inside:
            continue
        link = next((name for (where, name) in wanted.links if where == MAIN and namespace == MAIN and _belongs(key, name)), "")
        if link in replaced or running.sysctls.get((namespace, key)) != value:
            scopes.setdefault((namespace, link), {})[key] = value
    for (namespace, link), values in scopes.items():
        before = {key: running.sysctls[namespace, key] for key in values if (namespace, key) in running.sysctls and link not in replaced}
        steps.add_all(_PLACE, "%s: kernel settings" % (link or namespace), _set_sysctls(namespace, values), _set_sysctls(namespace, before))


def _set_sysctls(namespace: str, values: Dict[str, str]) -> Tuple[Command, ...]:
    if not values:
        return ()
    return (Run(jool.in_namespace(namespace, ("sysctl", "-q", "-w") + tuple("%s=%s" % item for item in values.items()))),)


# Jool's instances


def _instances(steps: _Steps, running: State, wanted: State) -> None:
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
            _HALT if early else _STOP,
            "%s: remove" % instance_label(key),
            jool.remove_instance(key),
            jool.handle_file(key, instance),
            drops_sessions=reason,
        )
    for key, want in sorted(wanted.instances.items(), key=_instance_order):
        now = running.instances.get(key)
        if now is None or _must_create(now, key, want):
            steps.add(_CREATE, "%s: create" % instance_label(key), jool.handle_file(key, want), jool.remove_instance(key))
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


def _change_instance(steps: _Steps, key: InstanceKey, now: Instance, want: Instance) -> None:
    """A live instance becomes what is wanted; sessions that may stay do."""
    if len(now.eamt ^ want.eamt) > _MAPS_ONE_BY_ONE:
        # Takes the options along. For the stateless translator only: of the other one it would leave bindings outside the pool.
        steps.add(
            _CHANGE,
            "%s: put %d explicit maps and all options" % (instance_label(key), len(want.eamt)),
            jool.handle_file(key, want),
            jool.handle_file(key, now),
        )
        return
    _change_pool4(steps, key, now, want)
    for entry in sorted(now.eamt - want.eamt):
        steps.add(
            _CHANGE, "%s: remove map of %s to %s" % (instance_label(key), entry[1], entry[0]), jool.eamt_remove(key, entry), jool.eamt_add(key, entry)
        )
    for entry in sorted(want.eamt - now.eamt):
        steps.add(_CHANGE, "%s: map %s to %s" % (instance_label(key), entry[1], entry[0]), jool.eamt_add(key, entry), jool.eamt_remove(key, entry))
    for name in sorted(want.globals):
        old = now.globals.get(name)
        # An option that this Jool does not have is as good as at its default.
        if old is None and want.globals[name] == jool.defaults(key.kind).get(name):
            continue
        if old != want.globals[name]:
            undo = () if old is None else (jool.update_global(key, name, old),)
            steps.add(
                _CHANGE,
                "%s: %s %s" % (instance_label(key), name, want.globals[name] or "none"),
                jool.update_global(key, name, want.globals[name]),
                *undo,
            )


def _change_pool4(steps: _Steps, key: InstanceKey, now: Instance, want: Instance) -> None:
    """Addresses come, entries go, addresses go, entries come: an entry has to lie in the pool, and not to meet another."""
    label = instance_label(key)
    everything = sorted(set(now.pool4.tables) | set(want.pool4.tables))
    for mark, protocol in everything:
        before = now.pool4.tables.get((mark, protocol), Table(()))
        after = want.pool4.tables.get((mark, protocol), Table(()))
        rows = ranges(subtract(after.runs, before.runs))
        if not rows and after.runs and before.runs and after.iterations != before.iterations:
            # Adding what is there changes nothing but the iterations of the table. Something that stays, if anything does.
            rows = ranges(intersect(after.runs, before.runs) or after.runs)[:1]
            steps.add(
                _CHANGE,
                "%s: max-iterations %s for %s%s" % (label, after.iterations, protocol, _marked(mark)),
                jool.pool4_add(key, mark, protocol, rows[0], after.iterations),
                jool.pool4_add(key, mark, protocol, rows[0], before.iterations),
            )
            continue
        # Undone, it must not take bindings along that another mark allows.
        others = union(table.runs for (_, other), table in now.pool4.tables.items() if other == protocol)
        for index, row in enumerate(rows):
            shared = bool(intersect(runs_of(row), others))
            undo: Tuple[Command, ...] = (jool.pool4_remove(key, mark, protocol, row, shared),)
            if index == 0 and before.runs and after.iterations != before.iterations:
                # Undone in reverse: this one is the last, and what was there before is there again.
                kept = ranges(before.runs)[0]
                undo += (jool.pool4_add(key, mark, protocol, kept, before.iterations),)
            steps.add(_CHANGE, "%s: add %s" % (label, _row(row, protocol, mark)), jool.pool4_add(key, mark, protocol, row, after.iterations), *undo)
    for entry in sorted(now.bib - want.bib):
        steps.add(
            _CHANGE,
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
        for quick, rows in ((True, ranges(intersect(gone, others))), (False, ranges(subtract(gone, others)))):
            for row in rows:
                steps.add(
                    _CHANGE,
                    "%s: remove %s" % (label, _row(row, protocol, mark)),
                    jool.pool4_remove(key, mark, protocol, row, quick),
                    jool.pool4_add(key, mark, protocol, row, before.iterations),
                    drops_sessions="" if quick else "those that use these addresses",
                )
    _add_entries(steps, key, now, want)


def _add_entries(steps: _Steps, key: InstanceKey, now: Instance, want: Instance) -> None:
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
                _CHANGE,
                "%s: remove dynamic entry %s, which is in the way of a static one" % (instance_label(key), _entry(clash)),
                jool.bib_remove(key, clash),
                drops_sessions="those of this entry",
            )
        steps.add(_CHANGE, "%s: add static entry %s" % (instance_label(key), _entry(entry)), jool.bib_add(key, entry), jool.bib_remove(key, entry))


def _row(row: Range, protocol: str, mark: int) -> str:
    return "%s %d-%d for %s%s" % (row.prefix, row.ports[0], row.ports[1], protocol, _marked(mark))


def _marked(mark: int) -> str:
    return " with mark %d" % mark if mark else ""


def _entry(entry: str) -> str:
    protocol, six, port6, four, port4 = entry.split(",")
    return "%s %s#%s to %s#%s" % (protocol, four, port4, six, port6)


# Daemons


def _daemons(steps: _Steps, running: State, wanted: State, replaced: Set[str]) -> None:
    for (template, name), text in sorted(running.daemons.items()):
        if (template, name) not in wanted.daemons:
            service = Service(template, name)
            # It holds its interface.
            phase = _HALT if name in replaced else _STOP
            steps.add_all(phase, "%s: stop" % service.unit, stop_commands(service), start_commands(service, text))
    for (template, name), text in sorted(wanted.daemons.items()):
        service = Service(template, name)
        # A daemon holds the interface that it was started with.
        stale = name in replaced or ((MAIN, name) in wanted.links and (MAIN, name) not in running.links)
        before = running.daemons.get((template, name))
        if before is None:
            steps.add_all(_DAEMON, "%s: start" % service.unit, start_commands(service, text), stop_commands(service))
        elif before != text:
            steps.add_all(
                _DAEMON, "%s: restart with another configuration" % service.unit, start_commands(service, text), start_commands(service, before)
            )
        elif stale:
            steps.add_all(_DAEMON, "%s: restart on a new interface" % service.unit, (restart(service),), (restart(service),))


# Routes, rules, firewall


def _routes(steps: _Steps, running: State, wanted: State, replaced: Set[str]) -> None:
    for key, route in sorted(running.routes.items(), key=_route_order):
        goes_with_namespace = key.namespace != MAIN and key.namespace not in wanted.namespaces
        if key not in wanted.routes and not goes_with_namespace and not _lost(key, route, replaced):
            steps.add(_DIVERT, "remove route %s" % _route_label(key, route), _route("delete", key, route), _route("add", key, route))
    for key, route in sorted(wanted.routes.items(), key=_route_order):
        before = running.routes.get(key)
        if before is not None and _lost(key, before, replaced):
            before = None
        if before == route:
            continue
        what = "route %s" % _route_label(key, route)
        phase = _LEAD if key.namespace == MAIN else _DAEMON
        if before is None:
            steps.add(phase, what, _route("add", key, route), _route("delete", key, route))
        else:
            steps.add(phase, what, _route("replace", key, route), _route("replace", key, before))


def _lost(key: RouteKey, route: Route, replaced: Set[str]) -> bool:
    """Whether it goes with its interface."""
    return (key.namespace == MAIN and route.device in replaced) or (key.namespace in replaced and route.device == INNER_LINK)


def _route_order(item: Tuple[RouteKey, Route]) -> Tuple[str, int, str, str]:
    key = item[0]
    return key.namespace, key.family, key.table, key.destination


def _route(verb: str, key: RouteKey, route: Route) -> Run:
    words: Tuple[str, ...] = ("route", verb) + (() if route.device else ("unreachable",)) + (key.destination,)
    if route.via:
        words += ("via", route.via)
    if route.device:
        words += ("dev", route.device)
    if key.table != "main":
        words += ("table", key.table)
    return Run(_ip(key.namespace, key.family) + words)


def _route_label(key: RouteKey, route: Route) -> str:
    where = "to %s" % route.device if route.device else "nowhere"
    table = "" if key.table == "main" else " in table %s" % key.table
    return "%s %s%s%s" % (key.destination, where, table, "" if key.namespace == MAIN else " in namespace %s" % key.namespace)


def _policy_rules(steps: _Steps, running: State, wanted: State) -> None:
    for rule in sorted(wanted.policy_rules - running.policy_rules, key=_rule_words):
        steps.add(_LEAD, "policy rule: %s" % " ".join(_rule_words(rule)), _policy_rule("add", rule), _policy_rule("delete", rule))
    for rule in sorted(running.policy_rules - wanted.policy_rules, key=_rule_words):
        steps.add(_DIVERT, "remove policy rule: %s" % " ".join(_rule_words(rule)), _policy_rule("delete", rule), _policy_rule("add", rule))


def _policy_rule(verb: str, rule: PolicyRule) -> Run:
    return Run(_ip(MAIN, rule.family) + ("rule", verb) + _rule_words(rule))


def _rule_words(rule: PolicyRule) -> Tuple[str, ...]:
    words: Tuple[str, ...] = ("priority", str(rule.priority))
    words += ("from", rule.source or "all")
    if rule.destination:
        words += ("to", rule.destination)
    if rule.inbound:
        words += ("iif", rule.inbound)
    if rule.mark:
        words += ("fwmark", "0x%x" % rule.mark)
    words += ("lookup", rule.table)
    if rule.suppress_prefix_length >= 0:
        words += ("suppress_prefixlength", str(rule.suppress_prefix_length))
    return words


def _iptables(steps: _Steps, running: State, wanted: State) -> None:
    """The whole chain at once, in its order: the first rule that fits takes the packet."""
    for family in (4, 6):
        before, after = running.iptables.get(family), wanted.iptables.get(family)
        if before != after:
            tool = "iptables" if family == 4 else "ip6tables"
            what = "%s: %d rules for instances of Jool" % (tool, len(after or ()))
            steps.add(_LEAD if after else _DIVERT, what, _iptables_chain(tool, before, after), _iptables_chain(tool, after, before))


def _iptables_chain(tool: str, before: Optional[Tuple[str, ...]], after: Optional[Tuple[str, ...]]) -> Run:
    lines = ["*mangle"]
    if after is None:
        lines.extend(["-D PREROUTING -j " + IPTABLES_CHAIN, "-F " + IPTABLES_CHAIN, "-X " + IPTABLES_CHAIN])
    else:
        # Naming a chain empties it.
        lines.append(":%s - [0:0]" % IPTABLES_CHAIN)
        lines.extend("-A %s %s" % (IPTABLES_CHAIN, rule) for rule in after)
        if before is None:
            lines.append("-A PREROUTING -j " + IPTABLES_CHAIN)
    return Run((tool + "-restore", "--wait", "--noflush"), "\n".join(lines + ["COMMIT"]) + "\n")


def _masquerades(steps: _Steps, running: State, wanted: State) -> None:
    if running.masquerades == wanted.masquerades:
        return
    what = "masquerade: %s" % (", ".join(sorted(rule.source for rule in wanted.masquerades)) or "nothing")
    steps.add(_LEAD if wanted.masquerades else _DIVERT, what, _masquerade_table(wanted), _masquerade_table(running))


def _masquerade_table(state: State) -> Run:
    """The whole table at once: nobody sees it empty."""
    lines = ["table ip %s" % MASQUERADE_TABLE, "delete table ip %s" % MASQUERADE_TABLE]
    if state.masquerades:
        lines.append("table ip %s {" % MASQUERADE_TABLE)
        lines.append("  chain postrouting {")
        lines.append("    type nat hook postrouting priority 100; policy accept;")
        lines.extend('    ip saddr %s oifname != "%s" masquerade' % (rule.source, rule.inside) for rule in _masquerade_order(state))
        lines.extend(["  }", "}"])
    return Run(("nft", "-f", "-"), "\n".join(lines) + "\n")


def _masquerade_order(state: State) -> List[Masquerade]:
    return sorted(state.masquerades, key=lambda rule: (rule.inside, rule.source))


def _files(steps: _Steps, running: State, wanted: State) -> None:
    for path, text in sorted(wanted.files.items()):
        before = running.files.get(path)
        if before != text:
            steps.add(_FILE, "write %s" % path, WriteFile(path, text), RemoveFile(path) if before is None else WriteFile(path, before))
    for path, text in sorted(running.files.items()):
        if path not in wanted.files:
            steps.add(_REMOVE, "remove %s" % path, RemoveFile(path), WriteFile(path, text))
