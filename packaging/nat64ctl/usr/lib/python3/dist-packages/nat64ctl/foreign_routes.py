"""Routes of others where one to a translator has to be.

The kernel has one route of a destination and a metric. A `blackhole` for a pool, which many a router has so that nothing for it goes
round or so that BGP announces it, is such a one. It is left alone: a route put before it would be the one that the next
`ip route replace` of its owner takes away.
"""

from __future__ import annotations

from typing import AbstractSet, Dict, List, Optional

from .isolated import Destination
from .needs import Lack
from .state import OUR_LINK
from .system import System

#: How `ip` begins a route that is not to a host or a network behind an interface.
_TYPES = ("blackhole", "unreachable", "prohibit", "throw", "local", "broadcast", "anycast", "multicast", "nat", "unicast")

#: The metric of a route to which nobody has given one.
_METRIC = {4: 0, 6: 1024}


def in_the_way(system: System, destinations: AbstractSet[Destination]) -> Dict[Destination, Lack]:
    """Of routes that are wanted in the main table and are not there yet. @raises Unreadable"""
    found: Dict[Destination, Lack] = {}
    for family in sorted({family for family, _ in destinations}):
        # Line by line and in words: a router may have a million of them, and the kernel looks for none by its destination alone.
        for line in system.lines(("ip", "-%d" % family, "route", "show", "table", "main")):
            words = line.split()
            kind = words.pop(0) if words and words[0] in _TYPES else ""
            # The rest of a route with several next hops is indented.
            if words and line[0] not in " \t" and (family, words[0]) in destinations and not _is_beside(family, words):
                found.setdefault((family, words[0]), _lack(family, kind, words))
    return found


def _is_beside(family: int, words: List[str]) -> bool:
    """Whether ours can be added, and is the one that is taken."""
    metric = int(_value(words, "metric") or _METRIC[family])
    return metric > _METRIC[family] or _value(words, "tos") is not None or OUR_LINK.match(_value(words, "dev") or "") is not None


def _value(words: List[str], name: str) -> Optional[str]:
    pairs = dict(zip(words[1:], words[2:]))
    return pairs.get(name)


def _lack(family: int, kind: str, words: List[str]) -> Lack:
    route = " ".join(([kind] if kind else []) + words)
    remedy = "delete it, or have other addresses translated"
    if kind in ("blackhole", "unreachable", "prohibit"):
        # Where it still does what it is for, when there is no translator.
        ip = "ip -6" if family == 6 else "ip"
        remedy = "give it a metric: `{0} route delete {1} {2}`, `{0} route add {1} {2} metric 4096`".format(ip, kind, words[0])
    return Lack("the route `%s` is where the one to the translator has to be" % route, remedy)
