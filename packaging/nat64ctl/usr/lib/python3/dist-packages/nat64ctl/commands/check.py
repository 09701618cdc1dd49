"""`check`: says what is wrong with a configuration. Pure: what it says depends on the file alone, unless it is to look at the router."""

from __future__ import annotations

import argparse
import sys

from ..router_facts import router_facts
from ..system import LocalSystem
from .command import BAD_CONFIGURATION, OK, CommandLine, check, file_and_json, print_json


def _options(parser: argparse.ArgumentParser) -> None:
    file_and_json(parser)
    parser.add_argument("--on-this-router", action="store_true", help="also say what this router cannot do: engines, modules, ports, interfaces")


def _run(arguments: argparse.Namespace) -> int:
    result = check(arguments, router_facts(LocalSystem()) if arguments.on_this_router else None)
    if arguments.json:
        print_json({"valid": result.configuration is not None, "problems": [problem.to_json() for problem in result.problems]})
    else:
        for problem in result.problems:
            print(problem, file=sys.stderr)
    return OK if result.configuration is not None else BAD_CONFIGURATION


COMMAND = CommandLine("check", "say what is wrong with a configuration, and touch nothing", _options, _run)
