"""Texts of values to typed values, as the tree's types say."""
from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Callable, Dict, List, Tuple, Union

from nat64ctl.model import PortRange
from nat64ctl.problems import listed, nearest_word, quoted
from nat64ctl.tree import TreeNode, ValueType

Value = Union[int, str, PortRange, IPv4Address, IPv4Network, IPv6Address, IPv6Network]
Parser = Callable[[str], Value]

_RANGE = re.compile(r"([0-9]{1,5})-([0-9]{1,5})\Z")
# Linux allows more. But `+` at the end is any rest to iptables and a plus to `ip`, `!` is a negation, `%d` is a number, and of
# 15 bytes a letter may be two.
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@~-]{0,14}\Z", re.ASCII)
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

    def attempt(alternative: Parser, text: str) -> Union[Value, BadValue]:
        try:
            return alternative(text)
        except BadValue as failure:
            return failure

    def first_that_fits(text: str) -> Value:
        failures: List[BadValue] = []
        for alternative in alternatives:
            value = attempt(alternative, text)
            if not isinstance(value, BadValue):
                return value
            failures.append(value)
        for found in failures:
            if found.near:
                raise found
        raise BadValue(f"{quoted(text)} is not valid here", "", f"valid is {listed(describe(item) for item in node.value)}")
    return first_that_fits


def text_of(value: Value) -> str:
    """A value as it would be written."""
    if isinstance(value, PortRange):
        return str(value.first) if value.first == value.last else f"{value.first}-{value.last}"
    return str(value)


def describe(item: ValueType) -> str:
    """What is valid, for a person: `a number from 1 to 999999`."""
    if item.type == "integer":
        return f"a number from {item.min} to {item.max}" if item.max < 2 ** 64 else f"a number of {item.min} or more"
    if item.type == "word":
        return listed(item.words)
    if item.type == "text":
        return f"a text of at most {item.max_length} characters"
    if item.type == "ipv6net" and item.lengths:
        return f"an IPv6 network, such as 2001:db8::/{item.lengths[-1]}, with a length of {listed(str(length) for length in item.lengths)}"
    return _SHAPES[item.type]


_SHAPES: Dict[str, str] = {
    "ipv4": "an IPv4 address, such as 192.0.2.1",
    "ipv4net": "an IPv4 network, such as 192.0.2.0/24",
    "ipv6": "an IPv6 address, such as 2001:db8::1",
    "ipv6net": "an IPv6 network, such as 2001:db8::/96",
    "port": "a port from 0 to 65535",
    "portrange": "a range of ports, such as 1024-65535",
    "interface": "the name of an interface, at most 15 of the characters A-Z a-z 0-9 _ . - @ ~",
}


def _digits(text: str) -> bool:
    return text.isdigit() and text.isascii() and len(text) < 21


def _integer(item: ValueType) -> Parser:
    low, high = item.min, item.max

    def parse(text: str) -> Value:
        if not _digits(text):
            raise BadValue(f"{quoted(text)} is not a number", "", f"valid is {describe(item)}")
        value = int(text)
        if not low <= value <= high:
            raise BadValue(f"{quoted(text)} is out of range", "", f"valid is {describe(item)}", True)
        return value
    return parse


def _text(item: ValueType) -> Parser:
    def parse(text: str) -> Value:
        if len(text) > item.max_length:
            raise BadValue(f"a text of {len(text)} characters is too long", "", f"valid is {describe(item)}")
        if _CONTROL.search(text):
            raise BadValue(f"{quoted(text)} has a control character", "", "valid are tabs, line feeds and all that can be printed")
        return text
    return parse


def _word(item: ValueType) -> Parser:
    words = frozenset(item.words)

    def parse(text: str) -> Value:
        if text in words:
            return text
        near = nearest_word(text, item.words)
        raise BadValue(
            "{} is not valid here{}".format(quoted(text), "" if near is None else f'; did you mean "{near}"?'), "", f"valid is {describe(item)}",
        )
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
            remedy = f"valid is {describe(item)}"
            if "/" in text and _packed(family, text.partition("/")[0]) >= 0:
                raise BadValue(f"{quoted(text)} is a network", "", remedy)
            raise BadValue("{} is not an {} address".format(quoted(text), "IPv4" if family == socket.AF_INET else "IPv6"), "", remedy)
        return parse
    return of


def _network(family: int, bits: int, build: Callable[[Tuple[int, int]], Union[IPv4Network, IPv6Network]]) -> Callable[[ValueType], Parser]:
    name = "IPv4" if family == socket.AF_INET else "IPv6"

    def of(item: ValueType) -> Parser:
        def parse(text: str) -> Value:
            address, slash, length_text = text.partition("/")
            value = _packed(family, address)
            remedy = f"valid is {describe(item)}"
            if value < 0 or not slash:
                reason = "Its length is missing." if value >= 0 else ""
                raise BadValue(f"{quoted(text)} is not an {name} network", reason, remedy)
            if not _digits(length_text) or len(length_text) > 3 or int(length_text) > bits:
                raise BadValue(f"{quoted(text)} has no valid length", f"A length is a number from 0 to {bits}.", remedy, True)
            length = int(length_text)
            beyond = value & ((1 << (bits - length)) - 1)
            if beyond:
                base = build((value ^ beyond, length))
                raise BadValue(
                    f"{quoted(text)} has bits beyond its length", "VyOS takes only a network's first address, too.", f"{base} is the network", True,
                )
            if item.lengths and length not in item.lengths:
                raise BadValue(
                    f"a length of {length} is not valid here",
                    "RFC 6052 section 2.2 has {}.".format(listed((str(known) for known in item.lengths), "and")), remedy, True,
                )
            return build((value, length))
        return parse
    return of


def _port(item: ValueType) -> Parser:
    def parse(text: str) -> Value:
        if _digits(text) and int(text) < 65536:
            return int(text)
        raise BadValue(f"{quoted(text)} is not a port", "", f"valid is {describe(item)}")
    return parse


def _port_range(item: ValueType) -> Parser:
    def parse(text: str) -> Value:
        if _digits(text):
            first = last = int(text)
        else:
            found = _RANGE.match(text)
            if found is None:
                raise BadValue(f"{quoted(text)} is not a port nor a range of ports", "", f"valid is {describe(item)}")
            first, last = int(found.group(1)), int(found.group(2))
        if first > 65535 or last > 65535:
            raise BadValue(f"{quoted(text)} has a port above 65535", "", f"valid is {describe(item)}", True)
        if first > last:
            raise BadValue(f"{quoted(text)} ends before it begins", "", f"{last}-{first}", True)
        return PortRange(first, last)
    return parse


def _interface(item: ValueType) -> Parser:
    def parse(text: str) -> Value:
        if _INTERFACE.match(text):
            return text
        reason = "Linux has names of at most 15 characters." if len(text) > 15 else ""
        raise BadValue(f"{quoted(text)} is not the name of an interface", reason, f"valid is {describe(item)}")
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
