"""`nat64 source rule`: one rule by itself."""
from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, collapse_addresses
from typing import Dict, List, Optional, Tuple, Union

from nat64ctl.model import Engine, Mode, Pool, PortRange, Protocol, SourceRule, StaticMapping
from nat64ctl.problems import Collector, listed

from .addresses import WELL_KNOWN_PREFIX, bad_ipv4, bad_ipv6, check_ipv4, check_prefix, is_private, plain, sentence
from .intervals import Blocks
from .nodes import Node, always_required, may_be_unread, report_missing
from .rules import (
    CheckedSource,
    by_number,
    check_limits,
    check_name,
    check_options,
    check_port_zero,
    engine_of,
    is_unclear,
    mode_of,
    network_of,
    options_of,
    port_range_of,
    protocols_of,
    refuse,
    refuse_value,
)

#: What Jool takes where a pool has no ports, and where there is no pool.
DEFAULT_PORTS = PortRange(61001, 65535)
ALL_PORTS = PortRange(0, 65535)
ALL_PROTOCOLS = tuple(Protocol)
#: KMALLOC_MAX_SIZE by the size of Jool's struct ipv4_range, less the table's head: db/pool4/db.c has them in one array.
MOST_ADDRESSES = 349000


def source_rule(node: Node, collector: Collector) -> Optional[CheckedSource]:
    """None where something that a rule cannot be without is missing or wrong; then a problem says so."""
    if is_unclear(node):
        _prefix(node, Engine.JOOL, collector)
        return None
    engine = engine_of(node)
    mode = mode_of(node, engine, collector)
    check_limits(collector, node, engine, mode)
    check_name(collector, node, f"instance-{node.name}")
    disabled = node.has("disable")
    check_options(node, collector)
    prefix = _prefix(node, engine, collector)
    _match(node, engine, mode, collector)
    if engine is Engine.TAYGA and node.has("timeout"):
        refuse(
            collector, node.children["timeout"], "not for the engine tayga",
            "TAYGA has no sessions; a dynamic map lives 124 minutes after its last packet."
        )
    masquerade = node.get("masquerade")
    if masquerade is not None and engine is Engine.JOOL and mode is not Mode.ISOLATED:
        refuse(
            collector, masquerade, f"not for the mode {mode.value}", "Translated packets do not pass the router's own NAT in this mode.",
            "valid with the mode isolated or the engine tayga",
        )
    persistent = node.get("persistent")
    if persistent is not None and engine is Engine.JOOL:
        refuse(collector, persistent, "not for the engine jool", "Jool keeps sessions in the kernel's memory only.", "valid with the engine tayga")

    pools = _pools(node, engine, collector)
    active = tuple((pool, found) for pool, found in pools if not found.has("disable"))
    statics = _statics(node, engine, collector)
    _enough_pools(node, engine, mode, disabled, bool(pools), bool(active), node.has("static"), collector)
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
        inbound_interface=interface if isinstance(interface, str) else None, timeouts=_timeouts(node), options=options_of(node),
        log=tuple(sorted(node.words("log"))), persistent=persistent is not None, masquerade=masquerade is not None,
        description=description if isinstance(description, str) else "",
    )
    return CheckedSource(rule, node, active, statics)


def _prefix(node: Node, engine: Engine, collector: Collector) -> Optional[IPv6Network]:
    leaf = node.get("source", "prefix")
    if leaf is None:
        schema = node.schema.children["source"].children["prefix"]
        # What the tree requires was looked for already, if the node above is there.
        if not (always_required(schema) and node.has("source")):
            report_missing(collector, node, ("source", "prefix"))
        return None
    value = node.value("source", "prefix")
    if not isinstance(value, IPv6Network):
        return None
    check_prefix(collector, leaf, value, engine)
    return None if leaf.broken else value


def _match(node: Node, engine: Engine, mode: Mode, collector: Collector) -> None:
    mark = node.get("match", "mark")
    if mark is not None and engine is Engine.TAYGA:
        refuse(collector, mark, "not for the engine tayga", "TAYGA does not see marks.", "valid with the engine jool")
    for name in ("source-address", "inbound-interface"):
        leaf = node.get("match", name)
        if leaf is not None and engine is Engine.JOOL and mode is Mode.INLINE:
            refuse(
                collector, leaf, "not for the mode inline", "Jool's netfilter hook tells packets apart by their mark only.",
                "valid with the mode isolated or iptables; or match mark"
            )
    clients = node.value("match", "source-address")
    if isinstance(clients, IPv6Network) and clients.prefixlen == 0:
        leaf = node.children["match"].children["source-address"]
        refuse_value(collector, leaf, "::/0 is every address", "It tells no packets apart.", "leave it out")


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
                    refuse(
                        collector, children[name], "not for the engine tayga", "TAYGA gives each IPv6 host a whole IPv4 address.",
                        "valid with the engine jool"
                    )
        ports = None
        if ports_leaf is not None:
            ports = port_range_of(found.value("port"))
            if ports is not None:
                check_port_zero(collector, ports_leaf, ports, protocols or ALL_PROTOCOLS)
        if address is None:
            if not always_required(found.schema.children["address"]):
                report_missing(collector, found, ("address",))
            continue
        network = network_of(found.value("address"))
        if network is None:
            continue
        check_ipv4(collector, address, network, engine)
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
    every_address = f"Jool would take ports {DEFAULT_PORTS.first} to {DEFAULT_PORTS.last} of every global address of the router."
    if pools:
        pool = pool_node or node
        # In isolated mode and with TAYGA the router's addresses are out of reach, but what was written cannot be meant.
        reason = every_address if engine is Engine.JOOL and mode is not Mode.ISOLATED else "No address is left to translate to."
        if disabled:
            collector.warning(
                pool.position, pool.path, "every pool is disabled", "The rule is disabled as well; once it is not, this will be an error.",
            )
        else:
            collector.error(pool.position, pool.path, "every pool is disabled", reason, "disable the rule, or leave one pool enabled")
    elif node.has("masquerade"):
        return
    elif engine is Engine.TAYGA:
        if not statics:
            report = collector.warning if disabled else collector.error
            report(
                node.position, (*node.path, "translation", "pool"), "missing", "TAYGA needs addresses for the IPv6 hosts.",
                "a translation pool, static mappings, or masquerade"
            )
    elif mode is Mode.ISOLATED:
        report = collector.warning if disabled else collector.error
        report(
            node.position, (*node.path, "translation", "pool"), "missing", "The router's addresses are not in the translator's namespace.",
            "a translation pool, or masquerade",
        )
    elif not disabled:
        collector.warning(
            node.position, (*node.path, "translation", "pool"), "no pool", every_address + " VyOS accepts that.", "a translation pool says which",
        )


def _pools_overlap(pools: Tuple[Tuple[Pool, Node], ...], engine: Engine, collector: Collector) -> None:
    if engine is Engine.TAYGA:
        networks = list(collapse_addresses(pool.address for pool, _ in pools))
        if len(networks) > 1:
            reason = "TAYGA has one dynamic pool, and {} are not one network.".format(listed((str(network) for network in networks[:5]), "and"))
            refuse(collector, pools[-1][1], "a pool too many", reason, "one network that holds all, or a rule for each")
        elif networks and networks[0].prefixlen == 32:
            leaf = pools[0][1].children["address"]
            refuse_value(
                collector, leaf, "one address is too few", "TAYGA gives each IPv6 host an address of its own.",
                "a length of at most 31; or no pool, and masquerade",
            )
        return
    _iterations(pools, collector)
    _pools_fit(pools, collector)
    blocks: Dict[Protocol, Blocks[Tuple[Pool, Node]]] = {protocol: Blocks(32) for protocol in Protocol}
    # Networks around others come first: see Blocks.
    for pool, found in sorted(pools, key=lambda item: item[0].address.prefixlen):
        told = False
        for protocol in pool.protocols:
            ports = ports_of(pool)
            block = (int(pool.address.network_address), pool.address.prefixlen, ports.first, ports.last)
            rival = blocks[protocol].find(block)
            if rival is not None and not told:
                told = True
                later, earlier = sorted(((pool, found), rival), key=lambda item: -item[0].number)
                collector.warning(
                    later[1].position, later[1].path, f"overlaps pool {earlier[0].number}",
                    "Jool takes both as one set of addresses and ports, so what they share counts once.",
                )
            blocks[protocol].add(block, rival or (pool, found))


def _pools_fit(pools: Tuple[Tuple[Pool, Node], ...], collector: Collector) -> None:
    for protocol in Protocol:
        addresses = sum(network.num_addresses for network in collapse_addresses(pool.address for pool, _ in pools if protocol in pool.protocols))
        if addresses > MOST_ADDRESSES:
            largest = min((item for item in pools if protocol in item[0].protocols), key=lambda item: item[0].address.prefixlen)
            refuse_value(
                collector, largest[1].children["address"], f"{addresses} addresses for {protocol.value} are too many",
                "Jool keeps an entry of 12 bytes for each, all of a mark and protocol in one piece of memory, and Linux gives none above 4 MB.",
                f"valid are {MOST_ADDRESSES} in all pools, such as a /14 and a /16; a client needs a port, and not an address",
            )
            return


def _iterations(pools: Tuple[Tuple[Pool, Node], ...], collector: Collector) -> None:
    """Jool has one number for all addresses of a mark and a protocol."""
    written: Dict[Protocol, Tuple[Union[int, str], int]] = {}
    for pool, found in pools:
        if pool.max_iterations is None:
            continue
        for protocol in pool.protocols:
            value, number = written.setdefault(protocol, (pool.max_iterations, pool.number))
            if value != pool.max_iterations:
                refuse_value(
                    collector, found.children["max-iterations"], f"pool {number} has {value}",
                    "Jool has one number for all pools of a rule with the same protocol.",
                    f"the same as pool {number}",
                )
                break


def ports_of(pool: Pool) -> PortRange:
    """What Jool takes of a pool's addresses, of every protocol."""
    return pool.ports or DEFAULT_PORTS


def _private(pools: Tuple[Tuple[Pool, Node], ...], collector: Collector) -> None:
    for pool, found in pools:
        if is_private(pool.address):
            address = found.children["address"]
            collector.warning(
                address.positions[-1], address.path, f"{plain(pool.address)} is private, and the prefix is the well-known one",
                f"{WELL_KNOWN_PREFIX} must not stand for private IPv4 addresses (RFC 6052 section 3.1); hairpinned packets would carry them.",
                "a network of 64:ff9b:1::/48 (RFC 8215), or a prefix of the network's own",
            )


def _statics(node: Node, engine: Engine, collector: Collector) -> Tuple[Tuple[StaticMapping, Node], ...]:
    """Here every microsecond counts: there may be tens of thousands."""
    read = _tayga_static if engine is Engine.TAYGA else _jool_static
    statics: List[Tuple[StaticMapping, Node]] = []
    for found in node.instances("static"):
        static = read(found, collector)
        if static is not None and _static_addresses(static, found, engine, collector):
            statics.append((static, found))
    return tuple(statics)


def _static_leaf(found: Node, side: str, name: str, collector: Collector) -> Optional[Node]:
    """A leaf of one side. Its absence is an error, of which the walk along the tree may have told."""
    above = found.children.get(side)
    leaf = None if above is None else above.children.get(name)
    if leaf is None and (above is None or not always_required(above.schema.children[name])):
        report_missing(collector, found, (side, name))
    return leaf


def _jool_static(found: Node, collector: Collector) -> Optional[StaticMapping]:
    inside, outside = _static_leaf(found, "inside", "address", collector), _static_leaf(found, "outside", "address", collector)
    inside_port, outside_port = _static_leaf(found, "inside", "port", collector), _static_leaf(found, "outside", "port", collector)
    protocols = protocols_of(found)
    if len(protocols) > 1:
        refuse(
            collector, found.children["protocol"], "more than one protocol", "A mapping has one; it is an entry of Jool's BIB.",
            "a static mapping for each"
        )
    elif not protocols and not ("protocol" in found.children and found.children["protocol"].broken):
        report_missing(collector, found, ("protocol",))
    if found.broken or inside is None or outside is None or inside_port is None or outside_port is None or not protocols:
        return None
    for leaf in (inside_port, outside_port):
        if leaf.values[0] == 0 and protocols[0] is not Protocol.ICMP:
            refuse_value(collector, leaf, "port 0 cannot be used", "TCP and UDP have no port 0.", "valid is 1 to 65535")
    inside_address, outside_address, first, second = inside.values[0], outside.values[0], inside_port.values[0], outside_port.values[0]
    if isinstance(inside_address, IPv6Address) and isinstance(outside_address, IPv4Address) and isinstance(first, int) and isinstance(second, int):
        return StaticMapping(int(found.name), protocols[0], inside_address, first, outside_address, second)
    return None


def _tayga_static(found: Node, collector: Collector) -> Optional[StaticMapping]:
    for leaf in (found.children.get("protocol"), found.get("inside", "port"), found.get("outside", "port")):
        if leaf is not None:
            refuse(collector, leaf, "not for the engine tayga", "TAYGA maps whole addresses.", "valid with the engine jool")
    inside, outside = _static_leaf(found, "inside", "address", collector), _static_leaf(found, "outside", "address", collector)
    if found.broken or inside is None or outside is None:
        return None
    inside_address, outside_address = inside.values[0], outside.values[0]
    if not (isinstance(inside_address, IPv6Address) and isinstance(outside_address, IPv4Address)):
        return None
    return StaticMapping(int(found.name), None, inside_address, None, outside_address, None)


def _static_addresses(static: StaticMapping, found: Node, engine: Engine, collector: Collector) -> bool:
    """Whether hosts can have both addresses."""
    for side, address, reason in (
        ("inside", static.inside_address, bad_ipv6(int(static.inside_address), engine)),
        ("outside", static.outside_address, bad_ipv4(int(static.outside_address), int(static.outside_address), engine)),
    ):
        if reason is not None:
            refuse_value(collector, found.children[side].children["address"], f"{address} cannot be used", sentence(reason))
    return not found.broken


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
                refuse_value(
                    collector, leaf, f"{static.inside_address} is in the rule's own prefix", f"Addresses in {prefix} stand for IPv4 hosts.",
                    "the address of an IPv6 host"
                )
    translation = node.children.get("translation")
    if engine is Engine.TAYGA:
        _statics_beside_the_translator(pools, statics, collector)
        return
    if may_be_unread(collector, node, ("translation", "pool")) or (translation is not None and translation.broken):
        return
    if not pools:
        _statics_without_pools(node, mode, statics, collector)
        return
    blocks: Dict[Protocol, Blocks[int]] = {protocol: Blocks(32) for protocol in Protocol}
    for pool, _ in sorted(pools, key=lambda item: item[0].address.prefixlen):
        for protocol in pool.protocols:
            ports = ports_of(pool)
            blocks[protocol].add((int(pool.address.network_address), pool.address.prefixlen, ports.first, ports.last), pool.number)
    for static, found in statics:
        wanted, port = static.protocol, static.outside_port
        if wanted is None or port is None:
            continue
        if blocks[wanted].find((int(static.outside_address), 32, port, port)) is None:
            _outside(static, found, wanted, port, pools, collector)


def _statics_beside_the_translator(
    pools: Tuple[Tuple[Pool, Node], ...], statics: Tuple[Tuple[StaticMapping, Node], ...], collector: Collector,
) -> None:
    """The first address of a pool is TAYGA's own."""
    networks = list(collapse_addresses(pool.address for pool, _ in pools))
    if len(networks) != 1:
        return
    own = networks[0].network_address
    for static, found in statics:
        if static.outside_address == own:
            refuse_value(
                collector, found.children["outside"].children["address"], f"{own} is the first address of the pool",
                "TAYGA has it for itself, as the source of its ICMP errors.", "another address",
            )


def _outside(static: StaticMapping, found: Node, protocol: Protocol, port: int, pools: Tuple[Tuple[Pool, Node], ...], collector: Collector) -> None:
    if not collector.wants_errors:
        found.break_()
        collector.error(found.position, (), "in no pool")
        return
    same_address = [pool for pool, _ in pools if static.outside_address in pool.address]
    leaf = found.children["outside"].children["port" if same_address else "address"]
    taken = sorted({ports_of(pool) for pool in same_address if protocol in pool.protocols})
    if taken:
        remedy = "valid is {}".format(listed(f"{ports.first}-{ports.last}" if ports.first < ports.last else str(ports.first) for ports in taken[:5]))
    elif same_address:
        remedy = f"pool {same_address[0].number} holds this address, but not for {protocol.value}"
    else:
        remedy = f"valid is an address of {listed([str(network) for network in sorted({pool.address for pool, _ in pools})][:5])}"
    refuse_value(
        collector, leaf, f"{protocol.value} port {port} of {static.outside_address} is in no pool of this rule", "A static mapping lies in a pool.",
        remedy,
    )


def _statics_without_pools(node: Node, mode: Mode, statics: Tuple[Tuple[StaticMapping, Node], ...], collector: Collector) -> None:
    for static, found in statics:
        if mode is Mode.ISOLATED or node.has("masquerade"):
            refuse(
                collector, found, "no pool holds this mapping", "A static mapping lies in a pool.",
                f"a translation pool with {static.outside_address}",
            )
        elif static.outside_port is not None and not DEFAULT_PORTS.first <= static.outside_port <= DEFAULT_PORTS.last:
            leaf = found.children["outside"].children["port"]
            refuse_value(
                collector, leaf, f"port {static.outside_port} is in no pool",
                f"Without a pool Jool has ports {DEFAULT_PORTS.first} to {DEFAULT_PORTS.last}.", f"a translation pool with {static.outside_address}",
            )


def _timeouts(node: Node) -> Dict[str, int]:
    """In the tree are Jool's bounds: the minima of RFC 6146 section 4, and milliseconds in 32 bits."""
    timeout = node.children.get("timeout")
    leaves = {} if timeout is None else timeout.children
    return {name: value for name, leaf in leaves.items() for value in leaf.values if isinstance(value, int)}
