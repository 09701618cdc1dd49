"""What a verb is, and the exit statuses that all of them have."""
from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from typing import Callable, List, Optional, Tuple

from ..model import Configuration

OK = 0
#: The router could not be brought to what the configuration says; it is as it was.
FAILED = 1
USAGE = 64
BAD_CONFIGURATION = 65
MISSING = 69
BUG = 70

DEFAULT_FILE = "/etc/nat64/nat64.config"


@dataclass(frozen=True)
class CommandLine:
    """A verb. `options` adds what it takes, beyond FILE and --json where it wants those."""

    name: str
    help: str
    options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def file_and_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", default=DEFAULT_FILE, metavar="FILE", help="configuration, as `set` lines or in braces; default %(default)s; - for standard input")
    parser.add_argument("--json", action="store_true", help="print JSON")


def print_json(value: object) -> None:
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    print()


def read_text(path: str) -> str:
    """@raises OSError"""
    if path == "-":
        return sys.stdin.buffer.read().decode("utf-8", errors="replace")
    with open(path, "rb") as file:
        return file.read().decode("utf-8", errors="replace")


def load(arguments: argparse.Namespace) -> Tuple[Optional[Configuration], List[str], bool]:
    """The configuration, None when it has errors; what is to be said about it, a line each; whether the file could be read."""
    from ..check import check_file

    try:
        text = read_text(arguments.file)
    except OSError as error:
        return None, ["%s: %s" % (arguments.file, error.strerror)], False
    configuration, problems = check_file(text, arguments.file)
    return configuration, [str(problem) for problem in problems], True


def complain(lines: List[str]) -> None:
    for line in lines:
        print(line, file=sys.stderr)
