"""`nat46`: a destination rule, and the customer side of 464XLAT, each by itself."""
from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Optional, Tuple

from nat64ctl.model import Clat, DestinationRule, Engine, PortRange, Protocol
from nat64ctl.problems import Collector

from .addresses import WELL_KNOWN_PREFIX, check_ipv4, check_ipv6, check_prefix, is_private, plain
from .nodes import Node, always_required, report_missing
from .rules import (
    CheckedClat,
    CheckedDestination,
    check_limits,
    check_name,
    check_options,
    check_port_zero,
    engine_of,
    is_unclear,
    leaf_or_self,
    mode_of,
    network6_of,
    network_of,
    options_of,
    port_range_of,
    protocols_of,
    refuse,
    refuse_value,
)

#: Jool's SIIT has them, its NAT64 has not.
STATELESS_OPTIONS = ("eam-hairpin", "amend-udp-checksum-zero", "rfc6791")


def destination_rule(node: Node, collector: Collector) -> Optional[CheckedDestination]:
    """None where something that a rule cannot be without is missing or wrong; then a problem says so."""
    if is_unclear(node):
        return None
    engine = engine_of(node)
    mode = mode_of(node, engine, collector)
    check_limits(collector, node, engine, mode)
    check_name(collector, node, f"nat46-{node.name}")
    check_options(node, collector)
    address = network_of(_needed(node, collector, "destination", "address"))
    target = network6_of(_needed(node, collector, "translation", "address"))
    prefix = _prefix(node, engine, collector, "source", "prefix")
    if address is not None:
        check_ipv4(collector, leaf_or_self(node, "destination", "address"), address, engine)
    if target is not None:
        check_ipv6(collector, leaf_or_self(node, "translation", "address"), target.network_address, engine)
        if prefix is not None and target.overlaps(prefix):
            refuse_value(
                collector, leaf_or_self(node, "translation", "address"), f"{plain(target)} and the source prefix overlap",
                f"Addresses in {prefix} stand for IPv4 hosts.",
                "the address of an IPv6 host",
            )
    ports_leaf = node.get("destination", "port")
    ports = port_range_of(node.value("destination", "port"))
    translation_port = node.value("translation", "port")
    first_port = translation_port if isinstance(translation_port, int) else None
    protocols = protocols_of(node)
    if ports_leaf is None:
        _stateless(node, engine, address, target, collector)
    elif ports is not None:
        protocols = protocols or (Protocol.TCP, Protocol.UDP)
        check_port_zero(collector, ports_leaf, ports, protocols)
        _stateful(node, engine, address, target, ports, first_port, protocols, collector)
    if prefix == WELL_KNOWN_PREFIX and address is not None and is_private(address) and not node.broken:
        _private(node, engine, address, collector)
    if address is None or target is None or prefix is None or (ports_leaf is not None and ports is None):
        return None
    description = node.value("description")
    return CheckedDestination(DestinationRule(
        number=int(node.name), engine=engine, mode=mode, address=address, ports=ports, protocols=protocols if ports is not None else (),
        translation_address=target,
        translation_port=first_port, source_prefix=prefix, disabled=node.has("disable"), options=options_of(node),
        description=description if isinstance(description, str) else "",
    ), node)


def _stateless(node: Node, engine: Engine, address: Optional[IPv4Network], target: Optional[IPv6Network], collector: Collector) -> None:
    for names in (("protocol",), ("translation", "port")):
        found = node.get(*names)
        if found is not None:
            refuse(
                collector, found, "not without a destination port", "A rule without ports is stateless and maps whole addresses (RFC 7757).",
                "destination port",
            )
    if address is not None and target is not None:
        _suffix(collector, leaf_or_self(node, "translation", "address"), engine, address, target)


def _suffix(collector: Collector, leaf: Node, engine: Engine, ipv4: IPv4Network, ipv6: IPv6Network) -> None:
    """What is not in the prefix must fit: RFC 7757 section 3.1."""
    host_bits, room = 32 - ipv4.prefixlen, 128 - ipv6.prefixlen
    exact = "a length of %s" % (128 - host_bits)
    if host_bits > room:
        refuse_value(
            collector, leaf, f"{plain(ipv6)} is too small for {plain(ipv4)}",
            f"{host_bits} bits of the IPv4 address must fit into {room} (RFC 7757 section 3.1).",
            exact + ", or a shorter one" if engine is Engine.JOOL else exact,
        )
    elif host_bits < room and engine is Engine.TAYGA:
        refuse_value(collector, leaf, f"{plain(ipv6)} is larger than {plain(ipv4)}", "TAYGA maps networks of the same size.", exact)


def _stateful(
    node: Node, engine: Engine, address: Optional[IPv4Network], target: Optional[IPv6Network], ports: PortRange, first_port: Optional[int],
    protocols: Tuple[Protocol, ...], collector: Collector,
) -> None:
    ports_leaf = leaf_or_self(node, "destination", "port")
    for name in STATELESS_OPTIONS:
        option = node.get("option", name)
        if option is not None:
            refuse(collector, option, "not with a destination port", "It is an option of stateless Jool.", "a rule without ports")
    if engine is Engine.TAYGA:
        refuse(collector, ports_leaf, "not for the engine tayga", "TAYGA maps whole addresses.", "valid with the engine jool")
        return
    reason = "A rule with ports is a static mapping of one address (RFC 6146 section 3.1)."
    if address is not None and address.prefixlen < 32:
        refuse_value(
            collector, leaf_or_self(node, "destination", "address"), f"{address} is a network, and the rule has ports", reason,
            "one address, or no port",
        )
    if target is not None and target.prefixlen < 128:
        refuse_value(
            collector, leaf_or_self(node, "translation", "address"), f"{target} is a network, and the rule has ports", reason,
            "one address, or no destination port",
        )
    if first_port is not None:
        leaf = leaf_or_self(node, "translation", "port")
        if first_port == 0 and protocols != (Protocol.ICMP,):
            refuse_value(collector, leaf, "port 0 cannot be used", "TCP and UDP have no port 0.", "valid is 1 to 65535")
        elif first_port + ports.last - ports.first > 65535:
            refuse_value(
                collector, leaf, f"{ports.last - ports.first + 1} ports do not fit behind port {first_port}",
                "They would end at %s." % (first_port + ports.last - ports.first),
                "valid is %s or less" % (65535 - ports.last + ports.first),
            )


def _private(node: Node, engine: Engine, address: IPv4Network, collector: Collector) -> None:
    leaf = leaf_or_self(node, "source", "prefix")
    message = f"the well-known prefix, and {plain(address)} is private"
    reason = f"{WELL_KNOWN_PREFIX} must not stand for private IPv4 addresses, such as those of this rule's clients (RFC 6052 section 3.1)"
    remedy = "a network of 64:ff9b:1::/48 (RFC 8215), or a prefix of the network's own"
    if engine is Engine.TAYGA:
        refuse_value(collector, leaf, message, reason + "; TAYGA drops them.", remedy)
    else:
        collector.warning(leaf.positions[-1], leaf.path, message, reason + ".", remedy)


def clat(node: Node, collector: Collector) -> Optional[CheckedClat]:
    if is_unclear(node):
        return None
    engine = engine_of(node)
    mode = mode_of(node, engine, collector)
    check_limits(collector, node, engine, mode)
    plat = _prefix(node, engine, collector, "plat-prefix")
    ipv4 = network_of(_needed(node, collector, "ipv4", "address"))
    ipv6 = network6_of(_needed(node, collector, "ipv6", "prefix"))
    if ipv4 is not None:
        check_ipv4(collector, leaf_or_self(node, "ipv4", "address"), ipv4, engine)
    if ipv6 is not None:
        leaf = leaf_or_self(node, "ipv6", "prefix")
        check_ipv6(collector, leaf, ipv6.network_address, engine)
        if ipv4 is not None:
            _suffix(collector, leaf, engine, ipv4, ipv6)
        if plat is not None and ipv6.overlaps(plat):
            refuse_value(
                collector, leaf, f"{ipv6} and the PLAT's prefix overlap", "A packet would belong to both.", "a network that is routed to this router",
            )
    if plat is None or ipv4 is None or ipv6 is None:
        return None
    return CheckedClat(Clat(engine, mode, plat, ipv4, ipv6), node)


def _needed(node: Node, collector: Collector, *names: str) -> object:
    """A leaf's value; its absence is an error, unless the tree required it and it was told already."""
    if node.has(*names):
        return node.value(*names)
    schema = node.schema
    for name in names:
        schema = schema.children[name]
    if not (always_required(schema) and node.get(*names[:-1]) is not None):
        report_missing(collector, node, names)
    return None


def _prefix(node: Node, engine: Engine, collector: Collector, *names: str) -> Optional[IPv6Network]:
    value = _needed(node, collector, *names)
    if not isinstance(value, IPv6Network):
        return None
    leaf = leaf_or_self(node, *names)
    check_prefix(collector, leaf, value, engine)
    return None if leaf.broken else value
