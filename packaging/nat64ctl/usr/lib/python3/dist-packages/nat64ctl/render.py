"""A configuration as `set` commands, the canonical text: check reads the same configuration from it."""
from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Dict, Iterator, List, Optional, Sequence, Union

from .model import Clat, Configuration, DestinationRule, Engine, Mode, OptionValue, Pool, PortRange, Protocol, SourceRule, Synchronization
from .set_lines import render_word
from .tree import Tree, switch_words
from .tree import load as load_tree


def set_commands(configuration: Configuration, tree: Optional[Tree] = None) -> List[str]:
    """Without line ends, rules by number. What has its default is left out; disabled pools are not in the model, so not here.

    `tree` is the CLI tree, by default the package's own, which tells switches with words from those without.
    """
    used = load_tree() if tree is None else tree
    lines: List[str] = []
    for source in configuration.source_rules:
        lines.extend(_source(source, used))
    if configuration.nat64_synchronization is not None:
        lines.extend(_synchronization("nat64", configuration.nat64_synchronization))
    for destination in configuration.destination_rules:
        lines.extend(_destination(destination, used))
    if configuration.clat is not None:
        lines.extend(_clat(configuration.clat))
    if configuration.nat46_synchronization is not None:
        lines.extend(_synchronization("nat46", configuration.nat46_synchronization))
    return lines


def set_text(configuration: Configuration, tree: Optional[Tree] = None) -> str:
    return "".join(line + "\n" for line in set_commands(configuration, tree))


def _line(base: str, *words: str, value: object = None) -> str:
    return " ".join(("set", base, *words)) + ("" if value is None else " " + render_word(str(value)))


def _common(base: str, engine: Engine, mode: Mode, disabled: bool = False, description: str = "") -> Iterator[str]:
    if description:
        yield _line(base, "description", value=description)
    if disabled:
        yield _line(base, "disable")
    if engine is not Engine.JOOL:
        yield _line(base, "engine", value=engine.value)
    if mode is not Mode.INLINE:
        yield _line(base, "mode", value=mode.value)


def _source(rule: SourceRule, tree: Tree) -> Iterator[str]:
    base = f"nat64 source rule {rule.number}"
    yield from _common(base, rule.engine, rule.mode, rule.disabled, rule.description)
    for name, value in (("mark", rule.mark), ("source-address", rule.source_address), ("inbound-interface", rule.inbound_interface)):
        if value is not None:
            yield _line(base, "match", name, value=value)
    yield _line(base, "source prefix", value=rule.prefix)
    for pool in rule.pools:
        yield from _pool(f"{base} translation pool {pool.number}", pool)
    for static in rule.statics:
        below = f"{base} static {static.number}"
        if static.protocol is not None:
            yield _line(below, "protocol", value=static.protocol.value)
        yield _line(below, "inside address", value=static.inside_address)
        if static.inside_port is not None:
            yield _line(below, "inside port", value=static.inside_port)
        yield _line(below, "outside address", value=static.outside_address)
        if static.outside_port is not None:
            yield _line(below, "outside port", value=static.outside_port)
    for name in sorted(rule.timeouts):
        yield _line(base, "timeout", name, value=rule.timeouts[name])
    yield from _options(base, "nat64", "source", rule.options, tree)
    for name in rule.log:
        yield _line(base, "log", name)
    if rule.persistent:
        yield _line(base, "persistent")
    if rule.masquerade:
        yield _line(base, "masquerade")


def _pool(base: str, pool: Pool) -> Iterator[str]:
    if pool.description:
        yield _line(base, "description", value=pool.description)
    yield _line(base, "address", value=_network(pool.address))
    if pool.ports is not None:
        yield _line(base, "port", value=_ports(pool.ports))
    yield from _protocols(base, pool.protocols if pool.protocols != tuple(Protocol) else ())
    if pool.max_iterations is not None:
        yield _line(base, "max-iterations", value=pool.max_iterations)


def _destination(rule: DestinationRule, tree: Tree) -> Iterator[str]:
    base = f"nat46 destination rule {rule.number}"
    yield from _common(base, rule.engine, rule.mode, rule.disabled, rule.description)
    yield _line(base, "destination address", value=_network(rule.address))
    if rule.ports is not None:
        yield _line(base, "destination port", value=_ports(rule.ports))
    yield from _protocols(base, rule.protocols)
    yield _line(base, "translation address", value=_network(rule.translation_address))
    if rule.translation_port is not None:
        yield _line(base, "translation port", value=rule.translation_port)
    yield _line(base, "source prefix", value=rule.source_prefix)
    yield from _options(base, "nat46", "destination", rule.options, tree)


def _clat(clat: Clat) -> Iterator[str]:
    base = "nat46 clat"
    yield from _common(base, clat.engine, clat.mode)
    yield _line(base, "plat-prefix", value=clat.plat_prefix)
    yield _line(base, "ipv4 address", value=clat.ipv4_address)
    yield _line(base, "ipv6 prefix", value=clat.ipv6_prefix)


def _synchronization(root: str, settings: Synchronization) -> Iterator[str]:
    base = root + " synchronization"
    yield _line(base, "interface", value=settings.interface)
    yield _line(base, "multicast-address", value=settings.multicast_address)
    yield _line(base, "port", value=settings.port)
    more = (
        ("flush-deadline", settings.flush_deadline), ("capacity", settings.capacity), ("max-sessions-per-packet", settings.max_sessions_per_packet),
    )
    for name, value in more:
        if value is not None:
            yield _line(base, name, value=value)


def _options(base: str, root: str, kind: str, options: Dict[str, OptionValue], tree: Tree) -> Iterator[str]:
    for name in sorted(options):
        value = options[name]
        leaf = tree.roots[root].children[kind].children["rule"].children["option"]
        for part in name.split():
            leaf = leaf.children[part]
        switch = switch_words(leaf)
        if isinstance(value, tuple):
            for item in value:
                yield _line(base, "option", name, value=item)
        elif isinstance(value, bool):
            # A switch without words is there or not.
            if switch is not None:
                yield _line(base, "option", name, value=switch[0] if value else switch[1])
            elif value:
                yield _line(base, "option", name)
        else:
            yield _line(base, "option", name, value=value)


def _protocols(base: str, protocols: Sequence[Protocol]) -> Iterator[str]:
    for protocol in protocols:
        yield _line(base, "protocol", protocol.value)


def _network(network: Union[IPv4Network, IPv6Network]) -> str:
    """A network of one address as that address."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def _ports(ports: PortRange) -> str:
    return str(ports.first) if ports.first == ports.last else f"{ports.first}-{ports.last}"
