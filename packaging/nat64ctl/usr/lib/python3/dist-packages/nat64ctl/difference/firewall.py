"""What nftables and iptables do for translators."""

from __future__ import annotations

from typing import List, Optional, Tuple

from ..operations import Run
from ..state import (
    IPTABLES_CHAIN,
    MASQUERADE_TABLE,
    Masquerade,
    State,
)
from .steps import DIVERT, LEAD, Steps


def iptables(steps: Steps, running: State, wanted: State) -> None:
    """The whole chain at once, in its order: the first rule that fits takes the packet."""
    for family in (4, 6):
        before, after = running.iptables.get(family), wanted.iptables.get(family)
        if before != after:
            tool = "iptables" if family == 4 else "ip6tables"
            what = "%s: %d rules for instances of Jool" % (tool, len(after or ()))
            steps.add(LEAD if after else DIVERT, what, _iptables_chain(tool, before, after), _iptables_chain(tool, after, before))


def _iptables_chain(tool: str, before: Optional[Tuple[str, ...]], after: Optional[Tuple[str, ...]]) -> Run:
    lines = ["*mangle"]
    if after is None:
        lines.extend(["-D PREROUTING -j " + IPTABLES_CHAIN, "-F " + IPTABLES_CHAIN, "-X " + IPTABLES_CHAIN])
    else:
        # Naming a chain empties it.
        lines.append(":%s - [0:0]" % IPTABLES_CHAIN)
        lines.extend("-A %s %s" % (IPTABLES_CHAIN, rule) for rule in after)
        if before is None:
            lines.append("-A PREROUTING -j " + IPTABLES_CHAIN)
    return Run((tool + "-restore", "--wait", "--noflush"), "\n".join(lines + ["COMMIT"]) + "\n")


def masquerades(steps: Steps, running: State, wanted: State) -> None:
    if running.masquerades == wanted.masquerades:
        return
    what = "masquerade: %s" % (", ".join(sorted(rule.source for rule in wanted.masquerades)) or "nothing")
    steps.add(LEAD if wanted.masquerades else DIVERT, what, _masquerade_table(wanted), _masquerade_table(running))


def _masquerade_table(state: State) -> Run:
    """The whole table at once: nobody sees it empty."""
    lines = ["table ip %s" % MASQUERADE_TABLE, "delete table ip %s" % MASQUERADE_TABLE]
    if state.masquerades:
        lines.append("table ip %s {" % MASQUERADE_TABLE)
        lines.append("  chain postrouting {")
        lines.append("    type nat hook postrouting priority 100; policy accept;")
        lines.extend('    ip saddr %s oifname != "%s" masquerade' % (rule.source, rule.inside) for rule in _masquerade_order(state))
        lines.extend(["  }", "}"])
    return Run(("nft", "-f", "-"), "\n".join(lines) + "\n")


def _masquerade_order(state: State) -> List[Masquerade]:
    return sorted(state.masquerades, key=lambda rule: (rule.inside, rule.source))
