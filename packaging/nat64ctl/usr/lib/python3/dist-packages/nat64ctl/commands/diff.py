"""`diff`: prints the plan that `apply` would carry out now."""

from __future__ import annotations

import argparse
import sys

from ..apply import plan_for
from ..operations import operation_json, plan_text
from ..system import LocalSystem
from .command import OK, CommandLine, file_and_json, load, print_json


def _run(arguments: argparse.Namespace) -> int:
    configuration = load(arguments)
    plan = plan_for(LocalSystem(), configuration)
    if arguments.json:
        print_json([operation_json(operation) for operation in plan])
    elif plan:
        sys.stdout.write(plan_text(plan))
    else:
        print("nothing to do", file=sys.stderr)
    return OK


COMMAND = CommandLine("diff", "print what `apply` would do", file_and_json, _run)
