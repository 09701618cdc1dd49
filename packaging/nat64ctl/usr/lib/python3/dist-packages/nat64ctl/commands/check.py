"""`check`: says what is wrong with a configuration. Pure: what it says depends on the file alone."""
from __future__ import annotations

import argparse

from .command import BAD_CONFIGURATION, MISSING, OK, CommandLine, complain, file_and_json, load, print_json
from ..desired import Unplannable, desired_state


def _run(arguments: argparse.Namespace) -> int:
    configuration, lines, readable = load(arguments)
    if configuration is not None:
        try:
            desired_state(configuration)
        except Unplannable as error:
            lines.append("%s: %s" % (arguments.file, error))
            configuration = None
    if arguments.json:
        print_json({"valid": configuration is not None, "problems": lines})
    else:
        complain(lines)
    if not readable:
        return MISSING
    return OK if configuration is not None else BAD_CONFIGURATION


COMMAND = CommandLine("check", "say what is wrong with a configuration, and touch nothing", file_and_json, _run)
