"""What a verb is, and the exit statuses that all of them have."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from typing import Callable, Optional

from ..applicable import check_applicable
from ..check import CheckResult, RouterFacts
from ..configuration_file import default_file, read_configuration
from ..model import Configuration
from ..observe.filters import BadFilter, Filter, make_filter
from ..problems import Severity

OK = 0
#: The router could not be brought to what the configuration says; it is as it was.
FAILED = 1
USAGE = 64
BAD_CONFIGURATION = 65
MISSING = 69
BUG = 70


class BadUsage(Exception):
    """The command line is wrong, in a way that its parser cannot know."""


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
        default=default_file(),
        metavar="FILE",
        help="configuration, as `set` lines or in braces; default %(default)s; - for standard input",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    print()


def check(arguments: argparse.Namespace, facts: Optional[RouterFacts] = None, to_apply: bool = False) -> CheckResult:
    """What there is to say about FILE, and the configuration where nothing of it is an error. @raises OSError"""
    return check_applicable(read_configuration(arguments.file, to_apply), arguments.file, facts)


def load(arguments: argparse.Namespace, warnings: bool = True, to_apply: bool = False) -> Configuration:
    """The configuration of FILE, for a verb that needs a valid one; what is to be said about it goes to standard error.

    @raises BadConfiguration, OSError
    """
    result = check(arguments, to_apply=to_apply)
    for problem in result.problems:
        if warnings or problem.severity is Severity.ERROR:
            print(problem, file=sys.stderr)
    if result.configuration is None:
        raise BadConfiguration
    return result.configuration


def configuration_file(parser: argparse.ArgumentParser) -> None:
    """For verbs whose FILE is beside the point."""
    parser.add_argument("--file", default=default_file(), metavar="FILE", help="the configuration; default %(default)s; - for standard input")


def known_configuration(arguments: argparse.Namespace, say: bool = False) -> Optional[Configuration]:
    """The configuration of `--file`, where there is a valid one: for what is better with it, and works without it.

    `say`: tell people that it has errors. @raises OSError but for a file that is not there
    """
    try:
        result = check(arguments)
    except FileNotFoundError:
        return None
    if result.configuration is None and say:
        print("%s has errors, so it is left aside; `nat64ctl check` names them" % arguments.file, file=sys.stderr)
    return result.configuration


def add_filters(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--address", metavar="A", help="only what this IPv4 or IPv6 address is part of")
    parser.add_argument("--protocol", metavar="P", help="only tcp, udp or icmp")
    parser.add_argument("--port", metavar="N", help="only what this port, or ICMP identifier, is part of")
    parser.add_argument("--rule", metavar="R", help="only this rule: 100, nat64-100, nat46-100 or nat46-clat")


def chosen(arguments: argparse.Namespace) -> Filter:
    """@raises BadUsage"""
    try:
        return make_filter(arguments.address, arguments.protocol, arguments.port, arguments.rule)
    except BadFilter as error:
        raise BadUsage(str(error)) from None
