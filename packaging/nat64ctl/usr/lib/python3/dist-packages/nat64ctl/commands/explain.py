"""`explain`: which rule and mapping an address meets, and what it becomes, both ways."""

from __future__ import annotations

import argparse
import sys

from ..configuration_file import default_file
from ..explain import HEADER, BadQuestion, answer_cells, answer_json, answers, read_question
from ..observe.live_answers import live_answers
from ..observe.printing import print_json_rows, print_table
from ..observe.rules import label_order
from ..system import LocalSystem
from .command import OK, BadUsage, CommandLine, load


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="192.0.2.1, 192.0.2.1:80, 2001:db8::1 or [2001:db8::1]:80")
    parser.add_argument("--protocol", metavar="P", help="only tcp, udp or icmp")
    parser.add_argument(
        "--file", metavar="FILE", help="this configuration, whatever runs here; without it %s, and what translates the address now" % default_file()
    )
    parser.add_argument("--live", action="store_true", help="with --file: also what translates the address here and now")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(arguments: argparse.Namespace) -> int:
    try:
        question = read_question(arguments.address, arguments.protocol)
    except BadQuestion as error:
        raise BadUsage(str(error)) from None
    live = arguments.live or arguments.file is None
    if arguments.file is None:
        arguments.file = default_file()
    configuration = load(arguments, warnings=False)
    found = answers(configuration, question)
    if live:
        found.extend(live_answers(LocalSystem(), question, configuration))
        # Stable: what is now comes after what may be.
        found.sort(key=lambda answer: label_order(answer.rule))
    if arguments.json:
        print_json_rows(answer_json(answer) for answer in found)
    elif found:
        print_table(HEADER, [answer_cells(answer) for answer in found])
    else:
        print("no rule translates %s" % arguments.address, file=sys.stderr)
    return OK


COMMAND = CommandLine("explain", "say which rule and mapping an address meets, and what it becomes, both ways", _options, _run)
