"""Jool 4.1: its options by the CLI's names, its configuration file, its commands, its tables.

Wording and defaults were read in the sources of 4.1.13 and seen on it. Always CSV; numbers and addresses as inet_ntop prints them.
"""

from __future__ import annotations

import json
import socket
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Dict, FrozenSet, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from ..model import OptionValue, StaticMapping
from ..operations import Run
from ..pool4 import Pool4, Range, Rectangle, Table, ranges, table_of
from ..state import MAIN, Framework, Instance, InstanceKey, Kind

PROTOCOLS = ("TCP", "UDP", "ICMP")

_BOTH = {
    "manually-enabled": "TRUE",
    "pool6": "",
    "lowest-ipv6-mtu": "1280",
    "logging-debug": "FALSE",
    "zeroize-traffic-class": "FALSE",
    "override-tos": "FALSE",
    "tos": "0",
    "mtu-plateaus": "65535,32000,17914,8166,4352,2002,1492,1006,508,296,68",
}
_DEFAULTS: Dict[Kind, Dict[str, str]] = {
    Kind.SIIT: {
        "amend-udp-checksum-zero": "FALSE",
        "eam-hairpin-mode": "intrinsic",
        "randomize-rfc6791-addresses": "TRUE",
        "rfc6791v6-prefix": "",
        "rfc6791v4-prefix": "",
    },
    Kind.NAT64: {
        "address-dependent-filtering": "FALSE",
        "drop-externally-initiated-tcp": "FALSE",
        "drop-icmpv6-info": "FALSE",
        "source-icmpv6-errors-better": "TRUE",
        "f-args": "11",
        "handle-rst-during-fin-rcv": "FALSE",
        "tcp-est-timeout": "2:00:00",
        "tcp-trans-timeout": "0:04:00",
        "udp-timeout": "0:05:00",
        "icmp-timeout": "0:01:00",
        "logging-bib": "FALSE",
        "logging-session": "FALSE",
        "maximum-simultaneous-opens": "10",
        "ss-enabled": "FALSE",
        "ss-flush-deadline": "2000",
        "ss-capacity": "512",
        "ss-max-sessions-per-packet": "36",
    },
}

#: The CLI's names where Jool has others.
_OPTION_NAMES = {
    "handle-rst-during-fin": "handle-rst-during-fin-rcv",
    "eam-hairpin": "eam-hairpin-mode",
    "rfc6791 address": "rfc6791v4-prefix",
    "rfc6791 ipv6-address": "rfc6791v6-prefix",
    "rfc6791 random": "randomize-rfc6791-addresses",
}
_TIMEOUT_NAMES = {"udp": "udp-timeout", "icmp": "icmp-timeout", "tcp-established": "tcp-est-timeout", "tcp-transitory": "tcp-trans-timeout"}
_LOG_NAMES = {"binding": "logging-bib", "session": "logging-session", "debug": "logging-debug"}


def defaults(kind: Kind) -> Dict[str, str]:
    """Every option with the value that a new instance has, as `global display --csv` prints it."""
    return {**_BOTH, **_DEFAULTS[kind]}


def global_options(options: Mapping[str, OptionValue], timeouts: Mapping[str, int], log: Iterable[str]) -> Dict[str, str]:
    """Jool's names and spelling for what a rule says; only what it says."""
    values: Dict[str, str] = {}
    for name, value in options.items():
        jool_name = _OPTION_NAMES.get(name, name)
        if jool_name == "tos":
            values["override-tos"] = "TRUE"
        values[jool_name] = _spelled(jool_name, value)
    for name, seconds in timeouts.items():
        values[_TIMEOUT_NAMES[name]] = _clock(seconds)
    for name in log:
        values[_LOG_NAMES[name]] = "TRUE"
    return values


def _spelled(name: str, value: OptionValue) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, tuple):
        return ",".join(str(number) for number in value)
    if name == "eam-hairpin-mode":
        return "off" if value == "none" else str(value)
    if name == "rfc6791v4-prefix":
        return str(IPv4Network(value))
    if name == "rfc6791v6-prefix":
        return prefix6(IPv6Network(value))
    return str(value)


def _clock(seconds: int) -> str:
    return "%d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)


def prefix6(network: IPv6Network) -> str:
    return "%s/%d" % (ntop6(network.network_address), network.prefixlen)


def ntop6(address: IPv6Address) -> str:
    """As the C library prints it: Python's own way differs for IPv4-mapped addresses, and between its versions."""
    return socket.inet_ntop(socket.AF_INET6, address.packed)


def host6(address: IPv6Address) -> IPv6Network:
    return IPv6Network((int(address), 128))


def static_entry(mapping: StaticMapping) -> str:
    """A row of `bib display --csv` without its last column."""
    assert mapping.protocol is not None, "a mapping of Jool has a protocol and ports"
    return "%s,%s,%s,%s,%s" % (
        mapping.protocol.value.upper(),
        ntop6(mapping.inside_address),
        mapping.inside_port,
        mapping.outside_address,
        mapping.outside_port,
    )


# Commands


def in_namespace(namespace: str, argv: Iterable[str]) -> Tuple[str, ...]:
    return tuple(argv) if namespace == MAIN else ("ip", "netns", "exec", namespace) + tuple(argv)


def command(key: InstanceKey, *words: str) -> Run:
    return Run(in_namespace(key.namespace, (key.kind.tool, "-i", key.name) + words))


def handle_file(key: InstanceKey, instance: Instance) -> Run:
    """Makes the instance in one go, or puts all but the BIB and the sessions of a live one."""
    force = ("--force",) if overlapping(instance.eamt) else ()
    return Run(in_namespace(key.namespace, (key.kind.tool, "file", "handle", "/dev/stdin") + force), file_text(key, instance))


def remove_instance(key: InstanceKey) -> Run:
    return Run(in_namespace(key.namespace, (key.kind.tool, "instance", "remove", key.name)))


def update_global(key: InstanceKey, name: str, value: str) -> Run:
    return command(key, "global", "update", name, value or "null")


def pool4_add(key: InstanceKey, mark: int, protocol: str, row: Range) -> Run:
    return command(key, "pool4", "add", row.prefix, _ports(row), "--" + protocol.lower(), "--mark", str(mark))


def pool4_iterations(key: InstanceKey, mark: int, protocol: str, row: Range, iterations: str) -> Run:
    """Of the whole table. `row` has to be in it: where Jool 4.1.13 has to make room for one, it writes the number into memory that it
    has freed already."""
    run = pool4_add(key, mark, protocol, row)
    return Run(run.argv + ("--max-iterations", iterations))


def pool4_remove(key: InstanceKey, mark: int, protocol: str, row: Range) -> Run:
    """Ends the sessions that use it, whether it is in the pool or not."""
    return command(key, "pool4", "remove", row.prefix, _ports(row), "--" + protocol.lower(), "--mark", str(mark))


def bib_add(key: InstanceKey, entry: str) -> Run:
    protocol, six, port6, four, port4 = entry.split(",")
    return command(key, "bib", "add", "%s#%s" % (six, port6), "%s#%s" % (four, port4), "--" + protocol.lower())


def bib_remove(key: InstanceKey, entry: str) -> Run:
    protocol, six, port6, four, port4 = entry.split(",")
    return command(key, "bib", "remove", "%s#%s" % (six, port6), "%s#%s" % (four, port4), "--" + protocol.lower())


def bib_many(key: InstanceKey, verb: str, entries: Iterable[str]) -> Run:
    """`bib add` or `bib remove` of each, by one process that runs the tool for each: that takes one entry, and its `file handle`, which takes
    many, leaves the BIB of a live instance as it is. What one of them is refused does not keep it from the rest; its status is then 123."""
    lines = []
    for entry in entries:
        protocol, six, port6, four, port4 = entry.split(",")
        lines.append("--%s %s#%s %s#%s\n" % (protocol.lower(), six, port6, four, port4))
    return Run(in_namespace(key.namespace, ("xargs", "-r", "-n", "3", key.kind.tool, "-i", key.name, "bib", verb)), "".join(lines))


def eamt_add(key: InstanceKey, entry: Tuple[str, str], force: bool) -> Run:
    """`force` where maps overlap: Jool asks whether that is meant. Of equal prefixes it takes one even then."""
    return command(key, "eamt", "add", entry[0], entry[1], *(("--force",) if force else ()))


def eamt_remove(key: InstanceKey, entry: Tuple[str, str]) -> Run:
    return command(key, "eamt", "remove", entry[0], entry[1])


def overlapping(maps: Iterable[Tuple[str, str]]) -> bool:
    """Whether some of these explicit maps overlap, on either side."""
    entries = list(maps)
    return _overlap([IPv6Network(six) for six, _ in entries]) or _overlap([IPv4Network(four) for _, four in entries])


def _overlap(networks: Sequence[Union[IPv4Network, IPv6Network]]) -> bool:
    """Networks are nested or apart, so in their order one that is nested stands behind one that holds it."""
    last = -1
    for first, end in sorted((int(network.network_address), int(network.broadcast_address)) for network in networks):
        if first <= last:
            return True
        last = end
    return False


def _ports(row: Range) -> str:
    return "%d-%d" % row.ports


# The configuration file


def file_text(key: InstanceKey, instance: Instance) -> str:
    """For `file handle`. What is left out would go back to its default, so only defaults are left out."""
    standard = defaults(key.kind)
    content: Dict[str, object] = {
        "instance": key.name,
        "framework": instance.framework.value,
        "global": {name: _json_value(name, value) for name, value in sorted(instance.globals.items()) if value != standard.get(name)},
    }
    if key.kind is Kind.NAT64:
        content["pool4"] = [entry for table, each in sorted(instance.pool4.tables.items()) for entry in _json_table(table, each)]
        if instance.bib:
            content["bib"] = [_json_entry(entry) for entry in sorted(instance.bib)]
    else:
        content["eamt"] = [{"ipv6 prefix": six, "ipv4 prefix": four} for six, four in sorted(instance.eamt)]
    # An entry a line: people read it in a dry run.
    parts = ["%s: %s" % (json.dumps(name), _json_lines(value)) for name, value in content.items()]
    return "{\n" + ",\n".join(parts) + "\n}\n"


def _json_lines(value: object) -> str:
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(json.dumps(entry) for entry in value) + "\n]"
    return json.dumps(value)


def _json_value(name: str, value: str) -> object:
    if name == "mtu-plateaus":
        return [int(number) for number in value.split(",")]
    if value in ("TRUE", "FALSE"):
        return value == "TRUE"
    if value == "":
        return None
    return int(value) if value.isdigit() else value


def _json_table(table: Tuple[int, str], content: Table) -> List[Dict[str, object]]:
    mark, protocol = table
    rows: List[Dict[str, object]] = [
        {"mark": mark, "protocol": protocol, "prefix": row.prefix, "port range": _ports(row)} for row in ranges(content.runs)
    ]
    if content.iterations != "auto":
        # With the row that makes the table; see pool4_iterations. A network is a row for each of its addresses, so one address makes it.
        first = content.runs[0]
        single = Range(first.first, 32, first.ports[0])
        rows.insert(0, {**rows[0], "prefix": single.prefix, "port range": _ports(single), "max-iterations": _json_iterations(content.iterations)})
    return rows


def _json_iterations(iterations: str) -> object:
    return int(iterations) if iterations.isdigit() else iterations


def _json_entry(entry: str) -> object:
    protocol, six, port6, four, port4 = entry.split(",")
    return {"protocol": protocol, "ipv6 address": "%s#%s" % (six, port6), "ipv4 address": "%s#%s" % (four, port4)}


# What the tools print


def read_names(text: str) -> FrozenSet[str]:
    """Of `instance display --csv`: names, of instances in whatever namespace."""
    return frozenset(row["Name"] for row in _rows(text))


def read_frameworks(text: str) -> Dict[str, FrozenSet[Framework]]:
    """Of `instance display --csv`: by name. Instances of one name in several namespaces cannot be told apart there."""
    frameworks: Dict[str, FrozenSet[Framework]] = {}
    for row in _rows(text):
        frameworks[row["Name"]] = frameworks.get(row["Name"], frozenset()) | {Framework(row["Framework"])}
    return frameworks


def read_instances(text: str) -> List[Tuple[str, Framework]]:
    """Of `instance display --csv`: name and framework of each, in whatever namespace."""
    return [(row["Name"], Framework(row["Framework"])) for row in _rows(text) if row["Framework"] in ("netfilter", "iptables")]


def read_globals(text: str) -> Dict[str, str]:
    """Of `global display --csv`. Lists are in quotes there."""
    values: Dict[str, str] = {}
    for line in text.splitlines()[1:]:
        name, comma, value = line.partition(",")
        if comma:
            values[name] = value.strip('"')
    return values


def read_pool4(texts: Iterable[str]) -> Pool4:
    """Of `pool4 display --csv` of each protocol."""
    rectangles: Dict[Tuple[int, str], List[Rectangle]] = {}
    iterations: Dict[Tuple[int, str], str] = {}
    for text in texts:
        for row in _rows(text):
            table = (int(row["Mark"]), row["Protocol"])
            address, _, length = row["Address"].partition("/")
            first = int.from_bytes(socket.inet_aton(address), "big")
            last = first + (1 << (32 - int(length or 32))) - 1
            rectangles.setdefault(table, []).append((first, last, int(row["Min port"]), int(row["Max port"])))
            iterations[table] = "auto" if row["Iterations fixed"] == "0" else row["Iterations"].replace("infinite", "infinity")
    return Pool4({table: table_of(rows, iterations[table]) for table, rows in rectangles.items()})


def read_bib(texts: Iterable[str]) -> Tuple[FrozenSet[str], Tuple[str, ...]]:
    """Of `bib display --csv --numeric` of each protocol: the static entries, the dynamic ones. Quick: there may be a hundred thousand."""
    static: List[str] = []
    dynamic: List[str] = []
    for text in texts:
        for line in text.splitlines():
            if line.endswith(",1"):
                static.append(line[:-2])
            elif line.endswith(",0"):
                dynamic.append(line[:-2])
    return frozenset(static), tuple(dynamic)


def read_eamt(text: str) -> FrozenSet[Tuple[str, str]]:
    entries = (line.partition(",") for line in text.splitlines()[1:])
    return frozenset((six, four) for six, comma, four in entries if comma)


def _rows(text: str) -> List[Dict[str, str]]:
    """By column. Lines with another number of fields ("(empty)", messages) are no rows."""
    lines = [line.split(",") for line in text.splitlines() if "," in line]
    if not lines:
        return []
    header = [name.strip() for name in lines[0]]
    return [dict(zip(header, (value.strip() for value in fields))) for fields in lines[1:] if len(fields) == len(header)]


def no_such_instance(stderr: str) -> bool:
    """Whether an error says that this namespace has no instance of that name."""
    return "This namespace lacks an instance named" in stderr


def pool4_entry(protocol: str, first: int, last: int, ports: Optional[Tuple[int, int]]) -> Rectangle:
    """As Jool takes it: no port 0 but for ICMP, and 61001 to 65535 where none is named."""
    low, high = ports or (61001, 65535)
    return first, last, max(low, 0 if protocol == "ICMP" else 1), high
