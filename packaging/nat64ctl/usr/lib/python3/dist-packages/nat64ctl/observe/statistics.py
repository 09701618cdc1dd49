"""Counters since they were reset. The translators' own cannot be: what they showed at the reset is kept, and subtracted.

Kept in /run, since a reboot sets the counters to zero as well. An instance that was made anew meanwhile has counters below what was
kept; that shows, and what was kept of it no longer counts. One that has overtaken it by then cannot be told from one that lived on.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

from ..engines.jool_tables import GAUGES, counters
from ..model import Configuration
from ..state import MAIN
from ..system import System
from .filters import Filter
from .owners import sharing_rules
from .translators import JoolInstance, TaygaDaemon, jool_instances, running_rules, tayga_daemons

BASELINE_FILE = "/run/nat64/statistics-baseline.json"
_VERSION = 1

#: What the kernel counts on TAYGA's interface, seen from the router: `tx` is what the router gave TAYGA.
_INTERFACE_COUNTERS = {
    "tx_packets": "Packets given to TAYGA",
    "tx_bytes": "Bytes given to TAYGA",
    "tx_dropped": "Packets for TAYGA that were dropped, since it was too slow",
    "rx_packets": "Packets that came from TAYGA",
    "rx_bytes": "Bytes that came from TAYGA",
}


class BadBaseline(Exception):
    """The file is not as nat64ctl writes it."""


@dataclass(frozen=True)
class Baseline:
    #: Seconds since 1970.
    taken: int
    #: By translator (`identity`) and counter.
    counters: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class Statistics:
    """Of one translator."""

    #: Those that the translator works for; none of a foreign one.
    rules: Tuple[str, ...]
    engine: str
    instance: str
    foreign: bool
    #: By name, with what was kept subtracted.
    values: Dict[str, int]
    explanations: Dict[str, str]
    #: When what was subtracted was kept; None: the values are since the translator was made.
    since: Optional[int]
    #: Whether something was kept of it, and does not count, since the translator has been made anew.
    recreated: bool


HEADER = ("Counter", "Value", "Meaning")


def statistics(system: System, chosen: Filter, configuration: Optional[Configuration]) -> List[Statistics]:
    """@raises Unreadable, BadBaseline, OSError"""
    baseline = read_baseline(system)
    running = running_rules(system)
    found: List[Statistics] = []
    for instance in jool_instances(system):
        labels = tuple(sharing_rules(instance, running, configuration)) if instance.ours else ()
        if instance.reachable and chosen.takes_one_of(labels):
            rows = counters(system, instance.key)
            found.append(
                since_baseline(
                    baseline,
                    identity(instance),
                    {row.name: row.value for row in rows},
                    Statistics(labels, "jool", instance.key.name, not instance.ours, {}, {row.name: row.explanation for row in rows}, None, False),
                )
            )
    for daemon in tayga_daemons(system):
        if daemon.ours and chosen.takes_rule(daemon.label):
            empty = Statistics((daemon.label,), "tayga", daemon.device, False, {}, dict(_INTERFACE_COUNTERS), None, False)
            found.append(since_baseline(baseline, _tayga_identity(daemon), _interface(system, daemon.device), empty))
    return found


def since_baseline(baseline: Optional[Baseline], who: str, now: Mapping[str, int], empty: Statistics) -> Statistics:
    kept = None if baseline is None else baseline.counters.get(who)
    recreated = kept is not None and any(now.get(name, 0) < value for name, value in kept.items() if name not in GAUGES)
    if baseline is None or kept is None or recreated:
        values, since = dict(now), None
    else:
        values = {name: value if name in GAUGES else value - kept.get(name, 0) for name, value in now.items()}
        since = baseline.taken
    return Statistics(empty.rules, empty.engine, empty.instance, empty.foreign, values, empty.explanations, since, recreated)


def reset_statistics(system: System, now: int) -> List[str]:
    """Labels or names of the translators whose counters begin anew. @raises Unreadable, OSError"""
    found: Dict[str, Mapping[str, int]] = {}
    names: List[str] = []
    for instance in jool_instances(system):
        # What is foreign has its own baseline, if any: only ours begin anew.
        if instance.ours and instance.reachable:
            found[identity(instance)] = {row.name: row.value for row in counters(system, instance.key)}
            names.append(instance.key.name)
    for daemon in tayga_daemons(system):
        if daemon.ours:
            found[_tayga_identity(daemon)] = _interface(system, daemon.device)
            names.append(daemon.device)
    content = {"version": _VERSION, "taken": now, "counters": found}
    system.write_file(BASELINE_FILE, json.dumps(content, indent=1, sort_keys=True) + "\n")
    return names


def read_baseline(system: System) -> Optional[Baseline]:
    """@raises BadBaseline, OSError"""
    text = system.read_file(BASELINE_FILE)
    if text is None:
        return None
    try:
        content = json.loads(text)
        if content["version"] != _VERSION:
            raise ValueError("version %r" % content["version"])
        table = {str(who): {str(name): int(value) for name, value in values.items()} for who, values in content["counters"].items()}
        return Baseline(int(content["taken"]), table)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadBaseline("%s: %s: %s" % (BASELINE_FILE, type(error).__name__, error)) from None


def identity(instance: JoolInstance) -> str:
    return "%s %s %s" % (instance.key.kind.tool, instance.key.namespace or MAIN or "-", instance.key.name)


def _tayga_identity(daemon: TaygaDaemon) -> str:
    return "tayga - " + daemon.device


def _interface(system: System, device: str) -> Dict[str, int]:
    texts = {name: system.read_file("/sys/class/net/%s/statistics/%s" % (device, name)) for name in _INTERFACE_COUNTERS}
    return {name: int(text) for name, text in texts.items() if text is not None}


def statistics_json(each: Statistics) -> Dict[str, object]:
    return {
        "rules": list(each.rules),
        "engine": each.engine,
        "instance": each.instance,
        "foreign": each.foreign,
        "since": each.since,
        "recreated": each.recreated,
        "counters": each.values,
    }


def heading(each: Statistics) -> str:
    since = "" if each.since is None else ", since " + time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(each.since))
    return (", ".join(each.rules) or each.instance + " (foreign)") + since


def statistics_cells(each: Statistics, every: bool) -> List[Tuple[str, str, str]]:
    """Those that are not zero, or all."""
    return [
        (name, str(value), _short(each.explanations.get(name, "")))
        for name, value in each.values.items()
        if every or value or name in ("JSTAT_RECEIVED6", "JSTAT_RECEIVED4", "JSTAT_SUCCESS")
    ]


def _short(text: str) -> str:
    """The first sentence; `--json` has no room for any."""
    sentence = text.partition(". ")[0].partition("\n")[0]
    return sentence if len(sentence) <= 100 else sentence[:99] + "…"
