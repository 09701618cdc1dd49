"""`synchronization` of sessions between two routers."""
from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Optional

from ..model import Engine, Synchronization
from ..problems import Collector
from .nodes import Node, report_missing
from .rules import refuse_value


def synchronization(node: Node, collector: Collector) -> Optional[Synchronization]:
    for name in ("interface", "multicast-address"):
        schema = node.schema.children[name]
        if not node.has(name) and not schema.required and schema.default is None:
            report_missing(collector, node, (name,))
    interface, address, port = node.value("interface"), node.value("multicast-address"), node.value("port")
    leaf = node.get("multicast-address")
    if leaf is not None and isinstance(address, (IPv4Address, IPv6Address)) and not address.is_multicast:
        refuse_value(collector, leaf, "%s is not a multicast address" % address, "Sessions are told to a group of routers.", "valid is an address of 224.0.0.0/4 or ff00::/8, such as ff08::db8:64:64")
    port_leaf = node.get("port")
    if port_leaf is not None and port == 0:
        refuse_value(collector, port_leaf, "port 0 cannot be used", "UDP has no port 0.", "valid is 1 to 65535")
    if not isinstance(interface, str) or not isinstance(address, (IPv4Address, IPv6Address)) or not isinstance(port, int):
        if port is None and "port" not in node.children:
            report_missing(collector, node, ("port",))
        return None
    return Synchronization(interface, address, port, _number(node, "flush-deadline"), _number(node, "capacity"), _number(node, "max-sessions-per-packet"))


def check_use(node: Node, has_sessions: bool, collector: Collector) -> None:
    """`has_sessions`: a rule on Jool that has sessions is there."""
    if not has_sessions:
        collector.error(
            node.position, node.path, "there are no sessions to synchronize", "Only rules of the engine %s have sessions that another router can take over." % Engine.JOOL.value,
            "delete it, or a rule that has sessions",
        )


def _number(node: Node, name: str) -> Optional[int]:
    value = node.value(name) if name in node.children else None
    return value if isinstance(value, int) else None
