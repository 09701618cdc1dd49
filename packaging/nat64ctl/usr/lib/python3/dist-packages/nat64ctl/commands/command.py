"""What a verb is, and the exit statuses that all of them have."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from typing import Callable, Optional

from ..check import CheckResult, RouterFacts, check_text
from ..desired import Unplannable, desired_state
from ..model import Configuration
from ..problems import Problem, Severity

OK = 0
#: The router could not be brought to what the configuration says; it is as it was.
FAILED = 1
USAGE = 64
BAD_CONFIGURATION = 65
MISSING = 69
BUG = 70

DEFAULT_FILE = "/etc/nat64/nat64.config"


class BadConfiguration(Exception):
    """FILE has errors, which have been printed."""


@dataclass(frozen=True)
class CommandLine:
    """A verb. `options` adds what it takes, beyond FILE and --json where it wants those."""

    name: str
    help: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def file_and_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        default=DEFAULT_FILE,
        metavar="FILE",
        help="configuration, as `set` lines or in braces; default %(default)s; - for standard input",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    print()


def read_bytes(path: str) -> bytes:
    """@raises OSError"""
    if path == "-":
        return sys.stdin.buffer.read()
    with open(path, "rb") as file:
        return file.read()


def check(arguments: argparse.Namespace, facts: Optional[RouterFacts] = None) -> CheckResult:
    """What there is to say about FILE, and the configuration where nothing of it is an error. @raises OSError"""
    result = check_text(read_bytes(arguments.file), arguments.file, facts)
    if result.configuration is not None:
        try:
            desired_state(result.configuration)
        except Unplannable as error:
            # What the check did not foresee; it must not become an error of `apply`.
            problem = Problem(Severity.ERROR, error.message, arguments.file, path=error.rules)
            return CheckResult(None, result.problems + (problem,))
    return result


def load(arguments: argparse.Namespace) -> Configuration:
    """The configuration of FILE, for a verb that needs a valid one; what is to be said about it goes to standard error.

    @raises BadConfiguration, OSError
    """
    result = check(arguments)
    for problem in result.problems:
        print(problem, file=sys.stderr)
    if result.configuration is None:
        raise BadConfiguration
    return result.configuration
