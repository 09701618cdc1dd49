"""Whether all is well: versions, modules, translators, and whether the configuration is what runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Optional

from ..apply import plan_for
from ..model import Configuration
from ..requirements import Missing, module_version, tools_version
from ..state import Kind
from ..system import System
from .translators import jool_instances, tayga_daemons


@dataclass(frozen=True)
class ModuleStatus:
    name: str
    #: None: not loaded; "" where the kernel does not say.
    module: Optional[str]
    #: "" where there is no such program.
    tools: str

    @property
    def fits(self) -> bool:
        return self.module is None or self.module == self.tools


@dataclass(frozen=True)
class Status:
    modules: List[ModuleStatus]
    running: int
    foreign: int
    file: str
    #: applied, differs, absent, invalid, unknown
    configuration: str
    #: Operations that an apply would do; with `differs`.
    pending: int
    remark: str = ""


def router_status(system: System, file: str, configuration: Optional[Configuration], absent: bool) -> Status:
    """@raises Unreadable, OSError"""
    modules = [ModuleStatus(kind.tool, module_version(system, kind), tools_version(system, kind)) for kind in Kind]
    remark, pending, state = "", 0, "absent" if absent else "invalid"
    if not all(module.fits for module in modules):
        # Tools and modules that do not understand each other cannot say what runs.
        return Status(modules, 0, 0, file, "unknown", 0, "tools and modules are of different versions")
    instances, daemons = jool_instances(system), tayga_daemons(system)
    if configuration is not None:
        try:
            pending = len(plan_for(system, configuration))
            state = "differs" if pending else "applied"
        except Missing as error:
            state, remark = "unknown", error.message
    ours = [each.ours for each in instances] + [each.ours for each in daemons]
    return Status(modules, ours.count(True), ours.count(False), file, state, pending, remark)


def status_json(status: Status) -> Dict[str, object]:
    return {
        "modules": [{"name": each.name, "module": each.module, "tools": each.tools or None, "fits": each.fits} for each in status.modules],
        "translators": {"running": status.running, "foreign": status.foreign},
        "configuration": {"file": status.file, "state": status.configuration, "pending": status.pending, "remark": status.remark},
    }


HEADER = ("What", "State")


def status_cells(status: Status) -> List[List[str]]:
    rows = []
    for each in status.modules:
        module = "not loaded" if each.module is None else "loaded, version %s" % (each.module or "unknown")
        tools = "tools of version %s" % each.tools if each.tools else "no tools"
        rows.append(["module " + each.name, "%s; %s%s" % (module, tools, "" if each.fits else ": these do not fit")])
    rows.append(["translators", "%d running%s" % (status.running, ", %d foreign" % status.foreign if status.foreign else "")])
    words = {
        "applied": "what runs is what it says",
        "differs": "an apply would do %d operation%s" % (status.pending, "" if status.pending == 1 else "s"),
        "absent": "there is no such file",
        "invalid": "it has errors: see `nat64ctl check`",
        "unknown": "cannot tell: " + status.remark,
    }
    rows.append(["configuration " + status.file, words[status.configuration]])
    return rows
