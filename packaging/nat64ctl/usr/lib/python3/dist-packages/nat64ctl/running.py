"""What runs, asked of the kernel and of the daemons: never read from a file about what was done.

Reads only. Whatever is not ours by its name is left out, and a list of a whole system (routes, links) is never asked for: a
router may have a million of them.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Dict, FrozenSet, List, Optional, Sequence, Set, Tuple

from . import isolated
from .engines import jool
from .services import FOLDER, PROGRAMS, Service
from .state import (
    INNER_LINK,
    IPTABLES_CHAIN,
    LOCAL_PRIORITY,
    MAIN,
    MASQUERADE_TABLE,
    NOWHERE_TABLE,
    OUR_INSTANCE,
    OUR_LINK,
    OWN_PRIORITY,
    RULE_FILE,
    RULE_PRIORITY,
    STRAY_PRIORITY,
    STRAY_TABLE,
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
)
from .system import Result, System, Unreadable

# Asked for numbers (-N), `ip` does not look into rt_tables and rt_protos, where somebody may have named ours. Which of its words it then
# has as numbers too differs between versions.
_TABLES = {"254": "main", "255": "local"}
_PROTOCOLS_OF_THE_KERNEL = ("kernel", "2", "ra", "9", "redirect", "1")
_UNREACHABLE = ("unreachable", "7")


def running_state(system: System) -> State:
    """@raises Unreadable, OSError"""
    namespaces, broken, inner = _namespaces(system)
    links = {(MAIN, name): link for name, link in _links(system).items()}
    links.update(inner)
    return State(
        namespaces=namespaces,
        broken_namespaces=broken,
        links=links,
        sysctls=_sysctls(system, namespaces, links),
        routes=_routes(system, namespaces, links),
        policy_rules=_policy_rules(system, namespaces),
        instances=_instances(system, namespaces),
        iptables=_iptables(system),
        masquerades=_masquerades(system),
        daemons=_daemons(system),
        files=_files(system),
    )


def _ask(system: System, *argv: str) -> str:
    result = system.run(argv)
    if result.status != 0:
        raise Unreadable(result)
    return result.stdout


def _ask_json(system: System, *argv: str) -> Any:
    result = system.run(argv)
    if result.status != 0:
        raise Unreadable(result)
    return read_json(result)


def read_json(result: Result) -> Any:
    """@raises Unreadable for what is none: a program that was cut short, or one that does not know the option"""
    text = result.stdout.strip()
    try:
        # `ip -j` prints nothing at all where some versions print an empty list.
        return json.loads(text) if text else []
    except ValueError as error:
        words = ("%s\nwhat it printed is no JSON: %s" % (result.stderr, error)).strip()
        raise Unreadable(Result(result.argv, result.status, result.stdout, words)) from None


# Namespaces, links, routes


def _namespaces(system: System) -> Tuple[FrozenSet[str], FrozenSet[str], Dict[Tuple[str, str], Link]]:
    good: Set[str] = set()
    broken: Set[str] = set()
    links: Dict[Tuple[str, str], Link] = {}
    for name in system.list_folder("/run/netns"):
        if not OUR_LINK.match(name):
            continue
        result = system.run(("ip", "-n", name, "-j", "-d", "address", "show"))
        if result.status != 0:
            # A file that is no namespace: `ip netns add` was killed between making it and mounting it.
            if "Invalid argument" not in result.stderr:
                raise Unreadable(result)
            broken.add(name)
            continue
        good.add(name)
        for each, link in _read_links(read_json(result)).items():
            if each == INNER_LINK:
                links[name, each] = link
    return frozenset(good), frozenset(broken), links


def _links(system: System) -> Dict[str, Link]:
    found: Dict[str, Link] = {}
    for kind in LinkKind:
        rows = _ask_json(system, "ip", "-j", "-d", "address", "show", "type", kind.value)
        found.update((name, link) for name, link in _read_links(rows).items() if OUR_LINK.match(name))
    return found


def _read_links(rows: List[Dict[str, Any]]) -> Dict[str, Link]:
    links: Dict[str, Link] = {}
    for row in rows:
        # Filters of `ip -j` leave empty objects for what they leave out.
        info = row.get("linkinfo", {}).get("info_kind", "")
        if info not in ("veth", "tun"):
            continue
        kind = LinkKind(info)
        addresses = frozenset(
            "%s/%d" % (each["local"], each["prefixlen"])
            for each in row.get("addr_info", [])
            if _our_address(each)
        )
        veth = kind is LinkKind.VETH
        links[row["ifname"]] = Link(kind, row.get("address", "") if veth else "", row["mtu"] if veth else 0, "UP" in row.get("flags", []), addresses)
    return links


def _our_address(address: Dict[str, Any]) -> bool:
    if address.get("family") == "inet":
        return IPv4Address(address["local"]) in isolated.PAIRS
    return address.get("family") == "inet6" and IPv6Address(address["local"]) in isolated.OWN6


def _sysctls(system: System, namespaces: FrozenSet[str], links: Dict[Tuple[str, str], Link]) -> Dict[Tuple[str, str], str]:
    """Those that we set, of what there is."""
    values: Dict[Tuple[str, str], str] = {}
    for namespace in sorted(namespaces):
        keys = [key for where, key in isolated.sysctls(namespace) if where == namespace]
        # A key that this kernel does not have makes the status 1 or 255, and the others are printed.
        for line in system.run(jool.in_namespace(namespace, ["sysctl", "-e"] + keys)).stdout.splitlines():
            key, equals, value = line.partition(" = ")
            if equals:
                values[namespace, key] = " ".join(value.split())
    for (namespace, name), link in sorted(links.items()):
        if namespace != MAIN:
            continue
        settings = isolated.sysctls(name) if link.kind is LinkKind.VETH else isolated.tun_sysctls(name)
        for where, key in settings:
            if where == MAIN:
                text = system.read_file("/proc/sys/" + "/".join(_sysctl_path(key, name)))
                if text is not None:
                    values[MAIN, key] = " ".join(text.split())
    return values


def _sysctl_path(key: str, link: str) -> List[str]:
    before, _, after = key.partition("." + link + ".")
    return before.split(".") + [link] + after.split(".")


def _routes(system: System, namespaces: FrozenSet[str], links: Dict[Tuple[str, str], Link]) -> Dict[RouteKey, Route]:
    routes: Dict[RouteKey, Route] = {}
    for namespace, name in sorted(links):
        if namespace != MAIN:
            continue
        for family in (4, 6):
            for row in _ask_json(system, "ip", "-N", "-j", "-%d" % family, "route", "show", "table", "all", "dev", name):
                _take_route(routes, MAIN, family, dict(row, dev=name))
    for namespace in sorted(namespaces):
        for family in (4, 6):
            for row in _ask_json(system, "ip", "-n", namespace, "-N", "-j", "-%d" % family, "route", "show", "table", "all"):
                _take_route(routes, namespace, family, row)
    for table in (STRAY_TABLE, NOWHERE_TABLE):
        for family in (4, 6):
            for row in _unreachable(system, family, table):
                routes[RouteKey(MAIN, family, table, row["dst"])] = Route("")
    return routes


def _unreachable(system: System, family: int, table: str) -> List[Dict[str, Any]]:
    result = system.run(("ip", "-N", "-j", "-%d" % family, "route", "show", "table", table))
    if result.status != 0:
        # Before its first route there is no table; older kernels then print none.
        if "table does not exist" in result.stderr:
            return []
        raise Unreadable(result)
    rows: List[Dict[str, Any]] = read_json(result)
    return [row for row in rows if row.get("type") in _UNREACHABLE]


def _take_route(routes: Dict[RouteKey, Route], namespace: str, family: int, row: Dict[str, Any]) -> None:
    # The kernel's own come and go with addresses and links.
    kind = row.get("type", "unicast")
    if row.get("protocol") in _PROTOCOLS_OF_THE_KERNEL or kind not in ("unicast", "1", *_UNREACHABLE):
        return
    table = _table(row)
    if kind in _UNREACHABLE:
        # Kernels have one of their own for IPv6.
        if (table, row["dst"]) != ("main", "default"):
            routes[RouteKey(namespace, family, table, row["dst"])] = Route("")
        return
    routes[RouteKey(namespace, family, table, row["dst"])] = Route(row.get("dev", ""), row.get("gateway", ""))


def _table(row: Dict[str, Any]) -> str:
    number = str(row.get("table", "main"))
    return _TABLES.get(number, number)


def _policy_rules(system: System, namespaces: FrozenSet[str]) -> FrozenSet[PolicyRule]:
    rules: Set[PolicyRule] = set()
    for namespace, family in [(namespace, family) for namespace in [MAIN] + sorted(namespaces) for family in (4, 6)]:
        where = ("ip",) if namespace == MAIN else ("ip", "-n", namespace)
        for row in _ask_json(system, *where, "-N", "-j", "-%d" % family, "rule", "show"):
            if not _ours(row):
                continue
            rules.add(
                PolicyRule(
                    family,
                    row["priority"],
                    _table(row),
                    _network(row, "src"),
                    _network(row, "dst"),
                    row.get("iif", ""),
                    int(str(row.get("fwmark", "0")), 0),
                    int(row.get("suppress_prefixlen", -1)),
                    "not" in row,
                    namespace,
                )
            )
    return frozenset(rules)


def _ours(row: Dict[str, Any]) -> bool:
    priority, table = row["priority"], _table(row)
    if priority == RULE_PRIORITY:
        return len(table) == 9 and table.isdigit() and table.startswith(("640", "465"))
    if priority == LOCAL_PRIORITY:
        return row.get("suppress_prefixlen") == 0
    if priority == OWN_PRIORITY:
        return table == "local" and "not" in row and row.get("iif") == "lo"
    return priority == STRAY_PRIORITY and table in (STRAY_TABLE, NOWHERE_TABLE)


def _network(row: Dict[str, Any], name: str) -> str:
    address = str(row.get(name, "all"))
    if address == "all":
        return ""
    length = row.get(name + "len")
    return "%s/%d" % (address, length) if length is not None else "%s/%d" % (address, 128 if ":" in address else 32)


# Jool


def _instances(system: System, namespaces: FrozenSet[str]) -> Dict[InstanceKey, Instance]:
    """`instance display` lists the instances of all namespaces, and not where each is: so each place is asked for each name, until all are
    found. Jool complains in the kernel log of each place without one, so the likelier is asked first."""
    instances: Dict[InstanceKey, Instance] = {}
    for kind in Kind:
        if system.read_file("/sys/module/%s/initstate" % kind.tool) is None:
            continue
        listed = jool.read_instances(_ask(system, kind.tool, "instance", "display", "--csv"))
        for name in sorted({each for each, _ in listed if OUR_INSTANCE.match(each)}):
            frameworks = [framework for each, framework in listed if each == name]
            left = len(frameworks)
            for namespace in sorted(each for each in namespaces if _number(each) == _number(name)) + [MAIN]:
                key = InstanceKey(namespace, kind, name)
                instance = _instance(system, key, frameworks) if left > 0 else None
                if instance is not None:
                    instances[key] = instance
                    left -= 1
    return instances


def _number(name: str) -> str:
    return name.partition("-")[2]


def _instance(system: System, key: InstanceKey, frameworks: Sequence[Framework]) -> Optional[Instance]:
    options = system.run(jool.command(key, "global", "display", "--csv").argv)
    if options.status != 0:
        if jool.no_such_instance(options.stderr):
            return None
        raise Unreadable(options)
    # Only where two namespaces of ours have one name in two frameworks is this a guess; isolated instances are never of iptables.
    framework = Framework.IPTABLES if Framework.IPTABLES in frameworks and key.namespace == MAIN else Framework.NETFILTER
    values = jool.read_globals(options.stdout)
    known = {name: value for name, value in values.items() if name in jool.defaults(key.kind)}
    if key.kind is Kind.SIIT:
        return Instance(framework, known, eamt=jool.read_eamt(_ask(system, *jool.command(key, "eamt", "display", "--csv").argv)))
    pool4 = jool.read_pool4(_ask(system, *jool.command(key, "pool4", "display", "--csv", "--" + each.lower()).argv) for each in jool.PROTOCOLS)
    bib, dynamic = jool.read_bib(
        _ask(system, *jool.command(key, "bib", "display", "--csv", "--numeric", "--" + each.lower()).argv) for each in jool.PROTOCOLS
    )
    return Instance(framework, known, pool4, bib, dynamic=dynamic)


# Firewall


def _iptables(system: System) -> Dict[int, Tuple[str, ...]]:
    found: Dict[int, Tuple[str, ...]] = {}
    # The targets come with the modules; without them there is no such rule, and asking could load iptables' own modules.
    if not any(system.read_file("/sys/module/%s/initstate" % kind.tool) for kind in Kind):
        return found
    for family, tool in ((4, "iptables-save"), (6, "ip6tables-save")):
        if not system.find_program(tool):
            continue
        lines = [line.rstrip() for line in _ask(system, tool, "-t", "mangle").splitlines()]
        if "-A PREROUTING -j " + IPTABLES_CHAIN in lines:
            start = "-A %s " % IPTABLES_CHAIN
            found[family] = tuple(line[len(start) :] for line in lines if line.startswith(start))
    return found


def _masquerades(system: System) -> FrozenSet[Masquerade]:
    if not system.find_program("nft"):
        return frozenset()
    result = system.run(("nft", "-j", "list", "table", "ip", MASQUERADE_TABLE))
    if result.status != 0:
        if "No such file or directory" in result.stderr:
            return frozenset()
        raise Unreadable(result)
    return frozenset(_masquerade(each["rule"]) for each in read_json(result)["nftables"] if "rule" in each)


def _masquerade(rule: Dict[str, Any]) -> Masquerade:
    """A rule that somebody has changed becomes one that nobody wants, and is put right."""
    try:
        source, device, verdict = rule["expr"]
        right = source["match"]["right"]
        if (
            "masquerade" not in verdict
            or device["match"]["op"] != "!="
            or source["match"]["left"] != {"payload": {"protocol": "ip", "field": "saddr"}}
        ):
            raise KeyError
        return Masquerade(right if isinstance(right, str) else "%s/%d" % (right["prefix"]["addr"], right["prefix"]["len"]), device["match"]["right"])
    except (KeyError, TypeError, ValueError):
        return Masquerade("unknown", json.dumps(rule.get("expr")))


# Daemons and files


#: What systemd starts again and again until what it lacks is there. joold ends at once without its interface, which may come after the boot or
#: never; Jool translates without it.
_MAY_WAIT = ("nat64-joold",)


def _daemons(system: System) -> Dict[Tuple[str, str], str]:
    daemons: Dict[Tuple[str, str], str] = {}
    for template, program in PROGRAMS.items():
        names = [name[: -len(".running")] for name in system.list_folder("%s/%s" % (FOLDER, template)) if name.endswith(".running")]
        if not names:
            continue
        # By its unit too: anybody can start a program of that name with that argument.
        arguments = {(process.unit, word) for process in system.processes(program) for word in process.words}
        for name in names:
            service = Service(template, name)
            path = service.running_file
            alive = (service.unit, path) in arguments or (template in _MAY_WAIT and _is_kept(system, service.unit))
            text = system.read_file(path) if alive else None
            if text is not None:
                daemons[template, name] = text
    return daemons


def _is_kept(system: System, unit: str) -> bool:
    """It runs, or systemd waits before it starts it once more."""
    state = _ask(system, "systemctl", "show", "--property", "ActiveState", unit).strip()
    return state in ("ActiveState=active", "ActiveState=activating")


def _files(system: System) -> Dict[str, str]:
    files: Dict[str, str] = {}
    for name in system.list_folder("/run/jool"):
        path = "/run/jool/" + name
        if RULE_FILE.match(path):
            text = system.read_file(path)
            if text is not None:
                files[path] = text
    return files
