"""Stand-in for vyos.opmode: those of its errors that VyOS 1.4 has too, and how it runs a module's functions from a command line."""
from __future__ import annotations

import argparse
import inspect
import json
import re
import typing
from types import ModuleType
from typing import Any, Optional


class Error(Exception):
    """What a person is told, without a trace."""


class UnconfiguredSubsystem(Error):
    """There is nothing to ask, since nothing is configured."""


class DataUnavailable(Error):
    """It cannot be had now."""


class IncorrectValue(Error):
    """An argument is wrong."""


class InternalError(Error):
    """Something that should work does not."""


def run(module: ModuleType) -> Optional[str]:
    """The function that sys.argv names, with its arguments as options by their types. What show and generate give is text, or JSON with --raw."""
    parser = argparse.ArgumentParser()
    choices = parser.add_subparsers(dest="function", required=True)
    functions = {name: function for name, function in inspect.getmembers(module, inspect.isfunction) if re.match("show|reset|restart|generate", name)}
    for name, function in functions.items():
        options = choices.add_parser(name)
        hints = typing.get_type_hints(function)
        hints.pop("return", None)
        for argument, hint in hints.items():
            flag = "--" + argument.replace("_", "-")
            if hint is bool:
                options.add_argument(flag, action="store_true")
            else:
                options.add_argument(flag, required=type(None) not in getattr(hint, "__args__", ()))
    arguments = vars(parser.parse_args())
    name = arguments.pop("function")
    result: Any = functions[name](**arguments)
    if not name.startswith(("show", "generate")):
        return None
    if not arguments["raw"]:
        return str(result)
    if not isinstance(result, (dict, list)):
        raise InternalError("raw output is a list or an object")
    return json.dumps(_named(result), indent=4)


def _named(value: Any) -> Any:
    """Names of fields are in small letters, with underscores."""
    if isinstance(value, dict):
        named = {_field(str(name)): _named(each) for name, each in value.items()}
        if len(named) != len(value):
            raise InternalError("two fields would have one name")
        return named
    return [_named(each) for each in value] if isinstance(value, list) else value


def _field(name: str) -> str:
    """What it does to other names (capitals inside, @, %, ~) the stand-in leaves out; a slash stays."""
    assert not re.search("[a-z][A-Z]|[A-Z][a-z]|[@%~]", name), "VyOS takes %s apart" % name
    return re.sub("_+", "_", re.sub(r"[\s()\[\]{}\-.,:\"'`]", "_", name.lower())).strip("_")
