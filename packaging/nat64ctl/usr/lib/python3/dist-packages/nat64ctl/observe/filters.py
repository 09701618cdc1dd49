"""What to leave out of a table."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import Optional, Sequence, Tuple

from ..engines.jool import PROTOCOLS
from ..engines.jool_tables import Binding, Session
from ..state import OUR_LINK

_DIGITS = re.compile(r"[0-9]{1,18}\Z")
_LARGEST_PORT = 65535


class BadFilter(ValueError):
    """The command line is wrong."""


@dataclass(frozen=True)
class Filter:
    """None lets everything through. `address` is as inet_ntop prints it, `protocol` in capitals; `rule` is a label, or a number."""

    address: Optional[str] = None
    protocol: Optional[str] = None
    port: Optional[str] = None
    rule: Optional[str] = None

    @property
    def protocols(self) -> Tuple[str, ...]:
        return PROTOCOLS if self.protocol is None else (self.protocol,)

    def takes_session(self, row: Session) -> bool:
        """Any of its four addresses, any of its four ports."""
        if self.address is not None and self.address not in (row[1], row[3], row[5], row[7]):
            return False
        return self.port is None or self.port in (row[2], row[4], row[6], row[8])

    def takes_binding(self, row: Binding) -> bool:
        if self.address is not None and self.address not in (row[1], row[3]):
            return False
        return self.port is None or self.port in (row[2], row[4])

    def takes_one_of(self, labels: Sequence[str]) -> bool:
        """Of a translator that works for several rules."""
        return self.rule is None or any(self.takes_rule(label) for label in labels)

    def takes_rule(self, label: Optional[str]) -> bool:
        """`100` is the rule of that number of either family."""
        if self.rule is None:
            return True
        return label is not None and (label == self.rule or (label.partition("-")[2] == self.rule))


def make_filter(address: Optional[str], protocol: Optional[str], port: Optional[str], rule: Optional[str]) -> Filter:
    """@raises BadFilter"""
    if protocol is not None and protocol.upper() not in PROTOCOLS:
        raise BadFilter("--protocol is one of tcp, udp, icmp, not %s" % protocol)
    if port is not None and port_number(port) is None:
        raise BadFilter("--port is a number from 0 to 65535, not %s" % port)
    if rule is not None and not (_DIGITS.match(rule) or rule == "clat" or OUR_LINK.match(rule)):
        raise BadFilter("--rule is a number, or nat64-100, nat46-100 or nat46-clat, not %s" % rule)
    return Filter(
        None if address is None else canonical(address),
        None if protocol is None else protocol.upper(),
        None if port is None else str(port_number(port)),
        rule,
    )


def natural(text: str) -> Optional[int]:
    """A number of plain digits, and not of all that Python takes for digits; None for anything else."""
    return int(text) if _DIGITS.match(text) else None


def port_number(text: str) -> Optional[int]:
    number = natural(text)
    return number if number is not None and number <= _LARGEST_PORT else None


def canonical(address: str) -> str:
    """@raises BadFilter"""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            return socket.inet_ntop(family, socket.inet_pton(family, address))
        except (OSError, ValueError):
            # Not even text: arguments may be any bytes.
            continue
    raise BadFilter("%s is no address" % address)
