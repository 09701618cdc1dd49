"""The CLI tree: which nodes there are and what their values may be.

Read from tree.json, which is generated from the YAML that all other descriptions of the command line come from. Nothing
here, in the parser or in the walk over the nodes knows a node by its name.
"""
from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any, Dict, Optional, Tuple

KINDS = ("node", "tag", "leaf")
TYPES = ("integer", "text", "word", "ipv4", "ipv4net", "ipv6", "ipv6net", "port", "portrange", "interface")


class TreeError(Exception):
    """tree.json is not what its generator writes: a fault of the package, not of a configuration."""


@dataclass(frozen=True)
class ValueType:
    """One of the alternatives for a value, or for the name of a tag node."""

    type: str
    #: Bounds of an integer, both included.
    min: int = 0
    max: int = 2 ** 64
    #: Characters of a text.
    max_length: int = 65535
    words: Tuple[str, ...] = ()
    #: Prefix lengths that an ipv6net may have; empty: all.
    lengths: Tuple[int, ...] = ()
    help: str = ""


@dataclass(frozen=True, eq=False)
class TreeNode:
    """A node of the tree. Compared by identity: there is one object a node."""

    name: str
    kind: str
    help: str = ""
    children: Dict[str, TreeNode] = field(default_factory=dict)
    #: Alternatives; empty: a leaf without a value.
    value: Tuple[ValueType, ...] = ()
    multi: bool = False
    default: Optional[str] = None
    unit: str = ""
    required: bool = False
    #: Only for these engines or modes; empty: for all.
    engines: Tuple[str, ...] = ()
    modes: Tuple[str, ...] = ()
    #: Something here or below is not for all engines or modes.
    limited: bool = False


@dataclass(frozen=True)
class Tree:
    roots: Dict[str, TreeNode]


#: Pairs of words with which a switch may be turned on and off.
_SWITCHES: Tuple[Tuple[str, str], ...] = (("enable", "disable"), ("on", "off"), ("true", "false"), ("yes", "no"))


def switch_words(leaf: TreeNode) -> Optional[Tuple[str, str]]:
    """The words for on and off of a leaf whose value is one or the other."""
    words = {word for item in leaf.value for word in item.words}
    return next((pair for pair in _SWITCHES if words == set(pair)), None)


def default_path() -> str:
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "tree.json")


def load(path: Optional[str] = None) -> Tree:
    """The tree beside this file, or another. Raises TreeError, or OSError where there is none."""
    with open(path or default_path(), encoding="utf-8") as file:
        try:
            document = json.load(file)
        except ValueError as error:
            raise TreeError(f"{file.name}: {error}") from error
    return parse(document)


def parse(document: Any) -> Tree:
    """tree.json's document to a Tree. Raises TreeError."""
    if not isinstance(document, dict) or document.get("version") != 1:
        raise TreeError("tree.json: version 1 expected")
    roots = document.get("roots")
    if not isinstance(roots, dict) or not roots:
        raise TreeError("tree.json: no roots")
    return Tree({name: _node(name, value, name) for name, value in roots.items()})


def _node(name: str, raw: Any, where: str) -> TreeNode:
    if not isinstance(raw, dict) or raw.get("kind") not in KINDS:
        raise TreeError("tree.json: {}: kind must be one of {}".format(where, ", ".join(KINDS)))
    kind: str = raw["kind"]
    children = {child: _node(child, value, f"{where} {child}") for child, value in raw.get("children", {}).items()}
    value = tuple(_type(item, where) for item in raw.get("value", []))
    if (kind == "leaf" and children) or (kind == "node" and value) or (kind == "tag" and not value):
        raise TreeError(f"tree.json: {where}: a {kind} cannot be so")
    engines, modes = tuple(raw.get("engines", [])), tuple(raw.get("modes", []))
    return TreeNode(
        name=name, kind=kind, help=raw.get("help", ""), children=children, value=value, multi=bool(raw.get("multi", False)),
        default=raw.get("default"), unit=raw.get("unit", ""), required=bool(raw.get("required", False)), engines=engines, modes=modes,
        limited=bool(engines or modes) or any(child.limited for child in children.values()),
    )


def _type(raw: Any, where: str) -> ValueType:
    if not isinstance(raw, dict) or raw.get("type") not in TYPES:
        raise TreeError("tree.json: {}: type must be one of {}".format(where, ", ".join(TYPES)))
    return ValueType(
        type=raw["type"], min=raw.get("min", 0), max=raw.get("max", 2 ** 64), max_length=raw.get("maxLength", 65535),
        words=tuple(word["word"] for word in raw.get("words", [])), lengths=tuple(raw.get("lengths", [])), help=raw.get("help", ""),
    )
