"""What a commit does: from VyOS's proposed configuration to nat64ctl's check and apply.

Two scripts stand before this, one for each root. Either of them takes both roots, as they will be after the commit: rules of both may be
one translator, and so a commit that changes both is applied whole by the script that comes first, and the other finds nothing to do.
Where one of them fails, VyOS runs the other all the same and holds only its root as committed; then so must the router. A script cannot ask
VyOS what became of the other one, so each leaves a note while it is at work on such a commit.
vyos-configd keeps the scripts in memory: nothing is kept here between two commits.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Callable, Dict, List

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

from .configuration import FAMILIES, lines_by_root

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
    #: `set` lines by root: as they are to be, and as VyOS holds them as committed.
    lines: Dict[str, str]
    active: Dict[str, str]
    #: None before it is checked, and where it has errors.
    configuration: Any = None

    @property
    def other(self) -> str:
        return next(each for each in FAMILIES if each != self.family)

    @property
    def text(self) -> str:
        """Both roots."""
        return "".join(self.lines[each] for each in FAMILIES)

    def note(self, family: str) -> str:
        """The file that is there while the script of a root is at work on this commit, and afterwards where it failed."""
        content = json.dumps([self.lines, self.active], sort_keys=True)
        return "/run/nat64/%s-%s.committing" % (family, hashlib.sha256(content.encode()).hexdigest()[:32])


def proposal(config: Any, family: str) -> Proposal:
    """`config` is VyOS's Config, in a session: what will be active after the commit."""
    return Proposal(family, lines_by_root(config), lines_by_root(config, active=True))


def verify(proposed: Proposal, system: System, warn: Callable[[str], None]) -> None:
    """@raises Refused with everything that is wrong"""
    try:
        _begin(proposed, system, warn)
        _verify(proposed, system, warn)
    except FAILURES as error:
        raise Refused([*failure_lines(error), *_take_back(proposed, system)]) from error


def _verify(proposed: Proposal, system: System, warn: Callable[[str], None]) -> None:
    if not proposed.text:
        proposed.configuration = Configuration()
        return
    result = check_applicable(proposed.text.encode(), "", router_facts(system))
    for problem in result.problems:
        if problem.severity is Severity.WARNING and _is_of(problem, proposed.family):
            warn(_words(problem))
    if result.configuration is None:
        # The other script finds the same errors.
        _end(proposed, system)
        raise Refused(_errors(result))
    proposed.configuration = result.configuration


def apply(proposed: Proposal, system: System) -> None:
    """All of it, or the router is as it was. @raises Refused with the translator's own words"""
    if not isinstance(proposed.configuration, Configuration):
        raise Refused(["what was not verified cannot be applied"])
    try:
        with locked():
            _bring_about(system, proposed.configuration, proposed.text)
        _end(proposed, system)
    except FAILURES as error:
        raise Refused([*failure_lines(error), *_take_back(proposed, system)]) from error


def _begin(proposed: Proposal, system: System, warn: Callable[[str], None]) -> None:
    if any(proposed.lines[each] == proposed.active[each] for each in FAMILIES):
        # Only one script runs.
        return
    failed = proposed.note(proposed.other)
    if system.read_file(failed) is None:
        # It is empty, and so fits on a disk that is full.
        note = proposed.note(proposed.family)
        try:
            system.write_file(note, "")
        except OSError:
            # This script fails, and the other one must know.
            with suppress(OSError):
                system.write_file(note, "")
            raise
        return
    # Nobody comes after this script, and the next commit may be the same one again.
    system.remove_file(failed)
    proposed.lines = {**proposed.lines, proposed.other: proposed.active[proposed.other]}
    warn("%s stays as it was, since its part of this commit failed" % proposed.other)


def _end(proposed: Proposal, system: System) -> None:
    note = proposed.note(proposed.family)
    if system.read_file(note) is not None:
        system.remove_file(note)


def _take_back(proposed: Proposal, system: System) -> List[str]:
    """Where the script before this one has applied both roots, and VyOS will hold this one as not committed."""
    family = proposed.family
    lines = {**proposed.lines, family: proposed.active[family]}
    text = "".join(lines[each] for each in FAMILIES)
    try:
        if text == proposed.text or system.read_file(VYOS_FILE) != proposed.text:
            return []
        configuration = check_applicable(text.encode(), "").configuration
        if configuration is not None:
            with locked():
                _bring_about(system, configuration, text)
            return []
    except FAILURES:
        # What led here is what people must be told.
        pass
    return ["%s runs as in this commit all the same: commit again, or `discard` and commit something of %s" % (family, family)]


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
