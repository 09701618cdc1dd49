"""`set` commands as braces, the way /config/config.boot has them."""
from __future__ import annotations

from typing import Dict, Iterable, Iterator, List, Optional

from nat64ctl.problems import Collector
from nat64ctl.set_lines import statements
from nat64ctl.tree import Tree, TreeNode


class _Block:
    def __init__(self, schema: Optional[TreeNode], of_tag: bool) -> None:
        self.schema, self.of_tag = schema, of_tag
        self.blocks: Dict[str, _Block] = {}
        self.values: Dict[str, List[str]] = {}


def brace_lines(commands: Iterable[str], tree: Tree) -> Iterator[str]:
    """Lines without their ends. The commands are valid ones of our top-level nodes."""
    root = _Block(None, False)
    for statement in statements("\n".join(commands), tree.roots, Collector("", lambda position: (0, 0))):
        _insert(root, statement.words[1:], tree)
    yield from _lines(root, "", "")


def _insert(block: _Block, words: List[str], tree: Tree) -> None:
    children = tree.roots
    while words:
        schema = block.schema if block.of_tag else children[words[0]]
        assert schema is not None
        if schema.kind == "leaf":
            block.values.setdefault(words[0], []).extend(words[1:])
            return
        block = block.blocks.setdefault(words[0], _Block(schema, schema.kind == "tag" and not block.of_tag))
        children = schema.children
        words = words[1:]


def _lines(block: _Block, indent: str, name: str) -> Iterator[str]:
    for leaf, values in block.values.items():
        yield from (f"{indent}{leaf} {_quoted(value)}" for value in values)
        if not values:
            yield indent + leaf
    for child_name, child in block.blocks.items():
        if child.of_tag:
            yield from _lines(child, indent, child_name)
            continue
        yield indent + f"{name} {child_name} {{".lstrip()
        yield from _lines(child, indent + "    ", "")
        yield indent + "}"


def _quoted(value: str) -> str:
    for character, letter in (("\\", "\\"), ('"', '"'), ("\n", "n"), ("\t", "t")):
        value = value.replace(character, "\\" + letter)
    return f'"{value}"'
