"""`apply`: brings the router to what the configuration says, or leaves it as it is."""

from __future__ import annotations

import argparse
import sys

from ..apply import apply, plan_for
from ..configuration_file import BOOT_FILE, is_open_already
from ..model import Configuration
from ..operations import operation_json, plan_text
from ..system import LocalSystem, System, locked
from .command import OK, CommandLine, file_and_json, load, print_json

_HINT = "hint: nat64.service is not active, so what a change of interfaces takes away stays away until the next boot: `systemctl start nat64`"


def _options(parser: argparse.ArgumentParser) -> None:
    file_and_json(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plan instead, as `diff` does")


def _run(arguments: argparse.Namespace) -> int:
    system = LocalSystem()
    if arguments.dry_run:
        plan = plan_for(system, load(arguments))
    else:
        # What is open already is read first: whoever types it, or writes it into a pipe, must not keep others waiting.
        typed = load(arguments) if is_open_already(arguments.file) else None
        with locked():
            # A file only now: whoever waited here while it was changed and applied would put the old one back.
            configuration = typed or load(arguments, to_apply=True)
            plan = apply(system, configuration, lambda text: print(text, file=sys.stderr))
        if arguments.file == BOOT_FILE and configuration != Configuration() and _is_at_rest(system):
            print(_HINT, file=sys.stderr)
    if arguments.json:
        print_json([operation_json(operation) for operation in plan])
    elif arguments.dry_run:
        sys.stdout.write(plan_text(plan))
    return OK


def _is_at_rest(system: System) -> bool:
    """Whether nat64.service is there and was never started, or was stopped: then the hooks of interfaces leave the router alone."""
    result = system.run(("systemctl", "show", "--property", "LoadState,ActiveState", "nat64.service"))
    return result.status == 0 and {"LoadState=loaded", "ActiveState=inactive"} <= set(result.stdout.splitlines())


COMMAND = CommandLine("apply", "bring the router to what the configuration says, all of it or nothing", _options, _run)
