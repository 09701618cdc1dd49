"""`nat64 source rule`: one rule by itself."""
from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import Dict, List, Optional, Tuple

from ..model import Engine, Mode, Pool, PortRange, Protocol, SourceRule, StaticMapping
from ..problems import Collector, listed
from .addresses import WELL_KNOWN_PREFIX, bad_ipv4, bad_ipv6, check_ipv4, check_prefix, is_private
from .intervals import Blocks
from .nodes import Node, may_be_unread, report_missing
from .rules import (
    CheckedSource, by_number, check_limits, check_name, check_port_zero, engine_of, mode_of, network_of, options_of, port_range_of, protocols_of, refuse, refuse_value,
)

#: What Jool takes where a pool has no ports, and where there is no pool.
DEFAULT_PORTS = PortRange(61001, 65535)
ALL_PORTS = PortRange(0, 65535)
ALL_PROTOCOLS = tuple(Protocol)

#: Jool's minima in seconds: RFC 6146 section 4, with the constant's name there.
TIMEOUT_MINIMA = {"udp": (120, "UDP_MIN"), "tcp-established": (7200, "TCP_EST"), "tcp-transitory": (240, "TCP_TRANS")}
# Jool counts milliseconds in 32 bits.
TIMEOUT_MAXIMUM = (2 ** 32 - 1) // 1000


def source_rule(node: Node, collector: Collector) -> Optional[CheckedSource]:
    """None where something that a rule cannot be without is missing or wrong; then a problem says so."""
    engine = engine_of(node)
    mode = mode_of(node, engine, collector)
    check_limits(collector, node, engine, mode)
    check_name(collector, node, "instance-%s" % node.name)
    disabled = node.has("disable")
    prefix = _prefix(node, collector)
    _match(node, engine, mode, collector)
    if engine is Engine.TAYGA and node.has("timeout"):
        refuse(collector, node.children["timeout"], "not for the engine tayga", "TAYGA has no sessions; a dynamic map lives 124 minutes after its last packet.")
    masquerade = node.get("masquerade")
    if masquerade is not None and engine is Engine.JOOL and mode is not Mode.ISOLATED:
        refuse(
            collector, masquerade, "not for the mode %s" % mode.value, "Translated packets do not pass the router's own NAT in this mode.", "valid with the mode isolated or the engine tayga",
        )
    persistent = node.get("persistent")
    if persistent is not None and engine is Engine.JOOL:
        refuse(collector, persistent, "not for the engine jool", "Jool keeps sessions in the kernel's memory only.", "valid with the engine tayga")

    pools = _pools(node, engine, collector)
    active = tuple((pool, found) for pool, found in pools if not found.has("disable"))
    statics = _statics(node, engine, collector)
    _enough_pools(node, engine, mode, disabled, bool(pools), bool(active), bool(statics), collector)
    _pools_overlap(active, engine, collector)
    _statics_in_pools(node, engine, mode, active, statics, prefix, collector)
    if prefix == WELL_KNOWN_PREFIX and masquerade is None:
        _private(active, collector)
    if prefix is None:
        return None
    mark, source_address, interface, description = (node.value(*names) for names in (
        ("match", "mark"), ("match", "source-address"), ("match", "inbound-interface"), ("description",),
    ))
    rule = SourceRule(
        number=int(node.name), engine=engine, mode=mode, prefix=prefix, pools=tuple(pool for pool, _ in active),
        statics=tuple(static for static, _ in statics), disabled=disabled, mark=mark if isinstance(mark, int) else None,
        source_address=source_address if isinstance(source_address, IPv6Network) else None,
        inbound_interface=interface if isinstance(interface, str) else None, timeouts=_timeouts(node, collector), options=options_of(node),
        log=tuple(sorted(node.words("log"))), persistent=persistent is not None, masquerade=masquerade is not None,
        description=description if isinstance(description, str) else "",
    )
    return CheckedSource(rule, node, active, statics)


def _prefix(node: Node, collector: Collector) -> Optional[IPv6Network]:
    leaf = node.get("source", "prefix")
    if leaf is None:
        schema = node.schema.children["source"].children["prefix"]
        # What the tree requires was looked for already, if the node above is there.
        if not (schema.required and node.has("source")):
            report_missing(collector, node, ("source", "prefix"))
        return None
    value = node.value("source", "prefix")
    if not isinstance(value, IPv6Network):
        return None
    check_prefix(collector, leaf, value)
    return None if leaf.broken else value


def _match(node: Node, engine: Engine, mode: Mode, collector: Collector) -> None:
    mark = node.get("match", "mark")
    if mark is not None and engine is Engine.TAYGA:
        refuse(collector, mark, "not for the engine tayga", "TAYGA does not see marks.", "valid with the engine jool")
    for name in ("source-address", "inbound-interface"):
        leaf = node.get("match", name)
        if leaf is not None and engine is Engine.JOOL and mode is Mode.INLINE:
            refuse(collector, leaf, "not for the mode inline", "Jool's netfilter hook tells packets apart by their mark only.", "valid with the mode isolated or iptables; or match mark")


def _pools(node: Node, engine: Engine, collector: Collector) -> List[Tuple[Pool, Node]]:
    """All that can be understood, disabled ones too."""
    pools: List[Tuple[Pool, Node]] = []
    for found in by_number(node.instances("translation", "pool")):
        children = found.children
        address = children.get("address")
        ports_leaf = children.get("port")
        protocols = protocols_of(found)
        if engine is Engine.TAYGA:
            for name in ("port", "protocol", "max-iterations"):
                if name in children:
                    refuse(collector, children[name], "not for the engine tayga", "TAYGA gives each IPv6 host a whole IPv4 address.", "valid with the engine jool")
        ports = None
        if ports_leaf is not None:
            ports = port_range_of(found.value("port"))
            if ports is not None:
                check_port_zero(collector, ports_leaf, ports, protocols or ALL_PROTOCOLS)
        if address is None:
            if not found.schema.children["address"].required:
                report_missing(collector, found, ("address",))
            continue
        network = network_of(found.value("address"))
        if network is None:
            continue
        check_ipv4(collector, address, network)
        if engine is Engine.TAYGA and network.prefixlen == 32:
            refuse_value(collector, address, "one address is too few", "TAYGA's dynamic pool is a network of at least two addresses.", "a length of at most 31")
        if address.broken:
            continue
        iterations, description = found.value("max-iterations"), found.value("description")
        pools.append((Pool(
            number=int(found.name), address=network, ports=ports, protocols=protocols or ALL_PROTOCOLS,
            max_iterations=iterations if isinstance(iterations, (int, str)) and "max-iterations" in children else None,
            description=description if isinstance(description, str) else "",
        ), found))
    return pools


def _enough_pools(node: Node, engine: Engine, mode: Mode, disabled: bool, pools: bool, active: bool, statics: bool, collector: Collector) -> None:
    pool_node = node.get("translation", "pool")
    if active or may_be_unread(collector, node, ("translation", "pool")) or (pool_node is not None and pool_node.broken):
        return
    every_address = "Jool would take ports %d to %d of every global address of the router." % (DEFAULT_PORTS.first, DEFAULT_PORTS.last)
    if pools:
        pool = pool_node or node
        # In isolated mode and with TAYGA the router's addresses are out of reach, but what was written cannot be meant.
        reason = every_address if engine is Engine.JOOL and mode is not Mode.ISOLATED else "No address is left to translate to."
        if disabled:
            collector.warning(pool.position, pool.path, "every pool is disabled", "The rule is disabled as well; once it is not, this will be an error.")
        else:
            collector.error(pool.position, pool.path, "every pool is disabled", reason, "disable the rule, or leave one pool enabled")
    elif node.has("masquerade"):
        return
    elif engine is Engine.TAYGA:
        if not statics:
            report = collector.warning if disabled else collector.error
            report(node.position, node.path + ("translation", "pool"), "missing", "TAYGA needs addresses for the IPv6 hosts.", "a translation pool, static mappings, or masquerade")
    elif mode is Mode.ISOLATED:
        report = collector.warning if disabled else collector.error
        report(node.position, node.path + ("translation", "pool"), "missing", "The router's addresses are not in the translator's namespace.", "a translation pool, or masquerade")
    elif not disabled:
        collector.warning(node.position, node.path + ("translation", "pool"), "no pool", every_address + " VyOS accepts that.", "a translation pool says which")


def _pools_overlap(pools: Tuple[Tuple[Pool, Node], ...], engine: Engine, collector: Collector) -> None:
    if engine is Engine.TAYGA:
        for _, found in pools[1:]:
            refuse(collector, found, "a second pool", "TAYGA has one dynamic pool.", "one network that holds both, or a rule for each")
        return
    blocks: Dict[Protocol, Blocks[Tuple[Pool, Node]]] = {protocol: Blocks(32) for protocol in Protocol}
    # Networks around others come first: see Blocks.
    for pool, found in sorted(pools, key=lambda item: item[0].address.prefixlen):
        told = False
        for protocol in pool.protocols:
            ports = ports_of(pool, protocol)
            block = (int(pool.address.network_address), pool.address.prefixlen, ports.first, ports.last)
            rival = blocks[protocol].find(block)
            if rival is not None and not told:
                told = True
                later, earlier = sorted(((pool, found), rival), key=lambda item: -item[0].number)
                collector.warning(
                    later[1].position, later[1].path, "overlaps pool %d" % earlier[0].number, "Jool takes both as one set of addresses and ports, so what they share counts once.",
                )
            blocks[protocol].add(block, rival or (pool, found))


def ports_of(pool: Pool, protocol: Protocol) -> PortRange:
    """What Jool takes of a pool's addresses."""
    return pool.ports or (ALL_PORTS if protocol is Protocol.ICMP else DEFAULT_PORTS)


def _private(pools: Tuple[Tuple[Pool, Node], ...], collector: Collector) -> None:
    for pool, found in pools:
        if is_private(pool.address):
            address = found.children["address"]
            collector.warning(
                address.positions[-1], address.path, "%s is private, and the prefix is the well-known one" % pool.address,
                "%s must not stand for private IPv4 addresses (RFC 6052 section 3.1); hairpinned packets would carry them." % WELL_KNOWN_PREFIX,
                "a network of 64:ff9b:1::/48 (RFC 8215), or a prefix of the network's own",
            )


def _statics(node: Node, engine: Engine, collector: Collector) -> Tuple[Tuple[StaticMapping, Node], ...]:
    """Here every microsecond counts: there may be tens of thousands."""
    tag = node.children.get("static")
    if tag is None:
        return ()
    tayga = engine is Engine.TAYGA
    protocols = {protocol.value: protocol for protocol in Protocol}
    statics: List[Tuple[StaticMapping, Node]] = []
    for found in node.instances("static"):
        children = found.children
        inside, outside = children.get("inside"), children.get("outside")
        inside_leaf = None if inside is None else inside.children.get("address")
        outside_leaf = None if outside is None else outside.children.get("address")
        inside_port = None if inside is None else inside.children.get("port")
        outside_port = None if outside is None else outside.children.get("port")
        words = found.words("protocol")
        if tayga:
            for leaf in (children.get("protocol"), inside_port, outside_port):
                if leaf is not None:
                    refuse(collector, leaf, "not for the engine tayga", "TAYGA maps whole addresses.", "valid with the engine jool")
        wanted = ((inside_leaf, "inside", "address"), (outside_leaf, "outside", "address")) + (() if tayga else ((inside_port, "inside", "port"), (outside_port, "outside", "port")))
        for leaf, above, name in wanted:
            if leaf is None and not (found.has(above) and found.schema.children[above].children[name].required):
                report_missing(collector, found, (above, name))
        if not tayga and len(words) != 1:
            if "protocol" in children and children["protocol"].broken:
                pass
            elif words:
                refuse(collector, children["protocol"], "more than one protocol", "A mapping has one; it is an entry of Jool's BIB.", "a static mapping for each")
            elif not found.schema.children["protocol"].required:
                report_missing(collector, found, ("protocol",))
            continue
        if found.broken or inside_leaf is None or outside_leaf is None or (not tayga and (inside_port is None or outside_port is None)):
            continue
        inside_address, outside_address = inside_leaf.values[0], outside_leaf.values[0]
        protocol = None if tayga else protocols[words[0]]
        ports: List[Optional[int]] = [None, None]
        for index, leaf in enumerate((inside_port, outside_port)):
            if tayga or leaf is None:
                continue
            value = leaf.values[0]
            ports[index] = value if isinstance(value, int) else None
            if value == 0 and protocol is not Protocol.ICMP:
                refuse_value(collector, leaf, "port 0 cannot be used", "TCP and UDP have no port 0.", "valid is 1 to 65535")
        if isinstance(inside_address, IPv6Address) and isinstance(outside_address, IPv4Address):
            if bad_ipv6(int(inside_address)) is not None:
                refuse_value(collector, inside_leaf, "%s cannot be used" % inside_address, "%s." % bad_ipv6(int(inside_address)))
            reason = bad_ipv4(int(outside_address), int(outside_address))
            if reason is not None:
                refuse_value(collector, outside_leaf, "%s cannot be used" % outside_address, "%s." % reason)
            if not found.broken:
                statics.append((StaticMapping(int(found.name), protocol, inside_address, ports[0], outside_address, ports[1]), found))
    return tuple(statics)


def _statics_in_pools(
    node: Node, engine: Engine, mode: Mode, pools: Tuple[Tuple[Pool, Node], ...], statics: Tuple[Tuple[StaticMapping, Node], ...],
    prefix: Optional[IPv6Network], collector: Collector,
) -> None:
    """A mapping of Jool lies in a pool of its protocol. TAYGA's may be anywhere."""
    if not statics:
        return
    if prefix is not None:
        low, high = int(prefix.network_address), int(prefix.broadcast_address)
        for static, found in statics:
            if low <= int(static.inside_address) <= high:
                leaf = found.children["inside"].children["address"]
                refuse_value(collector, leaf, "%s is in the rule's own prefix" % static.inside_address, "Addresses in %s stand for IPv4 hosts." % prefix, "the address of an IPv6 host")
    translation = node.children.get("translation")
    if engine is Engine.TAYGA or may_be_unread(collector, node, ("translation", "pool")) or (translation is not None and translation.broken):
        return
    if not pools:
        _statics_without_pools(node, mode, statics, collector)
        return
    blocks: Dict[Protocol, Blocks[int]] = {protocol: Blocks(32) for protocol in Protocol}
    for pool, _ in sorted(pools, key=lambda item: item[0].address.prefixlen):
        for protocol in pool.protocols:
            ports = ports_of(pool, protocol)
            blocks[protocol].add((int(pool.address.network_address), pool.address.prefixlen, ports.first, ports.last), pool.number)
    for static, found in statics:
        wanted, port = static.protocol, static.outside_port
        if wanted is None or port is None:
            continue
        if blocks[wanted].find((int(static.outside_address), 32, port, port)) is None:
            _outside(static, found, wanted, port, pools, collector)


def _outside(static: StaticMapping, found: Node, protocol: Protocol, port: int, pools: Tuple[Tuple[Pool, Node], ...], collector: Collector) -> None:
    if not collector.wants_errors:
        found.break_()
        collector.error(found.position, (), "in no pool")
        return
    same_address = [pool for pool, _ in pools if static.outside_address in pool.address]
    leaf = found.children["outside"].children["port" if same_address else "address"]
    taken = sorted({ports_of(pool, protocol) for pool in same_address if protocol in pool.protocols})
    if taken:
        remedy = "valid is %s" % listed("%d-%d" % (ports.first, ports.last) if ports.first < ports.last else str(ports.first) for ports in taken[:5])
    elif same_address:
        remedy = "pool %d holds this address, but not for %s" % (same_address[0].number, protocol.value)
    else:
        remedy = "valid is an address of %s" % listed([str(network) for network in sorted({pool.address for pool, _ in pools})][:5])
    refuse_value(collector, leaf, "%s port %d of %s is in no pool of this rule" % (protocol.value, port, static.outside_address), "A static mapping lies in a pool.", remedy)


def _statics_without_pools(node: Node, mode: Mode, statics: Tuple[Tuple[StaticMapping, Node], ...], collector: Collector) -> None:
    for static, found in statics:
        if mode is Mode.ISOLATED or node.has("masquerade"):
            refuse(collector, found, "no pool holds this mapping", "A static mapping lies in a pool.", "a translation pool with %s" % static.outside_address)
        elif static.outside_port is not None and not DEFAULT_PORTS.first <= static.outside_port <= DEFAULT_PORTS.last:
            leaf = found.children["outside"].children["port"]
            refuse_value(collector, leaf, "port %d is in no pool" % static.outside_port, "Without a pool Jool has ports %d to %d." % (DEFAULT_PORTS.first, DEFAULT_PORTS.last), "a translation pool with %s" % static.outside_address)


def _timeouts(node: Node, collector: Collector) -> Dict[str, int]:
    timeouts: Dict[str, int] = {}
    timeout = node.children.get("timeout")
    for name, leaf in () if timeout is None else timeout.children.items():
        seconds = leaf.values[0] if leaf.values else None
        if not isinstance(seconds, int):
            continue
        minimum, constant = TIMEOUT_MINIMA.get(name, (1, ""))
        if seconds < minimum:
            reason = "Jool keeps to %s of RFC 6146 section 4." % constant if constant else ""
            refuse_value(collector, leaf, "%d seconds are too few" % seconds, reason, "valid is %d or more" % minimum)
        elif seconds > TIMEOUT_MAXIMUM:
            refuse_value(collector, leaf, "%d seconds are too many" % seconds, "Jool counts milliseconds in 32 bits.", "valid is %d or less" % TIMEOUT_MAXIMUM)
        else:
            timeouts[name] = seconds
    return timeouts
