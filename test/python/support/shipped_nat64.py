"""VyOS's own `nat64`, as its definitions and its script have it: what it accepts, and what it tells Jool. Written from what they say, for tests.

A configuration is a dictionary as VyOS's scripts get it: a switch is {}, a value a text, and names are keys.
"""
from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from random import Random
from typing import Any, Dict, List

Rule = Dict[str, Any]

#: Of a description: anything that can be typed in a line, 255 characters at most.
TEXTS = ("", "x", "to the Internet", "it's", 'say "x"', "back\\slash", "$HOME `id` ; #", "{ } /* // */", "ü 日本", "d" * 255)


def accepted(rule: Rule) -> bool:
    """Whether the script has nothing against a rule."""
    prefix = rule.get("source", {}).get("prefix")
    if prefix is None:
        return False
    network = IPv6Network(prefix)
    if network.prefixlen != 96 or int(network.network_address) & int(IPv6Address("::ff00:0:0:0")):
        return False
    return all("address" in pool and "port" in pool for pool in rule.get("translation", {}).get("pool", {}).values())


def told_to_jool(number: str, rule: Rule) -> Dict[str, Any]:
    """The instance that the script hands to `jool file handle`, with addresses and ports in their shortest form."""
    content: Dict[str, Any] = {
        "instance": "instance-" + number,
        "framework": "netfilter",
        "global": {"pool6": str(IPv6Network(rule["source"]["prefix"])), "manually-enabled": "disable" not in rule},
    }
    if rule.get("description"):
        content["comment"] = rule["description"]
    entries: List[Dict[str, Any]] = []
    pools = rule.get("translation", {}).get("pool", {})
    for name in sorted(pools, key=int):
        pool = pools[name]
        if "disable" in pool:
            continue
        for protocol in [each for each in ("tcp", "udp", "icmp") if each in pool.get("protocol", {})] or ["tcp", "udp", "icmp"]:
            entry: Dict[str, Any] = {"protocol": protocol.upper(), "prefix": _short(pool["address"]), "port range": _range(pool["port"])}
            if "mark" in rule.get("match", {}):
                entry["mark"] = int(rule["match"]["mark"])
            if pool.get("description"):
                entry["comment"] = pool["description"]
            entries.append(entry)
    if entries:
        content["pool4"] = entries
    return content


def _short(address: str) -> str:
    return address[:-len("/32")] if address.endswith("/32") else address


def _range(ports: str) -> str:
    ends = [int(end) for end in ports.split("-")]
    return str(ends[0]) if ends[0] == ends[-1] else "%d-%d" % (ends[0], ends[-1])


def random_rule(random: Random) -> Rule:
    """What the definitions take, accepted by the script or not. A rule that is on has a pool that is on, or none.

    (With nothing but pools that are off, VyOS's own lets Jool take ports of the router's addresses; here that is an error.)
    """
    rule: Rule = {}
    if random.random() < 0.5:
        rule["description"] = random.choice(TEXTS)
    if random.random() < 0.2:
        rule["disable"] = {}
    if random.random() < 0.4:
        rule["match"] = {"mark": str(random.choice((1, 2147483647, random.randint(1, 2147483647))))}
    if random.random() < 0.95:
        rule["source"] = {"prefix": _prefix(random)}
    pools = {str(number): _pool(random) for number in random.sample(range(1, 1000000), random.randint(0, 5))}
    if pools and "disable" not in rule:
        random.choice(list(pools.values())).pop("disable", None)
    if pools:
        rule["translation"] = {"pool": pools}
    return rule


def _prefix(random: Random) -> str:
    if random.random() < 0.3:
        return random.choice(("64:ff9b::/96", "64:ff9b:1::/96", "2001:DB8:0:0:0:0:0:0/96", "2001:db8:ffff:ffff:00ff:ffff::/96"))
    length = 96 if random.random() < 0.9 else random.randint(16, 128)
    # Global unicast; the ninth octet is mostly zero.
    value = 0x2 << 124 | random.getrandbits(124)
    if random.random() < 0.9:
        value &= ~(0xFF << 56)
    network = IPv6Network((value >> (128 - length) << (128 - length), length))
    return network.exploded if random.random() < 0.2 else str(network)


def _pool(random: Random) -> Dict[str, Any]:
    pool: Dict[str, Any] = {}
    if random.random() < 0.98:
        length = random.randint(20, 32)
        # Unicast addresses only: of others Jool makes nothing.
        value = random.choice((10, 100, 172, 192, 198, 203)) << 24 | random.getrandbits(24)
        network = IPv4Network((value >> (32 - length) << (32 - length), length))
        pool["address"] = str(IPv4Address(network.network_address)) if length == 32 and random.random() < 0.7 else str(network)
    if random.random() < 0.98:
        first = random.choice((1, 65535, random.randint(1, 65535)))
        pool["port"] = random.choice((str(first), "%d-%d" % (first, random.randint(first, 65535)), "%05d" % first, "1-65535"))
    if random.random() < 0.5:
        pool["protocol"] = {protocol: {} for protocol in random.sample(("tcp", "udp", "icmp"), random.randint(1, 3))}
    if random.random() < 0.3:
        pool["disable"] = {}
    if random.random() < 0.3:
        pool["description"] = random.choice(TEXTS)
    return pool
