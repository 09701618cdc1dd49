"""Says which nodes of a configuration only this package knows, so that nobody has to find out after its removal.

VyOS then has no template for them: its command line neither shows nor deletes them, and its boot leaves them out without a word on the console.
What VyOS has itself is read from the templates, since that differs between versions. Needs nothing but Python: nat64ctl may be gone already.

The prerm runs this before anything is changed, with the package's list of files on standard input: `left_out.py ROOT`.
"""

from __future__ import annotations

import os
import shlex
import sys
from typing import Iterator, List, Set

_TEMPLATES = "opt/vyatta/share/vyatta-cfg/templates"
_SHIPPED = "var/lib/vyos-nat64/shipped"
#: What the next boot reads, and what runs, which may not have been saved.
_SAVED = "opt/vyatta/etc/config/config.boot"
_RUNNING = "run/nat64/vyos.config"
_FAMILIES = ("nat64", "nat46")
#: Lines at most: a removal is no report.
_MOST = 20


class Templates:
    def __init__(self, root: str, own: Set[str]) -> None:
        self._root = root
        self._own = own

    def only_ours(self, words: List[str]) -> List[str]:
        """The words up to the first node that VyOS has not itself; none, where it has all."""
        path = _TEMPLATES
        for count, word in enumerate(words, 1):
            below = os.path.join(path, word)
            if os.path.isdir(os.path.join(self._root, below)):
                path = below
                if not self._is_vyos(path):
                    return words[:count]
            elif os.path.isdir(os.path.join(self._root, path, "node.tag")):
                path = os.path.join(path, "node.tag")
            else:
                # A value.
                break
        return []

    def _is_vyos(self, path: str) -> bool:
        file = os.path.join(path, "node.def")
        return os.path.exists(os.path.join(self._root, _SHIPPED, file)) or "/" + file not in self._own


def statements(config: str) -> Iterator[List[str]]:
    """Paths of a saved configuration, as VyOS writes it: a block or a leaf to a line."""
    path: List[List[str]] = []
    in_comment = False
    for line in config.splitlines():
        text = line.strip()
        if in_comment or text.startswith("/*"):
            in_comment = not text.endswith("*/")
        elif text == "}":
            path = path[:-1]
        elif text.endswith("{"):
            path.append(text[:-1].split())
            yield [word for words in path for word in words]
        elif text and not text.startswith("//"):
            yield [word for words in path for word in words] + text.split()[:1]


def committed(lines: str) -> Iterator[List[str]]:
    """Paths of `set` lines."""
    for line in lines.splitlines():
        yield shlex.split(line)[1:]


def left_out(root: str, own: Set[str]) -> List[str]:
    templates = Templates(root, own)
    paths = [*statements(_read(root, _SAVED)), *committed(_read(root, _RUNNING))]
    found = (templates.only_ours(words) for words in paths if words and words[0] in _FAMILIES)
    # Once each, in the order of the configuration.
    return list(dict.fromkeys(" ".join(words) for words in found if words))


def _read(root: str, path: str) -> str:
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def main(arguments: List[str]) -> int:
    nodes = left_out(arguments[0], set(sys.stdin.read().splitlines()))
    for node in nodes[:_MOST]:
        print("    " + node)
    if len(nodes) > _MOST:
        print("    and %d more" % (len(nodes) - _MOST))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
