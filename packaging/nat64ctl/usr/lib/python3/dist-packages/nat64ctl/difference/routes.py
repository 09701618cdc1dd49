"""Which packets go to a translator: routes and policy rules."""

from __future__ import annotations

from typing import Set, Tuple

from ..operations import Run
from ..state import (
    INNER_LINK,
    MAIN,
    PolicyRule,
    Route,
    RouteKey,
    State,
)
from .steps import DAEMON, DIVERT, LEAD, Steps, ip_command

#: systemd-networkd deletes policy rules (since 249) and routes without an interface that no .network file of its own has, each time it configures an
#: interface; it spares those of this protocol, and no other (networkd-routing-policy-rule.c, networkd-route.c). To delete one needs no protocol.
_SPARED = ("protocol", "kernel")


def routes(steps: Steps, running: State, wanted: State, replaced: Set[str]) -> None:
    for key, route in sorted(running.routes.items(), key=route_order):
        goes_with_namespace = key.namespace != MAIN and key.namespace not in wanted.namespaces
        if key not in wanted.routes and not goes_with_namespace and not _lost(key, route, replaced):
            steps.add(DIVERT, "remove route %s" % _route_label(key, route), route_command("delete", key, route), route_command("add", key, route))
    for key, route in sorted(wanted.routes.items(), key=route_order):
        before = running.routes.get(key)
        if before is not None and _lost(key, before, replaced):
            before = None
        if before == route:
            continue
        what = "route %s" % _route_label(key, route)
        phase = LEAD if key.namespace == MAIN else DAEMON
        if before is None:
            steps.add(phase, what, route_command("add", key, route), route_command("delete", key, route))
        else:
            steps.add(phase, what, route_command("replace", key, route), route_command("replace", key, before))


def _lost(key: RouteKey, route: Route, replaced: Set[str]) -> bool:
    """Whether it goes with its interface."""
    return (key.namespace == MAIN and route.device in replaced) or (key.namespace in replaced and route.device == INNER_LINK)


def route_order(item: Tuple[RouteKey, Route]) -> Tuple[str, int, str, str]:
    key = item[0]
    return key.namespace, key.family, key.table, key.destination


def route_command(verb: str, key: RouteKey, route: Route) -> Run:
    words: Tuple[str, ...] = ("route", verb) + (() if route.device else ("unreachable",)) + (key.destination,)
    if route.via:
        words += ("via", route.via)
    if route.device:
        words += ("dev", route.device)
    if key.table != "main":
        words += ("table", key.table)
    if verb == "add" and key.namespace == MAIN and not route.device:
        words += _SPARED
    return Run(ip_command(key.namespace, key.family) + words)


def _route_label(key: RouteKey, route: Route) -> str:
    where = "to %s" % route.device if route.device else "nowhere"
    table = "" if key.table == "main" else " in table %s" % key.table
    return "%s %s%s%s" % (key.destination, where, table, "" if key.namespace == MAIN else " in namespace %s" % key.namespace)


def policy_rules(steps: Steps, running: State, wanted: State) -> None:
    for rule in sorted(wanted.policy_rules - running.policy_rules, key=rule_order):
        phase = LEAD if rule.namespace == MAIN else DAEMON
        steps.add(phase, "policy rule: %s" % _rule_label(rule), policy_rule_command("add", rule), policy_rule_command("delete", rule))
    # Those that make exceptions go last.
    for rule in sorted(running.policy_rules - wanted.policy_rules, key=rule_order, reverse=True):
        # Others go with their namespace.
        if rule.namespace == MAIN or rule.namespace in wanted.namespaces:
            steps.add(DIVERT, "remove policy rule: %s" % _rule_label(rule), policy_rule_command("delete", rule), policy_rule_command("add", rule))


def policy_rule_command(verb: str, rule: PolicyRule) -> Run:
    spared = _SPARED if verb == "add" and rule.namespace == MAIN else ()
    return Run(ip_command(rule.namespace, rule.family) + ("rule", verb) + _rule_words(rule) + spared)


def _rule_label(rule: PolicyRule) -> str:
    return " ".join(_rule_words(rule)) + ("" if rule.namespace == MAIN else " in namespace %s" % rule.namespace)


def rule_order(rule: PolicyRule) -> Tuple[str, Tuple[str, ...], int]:
    return rule.namespace, _rule_words(rule), rule.family


def _rule_words(rule: PolicyRule) -> Tuple[str, ...]:
    words: Tuple[str, ...] = ("priority", str(rule.priority)) + (("not",) if rule.inverted else ())
    words += ("from", rule.source or "all")
    if rule.destination:
        words += ("to", rule.destination)
    if rule.inbound:
        words += ("iif", rule.inbound)
    if rule.mark:
        words += ("fwmark", "0x%x" % rule.mark)
    words += ("lookup", rule.table)
    if rule.suppress_prefix_length >= 0:
        words += ("suppress_prefixlength", str(rule.suppress_prefix_length))
    return words
