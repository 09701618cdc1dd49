"""`apply`: brings the router to what the configuration says, or leaves it as it is."""

from __future__ import annotations

import argparse
import sys

from ..apply import apply, plan_for
from ..operations import operation_json, plan_text
from ..system import LocalSystem, locked
from .command import OK, CommandLine, file_and_json, load, print_json


def _options(parser: argparse.ArgumentParser) -> None:
    file_and_json(parser)
    parser.add_argument("--dry-run", action="store_true", help="print the plan instead, as `diff` does")


def _run(arguments: argparse.Namespace) -> int:
    if arguments.dry_run:
        plan = plan_for(LocalSystem(), load(arguments))
    else:
        # Standard input is read first: whoever types it must not keep others waiting.
        typed = load(arguments) if arguments.file == "-" else None
        with locked():
            # A file only now: whoever waited here while it was changed and applied would put the old one back.
            plan = apply(LocalSystem(), typed or load(arguments, to_apply=True), lambda text: print(text, file=sys.stderr))
    if arguments.json:
        print_json([operation_json(operation) for operation in plan])
    elif arguments.dry_run:
        sys.stdout.write(plan_text(plan))
    return OK


COMMAND = CommandLine("apply", "bring the router to what the configuration says, all of it or nothing", _options, _run)
