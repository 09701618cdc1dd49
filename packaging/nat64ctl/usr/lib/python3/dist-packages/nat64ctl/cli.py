"""From argv to a verb. The only place that decides on an exit status for what was raised."""

from __future__ import annotations

import argparse
import io
import os
import sys
import traceback
from importlib import import_module
from pkgutil import iter_modules
from typing import Dict, List, Optional

from . import commands
from .commands.command import BAD_CONFIGURATION, BUG, FAILED, MISSING, USAGE, BadConfiguration, BadUsage, CommandLine
from .failures import FAILURES, failure_lines
from .operations import ApplyFailed

#: As shells say of a program that SIGINT has ended.
_INTERRUPTED = 130


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(USAGE, "%s: error: %s\n" % (self.prog, message))


def verbs(first_word: str = "") -> Dict[str, CommandLine]:
    """A file in commands/ with a COMMAND is a verb. Only that of the first word, where it is one: on a small router, reading the others takes longer
    than many a command."""
    names = [module.name for module in iter_modules(commands.__path__)]
    wanted = first_word.replace("-", "_")
    found: Dict[str, CommandLine] = {}
    for name in [wanted] if wanted in names else names:
        command = getattr(import_module("%s.%s" % (commands.__name__, name)), "COMMAND", None)
        if isinstance(command, CommandLine):
            found[command.name] = command
    return found


def main(argv: Optional[List[str]] = None) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Whatever the terminal's language: JSON and configurations are UTF-8, and what is foreign may be anything.
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    parser = _Parser(prog="nat64ctl", description="NAT64 and NAT46 on this router, on Jool or TAYGA: one configuration, applied as a whole.")
    words = sys.argv[1:] if argv is None else argv
    known = verbs(words[0] if words else "") or verbs()
    choices = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for name, command in sorted(known.items()):
        command.options(choices.add_parser(name, help=command.help, description=command.help))
    arguments = parser.parse_args(words)
    if not arguments.verb:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        status = known[arguments.verb].run(arguments)
        # Here, and not when Python ends, where nobody could catch what it raises.
        sys.stdout.flush()
        return status
    except BadUsage as error:
        return _say(USAGE, str(error))
    except BadConfiguration:
        return BAD_CONFIGURATION
    except KeyboardInterrupt:
        # What changes the router holds signals back by itself.
        return _INTERRUPTED
    except BrokenPipeError:
        _leave_standard_output()
        return 0
    except ApplyFailed as error:
        return _say(FAILED, *failure_lines(error))
    except FAILURES as error:
        return _say(MISSING, *failure_lines(error))
    except Exception:  # noqa: BLE001 - a bug must not look like anything else
        traceback.print_exc()
        return _say(BUG, "this is a bug in nat64ctl; `nat64ctl debug-archive` gathers what a report needs")


def _leave_standard_output() -> None:
    """Nobody reads it any more; what is still buffered must not become an error when Python ends."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError):
        # Standard output is no file.
        return


def _say(status: int, *lines: str) -> int:
    for line in lines:
        if line:
            print(
                "\n".join("nat64ctl: " + part if index == 0 and line is lines[0] else "  " + part for index, part in enumerate(line.split("\n"))),
                file=sys.stderr,
            )
    return status
