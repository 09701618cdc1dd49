"""VyOS's side of a commit: its two ways to run a script, and dictionaries as it makes them of `set` lines."""
from __future__ import annotations

import importlib.util
import io
import os
import runpy
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any, Dict, Iterator, List, Tuple
from unittest import mock

from fake_router import FakeRouter
from vyos import ConfigError
from vyos.config import Config

from nat64ctl import set_lines, tree
from nat64ctl.problems import Collector

_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../packaging/vyos-nat64/usr/libexec/vyos")


def script(kind: str, name: str) -> str:
    """Path of a script of the package; `kind` is conf_mode or op_mode."""
    return os.path.normpath(os.path.join(_PACKAGE, kind, name + ".py"))


def dictionary(text: str) -> Dict[str, Any]:
    """What Config.get_config_dict gives, of all roots: a leaf of several values that has one is a text."""
    roots = tree.load().roots
    result: Dict[str, Any] = {}
    for statement in set_lines.statements(text, roots, Collector("", lambda _: (0, 0))):
        words = statement.words[1:]
        at, nodes = result, roots
        while words:
            name = words.pop(0)
            node = nodes[name]
            if node.kind == "leaf":
                _put(at, name, words, node.multi)
                break
            at = at.setdefault(name, {})
            if node.kind == "tag" and words:
                at = at.setdefault(words.pop(0), {})
            nodes = node.children
    return result


def _put(at: Dict[str, Any], name: str, words: List[str], multi: bool) -> None:
    if not words:
        at[name] = {}
    elif multi and name in at:
        at[name] = [*(at[name] if isinstance(at[name], list) else [at[name]]), words[0]]
    else:
        at[name] = words[0]


@contextmanager
def on(router: FakeRouter) -> Iterator[None]:
    """The scripts find this router."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch("vyos_nat64.commit.LocalSystem", lambda: router))
        stack.enter_context(mock.patch("vyos_nat64.commit.locked", lambda: redirect_stdout(io.StringIO())))
        yield


def by_configd(name: str, proposed: Dict[str, Any]) -> Tuple[bool, str]:
    """As vyos-configd does: the script is imported, its functions are called. Success, and what a person reads."""
    specification = importlib.util.spec_from_file_location(name, script("conf_mode", name))
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    functions = [getattr(module, each) for each in ("verify", "generate", "apply")]
    out = io.StringIO()
    with redirect_stdout(out):
        try:
            configuration = module.get_config(Config(config_source=proposed))
            for function in functions:
                function(configuration)
        except ConfigError as error:
            return False, out.getvalue() + str(error)
    return True, out.getvalue()


def executed(name: str, proposed: Dict[str, Any]) -> Tuple[bool, str]:
    """As VyOS does with a script that vyos-configd does not have."""
    out = io.StringIO()
    with redirect_stdout(out), mock.patch.object(Config, "session", proposed):
        try:
            runpy.run_path(script("conf_mode", name), run_name="__main__")
        except SystemExit as end:
            return end.code in (None, 0), out.getvalue()
    return True, out.getvalue()


def committed(lines: str, *scripts: str) -> Tuple[bool, List[str]]:
    """A commit that runs these scripts, by vyos-configd."""
    results = [by_configd(name, dictionary(lines)) for name in scripts]
    return all(success for success, _ in results), [text for _, text in results]
