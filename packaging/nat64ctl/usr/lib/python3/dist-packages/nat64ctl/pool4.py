"""Jool's pool4 in one canonical form.

Jool keeps, for each mark and protocol, a table of addresses with port ranges; ranges of one address that touch are one. A /16 is
65,536 rows there. Here addresses that follow each other and have the same ports are one Run, however they were written or
printed, so that two pools with the same transport addresses are equal, and their difference is a subtraction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, summarize_address_range
from typing import Callable, Dict, Iterable, List, Tuple

#: First and last port, both included.
Ports = Tuple[int, int]

#: Jool's tools ask for --force above this many addresses at once; --force would hide other objections too.
_WIDEST = 24


@dataclass(frozen=True)
class Run:
    """Addresses `first` to `last`, as numbers, that all have `ports`: sorted, and no two of them touch."""

    first: int
    last: int
    ports: Tuple[Ports, ...]


@dataclass(frozen=True)
class Table:
    """What one mark and protocol may use. Runs are sorted."""

    runs: Tuple[Run, ...]
    #: "auto", "infinity" or a number.
    iterations: str = "auto"


@dataclass(frozen=True)
class Pool4:
    #: By mark and protocol (TCP, UDP, ICMP). No empty tables.
    tables: Dict[Tuple[int, str], Table] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.tables)


@dataclass(frozen=True)
class Range:
    """One row for Jool's tools: a network of addresses, as a number and a prefix length, with one range of ports."""

    network: int
    length: int
    ports: Ports

    @property
    def prefix(self) -> str:
        """As VyOS writes it: a single address has no length."""
        address = str(IPv4Address(self.network))
        return address if self.length == 32 else "%s/%d" % (address, self.length)


Rectangle = Tuple[int, int, int, int]
_PortsOf = Callable[[Tuple[Ports, ...], Tuple[Ports, ...]], Tuple[Ports, ...]]


def table_of(rectangles: Iterable[Rectangle], iterations: str = "auto") -> Table:
    """From (first address, last address, first port, last port), in any order, overlapping or not."""
    return Table(_runs(list(rectangles)), iterations)


def subtract(minuend: Tuple[Run, ...], subtrahend: Tuple[Run, ...]) -> Tuple[Run, ...]:
    """The transport addresses of the one that are not in the other."""
    return _combine(minuend, subtrahend, _subtract_ports)


def intersect(one: Tuple[Run, ...], other: Tuple[Run, ...]) -> Tuple[Run, ...]:
    return _combine(one, other, _intersect_ports)


def union(runs: Iterable[Tuple[Run, ...]]) -> Tuple[Run, ...]:
    return _runs([(run.first, run.last, ports[0], ports[1]) for each in runs for run in each for ports in run.ports])


def ranges(runs: Tuple[Run, ...]) -> List[Range]:
    """In rows that Jool's tools take, as few as there can be without --force."""
    rows: List[Range] = []
    for run in runs:
        for network in summarize_address_range(IPv4Address(run.first), IPv4Address(run.last)):
            parts = [network] if network.prefixlen >= _WIDEST else list(network.subnets(new_prefix=_WIDEST))
            rows.extend(Range(int(part.network_address), part.prefixlen, ports) for part in parts for ports in run.ports)
    return rows


def runs_of(row: Range) -> Tuple[Run, ...]:
    return (Run(row.network, row.network + (1 << (32 - row.length)) - 1, (row.ports,)),)


def contains(runs: Tuple[Run, ...], address: int, port: int) -> bool:
    return any(run.first <= address <= run.last and any(first <= port <= last for first, last in run.ports) for run in runs)


def fuse(ports: Iterable[Ports]) -> Tuple[Ports, ...]:
    """Sorted, those that overlap or touch made one, as Jool does."""
    fused: List[Ports] = []
    for first, last in sorted(ports):
        if fused and first <= fused[-1][1] + 1:
            fused[-1] = (fused[-1][0], max(fused[-1][1], last))
        else:
            fused.append((first, last))
    return tuple(fused)


def _runs(rectangles: List[Rectangle]) -> Tuple[Run, ...]:
    spans: Dict[Tuple[int, int], List[Ports]] = {}
    for first, last, low, high in rectangles:
        spans.setdefault((first, last), []).append((low, high))
    ordered = sorted(spans)
    if all(ordered[i][1] < ordered[i + 1][0] for i in range(len(ordered) - 1)):
        return _join([Run(first, last, fuse(spans[first, last])) for first, last in ordered])
    edges = sorted({first for first, _ in ordered} | {last + 1 for _, last in ordered})
    pieces: List[Run] = []
    active: List[Tuple[int, int]] = []
    position = 0
    for low, high in zip(edges, edges[1:]):
        active = [span for span in active if span[1] >= low]
        while position < len(ordered) and ordered[position][0] <= low:
            active.append(ordered[position])
            position += 1
        if active:
            pieces.append(Run(low, high - 1, fuse(ports for span in active for ports in spans[span])))
    return _join(pieces)


def _join(pieces: List[Run]) -> Tuple[Run, ...]:
    joined: List[Run] = []
    for piece in pieces:
        if not piece.ports:
            continue
        if joined and joined[-1].last + 1 == piece.first and joined[-1].ports == piece.ports:
            joined[-1] = Run(joined[-1].first, piece.last, piece.ports)
        else:
            joined.append(piece)
    return tuple(joined)


def _combine(one: Tuple[Run, ...], other: Tuple[Run, ...], ports_of: _PortsOf) -> Tuple[Run, ...]:
    edges = sorted({run.first for run in one + other} | {run.last + 1 for run in one + other})
    pieces: List[Run] = []
    i = j = 0
    for low, high in zip(edges, edges[1:]):
        while i < len(one) and one[i].last < low:
            i += 1
        while j < len(other) and other[j].last < low:
            j += 1
        mine = one[i].ports if i < len(one) and one[i].first <= low else ()
        theirs = other[j].ports if j < len(other) and other[j].first <= low else ()
        pieces.append(Run(low, high - 1, ports_of(mine, theirs)))
    return _join(pieces)


def _subtract_ports(one: Tuple[Ports, ...], other: Tuple[Ports, ...]) -> Tuple[Ports, ...]:
    left: List[Ports] = list(one)
    for first, last in other:
        left = [part for low, high in left for part in ((low, min(high, first - 1)), (max(low, last + 1), high)) if part[0] <= part[1]]
    return tuple(sorted(left))


def _intersect_ports(one: Tuple[Ports, ...], other: Tuple[Ports, ...]) -> Tuple[Ports, ...]:
    return fuse((max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) <= min(b, d))
