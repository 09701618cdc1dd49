"""What a checked configuration says, in types.

`check` makes it out of the text; `plan`, `explain` and `export` read it. It holds what was written and each default that
the CLI tree gives, and nothing of the router: two routers with the same file have the same model.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Dict, Optional, Tuple, Union


class Engine(Enum):
    JOOL = "jool"
    TAYGA = "tayga"


class Mode(Enum):
    """Where Jool works. TAYGA has an interface of its own whatever the mode; its rules say INLINE, the default."""

    INLINE = "inline"
    ISOLATED = "isolated"
    IPTABLES = "iptables"


class Protocol(Enum):
    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"


#: Value of an `option`: a switch, a number, one of several words, several numbers (mtu-plateaus), or an address or network
#: (rfc6791 address) as text.
OptionValue = Union[bool, int, str, Tuple[int, ...]]


@dataclass(frozen=True, order=True)
class PortRange:
    """Ports, or ICMP identifiers: 0 to 65535, both ends included."""

    first: int
    last: int


@dataclass(frozen=True)
class Pool:
    """One `translation pool`: a pool4 entry of Jool for each protocol, or the addresses that TAYGA hands out."""

    number: int
    address: IPv4Network
    #: None: as many as the engine has; Jool takes 61001 to 65535 for TCP and UDP.
    ports: Optional[PortRange]
    #: In the order of Protocol; all three when none was written.
    protocols: Tuple[Protocol, ...]
    #: A number, or "auto" or "infinity"; None: not written, which is Jool's "auto".
    max_iterations: Union[int, str, None] = None
    description: str = ""


@dataclass(frozen=True)
class StaticMapping:
    """One `static`: a fixed BIB entry of Jool (RFC 6146 section 3.1), or a `map` of TAYGA, which has neither protocol nor ports."""

    number: int
    #: This and both ports are None with TAYGA, and never with Jool.
    protocol: Optional[Protocol]
    inside_address: IPv6Address
    inside_port: Optional[int]
    outside_address: IPv4Address
    outside_port: Optional[int]


@dataclass(frozen=True)
class SourceRule:
    """`nat64 source rule N`: IPv6 clients reach IPv4 servers."""

    number: int
    engine: Engine
    mode: Mode
    #: pool6; RFC 6052 lengths.
    prefix: IPv6Network
    #: Those that are not disabled, by number. None: a Jool rule outside isolated mode then takes ports 61001 to 65535 of every
    #: global address of the router, as VyOS has it (only where no pool was written, or the rule is disabled); with TAYGA there
    #: are statics or `masquerade`, in isolated mode `masquerade`. Else an error says so.
    pools: Tuple[Pool, ...]
    statics: Tuple[StaticMapping, ...] = ()
    #: An instance that is there and paused, as VyOS has it.
    disabled: bool = False
    mark: Optional[int] = None
    source_address: Optional[IPv6Network] = None
    inbound_interface: Optional[str] = None
    #: Seconds by the CLI's name: udp, tcp-established, tcp-transitory, icmp. Only what was written.
    timeouts: Dict[str, int] = field(default_factory=dict)
    #: By the CLI's name. Only what was written.
    options: Dict[str, OptionValue] = field(default_factory=dict)
    #: Of binding, session, debug; sorted.
    log: Tuple[str, ...] = ()
    persistent: bool = False
    masquerade: bool = False
    description: str = ""


@dataclass(frozen=True)
class DestinationRule:
    """`nat46 destination rule N`: IPv4 clients reach IPv6 servers."""

    number: int
    engine: Engine
    mode: Mode
    #: What the IPv4 clients send to.
    address: IPv4Network
    #: None makes the rule stateless: an explicit address map (RFC 7757).
    ports: Optional[PortRange]
    #: Empty with ports None. TCP and UDP where ports were written without a protocol.
    protocols: Tuple[Protocol, ...]
    #: A network for a stateless rule (a single address has /128); a single address, /128, for a stateful one.
    translation_address: IPv6Network
    #: The first port on the server; None: the same ports as outside.
    translation_port: Optional[int]
    #: pool6: where IPv4 clients appear on the IPv6 side.
    source_prefix: IPv6Network
    disabled: bool = False
    options: Dict[str, OptionValue] = field(default_factory=dict)
    description: str = ""

    @property
    def stateful(self) -> bool:
        return self.ports is not None


@dataclass(frozen=True)
class Clat:
    """`nat46 clat`: 464XLAT's customer side (RFC 6877)."""

    engine: Engine
    mode: Mode
    #: The provider's translator.
    plat_prefix: IPv6Network
    #: The private IPv4 addresses behind this router.
    ipv4_address: IPv4Network
    #: What stands for them on the IPv6 side; as long as needed for ipv4_address (a /24 maps to a /120), or an RFC 6052 length.
    ipv6_prefix: IPv6Network


@dataclass(frozen=True)
class Synchronization:
    """`synchronization`: Jool's sessions are told to another router (joold)."""

    interface: str
    #: joold takes an interface by name for IPv6 only.
    multicast_address: IPv6Address
    port: int
    #: Milliseconds that a session waits for others to share its packet; None: Jool's default.
    flush_deadline: Optional[int] = None
    #: Sessions that wait at most; None: Jool's default.
    capacity: Optional[int] = None
    #: Sessions a packet; None: Jool's default.
    max_sessions_per_packet: Optional[int] = None


@dataclass(frozen=True)
class Configuration:
    """A file's whole content. Rules are in the order of their numbers."""

    source_rules: Tuple[SourceRule, ...] = ()
    destination_rules: Tuple[DestinationRule, ...] = ()
    clat: Optional[Clat] = None
    nat64_synchronization: Optional[Synchronization] = None
    nat46_synchronization: Optional[Synchronization] = None
