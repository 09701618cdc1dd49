"""What rules of both kinds have in common: engine, mode, what is not for them, options."""
from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Dict, List, Optional, Tuple, Union

from nat64ctl.model import Clat, DestinationRule, Engine, Mode, OptionValue, Pool, PortRange, Protocol, SourceRule, StaticMapping
from nat64ctl.problems import Collector, listed
from nat64ctl.tree import TreeNode, switch_words

from .addresses import plain
from .nodes import Node, walk

#: Jool's own limit for the name of an instance, and Linux's for that of an interface.
NAME_AT_MOST = 15
#: Jool's PLATEAUS_MAX.
MOST_PLATEAUS = 64
_SCOPED = tuple(IPv4Network(text) for text in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"))


@dataclass(frozen=True)
class CheckedSource:
    """A source rule with the nodes that it came from, for whoever has to say where something is."""

    rule: SourceRule
    node: Node
    pools: Tuple[Tuple[Pool, Node], ...]
    statics: Tuple[Tuple[StaticMapping, Node], ...]

    @property
    def label(self) -> str:
        return f"nat64 source rule {self.rule.number}"


@dataclass(frozen=True)
class CheckedDestination:
    rule: DestinationRule
    node: Node

    @property
    def label(self) -> str:
        return f"nat46 destination rule {self.rule.number}"


@dataclass(frozen=True)
class CheckedClat:
    clat: Clat
    node: Node

    @property
    def label(self) -> str:
        return "nat46 clat"


def engine_and_mode(checked: Checked) -> Tuple[Engine, Mode]:
    holder = checked.clat if isinstance(checked, CheckedClat) else checked.rule
    return (holder.engine, holder.mode)


def translator_of(checked: Checked) -> str:
    """Jool's name for the translator that a rule needs."""
    return "NAT64" if isinstance(checked, CheckedSource) or (isinstance(checked, CheckedDestination) and checked.rule.stateful) else "SIIT"


def is_apart(checked: Checked) -> bool:
    """Whether packets are routed to an interface of its own."""
    engine, mode = engine_and_mode(checked)
    return engine is Engine.TAYGA or mode is Mode.ISOLATED


def is_disabled(checked: Checked) -> bool:
    return not isinstance(checked, CheckedClat) and checked.rule.disabled


def is_unclear(node: Node) -> bool:
    """The engine or the mode is wrong: what is for them and what is not would be guessed."""
    return any(leaf is not None and leaf.broken for leaf in (node.get("engine"), node.get("mode")))


def engine_of(node: Node) -> Engine:
    value = node.value("engine")
    return Engine(value) if isinstance(value, str) else Engine.JOOL


def mode_of(node: Node, engine: Engine, collector: Collector) -> Mode:
    """The rule's mode; TAYGA's rules have INLINE."""
    value = node.value("mode")
    mode = Mode(value) if isinstance(value, str) else Mode.INLINE
    if engine is Engine.JOOL:
        return mode
    written = node.get("mode")
    if written is not None and mode is Mode.IPTABLES:
        refuse(
            collector, written, "iptables is not for the engine tayga",
            "The target JOOL is a part of Jool; TAYGA always works on an interface of its own.", "leave it out"
        )
    return Mode.INLINE


def refuse(collector: Collector, node: Node, message: str, reason: str = "", remedy: str = "") -> None:
    """An error about a node as a whole, unless one was found there already."""
    if node.broken:
        return
    node.break_()
    collector.error(node.position, node.path, message, reason, remedy)


def refuse_value(collector: Collector, node: Node, message: str, reason: str = "", remedy: str = "") -> None:
    """An error about a leaf's value, unless one was found there already."""
    if node.broken or not node.positions:
        return
    node.break_()
    collector.error(node.positions[-1], node.path, message, reason, remedy)


def check_name(collector: Collector, node: Node, name: str) -> None:
    if len(name) > NAME_AT_MOST:
        refuse(
            collector, node, f"the name {name} is too long",
            f"Jool's instances and Linux's interfaces have names of at most {NAME_AT_MOST} characters.", "a smaller number",
        )


def check_limits(collector: Collector, node: Node, engine: Engine, mode: Mode) -> None:
    """What the tree has only for some engines or modes. TAYGA's interface gives it what isolated mode gives Jool."""
    if not node.schema.limited:
        return
    in_effect = Mode.ISOLATED if engine is Engine.TAYGA else mode
    known: Dict[TreeNode, bool] = {}

    def has_unfit(schema: TreeNode) -> bool:
        if schema not in known:
            unfit = bool((schema.engines and engine.value not in schema.engines) or (schema.modes and in_effect.value not in schema.modes))
            known[schema] = unfit or (schema.limited and any(has_unfit(child) for child in schema.children.values()))
        return known[schema]
    for found in walk(node, has_unfit):
        if found is node or (found.schema.kind == "tag" and not found.container):
            continue
        schema = found.schema
        if schema.engines and engine.value not in schema.engines:
            refuse(collector, found, f"not for the engine {engine.value}", "", f"valid with the engine {listed(schema.engines)}")
        elif schema.modes and in_effect.value not in schema.modes:
            refuse(collector, found, f"not for the mode {mode.value}", "", f"valid with the mode {listed(schema.modes)}")


def protocols_of(node: Node) -> Tuple[Protocol, ...]:
    """In the order of Protocol; empty when none was written."""
    words = node.words("protocol")
    return tuple(protocol for protocol in Protocol if protocol.value in words) if words else ()


def network_of(value: object) -> Optional[IPv4Network]:
    if isinstance(value, IPv4Address):
        return IPv4Network((int(value), 32))
    return value if isinstance(value, IPv4Network) else None


def network6_of(value: object) -> Optional[IPv6Network]:
    if isinstance(value, IPv6Address):
        return IPv6Network((int(value), 128))
    return value if isinstance(value, IPv6Network) else None


def port_range_of(value: object) -> Optional[PortRange]:
    if isinstance(value, int):
        return PortRange(value, value)
    return value if isinstance(value, PortRange) else None


def check_port_zero(collector: Collector, node: Node, ports: PortRange, protocols: Tuple[Protocol, ...]) -> None:
    """`node` is the leaf. Identifiers of ICMP may be 0."""
    if ports.first > 0 or protocols == (Protocol.ICMP,):
        return
    if ports.last == 0 and Protocol.ICMP not in protocols:
        refuse_value(collector, node, "port 0 cannot be used", "TCP and UDP have no port 0.", "valid is 1 to 65535")
    elif not node.broken:
        collector.warning(node.positions[-1], node.path, "port 0 is never used", "TCP and UDP have no port 0; only ICMP has an identifier 0.")


def check_options(node: Node, collector: Collector) -> None:
    """What Jool refuses though each value is one of the tree's."""
    plateaus = node.get("option", "mtu-plateaus")
    if plateaus is not None and len(set(plateaus.values)) > MOST_PLATEAUS:
        refuse_value(
            collector, plateaus, f"{len(set(plateaus.values))} are too many", f"Jool keeps at most {MOST_PLATEAUS} of them.", "leave some out",
        )
    errors = node.get("option", "rfc6791", "address")
    network = network_of(node.value("option", "rfc6791", "address"))
    if errors is not None and network is not None:
        scoped = next((each for each in _SCOPED if each.overlaps(network)), None)
        if scoped is not None:
            refuse_value(
                collector, errors, f"{plain(network)} cannot be used", f"Jool sends no ICMP errors from {scoped}, which no router passes on.",
                "addresses that are routed to this router",
            )


def options_of(node: Node) -> Dict[str, OptionValue]:
    """What was written below `option`, by the CLI's name; a node in a node is both names with a blank between."""
    options: Dict[str, OptionValue] = {}
    option = node.children.get("option")
    if option is not None:
        _options(option, "", options)
    return options


def _options(node: Node, prefix: str, options: Dict[str, OptionValue]) -> None:
    for name, child in node.children.items():
        if child.schema.kind != "leaf":
            _options(child, prefix + name + " ", options)
        elif not child.schema.value:
            options[prefix + name] = True
        elif child.values:
            options[prefix + name] = _option_value(child)


def _option_value(leaf: Node) -> OptionValue:
    values = leaf.values
    if leaf.schema.multi and all(isinstance(value, int) for value in values):
        # A set of numbers: in what order it was written means nothing.
        return tuple(sorted({value for value in values if isinstance(value, int)}, reverse=True))
    value = values[-1]
    switch = switch_words(leaf.schema)
    if switch is not None:
        return value == switch[0]
    return value if isinstance(value, int) else str(value)


Checked = Union[CheckedSource, CheckedDestination, CheckedClat]


def leaf_or_self(node: Node, *names: str) -> Node:
    """The node to point at: the leaf, or the rule where the leaf has its default."""
    return node.get(*names) or node


def by_number(nodes: List[Node]) -> List[Node]:
    return [node for node in nodes if node.name.isdigit()]
