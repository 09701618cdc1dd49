"""Configurations for tests: small ones by hand, and random ones that a router can carry out."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Dict, List, Optional, Tuple, Union

from nat64ctl.model import (
    Clat,
    Configuration,
    DestinationRule,
    Engine,
    Mode,
    OptionValue,
    Pool,
    PortRange,
    Protocol,
    SourceRule,
    StaticMapping,
    Synchronization,
)

ALL = tuple(Protocol)
WELL_KNOWN = IPv6Network("64:ff9b::/96")


def pool(address: str, ports: Optional[Tuple[int, int]] = (1024, 65535), protocols: Tuple[Protocol, ...] = ALL, number: int = 1, **more: Any) -> Pool:
    return Pool(number, IPv4Network(address), PortRange(*ports) if ports else None, protocols, **more)


def source(
    number: int, *pools: Pool, engine: Engine = Engine.JOOL, mode: Mode = Mode.INLINE, prefix: str = "64:ff9b::/96", **more: Any
) -> SourceRule:
    return SourceRule(number, engine, mode, IPv6Network(prefix), pools, **more)


def static(number: int, inside: str, inside_port: int, outside: str, outside_port: int, protocol: Protocol = Protocol.TCP) -> StaticMapping:
    return StaticMapping(number, protocol, IPv6Address(inside), inside_port, IPv4Address(outside), outside_port)


def destination(
    number: int, address: str, to: str, prefix: str = "2001:db8:46::/96", engine: Engine = Engine.JOOL, mode: Mode = Mode.INLINE, **more: Any
) -> DestinationRule:
    more.setdefault("ports", None)
    more.setdefault("protocols", ())
    more.setdefault("translation_port", None)
    return DestinationRule(number, engine, mode, IPv4Network(address), translation_address=IPv6Network(to), source_prefix=IPv6Network(prefix), **more)


def configuration(*rules: Any, **more: Any) -> Configuration:
    return Configuration(
        source_rules=tuple(rule for rule in rules if isinstance(rule, SourceRule)),
        destination_rules=tuple(rule for rule in rules if isinstance(rule, DestinationRule)),
        **more,
    )


_LENGTHS = ("2001:db8::/32", "2001:db8:100::/40", "2001:db8:122::/48", "2001:db8:122:300::/56", "2001:db8:122:344::/64", "2001:db8:122:344::/96")


def random_configuration(seed: int) -> Configuration:
    """A valid one. Rules of one number in two configurations are alike enough for their difference to be more than all of both."""
    dice = random.Random(seed)
    inline_prefix = dice.choice(["64:ff9b::/96", "64:ff9b::/96", "2001:db8:1::/48"])
    shared: Dict[str, OptionValue] = {}
    if dice.random() < 0.3:
        shared = {"f-args": dice.choice([10, 11, 15]), "address-dependent-filtering": True, "mtu-plateaus": (1500, 1280)}
    timeouts = {"udp": dice.choice([120, 300, 600])} if dice.random() < 0.4 else {}
    shared_iterations: Union[int, str, None] = dice.choice([None, None, 5, "auto", "infinity"])
    rules: List[SourceRule] = []
    for slot, number in enumerate((1, 2, 10, 100, 32768 + 1, 999999)):
        if dice.random() < 0.45:
            continue
        kind = dice.choice(["inline", "inline", "isolated", "isolated", "masquerade", "iptables", "tayga", "tayga masquerade"])
        iterations = shared_iterations if kind == "inline" else dice.choice([None, None, 7, "infinity"])
        pools = tuple(_random_pool(dice, slot, index, iterations) for index in range(dice.randint(1, 3)))
        statics = tuple(_random_static(dice, index, pools) for index in range(dice.randint(0, 4))) if dice.random() < 0.6 else ()
        own = "2001:db8:%x::/96" % (0x6400 + slot)
        more: Dict[str, Any] = {"disabled": dice.random() < 0.1, "description": dice.choice(["", "a rule"])}
        if kind == "inline":
            rules.append(
                source(
                    number,
                    *pools,
                    prefix=inline_prefix,
                    statics=_distinct(statics),
                    options=shared,
                    timeouts=timeouts,
                    mark=number if dice.random() < 0.7 else None,
                    **more,
                )
            )
        elif kind == "isolated":
            match: Dict[str, Any] = dice.choice([{}, {"source_address": IPv6Network("2001:db8:a::/48")}, {"inbound_interface": "eth1", "mark": 7}])
            rules.append(
                source(number, *pools, prefix=own, mode=Mode.ISOLATED, statics=_distinct(statics), masquerade=dice.random() < 0.3, **match, **more)
            )
        elif kind == "masquerade":
            rules.append(
                source(number, prefix=own, mode=Mode.ISOLATED, masquerade=True, log=dice.choice([(), ("binding",), ("binding", "session")]), **more)
            )
        elif kind == "iptables":
            match = dice.choice([{}, {"source_address": IPv6Network("2001:db8:b::/48"), "mark": 9}])
            rules.append(source(number, *pools, prefix=own, mode=Mode.IPTABLES, statics=_distinct(statics), **match, **more))
        else:
            prefix = dice.choice([own, str(IPv6Network(_LENGTHS[slot]))])
            network = Pool(1, IPv4Network((int(IPv4Address("100.64.0.0")) + slot * 4096, dice.choice([24, 26]))), None, ALL)
            rules.append(
                source(
                    number,
                    *((network,) if kind == "tayga" else ()),
                    engine=Engine.TAYGA,
                    prefix=prefix,
                    persistent=dice.random() < 0.5,
                    masquerade=kind != "tayga" or dice.random() < 0.3,
                    **more,
                )
            )
    destinations, siit_prefix = _random_destinations(dice, inline_prefix)
    clat = None
    if dice.random() < 0.25:
        mode, engine = dice.choice(
            [(Mode.INLINE, Engine.JOOL), (Mode.ISOLATED, Engine.JOOL), (Mode.IPTABLES, Engine.JOOL), (Mode.INLINE, Engine.TAYGA)]
        )
        clat = Clat(engine, mode, IPv6Network(siit_prefix), IPv4Network("192.168.7.0/24"), IPv6Network("2001:db8:c1a7::/120"))
    synchronization = None
    if dice.random() < 0.25 and not any(rule.engine is Engine.JOOL and rule.mode is Mode.ISOLATED for rule in rules):
        synchronization = Synchronization("eth2", IPv6Address("ff08::db8:64"), 6400, flush_deadline=dice.choice([None, 500]))
    return Configuration(tuple(rules), tuple(destinations), clat, synchronization)


def _random_pool(dice: random.Random, slot: int, index: int, iterations: Union[int, str, None]) -> Pool:
    base = int(IPv4Address("192.0.2.0")) + slot * 32
    length = dice.choice([32, 32, 31, 30])
    address = base + (dice.randrange(8) * 4 if length < 32 else dice.randrange(32))
    low = dice.choice([1, 1024, 2000, 61001])
    ports = None if dice.random() < 0.2 else PortRange(low, dice.choice([low + 500, 65535]) if low < 61001 else 65535)
    protocols = ALL if dice.random() < 0.6 else tuple(sorted(dice.sample(ALL, 2), key=ALL.index))
    # One number for all pools of a mark: two are an error.
    return Pool(index + 1, IPv4Network((address, length), strict=False), ports, protocols, iterations)


def _random_static(dice: random.Random, number: int, pools: Tuple[Pool, ...]) -> StaticMapping:
    chosen = dice.choice(pools)
    ports = chosen.ports or PortRange(61001, 65535)
    address = chosen.address.network_address + dice.randrange(chosen.address.num_addresses)
    return StaticMapping(
        number + 1,
        dice.choice(chosen.protocols),
        IPv6Address("2001:db8::%x" % dice.randint(1, 6)),
        dice.choice([80, 443]),
        address,
        dice.choice([ports.first, ports.last, (ports.first + ports.last) // 2]),
    )


def _distinct(statics: Tuple[StaticMapping, ...]) -> Tuple[StaticMapping, ...]:
    """Without those that meet on either side. The inside of each rule's mappings is that rule's own address."""
    inside: Dict[Any, bool] = {}
    kept: List[StaticMapping] = []
    for each in statics:
        # Derived from the outside, so that rules that are merged do not meet inside.
        address = IPv6Address(int(each.inside_address) + (int(each.outside_address) % 4096 << 16))
        six, four = (each.protocol, address, each.inside_port), (each.protocol, each.outside_address, each.outside_port)
        if six not in inside and four not in inside:
            inside[six] = inside[four] = True
            kept.append(StaticMapping(each.number, each.protocol, address, each.inside_port, each.outside_address, each.outside_port))
    return tuple(kept)


def _random_destinations(dice: random.Random, nat64_prefix: str) -> Tuple[List[DestinationRule], str]:
    siit_prefix = dice.choice(["2001:db8:46::/96", "2001:db8:47::/64"])
    rules: List[DestinationRule] = []
    for slot, number in enumerate((1, 5, 10, 77)):
        if dice.random() < 0.6:
            continue
        kind = dice.choice(["inline", "overlapping", "stateful", "isolated", "isolated stateful", "iptables", "tayga"])
        address = IPv4Address(int(IPv4Address("203.0.113.0")) + 32 * slot + dice.randrange(3))
        to = "2001:db8:beef:%x::%x" % (slot, dice.randint(1, 3))
        disabled = dice.random() < 0.1
        own = "2001:db8:%x::/96" % (0x4600 + slot)
        if "stateful" in kind:
            first = dice.choice([80, 8000])
            rules.append(
                destination(
                    number,
                    str(address),
                    to,
                    prefix=own if kind != "stateful" else nat64_prefix,
                    mode=Mode.INLINE if kind == "stateful" else Mode.ISOLATED,
                    ports=PortRange(first, first + dice.choice([0, 3])),
                    protocols=dice.choice([(Protocol.TCP,), (Protocol.TCP, Protocol.UDP)]),
                    translation_port=dice.choice([None, 9000]),
                    disabled=disabled,
                )
            )
        elif kind == "inline":
            rules.append(destination(number, str(address), to, prefix=siit_prefix, disabled=disabled))
        elif kind == "overlapping":
            mode, prefix = dice.choice([(Mode.INLINE, siit_prefix), (Mode.IPTABLES, "2001:db8:48::/96")])
            network = ("203.0.113.%d/28" % (32 * slot), "2001:db8:beef:%x::10/124" % slot)
            rules.append(destination(number, *network, prefix=prefix, mode=mode, disabled=disabled))
            rules.append(destination(number + 100, str(address), to, prefix=prefix, mode=mode))
        elif kind == "tayga":
            rules.append(destination(number, str(address), to, prefix=own, engine=Engine.TAYGA, disabled=disabled))
        else:
            mode = Mode.ISOLATED if kind == "isolated" else Mode.IPTABLES
            network = dice.choice([(str(address), to), ("203.0.113.%d/28" % (32 * slot), "2001:db8:beef:%x::/124" % slot)])
            rules.append(destination(number, *network, prefix=own, mode=mode, disabled=disabled))
    return sorted(rules, key=lambda rule: rule.number), siit_prefix
