"""`debug-archive`: what a person needs who is to help."""

from __future__ import annotations

import argparse
import os
import sys
import time

from ..archive import archive_name, write_archive
from ..system import LocalSystem, write_new_file
from .command import OK, CommandLine, configuration_file, print_json


def _options(parser: argparse.ArgumentParser) -> None:
    configuration_file(parser)
    parser.add_argument("--output", metavar="ARCHIVE", help="default nat64-debug-TIME.tar.gz here; must not be there yet")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(arguments: argparse.Namespace) -> int:
    when = int(time.time())
    root, name = archive_name(when)
    path = arguments.output or name
    terminal = sys.stderr.isatty()
    data, found = write_archive(
        LocalSystem(), os.path.realpath(arguments.file), root, when, lambda text: print(text, file=sys.stderr) if terminal else None
    )
    write_new_file(path, data)
    failed = [each for each in found if each.problem]
    if arguments.json:
        pieces = [{"name": each.name, "bytes": len(each.content), "problem": each.problem or None} for each in found]
        print_json({"archive": path, "folder": root, "pieces": pieces})
        return OK
    print("%s: %d pieces, %d of them incomplete or not there: see %s/CONTENTS" % (path, len(found), len(failed), root))
    print("It has no passwords and no keys; it has addresses and the firewall's rules. Look through it before you give it away.")
    return OK


COMMAND = CommandLine("debug-archive", "gather what a person needs who is to help, in one archive", _options, _run)
