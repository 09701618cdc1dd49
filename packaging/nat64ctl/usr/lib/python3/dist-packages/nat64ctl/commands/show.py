"""`show`: what runs, as tables or JSON."""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Callable, Dict, List, Optional

from ..model import Configuration
from ..observe import pools, rules, statistics, status, timeouts, translations
from ..observe.filters import Filter
from ..observe.printing import print_json_rows, print_notes, print_table
from ..system import LocalSystem
from .command import OK, CommandLine, add_filters, chosen, configuration_file, known_configuration, print_json


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", default="rules", choices=sorted(_SHOWN), metavar="|".join(sorted(_SHOWN)), help="default %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_filters(parser)
    configuration_file(parser)
    parser.add_argument("--bindings", action="store_true", help="translations: Jool's bindings (the BIB) instead of its sessions")
    parser.add_argument("--all", action="store_true", help="statistics: counters that are zero as well")


def _run(arguments: argparse.Namespace) -> int:
    return _SHOWN[arguments.what](arguments, chosen(arguments))


def _rules(arguments: argparse.Namespace, wanted: Filter) -> int:
    configuration = known_configuration(arguments, say=True)
    rows = [row for row in rules.rule_rows(LocalSystem(), configuration) if wanted.takes_rule(row.rule)]
    if arguments.json:
        print_json_rows(rules.rule_json(row) for row in rows)
    else:
        print_table(rules.HEADER, [rules.rule_cells(row) for row in rows])
    return OK


def _translations(arguments: argparse.Namespace, wanted: Filter) -> int:
    rows = translations.translations(LocalSystem(), wanted, known_configuration(arguments), time.time(), arguments.bindings)
    if arguments.json:
        print_json_rows(translations.translation_json(row) for row in rows)
    else:
        print_table(translations.HEADER, translations.translation_cells(rows))
    return OK


def _pools(arguments: argparse.Namespace, wanted: Filter) -> int:
    rows = pools.pool_rows(LocalSystem(), wanted, known_configuration(arguments))
    if arguments.json:
        print_json_rows(pools.pool_json(row) for row in rows)
    else:
        print_table(pools.HEADER, (pools.pool_cells(row) for row in rows))
    return OK


def _statistics(arguments: argparse.Namespace, wanted: Filter) -> int:
    found = statistics.statistics(LocalSystem(), wanted, known_configuration(arguments))
    print_notes(
        ["%s was made anew since the last reset of the statistics; its counters are since then" % each.instance for each in found if each.recreated]
    )
    if arguments.json:
        print_json_rows(statistics.statistics_json(each) for each in found)
        return OK
    for index, each in enumerate(found):
        sys.stdout.write("%s%s\n" % ("\n" if index else "", statistics.heading(each)))
        print_table(statistics.HEADER, statistics.statistics_cells(each, arguments.all))
    return OK


def _status(arguments: argparse.Namespace, _wanted: Filter) -> int:
    configuration: Optional[Configuration] = known_configuration(arguments)
    absent = configuration is None and arguments.file != "-" and not os.path.exists(arguments.file)
    found = status.router_status(LocalSystem(), arguments.file, configuration, absent)
    if arguments.json:
        print_json(status.status_json(found))
    else:
        print_table(status.HEADER, status.status_cells(found))
    return OK


def _timeouts(arguments: argparse.Namespace, wanted: Filter) -> int:
    rows: List[timeouts.TimeoutRow] = timeouts.timeout_rows(LocalSystem(), wanted, known_configuration(arguments))
    if arguments.json:
        print_json_rows(timeouts.timeout_json(row) for row in rows)
    else:
        print_table(timeouts.HEADER, [timeouts.timeout_cells(row) for row in rows])
    return OK


_SHOWN: Dict[str, Callable[[argparse.Namespace, Filter], int]] = {
    "rules": _rules,
    "translations": _translations,
    "pools": _pools,
    "statistics": _statistics,
    "status": _status,
    "timeouts": _timeouts,
}

COMMAND = CommandLine("show", "show what runs", _options, _run)
