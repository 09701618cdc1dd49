"""The rules: those of the configuration, and those that run; and what runs beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, List, Mapping, Optional, Tuple

from ..engines.jool import prefix6
from ..model import Configuration, DestinationRule, Engine, SourceRule
from ..state import Kind
from ..system import System
from .filters import natural
from .owners import sharing_rules
from .translators import JoolInstance, RunningRule, TaygaDaemon, jool_instances, running_rules, tayga_daemons


@dataclass(frozen=True)
class RuleRow:
    #: `nat64-100`; None for what is foreign.
    rule: Optional[str]
    engine: str
    #: "" where it is not known.
    mode: str
    prefix: str
    #: What stands for IPv6 nodes in IPv4, or IPv4 clients send to: addresses and networks.
    addresses: Tuple[str, ...]
    #: running, paused, disabled, not running, not configured, foreign
    state: str
    description: str = ""
    #: The instance of Jool or the interface of TAYGA; None where nothing runs.
    instance: Optional[str] = None


HEADER = ("Rule", "Engine", "Mode", "Prefix", "IPv4", "State", "Description")


def rule_rows(system: System, configuration: Optional[Configuration]) -> List[RuleRow]:
    """@raises Unreadable, OSError"""
    instances, daemons = jool_instances(system), tayga_daemons(system)
    wanted = {row.rule: row for row in configured_rows(configuration)} if configuration is not None else {}
    rows: Dict[Optional[str], RuleRow] = {}
    for row in _running(instances, daemons, running_rules(system), configuration):
        asked = wanted.get(row.rule)
        if asked is not None:
            # A disabled rule that shares an instance has left it: what runs is the others'.
            state = "disabled" if asked.state == "disabled" and row.state == "running" else row.state
            rows[row.rule] = replace(asked, state=state, instance=row.instance)
        elif row.rule not in rows:
            rows[row.rule] = row if configuration is None else replace(row, state="not configured")
    for label, row in wanted.items():
        rows.setdefault(label, row)
    ordered = sorted(rows.values(), key=lambda row: label_order(row.rule or ""))
    return ordered + _foreign(instances, daemons)


def label_order(label: str) -> Tuple[str, int, str]:
    """By number, nat64 first."""
    family, _, text = label.partition("-")
    number = natural(text)
    return {"nat64": "0", "nat46": "1"}.get(family, "2"), 1 << 30 if number is None else number, label


def configured_rows(configuration: Configuration) -> List[RuleRow]:
    """As if nothing ran."""
    rows = [_source(rule) for rule in configuration.source_rules] + [_destination(rule) for rule in configuration.destination_rules]
    clat = configuration.clat
    if clat is not None:
        mode = "" if clat.engine is Engine.TAYGA else clat.mode.value
        rows.append(RuleRow("nat46-clat", clat.engine.value, mode, prefix6(clat.plat_prefix), (str(clat.ipv4_address),), "not running"))
    return rows


def _source(rule: SourceRule) -> RuleRow:
    mode = "" if rule.engine is Engine.TAYGA else rule.mode.value
    addresses = tuple(dict.fromkeys(_network(str(pool.address)) for pool in rule.pools))
    state = "disabled" if rule.disabled else "not running"
    return RuleRow("nat64-%d" % rule.number, rule.engine.value, mode, prefix6(rule.prefix), addresses, state, rule.description)


def _destination(rule: DestinationRule) -> RuleRow:
    mode = "" if rule.engine is Engine.TAYGA else rule.mode.value
    state = "disabled" if rule.disabled else "not running"
    addresses = (_network(str(rule.address)),)
    return RuleRow("nat46-%d" % rule.number, rule.engine.value, mode, prefix6(rule.source_prefix), addresses, state, rule.description)


def _network(text: str) -> str:
    return text[:-3] if text.endswith("/32") else text


def _running(
    instances: List[JoolInstance],
    daemons: List[TaygaDaemon],
    running: Mapping[int, RunningRule],
    configuration: Optional[Configuration],
) -> List[RuleRow]:
    rows: List[RuleRow] = []
    for instance in instances:
        if not instance.ours or not instance.reachable:
            continue
        for label in sharing_rules(instance, running, configuration):
            rule = running.get(int(label[len("nat64-") :])) if label.startswith("nat64-") else None
            state = "running" if instance.enabled else "paused"
            addresses = tuple(dict.fromkeys(pool.prefix for pool in rule.pools)) if rule is not None else ()
            description = rule.description if rule is not None else ""
            rows.append(RuleRow(label, "jool", instance.mode, instance.pool6, addresses, state, description, instance.key.name))
    for daemon in daemons:
        if daemon.ours:
            pool = daemon.pool
            addresses = (str(pool),) if pool is not None else tuple(each.outside for each in daemon.static_maps)
            prefix = daemon.value("prefix")
            labels = _of_tayga(daemon, configuration)
            rows.extend(RuleRow(label, "tayga", "", prefix, addresses, "running", "", daemon.device) for label in labels)
    return rows


def _of_tayga(daemon: TaygaDaemon, configuration: Optional[Configuration]) -> List[str]:
    """NAT46 rules of one prefix share a TAYGA."""
    labels = [daemon.label]
    if daemon.label.startswith("nat46-") and configuration is not None:
        labels += [
            "nat46-%d" % rule.number
            for rule in configuration.destination_rules
            if rule.engine is Engine.TAYGA and not rule.disabled and prefix6(rule.source_prefix) == daemon.value("prefix")
        ]
    return list(dict.fromkeys(labels))


def _foreign(instances: List[JoolInstance], daemons: List[TaygaDaemon]) -> List[RuleRow]:
    rows = [
        RuleRow(
            None,
            "jool" if instance.key.kind is Kind.NAT64 else "jool_siit",
            instance.framework.value,
            instance.pool6,
            (),
            "foreign",
            "" if instance.reachable else "in a namespace that is not nat64ctl's",
            instance.key.name,
        )
        for instance in instances
        if not instance.ours
    ]
    return rows + [RuleRow(None, "tayga", "", "", (), "foreign", "", daemon.device) for daemon in daemons if not daemon.ours]


def rule_json(row: RuleRow) -> Dict[str, object]:
    return {
        "rule": row.rule,
        "engine": row.engine,
        "mode": row.mode or None,
        "prefix": row.prefix or None,
        "addresses": list(row.addresses),
        "state": row.state,
        "description": row.description,
        "instance": row.instance,
    }


def rule_cells(row: RuleRow) -> List[str]:
    shown = ", ".join(row.addresses[:4]) + (" and %d more" % (len(row.addresses) - 4) if len(row.addresses) > 4 else "")
    return [row.rule or "(%s)" % (row.instance or "?"), row.engine, row.mode, row.prefix, shown, row.state, row.description]
