"""`reset`: forgets dynamic translations, or begins to count anew."""

from __future__ import annotations

import argparse
import sys
import time
from typing import Callable, Dict

from ..observe.statistics import reset_statistics
from ..reset import outcome_words, reset_translations
from ..system import LocalSystem, locked
from .command import OK, CommandLine, add_filters, chosen, configuration_file, known_configuration, print_json


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=sorted(_RESET), metavar="|".join(sorted(_RESET)))
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_filters(parser)
    configuration_file(parser)
    parser.add_argument("--static", action="store_true", help="translations: also end the sessions of static mappings; the mappings stay")


def _run(arguments: argparse.Namespace) -> int:
    return _RESET[arguments.what](arguments)


def _translations(arguments: argparse.Namespace) -> int:
    wanted = chosen(arguments)
    with locked():
        outcomes = reset_translations(LocalSystem(), wanted, known_configuration(arguments), arguments.static, _say)
    if arguments.json:
        print_json([outcome._asdict() for outcome in outcomes])
        return OK
    for outcome in outcomes:
        print(outcome_words(outcome))
    if not outcomes:
        print("nothing translates with a state that could be reset")
    return OK


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _statistics(arguments: argparse.Namespace) -> int:
    with locked():
        names = reset_statistics(LocalSystem(), int(time.time()))
    if arguments.json:
        print_json(names)
    else:
        print("from now on statistics count from zero for %s" % ", ".join(names) if names else "nothing translates, so there is nothing to count")
    return OK


_RESET: Dict[str, Callable[[argparse.Namespace], int]] = {"translations": _translations, "statistics": _statistics}

COMMAND = CommandLine("reset", "forget dynamic translations, or begin to count anew", _options, _run)
