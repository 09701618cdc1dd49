"""`synchronization` of sessions between two routers."""
from __future__ import annotations

from ipaddress import IPv6Address
from typing import List, Optional, Sequence, Tuple, Union

from nat64ctl.model import Engine, Mode, Synchronization
from nat64ctl.problems import Collector

from .nodes import Node, always_required, report_missing
from .rules import CheckedDestination, CheckedSource, leaf_or_self, refuse_value


def synchronization(node: Node, collector: Collector) -> Optional[Synchronization]:
    for name in ("interface", "multicast-address"):
        schema = node.schema.children[name]
        if not node.has(name) and not always_required(schema) and schema.default is None:
            report_missing(collector, node, (name,))
    interface, address, port = node.value("interface"), node.value("multicast-address"), node.value("port")
    leaf = node.get("multicast-address")
    if leaf is not None and isinstance(address, IPv6Address) and not address.is_multicast:
        refuse_value(
            collector, leaf, f"{address} is not a multicast address", "Sessions are told to a group of routers.",
            "valid is an address of ff00::/8, such as ff08::db8:64:64",
        )
    port_leaf = node.get("port")
    if port_leaf is not None and port == 0:
        refuse_value(collector, port_leaf, "port 0 cannot be used", "UDP has no port 0.", "valid is 1 to 65535")
    if not isinstance(interface, str) or not isinstance(address, IPv6Address) or not isinstance(port, int):
        if port is None and "port" not in node.children:
            report_missing(collector, node, ("port",))
        return None
    return Synchronization(
        interface, address, port, _number(node, "flush-deadline"), _number(node, "capacity"), _number(node, "max-sessions-per-packet"),
    )


def check_use(node: Node, stateful: Sequence[Union[CheckedSource, CheckedDestination]], collector: Collector) -> None:
    """`stateful`: the rules on Jool that have sessions."""
    # A rule with an error is not among them.
    if not stateful and not collector.failed:
        collector.error(
            node.position, node.path, "there are no sessions to synchronize",
            "Only stateful rules of the engine jool have sessions that another router can take over.",
            "delete it, or add such a rule",
        )
    for checked in stateful:
        if checked.rule.mode is Mode.ISOLATED:
            refuse_value(
                collector, leaf_or_self(checked.node, "mode"), "not with synchronization",
                "joold does not reach the other router from a namespace of its own.", "valid with the mode inline or iptables",
            )


def check_ports(
    nodes: Sequence[Optional[Node]], settings: Tuple[Optional[Synchronization], Optional[Synchronization]], sources: Sequence[CheckedSource],
    destinations: Sequence[CheckedDestination], collector: Collector,
) -> None:
    """Each instance has a joold with a port of its own, from the one that is written on. `nodes` and `settings`: those of nat64, of nat46."""
    of_nat64, of_nat46 = settings
    inline = [checked for checked in sources if (checked.rule.engine, checked.rule.mode) == (Engine.JOOL, Mode.INLINE)]
    forwards = [checked for checked in destinations if checked.rule.stateful]
    inline_forwards = [checked for checked in forwards if checked.rule.mode is Mode.INLINE]
    used: List[Optional[Synchronization]] = []
    if inline or inline_forwards:
        used.append((of_nat64 or of_nat46) if inline else of_nat46)
    used.extend(of_nat64 for checked in sources if checked.rule.mode is Mode.IPTABLES)
    used.extend(of_nat46 for _ in {checked.rule.source_prefix for checked in forwards if checked.rule.mode is Mode.IPTABLES})
    for node, setting in zip(nodes, settings):
        leaf = None if node is None else node.get("port")
        if leaf is None or setting is None:
            continue
        count = sum(each is not None and each.port == setting.port for each in used)
        if setting.port + count - 1 > 65535:
            refuse_value(
                collector, leaf, f"{count} instances do not fit behind port {setting.port}",
                "Each instance of Jool has a joold with a port of its own, and these follow each other.", f"valid is {65536 - count} or less",
            )


def _number(node: Node, name: str) -> Optional[int]:
    value = node.value(name) if name in node.children else None
    return value if isinstance(value, int) else None
