"""`export`: the configuration in the translators' own files, or as `set` commands, to look at or to take elsewhere."""

from __future__ import annotations

import argparse
import sys
from typing import List

from ..desired import desired_state
from ..engines import jool, tayga
from ..render import set_commands
from ..state import MAIN
from .command import OK, CommandLine, file_and_json, load, print_json

_FORMATS = {
    "jool": "Jool's configuration files, of every instance",
    "tayga": "TAYGA's configuration files, of every interface",
    "set-commands": "VyOS configuration, with nothing that is a default",
}


def _options(parser: argparse.ArgumentParser) -> None:
    # Verbs of their own: argparse does not take FILE after an option where another word stands before both.
    formats = parser.add_subparsers(dest="what", metavar="FORMAT", required=True, parser_class=type(parser))
    for name, text in _FORMATS.items():
        file_and_json(formats.add_parser(name, help=text, description=text))


def _run(arguments: argparse.Namespace) -> int:
    configuration = load(arguments)
    if arguments.what == "set-commands":
        return _print_set_commands(set_commands(configuration), arguments.json)
    state = desired_state(configuration)
    if arguments.what == "jool":
        texts = {
            ("" if key.namespace == MAIN else key.namespace + "/") + "%s/%s.conf" % (key.kind.tool, key.name): jool.file_text(key, instance)
            for key, instance in sorted(state.instances.items(), key=lambda item: (item[0].namespace, item[0].kind.value, item[0].name))
        }
    else:
        texts = {name + ".conf": text for (template, name), text in sorted(state.daemons.items()) if template == tayga.UNIT}
    if arguments.json:
        print_json(texts)
    else:
        for name, text in texts.items():
            sys.stdout.write("# %s\n%s\n" % (name, text))
    return OK


def _print_set_commands(lines: List[str], as_json: bool) -> int:
    if as_json:
        print_json(lines)
    else:
        sys.stdout.writelines(line + "\n" for line in lines)
    return OK


COMMAND = CommandLine("export", "print the configuration in the translators' own formats, or as `set` commands", _options, _run)
