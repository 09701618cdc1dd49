"""A configuration of many lines, as a provider's router has it: one rule with a pool, and static mappings for its hosts.

    /usr/bin/python3 test/python/support/large_configuration.py 100000 [set|braces] > large.config
"""
from __future__ import annotations

import sys
from ipaddress import IPv4Address
from typing import Iterator

LINES_OF_A_MAPPING = 5
#: Ports of an address that mappings use, from 1024 on.
PORTS_OF_AN_ADDRESS = 5000
HEAD = 4


def large_configuration(lines: int, quote: str = "'") -> Iterator[str]:
    """Exactly `lines` `set` lines, without line ends; from 10 on. Values in quotes, as `show configuration commands` prints them."""
    base = "set nat64 source rule 10 "

    def quoted(value: object) -> str:
        return "%s%s%s" % (quote, value, quote)
    yield base + "source prefix " + quoted("64:ff9b:1::/96")
    yield base + "translation pool 10 address " + quoted("203.0.113.0/24")
    yield base + "translation pool 10 port " + quoted("1024-32767")
    mappings, rest = divmod(lines - HEAD, LINES_OF_A_MAPPING)
    for number in range(1, mappings + 1):
        address, port = divmod(number - 1, PORTS_OF_AN_ADDRESS)
        static = "%sstatic %d " % (base, number)
        yield static + "protocol " + quoted("tcp" if number % 3 else "udp")
        yield static + "inside address " + quoted("2001:db8:64:%x::%x" % (number >> 8, number & 0xFF | 0x100))
        yield static + "inside port " + quoted(443 if number % 2 else 8443)
        yield static + "outside address " + quoted(IPv4Address("203.0.113.1") + address)
        yield static + "outside port " + quoted(1024 + port)
    # What is left over, so that the number of lines is exact.
    for number in range(1, rest + 1):
        yield base + "translation pool %d address " % (10 + number) + quoted("198.51.100.%d" % number)
    yield base + "description " + quoted("large")


def in_braces(lines: int) -> Iterator[str]:
    """The same configuration as config.boot has it; more lines, since blocks have theirs."""
    yield "nat64 {"
    yield "    source {"
    yield "        rule 10 {"
    block = ""
    for line in large_configuration(lines, '"'):
        words = line.split()[5:]
        if words[0] == "static":
            opened = "static %s {" % words[1]
            if block != opened:
                yield from ["            }"] if block else []
                block = opened
                yield "            " + opened
            yield "                " + (" ".join(words[2:]) if len(words) == 4 else "%s { %s\n                }" % (words[2], " ".join(words[3:])))
        else:
            yield from ["            }"] if block else []
            block = ""
            yield "            " + (" ".join(words) if len(words) == 2 else _nested(words))
    yield "        }\n    }\n}"


def _nested(words: "list[str]") -> str:
    if words[0] == "source":
        return "source { %s\n            }" % " ".join(words[1:])
    return "translation { pool %s { %s\n            } }" % (words[2], " ".join(words[3:]))


def main() -> None:
    make = in_braces if sys.argv[2:] == ["braces"] else large_configuration
    for line in make(int(sys.argv[1])):
        sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
