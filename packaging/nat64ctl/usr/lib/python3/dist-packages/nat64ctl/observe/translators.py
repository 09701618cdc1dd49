"""Which translators there are, ours and others', without their tables."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Dict, List, NamedTuple, Optional, Tuple

from ..engines import jool, tayga
from ..problems import shortened
from ..services import FOLDER, Service
from ..state import MAIN, OUR_INSTANCE, OUR_LINK, RULE_FILE, Framework, InstanceKey, Kind
from ..system import System, Unreadable
from .filters import natural


@dataclass(frozen=True)
class JoolInstance:
    """`key.namespace` is MAIN for a foreign instance that is elsewhere: see `reachable`."""

    key: InstanceKey
    framework: Framework
    ours: bool
    #: Whether it can be asked. Instances in other namespaces than ours are named by Jool, and not looked at.
    reachable: bool = True
    options: Dict[str, str] = field(default_factory=dict)

    @property
    def enabled(self) -> bool:
        return self.options.get("manually-enabled", "TRUE") == "TRUE"

    @property
    def pool6(self) -> str:
        return self.options.get("pool6", "")

    @property
    def mode(self) -> str:
        """As the CLI has it."""
        if self.key.namespace != MAIN:
            return "isolated"
        return "iptables" if self.framework is Framework.IPTABLES else "inline"

    @property
    def shared(self) -> bool:
        """Whether several rules may share it: inline ones, and those of NAT46 elsewhere."""
        return self.ours and (self.mode == "inline" or self.key.name.startswith("nat46-"))

    @property
    def label(self) -> str:
        """The rule that it is called after, as `nat64-100`; of a foreign one its name."""
        return self.key.name.replace("instance-", "nat64-", 1) if self.ours else self.key.name


class Map(NamedTuple):
    """One of TAYGA's. `last_use` is in seconds since 1970, None for a static one."""

    inside: str
    outside: str
    last_use: Optional[int]


@dataclass(frozen=True)
class TaygaDaemon:
    """`text` is the configuration that it runs with; None where nobody can tell: a foreign one."""

    device: str
    ours: bool
    text: Optional[str]

    @property
    def label(self) -> str:
        return self.device

    def value(self, directive: str) -> str:
        return tayga.value_of(self.text or "", directive)

    @property
    def pool(self) -> Optional[IPv4Network]:
        text = self.value("dynamic-pool")
        return IPv4Network(text) if text else None

    @property
    def static_maps(self) -> List[Map]:
        lines = (line.split() for line in (self.text or "").splitlines())
        return [Map(words[2], words[1], None) for words in lines if len(words) == 3 and words[0] == "map"]

    @property
    def maps_file(self) -> str:
        folder = self.value("data-dir")
        return folder + "/dynamic.map" if folder else ""


def jool_instances(system: System) -> List[JoolInstance]:
    """Ours first, by name. Empty where no module is loaded. @raises Unreadable"""
    found: List[JoolInstance] = []
    namespaces = [name for name in system.list_folder("/run/netns") if OUR_LINK.match(name)]
    for kind in Kind:
        if system.read_file("/sys/module/%s/initstate" % kind.tool) is None:
            continue
        result = system.run((kind.tool, "instance", "display", "--csv"))
        if result.status != 0:
            raise Unreadable(result)
        listed = jool.read_instances(result.stdout)
        for name in sorted({each for each, _ in listed}):
            found.extend(_places(system, kind, name, [framework for each, framework in listed if each == name], namespaces))
    return sorted(found, key=lambda each: (not each.ours, each.key.kind.value, _order(each.key.name), each.key.namespace, not each.reachable))


def _places(system: System, kind: Kind, name: str, frameworks: List[Framework], namespaces: List[str]) -> List[JoolInstance]:
    """Jool does not say in words where an instance is, so each place of ours is asked for it, until all are found. It complains in the
    kernel log of each place without one, so the likelier is asked first."""
    ours = bool(OUR_INSTANCE.match(name))
    left = list(frameworks)
    found: List[JoolInstance] = []
    for namespace in [each for each in namespaces if ours and each.partition("-")[2] == name.partition("-")[2]] + [MAIN]:
        if not left:
            break
        key = InstanceKey(namespace, kind, name)
        options = system.run(jool.command(key, "global", "display", "--csv").argv)
        if options.status != 0:
            if jool.no_such_instance(options.stderr):
                continue
            raise Unreadable(options)
        framework = Framework.IPTABLES if Framework.IPTABLES in left and namespace == MAIN else Framework.NETFILTER
        if framework in left:
            left.remove(framework)
        found.append(JoolInstance(key, framework, ours, True, jool.read_globals(options.stdout)))
    found.extend(JoolInstance(InstanceKey(MAIN, kind, name), framework, False, False) for framework in left)
    return found


def tayga_daemons(system: System) -> List[TaygaDaemon]:
    """Those that are alive."""
    found: List[TaygaDaemon] = []
    processes = system.processes("tayga")
    folder = "%s/%s" % (FOLDER, tayga.UNIT)
    for name in system.list_folder(folder):
        if not name.endswith(".running") or not OUR_LINK.match(name[: -len(".running")]):
            continue
        service = Service(tayga.UNIT, name[: -len(".running")])
        # By its unit too: anybody can start a program of that name with that argument.
        of_unit = [each for each in processes if each.unit == service.unit]
        processes = [each for each in processes if each.unit != service.unit]
        if any(service.running_file in each.words for each in of_unit):
            found.append(TaygaDaemon(service.instance, True, system.read_file(service.running_file)))
    found.extend(TaygaDaemon(shortened(" ".join(each.words[1:]), 200) or "tayga", False, None) for each in processes)
    return sorted(found, key=lambda each: (not each.ours, _order(each.device)))


def dynamic_maps(system: System, daemon: TaygaDaemon) -> Tuple[List[Map], bool]:
    """As TAYGA last wrote them, which it does within a minute of a change; and whether there is such a file. @raises OSError"""
    text = system.read_file(daemon.maps_file) if daemon.maps_file else None
    return [] if text is None else read_maps(text), text is not None


def read_maps(text: str) -> List[Map]:
    """`IPv4<TAB>IPv6<TAB>seconds`, and comments; was seen to be written so by TAYGA 0.9.2."""
    found: List[Map] = []
    for line in text.splitlines():
        words = line.split()
        last_use = natural(words[2]) if len(words) == 3 and not line.startswith("#") else None
        if last_use is not None:
            found.append(Map(words[1], words[0], last_use))
    return found


class RulePool(NamedTuple):
    """An entry of pool4: first and last address as numbers, protocol (TCP, UDP, ICMP), first and last port."""

    first: int
    last: int
    protocol: str
    low: int
    high: int
    #: As it was written.
    prefix: str


@dataclass(frozen=True)
class RunningRule:
    """A source rule of Jool, as /run/jool has it for VyOS's tools."""

    framework: str
    pool6: str
    description: str
    pools: Tuple[RulePool, ...]
    isolated: bool


def running_rules(system: System) -> Dict[int, RunningRule]:
    """By number. Files that are not as expected are left out. @raises OSError"""
    found: Dict[int, RunningRule] = {}
    namespaces = system.list_folder("/run/netns")
    for name in system.list_folder("/run/jool"):
        match = RULE_FILE.match("/run/jool/" + name)
        if match is None:
            continue
        number = int(match.group(1))
        try:
            content = json.loads(system.read_file("/run/jool/" + name) or "")
            found[number] = RunningRule(
                str(content["framework"]),
                str(content["global"]["pool6"]),
                str(content.get("comment", "")),
                tuple(_rule_pool(entry) for entry in content.get("pool4", [])),
                "nat64-%d" % number in namespaces,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return found


def _rule_pool(entry: Dict[str, str]) -> RulePool:
    network = IPv4Network(entry["prefix"])
    low, _, high = entry["port range"].partition("-")
    return RulePool(int(network.network_address), int(network.broadcast_address), entry["protocol"], int(low), int(high or low), entry["prefix"])


def _order(name: str) -> Tuple[str, int, str]:
    family, _, text = name.partition("-")
    number = natural(text)
    return family.replace("nat64", "instance"), 1 << 30 if number is None else number, name
