"""Texts of values to typed values, as the tree's types say."""
from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Callable, Dict, List, Tuple, Union

from ..model import PortRange
from ..problems import listed, nearest_word, quoted
from ..tree import TreeNode, ValueType

Value = Union[int, str, PortRange, IPv4Address, IPv4Network, IPv6Address, IPv6Network]
Parser = Callable[[str], Value]

_RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})\Z")
_INTERFACE = re.compile(r"[^\s/:\x00-\x20\x7f]{1,15}\Z")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


class BadValue(Exception):
    """`message` has the value in it; `near`: it is of the type's shape, so that its reason is worth more than another type's."""

    def __init__(self, message: str, reason: str = "", remedy: str = "", near: bool = False) -> None:
        super().__init__(message)
        self.message, self.reason, self.remedy, self.near = message, reason, remedy, near


def parser(node: TreeNode) -> Parser:
    """A function from text to value for a leaf, or for a tag node's name. It raises BadValue."""
    alternatives = [_PARSERS[item.type](item) for item in node.value]
    if len(alternatives) == 1:
        return alternatives[0]

    def first_that_fits(text: str) -> Value:
        failures: List[BadValue] = []
        for alternative in alternatives:
            try:
                return alternative(text)
            except BadValue as failure:
                failures.append(failure)
        for found in failures:
            if found.near:
                raise found
        raise BadValue("%s is not valid here" % quoted(text), "", "valid is %s" % listed(describe(item) for item in node.value))
    return first_that_fits


def describe(item: ValueType) -> str:
    """What is valid, for a person: `a number from 1 to 999999`."""
    if item.type == "integer":
        return "a number from %d to %d" % (item.min, item.max) if item.max < 2 ** 64 else "a number of %d or more" % item.min
    if item.type == "word":
        return listed(item.words)
    if item.type == "text":
        return "a text of at most %d characters" % item.max_length
    if item.type == "ipv6net" and item.lengths:
        return "an IPv6 network, such as 2001:db8::/%d, with a length of %s" % (item.lengths[-1], listed(str(length) for length in item.lengths))
    return _SHAPES[item.type]


_SHAPES: Dict[str, str] = {
    "ipv4": "an IPv4 address, such as 192.0.2.1",
    "ipv4net": "an IPv4 network, such as 192.0.2.0/24",
    "ipv6": "an IPv6 address, such as 2001:db8::1",
    "ipv6net": "an IPv6 network, such as 2001:db8::/96",
    "port": "a port from 0 to 65535",
    "portrange": "a port or a range of ports, such as 80 or 1024-65535",
    "interface": "the name of an interface, at most 15 characters without blanks, / and :",
}


def _digits(text: str) -> bool:
    return text.isdigit() and text.isascii() and len(text) < 21


def _integer(item: ValueType) -> Parser:
    low, high = item.min, item.max

    def parse(text: str) -> Value:
        if not _digits(text):
            raise BadValue("%s is not a number" % quoted(text), "", "valid is %s" % describe(item))
        value = int(text)
        if not low <= value <= high:
            raise BadValue("%s is out of range" % quoted(text), "", "valid is %s" % describe(item), True)
        return value
    return parse


def _text(item: ValueType) -> Parser:
    def parse(text: str) -> Value:
        if len(text) > item.max_length:
            raise BadValue("a text of %d characters is too long" % len(text), "", "valid is %s" % describe(item))
        if _CONTROL.search(text):
            raise BadValue("%s has a control character" % quoted(text), "", "valid are tabs, line feeds and all that can be printed")
        return text
    return parse


def _word(item: ValueType) -> Parser:
    words = frozenset(item.words)

    def parse(text: str) -> Value:
        if text in words:
            return text
        near = nearest_word(text, item.words)
        raise BadValue("%s is not valid here%s" % (quoted(text), "" if near is None else '; did you mean "%s"?' % near), "", "valid is %s" % describe(item))
    return parse


def _packed(family: int, text: str) -> int:
    """An address as a number; -1 where it is none. The system's own parser, since ipaddress takes ten times as long."""
    try:
        return int.from_bytes(socket.inet_pton(family, text), "big")
    except (OSError, ValueError):
        return -1


def _address(family: int, build: Callable[[int], Value]) -> Callable[[ValueType], Parser]:
    def of(item: ValueType) -> Parser:
        def parse(text: str) -> Value:
            value = _packed(family, text)
            if value >= 0:
                return build(value)
            remedy = "valid is %s" % describe(item)
            if "/" in text and _packed(family, text.split("/")[0]) >= 0:
                raise BadValue("%s is a network" % quoted(text), "", remedy)
            raise BadValue("%s is not an %s address" % (quoted(text), "IPv4" if family == socket.AF_INET else "IPv6"), "", remedy)
        return parse
    return of


def _network(family: int, bits: int, build: Callable[[Tuple[int, int]], Union[IPv4Network, IPv6Network]]) -> Callable[[ValueType], Parser]:
    name = "IPv4" if family == socket.AF_INET else "IPv6"

    def of(item: ValueType) -> Parser:
        def parse(text: str) -> Value:
            address, slash, length_text = text.partition("/")
            value = _packed(family, address)
            remedy = "valid is %s" % describe(item)
            if value < 0 or not slash:
                reason = "Its length is missing." if value >= 0 else ""
                raise BadValue("%s is not an %s network" % (quoted(text), name), reason, remedy)
            if not _digits(length_text) or len(length_text) > 3 or int(length_text) > bits:
                raise BadValue("%s has no valid length" % quoted(text), "A length is a number from 0 to %d." % bits, remedy, True)
            length = int(length_text)
            beyond = value & ((1 << (bits - length)) - 1)
            if beyond:
                base = build((value ^ beyond, length))
                raise BadValue("%s has bits beyond its length" % quoted(text), "VyOS takes only a network's first address, too.", "%s is the network" % base, True)
            if item.lengths and length not in item.lengths:
                raise BadValue(
                    "a length of %d is not valid here" % length, "RFC 6052 section 2.2 has %s." % listed((str(known) for known in item.lengths), "and"), remedy, True,
                )
            return build((value, length))
        return parse
    return of


def _port(item: ValueType) -> Parser:
    def parse(text: str) -> Value:
        if _digits(text) and int(text) < 65536:
            return int(text)
        raise BadValue("%s is not a port" % quoted(text), "", "valid is %s" % describe(item))
    return parse


def _port_range(item: ValueType) -> Parser:
    def parse(text: str) -> Value:
        if _digits(text):
            first = last = int(text)
        else:
            found = _RANGE.match(text)
            if found is None:
                raise BadValue("%s is not a port nor a range of ports" % quoted(text), "", "valid is %s" % describe(item))
            first, last = int(found.group(1)), int(found.group(2))
        if first > 65535 or last > 65535:
            raise BadValue("%s has a port above 65535" % quoted(text), "", "valid is %s" % describe(item), True)
        if first > last:
            raise BadValue("%s ends before it begins" % quoted(text), "", "%d-%d" % (last, first), True)
        return PortRange(first, last)
    return parse


def _interface(item: ValueType) -> Parser:
    def parse(text: str) -> Value:
        if _INTERFACE.match(text) and text not in (".", ".."):
            return text
        reason = "Linux has names of at most 15 characters." if len(text) > 15 else ""
        raise BadValue("%s is not the name of an interface" % quoted(text), reason, "valid is %s" % describe(item))
    return parse


_PARSERS: Dict[str, Callable[[ValueType], Parser]] = {
    "integer": _integer,
    "text": _text,
    "word": _word,
    "ipv4": _address(socket.AF_INET, IPv4Address),
    "ipv4net": _network(socket.AF_INET, 32, IPv4Network),
    "ipv6": _address(socket.AF_INET6, IPv6Address),
    "ipv6net": _network(socket.AF_INET6, 128, IPv6Network),
    "port": _port,
    "portrange": _port_range,
    "interface": _interface,
}
