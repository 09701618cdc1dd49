"""What exists on a router, in types: the same ones for what is wanted and for what runs.

`desired` makes a State out of a configuration, `running` out of what kernel and daemons say; their difference is a plan. Texts are
as the tools print them (addresses by inet_ntop, numbers in decimal), so that equal things are equal strings. Only what is
ours by its name is in a State; foreign instances, namespaces and interfaces never are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Dict, FrozenSet, Tuple

from .pool4 import Pool4

#: The router's own network namespace.
MAIN = ""

#: Instances, interfaces and network namespaces that nat64ctl makes, and nobody else should.
OUR_INSTANCE = re.compile(r"(?:instance-[0-9]{1,6}|nat46-(?:[0-9]{1,6}|clat))\Z")
OUR_LINK = re.compile(r"(?:nat64-[0-9]{1,6}|nat46-(?:[0-9]{1,6}|clat))\Z")

#: Priorities of our policy rules. Behind those of VRFs (1000), and before the main table.
#: What the router knows a specific route for does not go to a translator.
LOCAL_PRIORITY = 6463
#: What leads to a translator.
RULE_PRIORITY = 6464
#: What comes to an address of the router itself, where `local` does not stand first: VyOS moves it behind those of VRFs.
OWN_PRIORITY = 6465
#: What a translator in the router's own namespace left alone.
STRAY_PRIORITY = 6466

#: Routing tables with nothing but unreachable destinations: networks of translators; everything, for policy rules that name a network.
STRAY_TABLE = "641000000"
NOWHERE_TABLE = "641000001"

#: nftables' table, and the chain in mangle of iptables, that are ours.
MASQUERADE_TABLE = "nat64ctl"
IPTABLES_CHAIN = "NAT64CTL"

#: The name, inside a namespace of ours, of the interface to the router.
INNER_LINK = "router"


class Kind(Enum):
    """A translator of Jool: the stateful one and the stateless one are two modules with two tools."""

    NAT64 = "nat64"
    SIIT = "siit"

    @property
    def tool(self) -> str:
        """Also the name of the kernel module."""
        return "jool" if self is Kind.NAT64 else "jool_siit"


class Framework(Enum):
    NETFILTER = "netfilter"
    IPTABLES = "iptables"


@dataclass(frozen=True)
class InstanceKey:
    """What Jool tells instances apart by."""

    namespace: str
    kind: Kind
    name: str


@dataclass(frozen=True)
class Instance:
    """An instance of Jool with all that it is configured with."""

    framework: Framework
    #: By Jool's own name, as `global display --csv` prints them; pool6 among them, "" where there is none.
    globals: Dict[str, str]
    #: Empty for SIIT.
    pool4: Pool4 = field(default_factory=Pool4)
    #: Static BIB entries: `TCP,2001:db8::1,80,192.0.2.1,80`.
    bib: FrozenSet[str] = frozenset()
    #: Explicit address maps: (IPv6 prefix, IPv4 prefix). Empty for NAT64.
    eamt: FrozenSet[Tuple[str, str]] = frozenset()
    #: Dynamic BIB entries of a running instance, as they were printed. Not configuration: a static entry that is to take
    #: the place of one of them has to remove it first.
    dynamic: Tuple[str, ...] = field(default=(), compare=False)

    @property
    def pool6(self) -> str:
        return self.globals.get("pool6", "")


class LinkKind(Enum):
    VETH = "veth"
    TUN = "tun"


@dataclass(frozen=True)
class Link:
    """An interface of ours. A veth's other end is a Link of its own, in the namespace of the same name."""

    kind: LinkKind
    #: Lower case; "" for a tun, which has none.
    mac: str
    #: Bytes; 0: as the kernel makes it.
    mtu: int
    up: bool
    #: IPv4 addresses with their prefix lengths, and IPv6 addresses that are not link-local: those the kernel makes.
    addresses: FrozenSet[str] = frozenset()


@dataclass(frozen=True)
class RouteKey:
    namespace: str
    #: 4 or 6.
    family: int
    #: "main", or a number.
    table: str
    #: A prefix, or "default".
    destination: str


@dataclass(frozen=True)
class Route:
    """`device` is "" for an unreachable destination; `via` is "" on the link itself."""

    device: str
    via: str = ""


@dataclass(frozen=True)
class PolicyRule:
    """Which routing table packets take; ours by its priority and table."""

    family: int
    priority: int
    table: str
    source: str = ""
    destination: str = ""
    inbound: str = ""
    mark: int = 0
    #: Take a route of that table only when it is longer than this; -1: any.
    suppress_prefix_length: int = -1
    #: For packets that it does *not* describe.
    inverted: bool = False
    namespace: str = MAIN


@dataclass(frozen=True)
class Masquerade:
    """Packets from `source` that leave by another interface than `inside` get that interface's address."""

    source: str
    inside: str


@dataclass(frozen=True)
class State:
    """Everything of ours on a router."""

    namespaces: FrozenSet[str] = frozenset()
    #: Names that are listed as namespaces and are none: what a killed `ip netns add` leaves.
    broken_namespaces: FrozenSet[str] = frozenset()
    #: By namespace and name.
    links: Dict[Tuple[str, str], Link] = field(default_factory=dict)
    #: By namespace and key. Of the running ones only those that belong to what is ours.
    sysctls: Dict[Tuple[str, str], str] = field(default_factory=dict)
    routes: Dict[RouteKey, Route] = field(default_factory=dict)
    policy_rules: FrozenSet[PolicyRule] = frozenset()
    instances: Dict[InstanceKey, Instance] = field(default_factory=dict)
    #: By family, 4 and 6: the rules of our chain, which mangle PREROUTING jumps to, in their order, as iptables-save prints them.
    #: Absent where nothing jumps.
    iptables: Dict[int, Tuple[str, ...]] = field(default_factory=dict)
    masquerades: FrozenSet[Masquerade] = frozenset()
    #: Daemons that run: (template of the unit, instance) to the configuration that they were started with.
    daemons: Dict[Tuple[str, str], str] = field(default_factory=dict)
    #: Contents by path: what others read of us.
    files: Dict[str, str] = field(default_factory=dict)


def instance_label(key: InstanceKey) -> str:
    """For people: `instance-100`, `instance-100 in namespace nat64-100`."""
    return key.name if key.namespace == MAIN else "%s in namespace %s" % (key.name, key.namespace)


def rule_file(number: int) -> str:
    """Where VyOS writes, and its tests read, the instance of a source rule."""
    return "/run/jool/instance-%d.json" % number


RULE_FILE = re.compile(r"/run/jool/instance-([0-9]{1,6})\.json\Z")
