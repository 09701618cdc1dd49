"""What has to be there before a plan is begun: modules, tools of the modules' version, programs.

Each thing that is missing is an error that names the remedy; nothing has been touched by then.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional

from .engines import jool, tayga
from .services import PROGRAMS
from .state import MAIN, OUR_INSTANCE, Framework, Instance, InstanceKey, Kind, LinkKind, State
from .system import System


class Missing(Exception):
    """Something needed is not there. `message` says what, `words` is what a program said about it, `remedy` what to do."""

    def __init__(self, message: str, remedy: str, words: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.words = words.strip()


_PACKAGES = {
    "jool": "jool-tools",
    "jool_siit": "jool-tools",
    "joold": "jool-tools",
    "tayga": "tayga",
    "python3": "python3-minimal",
    "nft": "nftables",
    "iptables-restore": "iptables",
    "ip6tables-restore": "iptables",
}


def check_versions(system: System) -> None:
    """Loaded modules and the tools on disk must be of one version, or they do not understand each other. @raises Missing"""
    for kind in Kind:
        module = module_version(system, kind)
        if module is None:
            continue
        tools = tools_version(system, kind)
        if tools != module:
            raise Missing(
                "module %s is of version %s, and its tool of version %s" % (kind.tool, module, tools or "unknown"),
                "the module stays until it is unloaded: reboot, or stop all translation and `modprobe -r jool jool_siit jool_common`",
            )


def data_folder(system: System) -> str:
    """Where dynamic maps outlive a reboot: VyOS keeps nothing but /config when its image is upgraded."""
    return "/config/nat64" if system.read_file("/usr/share/vyos/version.json") is not None else tayga.PERSISTENT_DATA


def provide(system: System, wanted: State) -> None:
    """Loads the modules that the wanted state needs, and makes sure of programs. @raises Missing"""
    kinds = sorted({key.kind for key in wanted.instances}, key=lambda kind: kind.value)
    for program in _programs(wanted):
        if not system.find_program(program):
            raise Missing("%s is not installed" % program, "install the package %s" % _PACKAGES[program])
    for kind in kinds:
        _load(system, kind)
    if kinds:
        check_versions(system)
    _frameworks(system, wanted)
    _no_stranger(system, wanted)
    if any(link.kind is LinkKind.TUN for link in wanted.links.values()) and "tun" not in system.list_folder("/dev/net"):
        result = system.run(("modprobe", "tun"))
        if result.status != 0:
            raise Missing(
                "this kernel has no TUN device, which TAYGA needs", "load the module tun; in a container, pass /dev/net/tun in", result.stderr
            )


def _frameworks(system: System, wanted: State) -> None:
    """Jool 4.1.13 is compiled without its targets for iptables unless its makefile is told otherwise."""
    if "holders" not in system.list_folder("/sys/module/x_tables"):
        return
    for key, instance in wanted.instances.items():
        if instance.framework is Framework.IPTABLES and key.kind.tool not in system.list_folder("/sys/module/x_tables/holders"):
            raise Missing(
                "the module %s has no targets for iptables" % key.kind.tool,
                "`mode isolated`; or modules that were compiled with -DNETFILTER_XTABLES",
            )


def _no_stranger(system: System, wanted: State) -> None:
    """Jool refuses a second netfilter instance in a namespace only from `instance add`; `file handle` makes two that take each other's packets."""
    for kind in sorted({key.kind for key, instance in wanted.instances.items() if _inline(key, instance)}, key=lambda kind: kind.value):
        listed = system.run((kind.tool, "instance", "display", "--csv"))
        for name, frameworks in sorted(jool.read_frameworks(listed.stdout).items()):
            if OUR_INSTANCE.match(name) or Framework.NETFILTER not in frameworks:
                continue
            if system.run((kind.tool, "-i", name, "global", "display", "--csv")).status == 0:
                raise Missing(
                    "there is a netfilter instance `%s` of %s already, which is not nat64ctl's, and Jool has one a network namespace"
                    % (name, kind.tool),
                    "`%s instance remove %s` and whatever made it; or `mode isolated`" % (kind.tool, name),
                )


def _inline(key: InstanceKey, instance: Instance) -> bool:
    return key.namespace == MAIN and instance.framework is Framework.NETFILTER


def _programs(wanted: State) -> List[str]:
    programs: Dict[str, None] = {}
    for key, instance in sorted(wanted.instances.items(), key=lambda item: item[0].kind.value):
        programs[key.kind.tool] = None
        if instance.framework is Framework.IPTABLES:
            programs.update({"iptables-restore": None, "ip6tables-restore": None})
    for template, _ in wanted.daemons:
        programs[PROGRAMS[template]] = None
    if wanted.masquerades:
        programs["nft"] = None
    return list(programs)


def _load(system: System, kind: Kind) -> None:
    if system.read_file("/sys/module/%s/initstate" % kind.tool) is not None:
        return
    result = system.run(("modprobe", kind.tool))
    if result.status == 0:
        return
    release = (system.read_file("/proc/sys/kernel/osrelease") or "").strip()
    if "Key was rejected" in result.stderr:
        remedy = "this kernel takes only modules signed by a key that it knows: use `engine tayga`, which needs none, or an image with signed modules"
    elif "not found" in result.stderr:
        remedy = "install jool-modules for the kernel %s, or use `engine tayga`" % release
    else:
        remedy = "see `dmesg`; or use `engine tayga`, which needs no module"
    raise Missing("the module %s does not load into the kernel %s" % (kind.tool, release), remedy, result.stderr)


def module_version(system: System, kind: Kind) -> Optional[str]:
    """Of the loaded module; None where none is."""
    text = system.read_file("/sys/module/%s/version" % kind.tool)
    return None if text is None else text.strip()


def tools_version(system: System, kind: Kind) -> str:
    """Empty where there are none."""
    result = system.run((kind.tool, "--version"))
    found = re.search(r"[0-9]+(?:\.[0-9]+)+", result.stdout)
    return found.group(0) if found else ""
