"""What a commit does: from VyOS's proposed configuration to nat64ctl's check and apply.

Two scripts stand before this, one for each root. Either of them takes both roots, as they will be after the commit: rules of both may be
one translator, and so a commit that changes both is applied whole by the script that comes first, and the other finds nothing to do.
vyos-configd keeps the scripts in memory: nothing is kept here between two commits.
"""

from __future__ import annotations

import dataclasses
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Callable, List

from vyos import ConfigError

from nat64ctl.applicable import check_applicable
from nat64ctl.apply import apply as bring_about
from nat64ctl.check import CheckResult
from nat64ctl.configuration_file import VYOS_FILE
from nat64ctl.failures import FAILURES, failure_lines
from nat64ctl.model import Configuration
from nat64ctl.operations import Command, Operation, RemoveFile, RenameFile, WriteFile
from nat64ctl.problems import Problem, Severity
from nat64ctl.router_facts import router_facts
from nat64ctl.system import LocalSystem, System, locked

from .configuration import FAMILIES, set_lines, trees_of

_DRAFT = VYOS_FILE + ".new"


class Refused(ConfigError):
    """VyOS makes one paragraph of a message; a list of what is wrong has to keep its lines."""

    def __init__(self, lines: List[str]) -> None:
        # Not ConfigError's own, which would fill it.
        Exception.__init__(self, "\n".join(lines))


@dataclass
class Proposal:
    """What get_config hands to verify, generate and apply."""

    #: The root whose script this is; of the other one only errors are told.
    family: str
    #: Both roots, as `set` lines.
    text: str
    #: None before it is checked, and where it has errors.
    configuration: Any = None


def proposal(config: Any, family: str) -> Proposal:
    """`config` is VyOS's Config, in a session: what will be active after the commit."""
    return Proposal(family, set_lines(trees_of(config)))


def verify(proposed: Proposal, system: System, warn: Callable[[str], None]) -> None:
    """@raises Refused with everything that is wrong"""
    if not proposed.text:
        proposed.configuration = Configuration()
        return
    try:
        result = check_applicable(proposed.text.encode(), "", router_facts(system))
    except FAILURES as error:
        raise Refused(failure_lines(error)) from error
    for problem in result.problems:
        if problem.severity is Severity.WARNING and _is_of(problem, proposed.family):
            warn(_words(problem))
    if result.configuration is None:
        raise Refused(_errors(result))
    proposed.configuration = result.configuration


def apply(proposed: Proposal, system: System) -> None:
    """All of it, or the router is as it was. @raises Refused with the translator's own words"""
    if not isinstance(proposed.configuration, Configuration):
        raise Refused(["what was not verified cannot be applied"])
    try:
        with locked():
            _bring_about(system, proposed.configuration, proposed.text)
    except FAILURES as error:
        raise Refused(failure_lines(error)) from error


def _bring_about(system: System, configuration: Configuration, text: str) -> None:
    """And the file that tells nat64ctl and operational mode what runs: they are together or not at all."""
    known = system.read_file(VYOS_FILE)
    if (known or "") == text:
        bring_about(system, configuration)
        return
    do: Command = RemoveFile(VYOS_FILE)
    if text:
        # Where there is no room for it, nothing has been touched yet. It takes its place last, so that it never tells of what could not be done.
        system.write_file(_DRAFT, text)
        do = RenameFile(_DRAFT, VYOS_FILE)
    undo: Command = RemoveFile(VYOS_FILE) if known is None else WriteFile(VYOS_FILE, known)
    try:
        bring_about(system, configuration, finish=Operation("note what was committed", (do,), (undo,)))
    except BaseException:
        with suppress(OSError):
            system.remove_file(_DRAFT)
        raise


def local_system() -> System:
    return LocalSystem()


def _errors(result: CheckResult) -> List[str]:
    return [_words(problem) for problem in result.problems if problem.severity is Severity.ERROR]


def _is_of(problem: Problem, family: str) -> bool:
    """A commit of both roots runs both scripts, and each thing is told once."""
    return problem.path[:1] == (family,) or (not problem.path and family == FAMILIES[0])


def _words(problem: Problem) -> str:
    """Without lines and columns: they are of a text that nobody has written."""
    return str(dataclasses.replace(problem, severity=Severity.ERROR, file="", line=0, column=0))
