"""The IPv4 side of the rules: which addresses and ports, and how many of them are taken."""

from __future__ import annotations

from bisect import bisect_right
from ipaddress import IPv4Address
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

from ..engines import jool
from ..engines.jool_tables import bindings
from ..model import Configuration
from ..pool4 import Range, ranges
from ..state import InstanceKey, Kind
from ..system import System, Unreadable
from .filters import Filter
from .owners import owner_of
from .translators import dynamic_maps, jool_instances, running_rules, tayga_daemons


class PoolRow(NamedTuple):
    rule: Optional[str]
    engine: str
    instance: str
    protocol: str
    #: An address or a network.
    address: str
    #: None for TAYGA, whose clients have whole addresses.
    ports: Optional[Tuple[int, int]]
    mark: int
    #: Transport addresses, or addresses, that there are and that are taken.
    size: int
    used: int
    foreign: bool


HEADER = ("Rule", "Engine", "Protocol", "Address", "Ports", "Mark", "Used", "Size")


def pool_rows(system: System, chosen: Filter, configuration: Optional[Configuration]) -> Iterator[PoolRow]:
    """@raises Unreadable, UnknownTable, OSError"""
    running = running_rules(system)
    for instance in jool_instances(system):
        if instance.key.kind is not Kind.NAT64 or not instance.reachable:
            continue
        owner = owner_of(instance, running, configuration)
        for protocol in chosen.protocols:
            rows = _pool4(system, instance.key, protocol)
            used = _used(system, instance.key, protocol, [row for _, row in rows]) if rows else []
            for (mark, row), taken in zip(rows, used):
                rule = owner(protocol, str(IPv4Address(row.network)), str(row.ports[0]))
                if chosen.takes_rule(rule) and _holds(row, chosen):
                    size = (1 << (32 - row.length)) * (row.ports[1] - row.ports[0] + 1)
                    yield PoolRow(rule, "jool", instance.key.name, protocol, row.prefix, row.ports, mark, size, taken, not instance.ours)
    for daemon in tayga_daemons(system):
        pool = daemon.pool
        if pool is None or not chosen.takes_rule(daemon.label) or chosen.protocol is not None or chosen.port is not None:
            continue
        if chosen.address is None or (":" not in chosen.address and IPv4Address(chosen.address) in pool):
            taken = len(dynamic_maps(system, daemon)[0])
            # Nobody gets its first address.
            yield PoolRow(daemon.label, "tayga", daemon.device, "", str(pool), None, 0, pool.num_addresses - 1, taken, False)


def _pool4(system: System, key: InstanceKey, protocol: str) -> List[Tuple[int, Range]]:
    result = system.run(jool.command(key, "pool4", "display", "--csv", "--" + protocol.lower()).argv)
    if result.status != 0:
        raise Unreadable(result)
    pool4 = jool.read_pool4([result.stdout])
    return [(mark, row) for (mark, _), table in sorted(pool4.tables.items()) for row in ranges(table.runs)]


def _used(system: System, key: InstanceKey, protocol: str, rows: List[Range]) -> List[int]:
    """Bindings in each row. Two marks may have the same transport addresses; then a binding counts in both."""
    counts = [0] * len(rows)
    # By address: bindings come sorted by it, and there are few addresses.
    near: Dict[str, List[int]] = {}
    order = sorted(range(len(rows)), key=lambda index: rows[index].network)
    starts = [rows[index].network for index in order]
    for binding in bindings(system, key, (protocol,)):
        places = near.get(binding.outside_address)
        if places is None:
            number = int(IPv4Address(binding.outside_address))
            # Networks are at most as wide as the widest row, so those that begin far before cannot hold it.
            until = bisect_right(starts, number)
            places = [index for index in order[:until] if number >> (32 - rows[index].length) == rows[index].network >> (32 - rows[index].length)]
            near[binding.outside_address] = places
        port = int(binding.outside_port)
        for index in places:
            if rows[index].ports[0] <= port <= rows[index].ports[1]:
                counts[index] += 1
    return counts


def _holds(row: Range, chosen: Filter) -> bool:
    address = chosen.address
    if address is not None and (":" in address or int(IPv4Address(address)) >> (32 - row.length) != row.network >> (32 - row.length)):
        return False
    return chosen.port is None or row.ports[0] <= int(chosen.port) <= row.ports[1]


def pool_json(row: PoolRow) -> Dict[str, object]:
    return {
        "rule": row.rule,
        "engine": row.engine,
        "instance": row.instance,
        "foreign": row.foreign,
        "protocol": row.protocol.lower() or None,
        "address": row.address,
        "ports": None if row.ports is None else {"first": row.ports[0], "last": row.ports[1]},
        "mark": row.mark,
        "size": row.size,
        "used": row.used,
    }


def pool_cells(row: PoolRow) -> List[str]:
    rule = row.rule or ("(foreign) " + row.instance if row.foreign else "?")
    ports = "" if row.ports is None else "%d-%d" % row.ports
    return [rule, row.engine, row.protocol.lower(), row.address, ports, str(row.mark) if row.mark else "", str(row.used), str(row.size)]
