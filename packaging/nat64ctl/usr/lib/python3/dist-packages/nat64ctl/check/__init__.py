"""From a configuration's text to its model, or to everything that is wrong with it.

Pure: no module is loaded, no file is opened but the package's own tree.json, and what is said depends on the text alone; facts of
a router are an argument.
"""
from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

from nat64ctl.model import Configuration, Engine
from nat64ctl.problems import Collector, Problem
from nat64ctl.syntax import Locator, decoded, is_set_form, statements, unreadable
from nat64ctl.tree import Tree
from nat64ctl.tree import load as load_tree

from .across import check_across
from .destination import clat, destination_rule
from .facts import RouterFacts
from .nodes import Builder, Node
from .router import check_port_one, check_router
from .rules import CheckedClat, CheckedDestination, CheckedSource
from .source import source_rule
from .synchronization import check_ports, check_use, synchronization

__all__ = ["CheckResult", "RouterFacts", "check_text"]


@dataclass(frozen=True)
class CheckResult:
    """`configuration` is None exactly when a problem is an error. Problems are in the order of the file."""

    configuration: Optional[Configuration]
    problems: Tuple[Problem, ...]


def check_text(text: bytes, file_name: str, facts: Optional[RouterFacts] = None, tree: Optional[Tree] = None) -> CheckResult:
    """Checks a whole configuration, in either form.

    `tree` is the CLI tree, by default the package's own. Raises only what loading that raises (tree.TreeError, OSError), and
    MemoryError; whatever is in the text becomes a problem.
    """
    used_tree = load_tree() if tree is None else tree
    # Nodes refer to their parents, and nothing of them is garbage before the end: looking for some is a third of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _check(decoded(text), file_name, facts, used_tree)
    finally:
        if collecting:
            gc.enable()


def _check(text: str, file_name: str, facts: Optional[RouterFacts], tree: Tree) -> CheckResult:
    set_form = is_set_form(text)
    locator = Locator(text, set_form)
    collector = Collector(file_name, locator)
    if not _readable(text, locator, collector):
        return CheckResult(None, collector.finish())
    builder = Builder(tree, collector, 1 if set_form else 0, set_form)
    root = builder.build(statements(text, set_form, tree.roots, collector))
    if builder.others and not root.children and not collector.failed:
        collector.warning(-1, (), "there is no nat64 and no nat46 in this file", "Nothing would be translated.")
    configuration = _configuration(root, facts, collector)
    return CheckResult(None if collector.failed else configuration, collector.finish())


def _readable(text: str, locator: Locator, collector: Collector) -> bool:
    """False where reading on would only tell more of the same: a file that is not text."""
    for place, character in unreadable(text):
        line, column = locator.character(place)
        if character == "\0":
            collector.syntax_error(line, column, "this is not a text file", "It has a NUL byte.")
            return False
        if not collector.wants_errors:
            return False
        what = "the byte 0x%02x is not UTF-8" % (ord(character) - 0xDC00) if character >= "\udc80" else f"a control character, 0x{ord(character):02x}"
        collector.syntax_error(line, column, what)
    return True


def _configuration(root: Node, facts: Optional[RouterFacts], collector: Collector) -> Configuration:
    sources = _present([source_rule(node, collector) for node in root.instances("nat64", "source", "rule")])
    destinations = _present_destinations([destination_rule(node, collector) for node in root.instances("nat46", "destination", "rule")])
    clat_node = root.get("nat46", "clat")
    checked_clat: Optional[CheckedClat] = None if clat_node is None else clat(clat_node, collector)
    nodes = [root.get(name, "synchronization") for name in ("nat64", "nat46")]
    nat64_sync, nat46_sync = (None if node is None else synchronization(node, collector) for node in nodes)
    if nodes[0] is not None:
        check_use(nodes[0], [checked for checked in sources if checked.rule.engine is Engine.JOOL], collector)
    if nodes[1] is not None:
        check_use(nodes[1], [checked for checked in destinations if checked.rule.stateful], collector)
    check_across(sources, destinations, checked_clat, collector)
    check_ports(nodes, (nat64_sync, nat46_sync), sources, destinations, collector)
    check_port_one(facts, sources, destinations, collector)
    if facts is not None:
        check_router(facts, sources, destinations, checked_clat, [node for node in nodes if node is not None], collector)
    return Configuration(
        source_rules=tuple(checked.rule for checked in sources), destination_rules=tuple(checked.rule for checked in destinations),
        clat=None if checked_clat is None else checked_clat.clat, nat64_synchronization=nat64_sync, nat46_synchronization=nat46_sync,
    )


def _present(found: Sequence[Optional[CheckedSource]]) -> List[CheckedSource]:
    return [checked for checked in found if checked is not None]


def _present_destinations(found: Sequence[Optional[CheckedDestination]]) -> List[CheckedDestination]:
    return [checked for checked in found if checked is not None]
