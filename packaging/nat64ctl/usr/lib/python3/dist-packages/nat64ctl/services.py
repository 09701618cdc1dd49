"""Daemons under systemd: a template of units, an instance, a configuration file for each.

The unit copies `NAME.conf` to `NAME.running` when it starts, and the daemon reads the copy: so what a daemon that is alive runs
with can be read, whatever has been written since.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterable, Tuple

from .operations import Command, RemoveFile, Run, WriteFile

FOLDER = "/run/nat64"

#: Template of the unit that brings Jool's kernel log to the journal; it has one instance, since there is one kernel log.
LOG_UNIT = "nat64-log"
LOG_INSTANCE = "kernel"

#: Template of the units of session synchronization.
JOOLD_UNIT = "nat64-joold"

#: Template of the units to the name of the program, as the kernel knows it.
PROGRAMS = {"nat64-tayga": "tayga", JOOLD_UNIT: "joold", LOG_UNIT: "python3"}


@dataclass(frozen=True)
class Service:
    template: str
    instance: str

    @property
    def unit(self) -> str:
        return "%s@%s.service" % (self.template, self.instance)

    @property
    def wanted_file(self) -> str:
        return "%s/%s/%s.conf" % (FOLDER, self.template, self.instance)

    @property
    def running_file(self) -> str:
        return "%s/%s/%s.running" % (FOLDER, self.template, self.instance)


_RUNNING_FILE = re.compile(re.escape(FOLDER) + r"/([a-z0-9-]+)/([^/]+)\.running")


def unit_by_file(words: Iterable[str]) -> str:
    """The unit whose file a daemon was given, by its words; "" where it was given none."""
    matches = (_RUNNING_FILE.fullmatch(word) for word in words)
    return next((Service(*match.groups()).unit for match in matches if match is not None), "")


def start_commands(service: Service, text: str) -> Tuple[Command, ...]:
    return (WriteFile(service.wanted_file, text), restart(service))


def stop_commands(service: Service) -> Tuple[Command, ...]:
    return (Run(("systemctl", "stop", service.unit)), RemoveFile(service.wanted_file), RemoveFile(service.running_file))


def restart(service: Service) -> Run:
    return Run(("systemctl", "restart", service.unit))
