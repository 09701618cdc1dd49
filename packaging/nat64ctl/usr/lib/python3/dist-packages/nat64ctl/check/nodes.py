"""Statements to a tree of nodes, each held against the CLI tree: names, values, what is given twice, what is missing."""
from __future__ import annotations

from typing import Callable, Dict, Iterable, Iterator, List, Optional, Set, Tuple

from nat64ctl.problems import Collector, listed, nearest_word, quoted, shortened, suggestion
from nat64ctl.statement import Statement
from nat64ctl.tree import Tree, TreeNode

from .values import BadValue, Parser, Value, describe, parser, text_of

#: VyOS's own top-level nodes, which are none of ours and read over without a word. One that is not here and looks like one of
#: ours is worth a warning: nat64 with a typing error would otherwise be no configuration at all.
VYOS_ROOTS = frozenset((
    "cluster", "container", "content-inspection", "custom-attributes", "event-handler", "firewall", "high-availability", "interfaces",
    "load-balancing",
    "nat", "nat66", "nfirewall", "openconnect", "pki", "policy", "port-forward", "protocols", "qos", "qos-policy", "service", "system",
    "traffic-policy",
    "vpn", "vpp", "vrf", "webproxy", "zone-policy",
))


#: Never written to.
_NO_CHILDREN: Dict[str, Node] = {}
_NO_VALUES: List[Value] = []
_NO_POSITIONS: List[int] = []

#: Of a leaf that may be given several times; looking through them must stay cheap.
VALUES_AT_MOST = 256


class Node:
    """One node as it was written. A tag node `rule 10` is two: the container `rule`, and in it the instance `10`."""

    __slots__ = ("broken", "children", "container", "name", "opened", "parent", "position", "positions", "schema", "unread", "values")

    def __init__(self, schema: TreeNode, name: str, parent: Optional[Node], position: int, container: bool) -> None:
        self.schema, self.name, self.parent, self.position, self.container = schema, name, parent, position, container
        # Hundreds of thousands of empty containers would be a third of the memory, and of the time.
        leaf = schema.kind == "leaf"
        self.children: Dict[str, Node] = _NO_CHILDREN if leaf else {}
        #: Of a leaf: what was written and is valid, with positions.
        self.values: List[Value] = [] if leaf else _NO_VALUES
        self.positions: List[int] = [] if leaf else _NO_POSITIONS
        #: An error was found here or below.
        self.broken = False
        #: A name right below could not be read, so what seems to be missing may be what it was meant to be.
        self.unread = False
        #: A block was opened for it.
        self.opened = False

    @property
    def path(self) -> Tuple[str, ...]:
        names: List[str] = []
        node: Optional[Node] = self
        while node is not None and node.parent is not None:
            names.append(node.name)
            node = node.parent
        return tuple(reversed(names))

    def get(self, *names: str) -> Optional[Node]:
        node: Optional[Node] = self
        for name in names:
            if node is None:
                return None
            node = node.children.get(name)
        return node

    def has(self, *names: str) -> bool:
        return self.get(*names) is not None

    def value(self, *names: str) -> Optional[Value]:
        """A leaf's value; where it was not written the tree's default; None where there is neither, or it is wrong."""
        node = self.get(*names)
        if node is not None:
            return node.values[-1] if node.values else None
        schema: Optional[TreeNode] = self.schema
        for name in names:
            schema = None if schema is None else schema.children.get(name)
        if schema is None or schema.default is None or not schema.value:
            return None
        return parser(schema)(schema.default)

    def words(self, name: str) -> Tuple[str, ...]:
        """What is set below a node, as VyOS has it: children without values (`protocol { tcp udp }`), or values of a leaf."""
        node = self.children.get(name)
        if node is None:
            return ()
        return tuple(node.children) if node.children else tuple(str(value) for value in node.values)

    def instances(self, *names: str) -> List[Node]:
        """Of a tag node, in the order of their numbers."""
        node = self.get(*names)
        return [] if node is None else sorted(node.children.values(), key=_number)

    def break_(self) -> None:
        node: Optional[Node] = self
        while node is not None and not node.broken:
            node.broken = True
            node = node.parent


def _number(node: Node) -> Tuple[int, str]:
    return (int(node.name), "") if node.name.isdigit() else (0, node.name)


class Builder:
    """Makes the nodes. `last_wins`: a leaf given again replaces the one before, as `set` does; else it is an error."""

    def __init__(self, tree: Tree, collector: Collector, first_word: int, last_wins: bool) -> None:
        self._collector = collector
        self._first = first_word
        self._last_wins = last_wins
        self._roots = tree.roots
        self.root = Node(TreeNode("", "node", children=tree.roots), "", None, -1, False)
        self._parsers: Dict[TreeNode, Parser] = {}
        self._other: Set[str] = set()
        #: Statements outside our top-level nodes were seen.
        self.others = False

    def build(self, statements: Iterable[Statement]) -> Node:
        root, first, parsers = self.root, self._first, self._parsers
        for statement in statements:
            words, positions, base, block = statement
            node = root
            index = first
            count = len(words)
            while index < count:
                child = node.children.get(words[index])
                if child is None:
                    position = base + index if positions is None else positions[index]
                    child = self._create(node, words, index, position)
                    if child is None:
                        break
                node = child
                index += 1
                schema = node.schema
                if schema.kind == "leaf":
                    # The way that nearly all lines of a large file take.
                    parse = parsers.get(schema)
                    if parse is None or index != count - 1 or block or node.values or not self._value(node, parse, words[index]):
                        self._leaf(node, words, index, positions, base, block)
                    else:
                        node.positions.append(base + index if positions is None else positions[index])
                    break
            else:
                self._end_at(node, words, positions, base, block)
        self._missing(root)
        return root

    def _create(self, node: Node, words: List[str], index: int, position: int) -> Optional[Node]:
        word = words[index]
        schema = node.schema
        if node.container:
            parse = self._parser(schema)
            try:
                value = parse(word)
            except BadValue as failure:
                node.break_()
                node.unread = True
                self._collector.error(position, node.path, failure.message, failure.reason, failure.remedy)
                return None
            if isinstance(value, int) and str(value) != word:
                node.break_()
                node.unread = True
                self._collector.error(position, node.path, f"{quoted(word)} has leading zeros", "", f"write {value}")
                return None
            child = Node(schema, word, node, position, False)
        else:
            below = schema.children.get(word)
            if below is None:
                self._unknown(node, words, index, position)
                return None
            child = Node(below, word, node, position, below.kind == "tag")
        node.children[word] = child
        return child

    def _unknown(self, node: Node, words: List[str], index: int, position: int) -> None:
        word = words[index]
        if node is self.root:
            self.others = True
            if word not in VYOS_ROOTS and word not in self._other:
                self._other.add(word)
                near = nearest_word(word, self._roots)
                if near is not None:
                    self._collector.warning(
                        position, (word,), f'this node is not read; did you mean "{near}"?',
                        "Top-level nodes other than {} are left to the system.".format(listed(self._roots, "and")),
                    )
            return
        node.break_()
        node.unread = True
        if not self._collector.wants_errors:
            # Only counted: looking for a suggestion costs more than all the rest.
            self._collector.error(position, (), "unknown node")
            return
        known = list(node.schema.children)
        self._collector.error(
            position, node.path, f"unknown node {quoted(word)}{suggestion(word, known)}", "",
            f"valid is {listed(known)}" if known else "nothing comes below it",
        )

    @staticmethod
    def _value(node: Node, parse: Parser, text: str) -> bool:
        """Gives a leaf its first value; False where it is not valid."""
        try:
            node.values.append(parse(text))
        except BadValue:
            return False
        return True

    def _leaf(self, node: Node, words: List[str], index: int, positions: Optional[List[int]], base: int, block: bool) -> None:
        """`index` is the word after the leaf's name."""
        schema = node.schema

        def at(word: int) -> int:
            return base + word if positions is None else positions[word]
        extra = len(words) - index
        if block:
            node.break_()
            self._collector.error(at(index - 1), node.path, "a brace after a node that has no nodes below", "", "leave out the braces")
            return
        if not schema.value:
            if extra:
                node.break_()
                self._collector.error(at(index), node.path, f"{quoted(words[index])} is too much", "This node has no value.")
            return
        if extra != 1:
            node.break_()
            if extra == 0:
                self._collector.error(at(index - 1), node.path, "the value is missing", "", f"valid is {_valid(schema)}")
            else:
                self._collector.error(
                    at(index + 1), node.path, f"{quoted(words[index + 1])} is too much", "A value with blanks needs quotes.",
                    f"'{shortened(' '.join(words[index:index + 20]))}'",
                )
            return
        text, position = words[index], at(index)
        try:
            value = (self._parsers.get(schema) or self._parser(schema))(text)
        except BadValue as failure:
            node.break_()
            self._collector.error(position, node.path, failure.message, failure.reason, failure.remedy)
            return
        if not node.values or schema.multi:
            if len(node.values) == VALUES_AT_MOST:
                node.break_()
                self._collector.error(position, node.path, f"more than {VALUES_AT_MOST} values")
            elif value not in node.values:
                node.values.append(value)
                node.positions.append(position)
            return
        if value == node.values[0]:
            return
        line = self._collector.line(node.positions[0])
        if self._last_wins:
            self._collector.warning(
                position, node.path, f"{quoted(text)} replaces {quoted(text_of(node.values[0]))} of line {line}",
                "It has one value, and the last one counts.",
            )
        else:
            node.break_()
            self._collector.error(
                position, node.path, f"{quoted(text)} is a second value, after {quoted(text_of(node.values[0]))} in line {line}", "It has one value.",
            )
        node.values[0], node.positions[0] = value, position

    def _end_at(self, node: Node, words: List[str], positions: Optional[List[int]], base: int, block: bool) -> None:
        """A statement that names a node and goes no further."""
        last = base + len(words) - 1 if positions is None else positions[-1]
        if node.container:
            node.break_()
            self._collector.error(last, node.path, "its number or name is missing", "", f"valid is {_valid(node.schema)}")
            return
        if block and node.schema.kind == "tag":
            if node.opened:
                node.break_()
                self._collector.error(
                    last, node.path, f"given twice, first in line {self._collector.line(node.position)}", "VyOS refuses that, too.",
                    "put both into one block",
                )
            node.opened = True

    def _parser(self, schema: TreeNode) -> Parser:
        found = self._parsers.get(schema)
        if found is None:
            found = self._parsers[schema] = parser(schema)
        return found

    def _missing(self, node: Node) -> None:
        """What the tree requires below a node that is there."""
        requiring: Dict[TreeNode, bool] = {}

        def requires(schema: TreeNode) -> bool:
            if schema not in requiring:
                requiring[schema] = any(always_required(child) or requires(child) for child in schema.children.values())
            return requiring[schema]

        for found in walk(node, requires):
            if found.container:
                continue
            for name, child in found.schema.children.items():
                if always_required(child) and name not in found.children:
                    report_missing(self._collector, found, (name,))


def _valid(schema: TreeNode) -> str:
    return listed(describe(item) for item in schema.value)


def always_required(schema: TreeNode) -> bool:
    """Required whatever the rule's engine and mode are; of the others the checks of rules tell."""
    return schema.required and not schema.engines and not schema.modes


def may_be_unread(collector: Collector, node: Node, names: Tuple[str, ...]) -> bool:
    """Whether what is not there below a node may be in a line that could not be read; of that an error tells already."""
    found: Optional[Node] = node
    for name in names:
        if found is None:
            break
        if found.unread:
            return True
        found = found.children.get(name)
    return collector.unreadable or (found is not None and found.unread)


def report_missing(collector: Collector, node: Node, names: Tuple[str, ...]) -> None:
    if may_be_unread(collector, node, names):
        return
    schema = node.schema
    for name in names:
        schema = schema.children[name]
    valid = f"valid is {_valid(schema)}" if schema.value else ""
    node.break_()
    collector.error(node.position, node.path + names, "missing", "", valid)


def walk(node: Node, enter: Callable[[TreeNode], bool]) -> Iterator[Node]:
    """A node and those below it whose part of the tree `enter` wants, in the order in which they were written first."""
    stack = [node]
    while stack:
        found = stack.pop()
        yield found
        if found.children:
            stack.extend(child for child in reversed(list(found.children.values())) if enter(child.schema))
