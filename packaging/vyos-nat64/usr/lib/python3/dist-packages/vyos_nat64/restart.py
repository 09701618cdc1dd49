"""Takes all translators away and makes them anew, and leaves no router without them that could have them."""

from __future__ import annotations

from typing import List

from nat64ctl.apply import apply, return_to
from nat64ctl.failures import failure_lines
from nat64ctl.model import Configuration
from nat64ctl.operations import ApplyFailed
from nat64ctl.running import running_state
from nat64ctl.state import State
from nat64ctl.system import System, uninterrupted


class RestartFailed(Exception):
    """What was taken away could not be made anew. Says why, a line each, and what translates now."""


def restart(system: System, configuration: Configuration) -> None:
    """Call it with the lock held, and with a configuration that was checked with the router's facts.

    Ctrl-C, and a terminal that is gone, are obeyed when all is done: between the two halves nothing translates.

    @raises what `apply` does, and then all is as before; RestartFailed
    """
    with uninterrupted():
        before = running_state(system)
        taken = False
        try:
            apply(system, Configuration(), interruptible=False)
            taken = True
            apply(system, configuration, interruptible=False)
        except Exception as error:
            if not taken and not (isinstance(error, ApplyFailed) and error.remains):
                raise
            left = return_to(system, before)
            # What refused once may have had a passing reason, and nothing else translates meanwhile.
            left = return_to(system, before) if left else left
            raise RestartFailed("\n".join(_why(error) + _outcome(system, before, left))) from error


def _why(error: Exception) -> List[str]:
    if not isinstance(error, ApplyFailed):
        return failure_lines(error)
    # Not that everything is as before: before this half there was nothing.
    return [line for line in ("failed: " + error.operation, error.command, error.words) if line]


def _outcome(system: System, before: State, left: List[str]) -> List[str]:
    if not left:
        return ["what ran before was made again instead; its sessions have ended"]
    try:
        now = running_state(system)
        down = [key.name for key in before.instances if key not in now.instances]
        down += ["%s@%s" % key for key in before.daemons if key not in now.daemons]
        words = "down: " + ", ".join(sorted(down)) if down else "all translators run, and not all of what they need is there"
    except Exception as error:  # noqa: BLE001 - that it cannot be read is what people must be told
        words = "what runs is unknown, since the router cannot be read: %s" % error
    return [*("not as before: " + each for each in left), words, "remedy: mend what is named above, and `restart nat64` again"]
