"""A configuration of many lines, as a provider's router has it: one rule with a pool, and static mappings for its hosts.

    cd test/python; PYTHONPATH=../../packaging/nat64ctl/usr/lib/python3/dist-packages \\
        /usr/bin/python3 -m support.large_configuration 100000 [braces] > large.config
"""
from __future__ import annotations

import sys
from ipaddress import IPv4Address
from typing import Iterator

from support.brace_form import brace_lines
from support.sample_tree import TREE

LINES_OF_A_MAPPING = 5
#: Ports of an address that mappings use, from 1024 on.
PORTS_OF_AN_ADDRESS = 5000
HEAD = 4


def large_configuration(lines: int, quote: str = "'") -> Iterator[str]:
    """Exactly `lines` `set` lines, without line ends; from 10 on. Values in quotes, as `show configuration commands` prints them."""
    base = "set nat64 source rule 10 "

    def quoted(value: object) -> str:
        return f"{quote}{value}{quote}"
    yield base + "source prefix " + quoted("64:ff9b:1::/96")
    yield base + "translation pool 10 address " + quoted("203.0.113.0/24")
    yield base + "translation pool 10 port " + quoted("1024-32767")
    mappings, rest = divmod(lines - HEAD, LINES_OF_A_MAPPING)
    for number in range(1, mappings + 1):
        address, port = divmod(number - 1, PORTS_OF_AN_ADDRESS)
        static = f"{base}static {number} "
        yield static + "protocol " + quoted("tcp" if number % 3 else "udp")
        yield static + "inside address " + quoted(f"2001:db8:64:{number >> 8:x}::{number & 0xFF | 0x100:x}")
        yield static + "inside port " + quoted(443 if number % 2 else 8443)
        yield static + "outside address " + quoted(IPv4Address("203.0.113.1") + address)
        yield static + "outside port " + quoted(1024 + port)
    # What is left over, so that the number of lines is exact.
    for number in range(1, rest + 1):
        yield base + "translation pool %s address " % (10 + number) + quoted(f"198.51.100.{number}")
    yield base + "description " + quoted("large")


def main() -> None:
    lines = large_configuration(int(sys.argv[1]))
    if sys.argv[2:] == ["braces"]:
        lines = brace_lines(lines, TREE)
    for line in lines:
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
