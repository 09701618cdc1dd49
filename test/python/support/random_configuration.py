"""Valid configurations by chance, of every engine, mode and kind of rule; the same for the same random numbers."""
from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from random import Random
from typing import Dict, List, Optional, Sequence, Tuple, Union

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

LENGTHS = (32, 40, 48, 56, 64, 96)
PLACES = ((Engine.JOOL, Mode.ISOLATED), (Engine.JOOL, Mode.IPTABLES), (Engine.TAYGA, Mode.INLINE))
TEXTS = (
    "", "plain", "two words", "it's", 'say "x"', "back\\slash", "$HOME `id`", "# none", "tab\tand\nline", "ü 日本", "{ } /* // */", "'", "\\\"'",
)


class _Space:
    """Gives each rule addresses of its own, so that nothing overlaps unless it is wanted."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.ipv4_used = 0
        self.ipv6_used = 0

    def ipv4(self, shortest: int = 24, longest: int = 32) -> IPv4Network:
        self.ipv4_used += 1
        # A /20 for each; networks of that start at its first address.
        return IPv4Network((int(IPv4Address("20.0.0.0")) + (self.ipv4_used << 12), self.random.randint(shortest, longest)))

    def prefix(self) -> IPv6Network:
        """One of a /24 for each, so that a /32 fits."""
        self.ipv6_used += 1
        length = self.random.choice(LENGTHS)
        extra = self.random.getrandbits(128) & ((1 << 104) - 1)
        value = (0x2A << 120 | self.ipv6_used << 104 | extra) >> (128 - length) << (128 - length)
        return IPv6Network((value & ~(0xFF << 56), length))

    def host(self) -> IPv6Address:
        self.ipv6_used += 1
        return IPv6Address(0x2B << 120 | self.ipv6_used << 64 | self.random.getrandbits(64))

    def network(self, length: int) -> IPv6Network:
        return IPv6Network((int(self.host()) >> (128 - length) << (128 - length), length))


def random_configuration(random: Random) -> Configuration:
    space = _Space(random)
    sources: List[SourceRule] = []
    numbers = sorted(random.sample(range(1, 1000000), 8))
    if random.random() < 0.7:
        sources.extend(_inline_sources(random, space, [numbers.pop(0) for _ in range(random.randint(1, 3))]))
    for number in numbers[:random.randint(0, 3)]:
        engine, mode = random.choice(PLACES)
        sources.append(_source(random, space, number, engine, mode, space.prefix(), _options(random) if engine is Engine.JOOL else {}, None))
    destinations: List[DestinationRule] = []
    inline_prefix = next((rule.prefix for rule in sources if rule.engine is Engine.JOOL and rule.mode is Mode.INLINE), None)
    for number in sorted(random.sample(range(1, 1000000), random.randint(0, 4))):
        destinations.append(_destination(random, space, number, inline_prefix, destinations))
    sessions = [rule for rule in sources if rule.engine is Engine.JOOL]
    forwards = [rule for rule in destinations if rule.stateful]
    return Configuration(
        source_rules=tuple(sorted(sources, key=lambda rule: rule.number)), destination_rules=tuple(destinations),
        clat=_clat(random, space, destinations) if random.random() < 0.2 else None,
        nat64_synchronization=_synchronization(random, sessions),
        nat46_synchronization=_synchronization(random, forwards),
    )


def _inline_sources(random: Random, space: _Space, numbers: List[int]) -> List[SourceRule]:
    """Rules of one instance: the same prefix and options, each with its mark, and perhaps with the same pool."""
    prefix, options, log = space.prefix(), _options(random), _log(random)
    timeouts = _timeouts(random)
    marks: List[Optional[int]] = [None, *random.sample(range(1, 2 ** 31), len(numbers))]
    random.shuffle(marks)
    rules = [_source(random, space, number, Engine.JOOL, Mode.INLINE, prefix, options, mark) for number, mark in zip(numbers, marks)]
    shared = rules[0].pools
    return [
        SourceRule(
            number=rule.number, engine=rule.engine, mode=rule.mode, prefix=prefix,
            pools=shared if random.random() < 0.3 and not rule.statics else rule.pools,
            statics=rule.statics, disabled=rule.disabled, mark=rule.mark, timeouts=timeouts, options=options, log=log, description=rule.description,
        )
        for rule in rules
    ]


def _source(
    random: Random, space: _Space, number: int, engine: Engine, mode: Mode, prefix: IPv6Network, options: Dict[str, OptionValue], mark: Optional[int],
) -> SourceRule:
    jool = engine is Engine.JOOL
    masquerade = (not jool or mode is Mode.ISOLATED) and random.random() < 0.3
    pools: Tuple[Pool, ...] = ()
    if not (masquerade and random.random() < 0.5):
        pools = _pools(random, space) if jool else (
            Pool(random.randint(1, 999999), space.ipv4(22, 31), None, tuple(Protocol), None, random.choice(TEXTS)),
        )
    statics = _statics(random, space, pools) if jool else tuple(
        StaticMapping(index + 1, None, space.host(), None, IPv4Address(space.ipv4().network_address), None) for index in range(random.randint(0, 3))
    )
    matches = jool and mode is not Mode.INLINE
    return SourceRule(
        number=number, engine=engine, mode=mode, prefix=prefix, pools=pools, statics=statics, disabled=random.random() < 0.1,
        mark=mark if mark is not None or not matches else random.choice((None, random.randint(1, 2 ** 31 - 1))),
        source_address=space.network(random.randint(16, 128)) if matches and random.random() < 0.3 else None,
        inbound_interface=random.choice(("eth0", "br-lan.7", "a" * 15)) if matches and random.random() < 0.3 else None,
        timeouts=_timeouts(random) if jool else {}, options=options, log=_log(random) if jool else (), persistent=not jool and random.random() < 0.5,
        masquerade=masquerade, description=random.choice(TEXTS),
    )


def _pools(random: Random, space: _Space) -> Tuple[Pool, ...]:
    iterations = random.choice((None, "auto", "infinity", random.randint(1, 4294967295)))
    pools: List[Pool] = []
    for number in sorted(random.sample(range(1, 1000000), random.randint(1, 4))):
        first = random.choice((1, 65535, random.randint(1, 65535), random.randint(1, 65535)))
        protocols = tuple(protocol for protocol in Protocol if random.random() < 0.6) or tuple(Protocol)
        ports = None if random.random() < 0.2 else PortRange(first, random.choice((first, 65535, random.randint(first, 65535))))
        pools.append(Pool(number, space.ipv4(20, 32), ports, protocols, iterations, random.choice(TEXTS)))
    return tuple(pools)


def _statics(random: Random, space: _Space, pools: Tuple[Pool, ...]) -> Tuple[StaticMapping, ...]:
    statics: List[StaticMapping] = []
    for pool in pools:
        # Where none is written: what Jool takes then.
        ports = pool.ports or PortRange(61001, 65535)
        address = pool.address.network_address + random.choice((0, pool.address.num_addresses - 1, random.randrange(pool.address.num_addresses)))
        statics.append(
            StaticMapping(
                len(statics) + 1, random.choice(pool.protocols), space.host(), random.choice((1, 65535, random.randint(1, 65535))), address,
                random.choice((ports.first, ports.last, random.randint(ports.first, ports.last))),
            ),
        )
    return tuple(statics)


def _timeouts(random: Random) -> Dict[str, int]:
    ranges = {"udp": 120, "tcp-established": 7200, "tcp-transitory": 240, "icmp": 1}
    return {name: random.randint(minimum, 100000) for name, minimum in ranges.items() if random.random() < 0.2}


def _log(random: Random) -> Tuple[str, ...]:
    return tuple(name for name in ("binding", "debug", "session") if random.random() < 0.2)


def _options(random: Random) -> Dict[str, OptionValue]:
    values: Dict[str, OptionValue] = {
        "address-dependent-filtering": True, "drop-icmpv6-info": True, "lowest-ipv6-mtu": random.randint(1280, 9000), "f-args": random.randint(0, 15),
        "mtu-plateaus": tuple(sorted(random.sample(range(1, 65536), random.choice((1, 2, 5, 64))), reverse=True)), "tos": random.randint(0, 255),
        "source-icmpv6-errors-better": random.random() < 0.5, "maximum-simultaneous-opens": random.randint(0, 1000),
    }
    return {name: value for name, value in values.items() if random.random() < 0.2}


def _destination(
    random: Random, space: _Space, number: int, inline_prefix: Optional[IPv6Network], before: List[DestinationRule],
) -> DestinationRule:
    engine, mode = random.choice(((Engine.JOOL, Mode.INLINE), *PLACES))
    stateful = engine is Engine.JOOL and random.random() < 0.4
    alike = [rule for rule in before if (rule.engine, rule.mode, rule.stateful) == (Engine.JOOL, Mode.INLINE, stateful)]
    inline = (engine, mode) == (Engine.JOOL, Mode.INLINE)
    prefix = space.prefix()
    options: Dict[str, OptionValue] = {} if engine is Engine.TAYGA or stateful or random.random() < 0.5 else {
        "eam-hairpin": random.choice(("none", "simple", "intrinsic")), "amend-udp-checksum-zero": True, "rfc6791 address": "198.18.0.0/24",
        "rfc6791 random": random.random() < 0.5,
    }
    if inline and stateful and inline_prefix is not None:
        prefix = inline_prefix
    elif inline and alike:
        prefix, options = alike[0].source_prefix, alike[0].options
    first = random.randint(1, 60000)
    address = space.ipv4(32 if stateful else 24, 32)
    return DestinationRule(
        number=number, engine=engine, mode=mode, address=address, ports=PortRange(first, first + random.randint(0, 300)) if stateful else None,
        protocols=tuple(protocol for protocol in Protocol if random.random() < 0.5) or (Protocol.TCP, Protocol.UDP) if stateful else (),
        translation_address=space.network(96 + address.prefixlen),
        translation_port=random.choice((None, random.randint(1, 65000))) if stateful else None,
        source_prefix=prefix, disabled=random.random() < 0.1, options=options, description=random.choice(TEXTS),
    )


def _clat(random: Random, space: _Space, destinations: List[DestinationRule]) -> Clat:
    engine, mode = random.choice(((Engine.JOOL, Mode.INLINE), *PLACES))
    maps = [rule for rule in destinations if (rule.engine, rule.mode, rule.stateful) == (Engine.JOOL, Mode.INLINE, False)]
    plat = maps[0].source_prefix if maps and (engine, mode) == (Engine.JOOL, Mode.INLINE) else space.prefix()
    ipv4 = space.ipv4()
    length = 96 + ipv4.prefixlen if engine is Engine.TAYGA else random.choice((96 + ipv4.prefixlen, 96, 64))
    return Clat(engine, mode, plat, ipv4, space.network(length))


def _synchronization(random: Random, stateful: Sequence[Union[SourceRule, DestinationRule]]) -> Optional[Synchronization]:
    if not stateful or any(rule.mode is Mode.ISOLATED for rule in stateful) or random.random() < 0.5:
        return None
    groups = (IPv6Address("ff02::6464"), IPv6Address("ff08::db8:64:64"))
    numbers = (random.choice((None, random.randint(1, 50))) for _ in range(3))
    return Synchronization("eth7", random.choice(groups), random.choice((1, 6464, 65500)), *numbers)
