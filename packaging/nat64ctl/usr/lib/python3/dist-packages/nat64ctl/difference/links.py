"""Network namespaces, interfaces, their addresses and settings."""

from __future__ import annotations

from typing import Dict, List, Optional, Set, Tuple

from ..engines import jool
from ..operations import Command, Run
from ..state import (
    INNER_LINK,
    MAIN,
    Link,
    LinkKind,
    State,
)
from .routes import policy_rule_command, route_command, route_order, rule_order
from .steps import CLEAR, CREATE, PLACE, REMOVE, VANISH, Steps, ip_command


def namespaces(steps: Steps, running: State, wanted: State) -> None:
    for name in sorted(running.broken_namespaces):
        steps.add(CLEAR, "%s: remove the rest of a network namespace" % name, Run(("ip", "netns", "delete", name)))
    for name in sorted(wanted.namespaces - running.namespaces):
        steps.add(PLACE, "%s: add network namespace" % name, _add_namespace(name), _delete_namespace(name))
    for name in sorted(running.namespaces - wanted.namespaces):
        # With it go its settings and routes; instances and links have been removed by then, each with its own inverse.
        settings = {key: value for (namespace, key), value in running.sysctls.items() if namespace == name}
        routes = [
            route_command("add", key, route)
            for key, route in sorted(running.routes.items(), key=route_order)
            if key.namespace == name and not route.device
        ]
        rules = [policy_rule_command("add", rule) for rule in sorted(running.policy_rules, key=rule_order) if rule.namespace == name]
        undo = (_add_namespace(name), *_set_sysctls(name, settings), *routes, *rules)
        steps.add(VANISH, "%s: delete network namespace" % name, _delete_namespace(name), *undo)


def _add_namespace(name: str) -> Run:
    return Run(("ip", "netns", "add", name))


def _delete_namespace(name: str) -> Run:
    return Run(("ip", "netns", "delete", name))


def replaced_links(running: State, wanted: State) -> Set[str]:
    """Names, in the main namespace, of links of which something else has to be made, or of whose two ends one is missing."""
    replaced: Set[str] = set()
    for (namespace, name), link in running.links.items():
        if namespace != MAIN:
            # An end without the other, which somebody renamed or moved.
            if (MAIN, namespace) not in running.links:
                replaced.add(namespace)
            continue
        want = wanted.links.get((MAIN, name))
        if want is not None and (want.kind is not link.kind or (want.kind is LinkKind.VETH and (name, INNER_LINK) not in running.links)):
            replaced.add(name)
    return replaced


def links(steps: Steps, running: State, wanted: State, replaced: Set[str]) -> None:
    for (namespace, name), link in sorted(running.links.items()):
        if namespace != MAIN:
            if namespace in replaced and (MAIN, namespace) not in running.links:
                steps.add(CLEAR, "%s: delete half of a veth pair" % namespace, Run(("ip", "-n", namespace, "link", "delete", "dev", name)))
            continue
        if name in replaced:
            steps.add(CLEAR, "%s: delete interface, to make another of its name" % name, _delete_link(name, link.kind), *_rebuild_link(running, name))
        elif (MAIN, name) not in wanted.links:
            steps.add(REMOVE, "%s: delete interface" % name, _delete_link(name, link.kind), *_rebuild_link(running, name))
    for (namespace, name), link in sorted(wanted.links.items(), key=lambda item: (item[0][0] != MAIN, item[0])):
        outer = name if namespace == MAIN else namespace
        before = None if outer in replaced else running.links.get((namespace, name))
        if before is None and namespace == MAIN:
            inner = wanted.links.get((name, INNER_LINK))
            steps.add(PLACE, "%s: add %s interface" % (name, link.kind.value), _add_link(name, link, inner), _delete_link(name, link.kind))
        _adjust_link(steps, namespace, name, before, link)


def _add_link(name: str, link: Link, inner: Optional[Link]) -> Run:
    if link.kind is LinkKind.TUN:
        return Run(("ip", "tuntap", "add", "dev", name, "mode", "tun"))
    assert inner is not None
    words = "ip link add {0} address {1.mac} mtu {1.mtu} type veth peer name {2} netns {0} address {3.mac} mtu {3.mtu}"
    return Run(tuple(words.format(name, link, INNER_LINK, inner).split()))


def _delete_link(name: str, kind: LinkKind) -> Run:
    return Run(("ip", "tuntap", "delete", "dev", name, "mode", "tun")) if kind is LinkKind.TUN else Run(("ip", "link", "delete", "dev", name))


def _adjust_link(steps: Steps, namespace: str, name: str, before: Optional[Link], link: Link) -> None:
    label = name if namespace == MAIN else "%s in namespace %s" % (name, namespace)
    if before is not None and link.mac != before.mac:
        steps.add(
            PLACE,
            "%s: hardware address %s" % (label, link.mac),
            _set_link(namespace, name, "address", link.mac),
            _set_link(namespace, name, "address", before.mac),
        )
    if before is not None and link.mtu != before.mtu:
        steps.add(
            PLACE,
            "%s: MTU %d" % (label, link.mtu),
            _set_link(namespace, name, "mtu", str(link.mtu)),
            _set_link(namespace, name, "mtu", str(before.mtu)),
        )
    old = frozenset() if before is None else before.addresses
    for address in sorted(link.addresses - old):
        steps.add(
            PLACE,
            "%s: add address %s" % (label, address),
            _address("add", namespace, name, address),
            *_undo_if(before, _address("delete", namespace, name, address)),
        )
    for address in sorted(old - link.addresses):
        steps.add(
            REMOVE,
            "%s: delete address %s" % (label, address),
            _address("delete", namespace, name, address),
            _address("add", namespace, name, address),
        )
    if link.up and (before is None or not before.up):
        steps.add(CREATE, "%s: up" % label, _set_link(namespace, name, "up"), *_undo_if(before, _set_link(namespace, name, "down")))
    if before is not None and before.up and not link.up:
        steps.add(REMOVE, "%s: down" % label, _set_link(namespace, name, "down"), _set_link(namespace, name, "up"))


def _undo_if(before: Optional[Link], undo: Command) -> Tuple[Command, ...]:
    """Of a link that the plan has made itself, the inverse is its deletion."""
    return () if before is None else (undo,)


def _set_link(namespace: str, name: str, *words: str) -> Run:
    return Run(ip_command(namespace) + ("link", "set", "dev", name) + words)


def _address(verb: str, namespace: str, name: str, address: str) -> Run:
    return Run(ip_command(namespace) + ("address", verb, address, "dev", name))


def _rebuild_link(state: State, name: str) -> Tuple[Command, ...]:
    """All of an interface as it was: with it go its other end, its settings, addresses and routes."""
    link = state.links[MAIN, name]
    inner = state.links.get((name, INNER_LINK)) if link.kind is LinkKind.VETH else None
    if link.kind is LinkKind.VETH and inner is None:
        # Nobody could make half a pair.
        return ()
    commands: List[Command] = [_add_link(name, link, inner)]
    commands.extend(
        _set_sysctls(MAIN, {key: value for (namespace, key), value in state.sysctls.items() if namespace == MAIN and _belongs(key, name)})
    )
    for namespace, device, each in ((MAIN, name, link), (name, INNER_LINK, inner)):
        if each is not None:
            commands.extend(_address("add", namespace, device, address) for address in sorted(each.addresses))
            commands.extend([_set_link(namespace, device, "up")] if each.up else [])
    for key, route in sorted(state.routes.items(), key=route_order):
        if (key.namespace == MAIN and route.device == name) or (key.namespace == name and route.device == INNER_LINK):
            commands.append(route_command("replace", key, route))
    return tuple(commands)


def _belongs(key: str, link: str) -> bool:
    return ".conf.%s." % link in key


def sysctls(steps: Steps, running: State, wanted: State, replaced: Set[str], inside: bool) -> None:
    """In one go for each namespace, or for each interface of the main one."""
    scopes: Dict[Tuple[str, str], Dict[str, str]] = {}
    for (namespace, key), value in wanted.sysctls.items():
        if (namespace != MAIN) is not inside:
            continue
        # net.ipv6.conf.LINK.KEY
        link = key.split(".")[3] if namespace == MAIN else ""
        if link in replaced or running.sysctls.get((namespace, key)) != value:
            scopes.setdefault((namespace, link), {})[key] = value
    for (namespace, link), values in scopes.items():
        before = {key: running.sysctls[namespace, key] for key in values if (namespace, key) in running.sysctls and link not in replaced}
        steps.add_all(PLACE, "%s: kernel settings" % (link or namespace), _set_sysctls(namespace, values), _set_sysctls(namespace, before))


def _set_sysctls(namespace: str, values: Dict[str, str]) -> Tuple[Command, ...]:
    if not values:
        return ()
    return (Run(jool.in_namespace(namespace, ("sysctl", "-q", "-w") + tuple("%s=%s" % item for item in values.items()))),)
