"""What a configuration needs of its router, and what is said where that is not there: by `check --on-this-router` in the words of `apply`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Need(Enum):
    """In the order to look for them."""

    #: What runs can be read, whatever is wanted: tools that understand the modules that are loaded.
    FITTING_TOOLS = "fitting tools"
    #: Jool's modules with their tools.
    NAT64 = "nat64"
    SIIT = "siit"
    #: Their targets for iptables, and its programs.
    IPTABLES = "iptables"
    NAT64_TARGET = "nat64 target"
    SIIT_TARGET = "siit target"
    #: The one netfilter instance of a kind that the router's own namespace can have.
    NAT64_HOOK = "nat64 hook"
    SIIT_HOOK = "siit hook"
    TAYGA = "tayga"
    NFTABLES = "nftables"
    JOOLD = "joold"


@dataclass(frozen=True)
class Lack:
    """What is not there or in the way, what to do, and what a program said about it."""

    message: str
    remedy: str
    words: str = ""
