"""Tables of Jool that may be large, row by row as its tools print them.

Read by the header line, with --csv and always --numeric. Columns were read in the sources of 4.1.13 and seen there; rows of UDP and
ICMP sessions have no State. Lines that are no rows, whatever they say, have too few fields.
"""

from __future__ import annotations

import re
from typing import Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..state import InstanceKey
from ..system import System
from .jool import PROTOCOLS, command


class UnknownTable(Exception):
    """The header does not have what this program looks for: tools of a version that it does not know."""


class Session(NamedTuple):
    """Ports are identifiers for ICMP. All as printed."""

    protocol: str
    #: The IPv6 node, and whom it sends to.
    inside_address: str
    inside_port: str
    inside_destination_address: str
    inside_destination_port: str
    #: What the IPv6 node is in IPv4, and whom it talks with there.
    outside_address: str
    outside_port: str
    destination_address: str
    destination_port: str
    #: H:MM:SS or H:MM:SS.mmm
    expires: str
    #: Empty but for TCP.
    state: str


class Binding(NamedTuple):
    protocol: str
    inside_address: str
    inside_port: str
    outside_address: str
    outside_port: str
    #: "1" or "0".
    static: str


_SESSION_COLUMNS = (
    "Protocol",
    "IPv6 Remote Address",
    "IPv6 Remote L4-ID",
    "IPv6 Local Address",
    "IPv6 Local L4-ID",
    "IPv4 Local Address",
    "IPv4 Local L4-ID",
    "IPv4 Remote Address",
    "IPv4 Remote L4-ID",
    "Expires in",
)
_BINDING_COLUMNS = ("Protocol", "IPv6 Address", "IPv6 L4-ID", "IPv4 Address", "IPv4 L4-ID", "Static?")


def sessions(system: System, key: InstanceKey, protocols: Sequence[str] = PROTOCOLS) -> Iterator[Session]:
    """@raises Unreadable, UnknownTable"""
    for protocol in protocols:
        argv = command(key, "session", "display", "--csv", "--numeric", "--" + protocol.lower()).argv
        for fields in _rows(system.lines(argv), _SESSION_COLUMNS, "State"):
            yield Session(*fields)


def bindings(system: System, key: InstanceKey, protocols: Sequence[str] = PROTOCOLS) -> Iterator[Binding]:
    """The BIB. @raises Unreadable, UnknownTable"""
    for protocol in protocols:
        argv = command(key, "bib", "display", "--csv", "--numeric", "--" + protocol.lower()).argv
        for fields in _rows(system.lines(argv), _BINDING_COLUMNS):
            yield Binding(*fields)


def _rows(lines: Iterable[str], columns: Tuple[str, ...], optional: str = "") -> Iterator[List[str]]:
    """Fields in the order of `columns`, and `optional` last if one is named, empty where a row does not have it."""
    reading = iter(lines)
    for line in reading:
        header = [name.strip() for name in line.split(",")]
        if "Protocol" in header:
            break
    else:
        return
    missing = [name for name in columns if name not in header]
    if missing:
        raise UnknownTable("a table has no column %s; it has %s" % (", ".join(missing), ", ".join(header)))
    places = [header.index(name) for name in columns]
    last = header.index(optional) if optional in header else -1
    needed = max(places) + 1
    as_printed = places == list(range(len(places))) and last in (-1, len(places))
    wanted = len(columns) + (1 if optional else 0)
    for line in reading:
        fields = line.split(",")
        if len(fields) < needed or fields[places[0]] not in PROTOCOLS:
            continue
        if not as_printed:
            fields = [fields[place] for place in places] + ([fields[last]] if 0 <= last < len(fields) else [])
        while len(fields) < wanted:
            fields.append("")
        yield fields[:wanted]


class Counter(NamedTuple):
    name: str
    value: int
    explanation: str


#: Counters that also go down: how many there are now.
GAUGES = frozenset({"JSTAT_BIB_ENTRIES", "JSTAT_SESSIONS"})

_COUNTER = re.compile(r'(\w+),([0-9]+)(?:,"(.*?)("?))?\Z')


def counters(system: System, key: InstanceKey) -> List[Counter]:
    """Of `stats display`. Explanations may go over several lines, and have quotes of their own. @raises Unreadable"""
    found: List[Counter] = []
    for line in system.lines(command(key, "stats", "display", "--all", "--explain", "--csv").argv):
        match = _COUNTER.match(line)
        if match:
            found.append(Counter(match.group(1), int(match.group(2)), match.group(3) or ""))
        elif found and line:
            before = found[-1]
            found[-1] = before._replace(explanation=("%s %s" % (before.explanation, line.strip().rstrip('"'))).strip())
    return found


def seconds(clock: str) -> Optional[float]:
    """Of `H:MM:SS` or `H:MM:SS.mmm`."""
    parts = clock.split(":")
    try:
        value = float(parts[-1])
        for power, part in enumerate(reversed(parts[:-1]), 1):
            value += int(part) * 60**power
    except ValueError:
        return None
    return value


def timeouts(options: Dict[str, str]) -> Dict[str, int]:
    """In seconds, by the CLI's names; of `global display`."""
    names = {"udp": "udp-timeout", "tcp-established": "tcp-est-timeout", "tcp-transitory": "tcp-trans-timeout", "icmp": "icmp-timeout"}
    found = {name: seconds(options[jool_name]) for name, jool_name in names.items() if jool_name in options}
    return {name: int(value) for name, value in found.items() if value is not None}
