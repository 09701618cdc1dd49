"""What has to be there before a plan is begun: modules, tools of the modules' version, programs.

Each thing that is missing is an error that names the remedy; nothing has been touched by then. To look changes nothing, so that the
check can ask the same: no module is loaded to find out whether it would.
"""

from __future__ import annotations

import re
from typing import Dict, List, Optional

from .engines import jool, tayga
from .needs import Lack, Need
from .services import JOOLD_UNIT
from .state import MAIN, OUR_INSTANCE, Framework, Kind, State
from .system import Result, System, said


class Missing(Exception):
    """Something needed is not there, or something is in the way."""

    def __init__(self, lack: Lack) -> None:
        super().__init__(lack.message)
        self.message = lack.message
        self.remedy = lack.remedy
        self.words = lack.words


_PACKAGES = {
    "jool": "jool-tools",
    "jool_siit": "jool-tools",
    "joold": "jool-tools",
    "tayga": "tayga",
    "nft": "nftables",
    "iptables-restore": "iptables",
    "ip6tables-restore": "iptables",
}
_MODULES = {Need.NAT64: Kind.NAT64, Need.SIIT: Kind.SIIT}
_TARGETS = {Need.NAT64_TARGET: Kind.NAT64, Need.SIIT_TARGET: Kind.SIIT}
_HOOKS = {Need.NAT64_HOOK: Kind.NAT64, Need.SIIT_HOOK: Kind.SIIT}
_PROGRAMS = {Need.IPTABLES: ("iptables-restore", "ip6tables-restore"), Need.NFTABLES: ("nft",), Need.JOOLD: ("joold",)}


def check_versions(system: System) -> None:
    """Loaded modules and the tools on disk must be of one version, or they do not understand each other. @raises Missing"""
    _refuse(lack_of(system, Need.FITTING_TOOLS))


def data_folder(system: System) -> str:
    """Where dynamic maps outlive a reboot: VyOS keeps nothing but /config when its image is upgraded."""
    return "/config/nat64" if system.read_file("/usr/share/vyos/version.json") is not None else tayga.PERSISTENT_DATA


def provide(system: System, wanted: State) -> None:
    """Makes sure of all that the wanted state needs, and loads its modules. @raises Missing"""
    needs = needs_of(wanted)
    for need in needs:
        _refuse(lack_of(system, need))
    kinds = [kind for need, kind in _MODULES.items() if need in needs and not _is_loaded(system, kind)]
    for kind in kinds:
        result = system.run(("modprobe", kind.tool))
        if result.status != 0:
            raise Missing(_not_loading(system, kind, result.stderr))
    if kinds:
        # What a file may not have told of the module in it.
        for need in [Need.FITTING_TOOLS, *(need for need in needs if need in _TARGETS)]:
            _refuse(lack_of(system, need))
    if Need.TAYGA in needs and not _has_tun(system):
        result = system.run(("modprobe", "tun"))
        if result.status != 0:
            raise Missing(_no_tun(result.stderr))


def _refuse(lack: Optional[Lack]) -> None:
    if lack is not None:
        raise Missing(lack)


def needs_of(wanted: State) -> List[Need]:
    """In their order."""
    needs = {Need.FITTING_TOOLS}
    for key, instance in wanted.instances.items():
        stateful = key.kind is Kind.NAT64
        needs.add(Need.NAT64 if stateful else Need.SIIT)
        if instance.framework is Framework.IPTABLES:
            needs |= {Need.IPTABLES, Need.NAT64_TARGET if stateful else Need.SIIT_TARGET}
        elif key.namespace == MAIN:
            needs.add(Need.NAT64_HOOK if stateful else Need.SIIT_HOOK)
    templates = {template for template, _ in wanted.daemons}
    if tayga.UNIT in templates:
        needs.add(Need.TAYGA)
    if JOOLD_UNIT in templates:
        needs.add(Need.JOOLD)
    if wanted.masquerades:
        needs.add(Need.NFTABLES)
    return [need for need in Need if need in needs]


def lacks(system: System) -> Dict[Need, Lack]:
    """All that this router has not."""
    return {need: lack for need, lack in ((need, lack_of(system, need)) for need in Need) if lack is not None}


def lack_of(system: System, need: Need) -> Optional[Lack]:
    """What to say where it is not there. Only looks."""
    if need is Need.FITTING_TOOLS:
        return next(filter(None, (_other_version(system, kind) for kind in Kind)), None)
    if need in _MODULES:
        return _no_program(system, _MODULES[need].tool) or _no_module(system, _MODULES[need])
    if need in _TARGETS:
        return _no_target(system, _TARGETS[need])
    if need in _HOOKS:
        return _stranger(system, _HOOKS[need])
    if need is Need.TAYGA:
        return _no_program(system, "tayga") or _no_device(system)
    return next(filter(None, (_no_program(system, program) for program in _PROGRAMS[need])), None)


def _no_program(system: System, program: str) -> Optional[Lack]:
    if system.find_program(program):
        return None
    # A container has no packages to choose from, and the module would be its host's.
    instead = "; or use `engine tayga`" if program in ("jool", "jool_siit") else ""
    return Lack("%s is not installed" % program, "install the package %s%s" % (_PACKAGES[program], instead))


# Modules


def _is_loaded(system: System, kind: Kind) -> bool:
    return system.read_file("/sys/module/%s/initstate" % kind.tool) is not None


def _other_version(system: System, kind: Kind) -> Optional[Lack]:
    module = module_version(system, kind)
    if module is None:
        return None
    answer = system.run((kind.tool, "--version"))
    tools = _version_in(answer)
    if tools == module:
        return None
    if not tools:
        # It may be of the module's version, so nothing that translates is to be ended for it.
        message = "module %s is of version %s, and its tool does not say of which it is" % (kind.tool, module)
        return Lack(message, "try again; if it stays so, install jool-tools of the module's version", said(answer))
    return Lack(
        _VERSIONS % (kind.tool, module, tools),
        # No command of these tools reaches its instances: they end with the module, which rules of iptables hold.
        "the module stays until it is unloaded: reboot, or end all translation with `modprobe -r jool jool_siit jool_common` and apply again"
        " (in mode iptables, `iptables -t mangle -F NAT64CTL` and the same of ip6tables come first)",
    )


_VERSIONS = "module %s is of version %s, and its tool of version %s"


def _no_module(system: System, kind: Kind) -> Optional[Lack]:
    """Whether `modprobe` would load it, and it would be of use. That of a loaded one is _other_version's question."""
    if _is_loaded(system, kind):
        return None
    found = system.run(("modprobe", "--dry-run", "--first-time", kind.tool))
    if found.status != 0:
        return _not_loading(system, kind, found.stderr)
    if _takes_signed_ones_alone(system) and _field(system, "sig_id", kind) == "":
        return _not_loading(system, kind, _UNSIGNED)
    module, tools = _field(system, "version", kind), tools_version(system, kind)
    if module and tools and module != tools:
        return Lack(_VERSIONS % (kind.tool, module, tools), "install jool-modules and jool-tools of one version")
    return None


_UNSIGNED = "The file of the module has no signature."


def _takes_signed_ones_alone(system: System) -> bool:
    """The kernel by its own settings, or locked down as under Secure Boot. Whose signatures it takes, no file tells."""
    enforced = system.read_file("/sys/module/module/parameters/sig_enforce") or ""
    lockdown = system.read_file("/sys/kernel/security/lockdown") or ""
    return enforced.strip() == "Y" or "[integrity]" in lockdown or "[confidentiality]" in lockdown


def _field(system: System, name: str, kind: Kind) -> Optional[str]:
    """Of the module's file; "" where the file has none, None where nobody tells."""
    result = system.run(("modinfo", "--field", name, kind.tool))
    return result.stdout.strip() if result.status == 0 else None


def _not_loading(system: System, kind: Kind, words: str) -> Lack:
    release = (system.read_file("/proc/sys/kernel/osrelease") or "").strip()
    # What kernels say of a signature: EKEYREJECTED, ENOKEY; EPERM where they are locked down.
    of_signature = ("Key was rejected", "Required key not available", _UNSIGNED)
    if any(each in words for each in of_signature) or ("Operation not permitted" in words and _takes_signed_ones_alone(system)):
        remedy = "this kernel takes only modules signed by a key that it knows: use `engine tayga`, which needs none, or an image with signed modules"
    elif "not found" in words:
        remedy = "install jool-modules for the kernel %s, or use `engine tayga`" % release
    else:
        remedy = "see `dmesg`; or use `engine tayga`, which needs no module"
    return Lack("the module %s does not load into the kernel %s" % (kind.tool, release), remedy, words.strip())


def _no_target(system: System, kind: Kind) -> Optional[Lack]:
    """Jool 4.1.13 is compiled without its targets for iptables unless its makefile is told otherwise. A loaded module holds x_tables, one on
    disk depends on it; where the kernel has that built in, nobody can tell."""
    if _is_loaded(system, kind):
        modular = "holders" in system.list_folder("/sys/module/x_tables")
        lacking = modular and kind.tool not in system.list_folder("/sys/module/x_tables/holders")
    else:
        depends = _field(system, "depends", kind)
        file = system.run(("modinfo", "--field", "filename", "x_tables")).stdout.strip()
        lacking = file not in ("", "(builtin)") and depends is not None and "x_tables" not in depends.split(",")
    if not lacking:
        return None
    return Lack(
        "the module %s has no targets for iptables" % kind.tool, "`mode isolated`; or modules that were compiled with -DNETFILTER_XTABLES"
    )


def _stranger(system: System, kind: Kind) -> Optional[Lack]:
    """Jool refuses a second netfilter instance in a namespace only from `instance add`; `file handle` makes two that take each other's packets."""
    if not _is_loaded(system, kind):
        return None
    listed = system.run((kind.tool, "instance", "display", "--csv"))
    for name, frameworks in sorted(jool.read_frameworks(listed.stdout).items()):
        if OUR_INSTANCE.match(name) or Framework.NETFILTER not in frameworks:
            continue
        if system.run((kind.tool, "-i", name, "global", "display", "--csv")).status == 0:
            return Lack(
                "there is a netfilter instance `%s` of %s already, which is not nat64ctl's, and Jool has one a network namespace" % (name, kind.tool),
                "`%s instance remove %s` and whatever made it; or `mode isolated`" % (kind.tool, name),
            )
    return None


# TAYGA


def _has_tun(system: System) -> bool:
    return "tun" in system.list_folder("/dev/net")


def _no_device(system: System) -> Optional[Lack]:
    if _has_tun(system):
        return None
    found = system.run(("modprobe", "--dry-run", "tun"))
    return None if found.status == 0 else _no_tun(found.stderr)


def _no_tun(words: str) -> Lack:
    return Lack("this kernel has no TUN device, which TAYGA needs", "load the module tun; in a container, pass /dev/net/tun in", words.strip())


# Versions


def module_version(system: System, kind: Kind) -> Optional[str]:
    """Of the loaded module; None where none is."""
    text = system.read_file("/sys/module/%s/version" % kind.tool)
    return None if text is None else text.strip()


def tools_version(system: System, kind: Kind) -> str:
    """Empty where there are none."""
    return _version_in(system.run((kind.tool, "--version")))


def _version_in(answer: Result) -> str:
    found = re.search(r"[0-9]+(?:\.[0-9]+)+", answer.stdout)
    return found.group(0) if found else ""
