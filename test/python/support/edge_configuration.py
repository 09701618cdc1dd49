"""Configurations at the ends of what can be written, as `set` lines: some are refused, and what is not has to run on a router."""
from __future__ import annotations

from random import Random
from typing import List, Sequence, Tuple

#: Addresses of the router itself in these tests.
OWN_ADDRESSES = ("203.0.113.200", "198.19.0.10")

_POOLS = ("192.0.2.%d", "192.0.2.%d", "192.0.2.%d", "100.64.0.%d", "169.254.7.%d", "240.0.0.%d", "198.18.0.%d", "198.19.0.%d", "127.0.0.%d")
_INSIDE = (
    "2001:db8::%x", "2001:db8::%x", "2001:db8::%x", "64:ff9b::1:%x", "64:ff9b:0:1::%x", "64::%x", "fd64:6464:6464::c613:%x", "2001:db8:64::%x",
)
_PREFIXES = (
    "2001:db8:64::/96", "2001:db8:64::/96", "2001:db8:65::/96", "2001:db8:65::/48", "64:ff9b::/96", "64:ff9b::/64", "64:ff9b:1::/96", "64:1::/96",
    "fd64:6464:6464::/96",
)
_PORTS = ("", "0", "1", "1-65535", "0-65535", "2-65535", "61001-65535", "1024-32767", "65535", "32768-60999", "80-80")
_TO = ("0", "1", "80", "1024", "61000", "61001", "65535")
_NAMES = ("eth0", "eth0", "eth1.7", "eth+", "!eth0", "-i", "a" * 15, "a" * 16, "é" * 15, "eth%d", "..", "x y")
_PLACES = ("", "", "mode isolated", "mode isolated", "mode iptables", "engine tayga", "engine tayga")
_NETWORKS = ("::/0", "2001:db8::/32", "2001:db8:a::/48", "2001:db8:b::/48", "2001:db8:a::1/128")
_PLATEAUS = ((), (), ("0",), ("0", "1500"), ("1500", "1280"), *(tuple(str(each) for each in range(100, last)) for last in (164, 165)))
_ERRORS = ("198.51.100.0/24", "192.0.2.9", "127.0.0.1", "169.254.0.0/16", "224.0.0.1", "0.0.0.0/8", "255.255.255.255")


def edge_configuration(random: Random) -> str:
    lines: List[str] = []
    for number in random.sample((1, 10, 20, 32778, 999999), random.randint(0, 3)):
        lines.extend("set nat64 source rule %d %s" % (number, line) for line in _source(random))
    for number in random.sample((5, 10, 32757), random.randint(0, 2)):
        lines.extend("set nat46 destination rule %d %s" % (number, line) for line in _destination(random))
    if random.random() < 0.15:
        lines.extend("set nat46 clat " + line for line in _clat(random))
    if random.random() < 0.2:
        group = random.choice(("ff08::1", "239.64.64.64", "192.0.2.1"))
        sync = ("interface " + _name(random), "port " + random.choice(("6464", "65535", "65534", "0")), "multicast-address " + group)
        lines.extend("set nat64 synchronization " + line for line in sync)
    return "".join(line + "\n" for line in lines)


def _often(random: Random, values: Sequence[str], chance: float = 0.25) -> str:
    """The first, or at times any."""
    return random.choice(values) if random.random() < chance else values[0]


def _name(random: Random) -> str:
    return _often(random, ["'%s'" % name for name in _NAMES])


def _source(random: Random) -> List[str]:
    place = random.choice(_PLACES)
    tayga = place == "engine tayga"
    lines = [place, "source prefix " + _often(random, _PREFIXES, 0.5), *(["disable"] if random.random() < 0.05 else [])]
    base = _often(random, _POOLS, 0.4)
    pools: List[Tuple[int, str, str]] = []
    for pool in range(random.choice((0, 1, 1, 1, 2))):
        address = 16 * random.randrange(16)
        length = 30 if tayga else random.choice((32, 31, 28))
        ports = "" if tayga else random.choice(_PORTS)
        pools.append((address, ports, str(pool + 1)))
        lines.append("translation pool %d address %s/%d" % (pool + 1, base % address, length))
        lines.append("translation pool %d port %s" % (pool + 1, ports) if ports else "")
        if not tayga and random.random() < 0.4:
            lines.append("translation pool %d protocol %s" % (pool + 1, random.choice(("tcp", "udp", "icmp"))))
    if not pools and random.random() < 0.7 and place in ("mode isolated", "engine tayga"):
        lines.append("masquerade")
    if place in ("mode isolated", "mode iptables"):
        if random.random() < 0.3:
            lines.append("match source-address " + random.choice(_NETWORKS))
        if random.random() < 0.2:
            lines.append("match inbound-interface " + _name(random))
    if not tayga and random.random() < 0.2:
        lines.append("match mark " + random.choice(("1", "7", "2147483647")))
    lines.extend(_statics(random, tayga, base, pools))
    if not tayga:
        lines.extend("option mtu-plateaus " + value for value in _often_plateaus(random))
    return [line for line in lines if line]


def _often_plateaus(random: Random) -> Tuple[str, ...]:
    return random.choice(_PLATEAUS) if random.random() < 0.2 else ()


def _statics(random: Random, tayga: bool, base: str, pools: List[Tuple[int, str, str]]) -> List[str]:
    lines: List[str] = []
    for number in range(random.choice((0, 0, 1, 2))):
        address, ports, _ = random.choice(pools) if pools else (1, "", "")
        outside = base % (address + random.choice((0, 0, 1, 1, 2))) if pools or tayga else random.choice((*OWN_ADDRESSES, "192.0.2.1"))
        inside = _often(random, _INSIDE, 0.5) % random.randint(2, 9)
        lines.extend(["static %d inside address %s" % (number + 1, inside), "static %d outside address %s" % (number + 1, outside)])
        if not tayga:
            to = random.choice((*_TO, *(end for end in ports.split("-") if end)))
            lines.append("static %d protocol %s" % (number + 1, random.choice(("tcp", "udp", "icmp"))))
            lines.extend(["static %d inside port %d" % (number + 1, random.randint(1, 9)), "static %d outside port %s" % (number + 1, to)])
    return lines


def _destination(random: Random) -> List[str]:
    place = random.choice(_PLACES)
    host = 16 * random.randrange(16)
    length = random.choice((32, 32, 30, 28))
    base = _often(random, [each.replace("192.0.2", "203.0.113") for each in _POOLS], 0.3)
    inside = _often(random, ["2001:db8:5::%x", "2001:db8:5::%x", *_INSIDE], 0.4) % (16 * random.randrange(3))
    lines = [
        place, "source prefix " + _often(random, ["2001:db8:46::/96", *_PREFIXES], 0.3), "destination address %s/%d" % (base % host, length),
        "translation address %s/%d" % (inside, 96 + length),
    ]
    if length == 32 and place != "engine tayga" and random.random() < 0.4:
        lines.append("destination port " + random.choice([ports for ports in _PORTS if ports and "65535" not in ports]))
    elif place != "engine tayga":
        lines.extend("option mtu-plateaus " + value for value in _often_plateaus(random))
        if random.random() < 0.2:
            lines.append("option rfc6791 address " + random.choice(_ERRORS))
    return [line for line in lines if line]


def _clat(random: Random) -> List[str]:
    lines = [
        random.choice(_PLACES), "plat-prefix " + _often(random, ["2001:db8:c::/96", *_PREFIXES], 0.3),
        "ipv4 address " + _often(random, ("192.168.0.0/24", "169.254.0.0/24", "198.19.0.0/24")),
        "ipv6 prefix " + _often(random, ("2001:db8:cc::/120", "64::/120", "64:ff9b:0:7::/120", "fd64:6464:6464::/120")),
    ]
    return [line for line in lines if line]
