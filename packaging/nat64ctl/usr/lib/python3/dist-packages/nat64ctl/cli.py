"""From argv to a verb. The only place that decides on an exit status for what was raised."""

from __future__ import annotations

import argparse
import sys
import traceback
from importlib import import_module
from pkgutil import iter_modules
from typing import Dict, List, Optional

from . import commands
from .apply import ApplyFailed, said
from .commands.command import BAD_CONFIGURATION, BUG, FAILED, MISSING, USAGE, BadConfiguration, CommandLine
from .requirements import Missing
from .running import Unreadable


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(USAGE, "%s: error: %s\n" % (self.prog, message))


def verbs() -> Dict[str, CommandLine]:
    """A file in commands/ with a COMMAND is a verb."""
    found: Dict[str, CommandLine] = {}
    for module in iter_modules(commands.__path__):
        command = getattr(import_module("%s.%s" % (commands.__name__, module.name)), "COMMAND", None)
        if isinstance(command, CommandLine):
            found[command.name] = command
    return found


def main(argv: Optional[List[str]] = None) -> int:
    parser = _Parser(prog="nat64ctl", description="NAT64 and NAT46 on this router, on Jool or TAYGA: one configuration, applied as a whole.")
    known = verbs()
    choices = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=_Parser)
    for name, command in sorted(known.items()):
        command.options(choices.add_parser(name, help=command.help, description=command.help))
    arguments = parser.parse_args(argv)
    if not arguments.verb:
        parser.print_help(sys.stderr)
        return USAGE
    try:
        return known[arguments.verb].run(arguments)
    except BadConfiguration:
        return BAD_CONFIGURATION
    except Missing as error:
        return _say(MISSING, error.message, error.words, "remedy: " + error.remedy)
    except Unreadable as error:
        return _say(MISSING, "cannot read what runs: `%s` failed" % " ".join(error.result.argv), said(error.result))
    except ApplyFailed as error:
        rest = ["not as before: " + each for each in error.remains]
        return _say(FAILED, "failed: " + error.operation, error.command, error.words, *(rest or ["everything is as it was before"]))
    except BrokenPipeError:
        return 0
    except OSError as error:
        return _say(MISSING, "%s: %s" % (error.filename or "", error.strerror or error))
    except Exception:  # noqa: BLE001 - a bug must not look like anything else
        traceback.print_exc()
        return _say(BUG, "this is a bug in nat64ctl; `nat64ctl debug-archive` gathers what a report needs")


def _say(status: int, *lines: str) -> int:
    for line in lines:
        if line:
            print(
                "\n".join("nat64ctl: " + part if index == 0 and line is lines[0] else "  " + part for index, part in enumerate(line.split("\n"))),
                file=sys.stderr,
            )
    return status
