"""Carries a plan out: all of it, or none of it.

Every operation that fails undoes those before it, in reverse. Then the router is read again, and whatever is still not as it was is
put right from there; so a program that was killed in the middle of its work is caught too. A killed nat64ctl leaves what it had
done, and the next one starts from what it finds.
"""

from __future__ import annotations

import signal
import traceback
from contextlib import contextmanager, suppress
from typing import Callable, Iterator, List, Optional

from .desired import desired_state
from .difference import difference
from .model import Configuration
from .operations import ApplyFailed, Command, Operation, Plan, RemoveFile, RenameFile, Run, WriteFile
from .requirements import check_versions, data_folder, provide
from .running import running_state
from .state import State
from .system import System, Unreadable, hearing_signals, said

Progress = Callable[[str], None]


def _silent(_text: str) -> None:
    """For whoever wants no progress."""


class _Failed(Exception):
    def __init__(self, command: Command, words: str) -> None:
        super().__init__(words)
        self.command = command
        self.words = words


class _Interrupted(Exception):
    pass


def plan_for(system: System, configuration: Configuration) -> Plan:
    """What `apply` would do now; a dry run. Changes nothing. @raises Unplannable, Missing, Unreadable, OSError"""
    wanted = desired_state(configuration, data_folder(system))
    check_versions(system)
    return difference(running_state(system), wanted)


def apply(
    system: System, configuration: Configuration, progress: Progress = _silent, interruptible: bool = True, finish: Optional[Operation] = None
) -> Plan:
    """The plan that was carried out; empty when nothing was to do. Call it with the lock held.

    `interruptible`: a request to end undoes everything. Without it, whoever calls this holds signals. `finish` comes when all is as it should be,
    also where nothing was to do; when it fails, everything is undone.

    @raises Unplannable, Missing, Unreadable, OSError (nothing was touched), ApplyFailed
    """
    wanted = desired_state(configuration, data_folder(system))
    check_versions(system)
    before = running_state(system)
    plan = difference(before, wanted)
    if not plan and finish is None:
        return plan
    if plan:
        provide(system, wanted)
    if not interruptible:
        execute(system, before, wanted, plan, progress, finish=finish)
        return plan
    with _signals_held() as interrupted:
        execute(system, before, wanted, plan, progress, interrupted, finish)
    return plan


def execute(
    system: System,
    before: State,
    wanted: State,
    plan: Plan,
    progress: Progress = _silent,
    interrupted: Callable[[], str] = lambda: "",
    finish: Optional[Operation] = None,
) -> None:
    """@raises ApplyFailed, for whatever goes wrong once something may have been done"""
    done: List[Operation] = []
    what = ""
    progress = _unheard(progress)
    try:
        for operation in plan:
            what = operation.what
            _carry_out_all(system, operation, done, progress, interrupted)
        what = "look at the result"
        left = difference(running_state(system), wanted) if plan else ()
        if left:
            what = left[0].what
            raise _Interrupted("everything was done, and yet this is not as it should be: " + "; ".join(each.what for each in left[:5]))
        if finish is not None:
            what = finish.what
            _carry_out_all(system, finish, done, progress, interrupted)
    except _Failed as failure:
        raise ApplyFailed(what, str(failure.command), failure.words, _roll_back(system, before, done, progress)) from None
    except _Interrupted as interruption:
        raise ApplyFailed(what, "", str(interruption), _roll_back(system, before, done, progress)) from None
    except Unreadable as failure:
        raise ApplyFailed(what, " ".join(failure.result.argv), said(failure.result), _roll_back(system, before, done, progress)) from None
    except Exception as error:  # nothing that goes wrong here may leave half of a plan
        words = _os_words(error) if isinstance(error, OSError) else "a bug in nat64ctl:\n" + traceback.format_exc()
        raise ApplyFailed(what, "", words, _roll_back(system, before, done, progress)) from error


def _unheard(progress: Progress) -> Progress:
    """That nobody hears it, such as a terminal that is gone, is no reason to stop."""

    def say(text: str) -> None:
        with suppress(OSError):
            progress(text)

    return say


def _roll_back(system: System, before: State, done: List[Operation], progress: Progress) -> List[str]:
    """What is still not as before, for people; empty when all is."""
    for operation in reversed(done):
        progress("undo: " + operation.what)
        for command in operation.undo:
            try:
                _carry_out(system, command)
            except _Failed:
                # Others still can be undone; the state that is read below tells what is left.
                continue
    return return_to(system, before, progress)


def return_to(system: System, before: State, progress: Progress = _silent) -> List[str]:
    """Makes what ran once again, as far as it can be; what is still not as it was, for people, and nothing when all is."""
    try:
        for operation in difference(running_state(system), before):
            progress("repair: " + operation.what)
            for command in operation.do:
                try:
                    _carry_out(system, command)
                except _Failed:
                    break
        return [operation.what for operation in difference(running_state(system), before)]
    except Exception as error:  # noqa: BLE001 - the failure that led here is what people must be told
        return ["unknown, since the router cannot be read: %s" % error]


def _carry_out_all(system: System, operation: Operation, done: List[Operation], progress: Progress, interrupted: Callable[[], str]) -> None:
    """Adds it to what is done, and so to what is undone when something fails."""
    reason = interrupted()
    if reason:
        raise _Interrupted(reason)
    progress(operation.what)
    for index, command in enumerate(operation.do):
        try:
            _carry_out(system, command)
        except _Failed:
            # What its first commands did is undone with the rest.
            if index > 0:
                done.append(operation)
            raise
    done.append(operation)


def _carry_out(system: System, command: Command) -> None:
    try:
        if isinstance(command, Run):
            result = system.run(command.argv, command.stdin)
            if result.status != 0:
                raise _Failed(command, said(result) + _journal(system, command))
        elif isinstance(command, WriteFile):
            system.write_file(command.path, command.text)
        elif isinstance(command, RemoveFile):
            system.remove_file(command.path)
        elif isinstance(command, RenameFile):
            system.rename_file(command.path, command.to)
    except OSError as error:
        raise _Failed(command, _os_words(error)) from None


def _os_words(error: OSError) -> str:
    return ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)


def _journal(system: System, command: Run) -> str:
    """A daemon says why it does not start in its journal, not to systemctl."""
    if command.argv[:2] != ("systemctl", "restart"):
        return ""
    journal = system.run(("journalctl", "--unit", command.argv[2], "--lines", "5", "--output", "cat", "--no-pager"))
    return "\n" + journal.stdout.strip() if journal.status == 0 else ""


@contextmanager
def _signals_held() -> Iterator[Callable[[], str]]:
    """A request to end is heard between two operations, and then everything is undone."""
    with hearing_signals() as heard:
        yield lambda: "interrupted by %s" % signal.Signals(heard[0]).name if heard else ""
