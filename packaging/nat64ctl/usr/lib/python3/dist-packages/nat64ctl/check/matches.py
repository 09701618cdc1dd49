"""NAT64 rules of one prefix that `match` tells apart: it has to, for every packet.

Rules in mode iptables are asked first, then the hook of those in mode inline, then the routes. Within a mode nothing but the order in which
rules came would decide about a packet that two of them match; so no packet may be matched by two.
"""
from __future__ import annotations

from ipaddress import IPv6Network
from typing import Dict, List, Optional, Sequence, Tuple

from nat64ctl.model import Engine, Mode
from nat64ctl.problems import Collector, listed

from .intervals import Blocks
from .rules import CheckedSource, leaf_or_self, refuse

#: Interface and mark; None for any.
_Class = Tuple[Optional[str], Optional[int]]


def check_matches(sources: Sequence[CheckedSource], collector: Collector) -> None:
    by_prefix: Dict[IPv6Network, List[CheckedSource]] = {}
    for checked in sources:
        if not checked.rule.disabled and (checked.rule.engine is Engine.TAYGA or checked.rule.mode is not Mode.INLINE):
            by_prefix.setdefault(checked.rule.prefix, []).append(checked)
    for members in by_prefix.values():
        if len(members) > 1:
            _behind_iptables(members, collector)
            _overlaps([checked for checked in members if _is_matched(checked)], collector)


def _is_matched(checked: CheckedSource) -> bool:
    """Of the others there is one, and it takes what is left."""
    rule = checked.rule
    return rule.mark is not None or rule.source_address is not None or rule.inbound_interface is not None


def _behind_iptables(members: List[CheckedSource], collector: Collector) -> None:
    first = next((checked for checked in members if checked.rule.mode is Mode.IPTABLES and not _is_matched(checked)), None)
    for checked in members if first is not None else []:
        if first is not None and checked.rule.mode is not Mode.IPTABLES and _is_matched(checked):
            refuse(
                collector, leaf_or_self(checked.node, "match"), f"{first.label} takes all packets to {checked.rule.prefix}",
                "Rules of iptables are asked before any route.", f"a match in {first.label}, or another prefix",
            )


def _overlaps(matched: List[CheckedSource], collector: Collector) -> None:
    #: With None for "whatever it is": by interface and mark, those who match it.
    known: Dict[Tuple[object, object], Blocks[CheckedSource]] = {}
    for checked in sorted(matched, key=_length):
        source = checked.rule.source_address
        block = (0, 0, 0, 0) if source is None else (int(source.network_address), source.prefixlen, 0, 0)
        interface, mark = checked.rule.inbound_interface, checked.rule.mark
        for key in _asked(interface, mark):
            rival = known[key].find(block) if key in known else None
            # Of two that are the same `_prefixes` tells.
            if rival is not None and _words(rival) != _words(checked):
                _refuse(checked, rival, collector)
                break
        for key in ((interface, mark), (_EACH, mark), (interface, _EACH), (_EACH, _EACH)):
            known.setdefault(key, Blocks(128)).add(block, checked)


_EACH = "*"


def _asked(interface: Optional[str], mark: Optional[int]) -> List[Tuple[object, object]]:
    """Who may match the same: a rule without an interface those of each, one with it those of the same and those of none."""
    interfaces: List[object] = [_EACH] if interface is None else [interface, None]
    marks: List[object] = [_EACH] if mark is None else [mark, None]
    return [(each, other) for each in interfaces for other in marks]


def _length(checked: CheckedSource) -> int:
    return 0 if checked.rule.source_address is None else checked.rule.source_address.prefixlen


def _refuse(one: CheckedSource, other: CheckedSource, collector: Collector) -> None:
    later, earlier = (one, other) if one.rule.number > other.rule.number else (other, one)
    refuse(
        collector, leaf_or_self(later.node, "match"), f"packets to {later.rule.prefix} may match {earlier.label} as well",
        f"That one has {_words(earlier)}, and this one {_words(later)}. Nothing would say which of the two takes a packet.",
        "addresses that are apart, or other interfaces, or other marks; or another prefix",
    )


def _words(checked: CheckedSource) -> str:
    rule = checked.rule
    parts = [
        f"{name} {value}" for name, value in (
            ("mark", rule.mark), ("source-address", rule.source_address), ("inbound-interface", rule.inbound_interface),
        ) if value is not None
    ]
    return listed(parts, "and")
