"""Which rule a translation is of.

An instance is one rule's, but for the inline one, and NAT46's in mode iptables or a namespace, which rules with one prefix share. There the
address and port outside tell, by the pools of /run/jool/instance-RULE.json and of the configuration; where two rules have the same ones, nobody
can tell.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Callable, Dict, List, Mapping, Optional, Tuple

from ..engines import jool
from ..model import Configuration, DestinationRule, Engine, Mode
from ..state import Kind
from .translators import JoolInstance, RunningRule

#: Of a protocol (TCP, UDP, ICMP) and the address and port outside: `nat64-100`, or None.
Owner = Callable[[str, str, str], Optional[str]]

#: First address, last address, protocol, first port, last port, rule.
_Share = Tuple[int, int, str, int, int, str]


def owner_of(instance: JoolInstance, running: Mapping[int, RunningRule], configuration: Optional[Configuration]) -> Owner:
    if not instance.ours:
        return _always(None)
    labels = sharing_rules(instance, running, configuration)
    if len(labels) < 2:
        label = labels[0] if labels else instance.label
        return _always(label)
    return _by_pool(_pool_shares(labels, running, configuration))


def _always(label: Optional[str]) -> Owner:
    return lambda _protocol, _address, _port: label


def sharing_rules(instance: JoolInstance, running: Mapping[int, RunningRule], configuration: Optional[Configuration]) -> List[str]:
    """Labels of the rules that an instance works for, its own first."""
    if not instance.shared:
        return [instance.label]
    labels: List[str] = []
    inline = instance.mode == Mode.INLINE.value
    if instance.key.kind is Kind.NAT64 and inline:
        labels = ["nat64-%d" % number for number, rule in sorted(running.items()) if _is_of(rule, instance)]
    if configuration is not None:
        labels += ["nat46-%d" % rule.number for rule in configuration.destination_rules if _shares(rule, instance)]
        clat = configuration.clat
        if inline and instance.key.kind is Kind.SIIT and clat is not None and clat.engine is Engine.JOOL and clat.mode is Mode.INLINE:
            labels.append("nat46-clat")
    # What is configured need not run: the instance's name is what does for certain.
    return labels if instance.label in labels else [instance.label] + labels


def _is_of(rule: RunningRule, instance: JoolInstance) -> bool:
    return rule.framework == "netfilter" and not rule.isolated and rule.pool6 == instance.pool6


def _shares(rule: DestinationRule, instance: JoolInstance) -> bool:
    if rule.engine is not Engine.JOOL or rule.disabled or instance.key.kind is not (Kind.NAT64 if rule.stateful else Kind.SIIT):
        return False
    return rule.mode.value == instance.mode and (rule.mode is Mode.INLINE or jool.prefix6(rule.source_prefix) == instance.pool6)


def _pool_shares(labels: List[str], running: Mapping[int, RunningRule], configuration: Optional[Configuration]) -> List[_Share]:
    shares: List[_Share] = []
    for number, source in sorted(running.items()):
        if "nat64-%d" % number in labels:
            shares.extend((pool.first, pool.last, pool.protocol, pool.low, pool.high, "nat64-%d" % number) for pool in source.pools)
    for rule in configuration.destination_rules if configuration is not None else ():
        if "nat46-%d" % rule.number in labels and rule.ports is not None:
            first, last = int(rule.address.network_address), int(rule.address.broadcast_address)
            shares.extend(
                (first, last, protocol.value.upper(), rule.ports.first, rule.ports.last, "nat46-%d" % rule.number) for protocol in rule.protocols
            )
    return shares


def _by_pool(shares: List[_Share]) -> Owner:
    of_address: Dict[str, List[_Share]] = {}

    def owner(protocol: str, address: str, port: str) -> Optional[str]:
        near = of_address.get(address)
        if near is None:
            number = int(IPv4Address(address))
            near = of_address[address] = [share for share in shares if share[0] <= number <= share[1]]
        found = {share[5] for share in near if share[2] == protocol and share[3] <= int(port) <= share[4]}
        return found.pop() if len(found) == 1 else None

    return owner
