"""VyOS configuration as text: which form it has, and where in it something is.

Both forms become the same stream of statements, so that what follows need not know which one a person used.

* `set` lines (set_lines.py), as `show configuration commands` prints them.
* Braces (braces.py), as /config/config.boot has them.
"""
from __future__ import annotations

import bisect
import re
from itertools import accumulate
from typing import Container, Iterator, List, Tuple

from . import braces, set_lines
from .problems import Collector
from .statement import WORDS_AT_MOST, Statement

_SET_LINE = re.compile(r"^[ \t]*set(?:[ \t\r]|$)", re.MULTILINE)
_BLANKS = re.compile(r"(?:[ \t\r\n]+|#[^\n]*|//[^\n]*|/\*.*?\*/)*", re.DOTALL)
_OPENING = re.compile(r"""[^\s{}"'#]+(?:[ \t]+(?:[^\s{}"']+|"[^"\n]*"|'[^'\n]*'))?[ \t\r\n]*\{""")
# Everything below the space but tab, newline and carriage return; DEL; and what stands for bytes that are not UTF-8.
_UNREADABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\udc80-\udcff]")


class Locator:
    """Turns positions of statements into line and column, from 1, in characters. Below 0 is the file as a whole: (0, 0)."""

    def __init__(self, text: str, set_form: bool) -> None:
        self._text = text
        self._set_form = set_form
        self._lines: List[str] = []
        self._starts: List[int] = []

    def __call__(self, position: int) -> Tuple[int, int]:
        if position < 0:
            return (0, 0)
        if not self._set_form:
            return self.character(position)
        if not self._lines:
            self._lines = self._text.split("\n")
        index, word = divmod(position, WORDS_AT_MOST)
        columns = set_lines.columns_of_words(self._lines[index])
        return (index + 1, columns[min(word, len(columns) - 1)] if columns else 1)

    def character(self, place: int) -> Tuple[int, int]:
        """Line and column of a character's place in the text."""
        if not self._starts:
            self._starts = [0, *list(accumulate(len(line) + 1 for line in self._text.split("\n")))]
        line = bisect.bisect_right(self._starts, place) - 1
        return (line + 1, place - self._starts[line] + 1)


def statements(text: str, set_form: bool, roots: Container[str], collector: Collector) -> Iterator[Statement]:
    """The text's statements below the top-level nodes in `roots`, and one of the name alone for each mention of another one."""
    return set_lines.statements(text, roots, collector) if set_form else braces.statements(text, roots, collector)


def decoded(data: bytes) -> str:
    """The bytes as text. What is not UTF-8 becomes lone surrogates, which `unreadable` finds. A byte order mark is left out."""
    return (data[3:] if data.startswith(b"\xef\xbb\xbf") else data).decode("utf-8", "surrogateescape")


def is_set_form(text: str) -> bool:
    """Whether the text is lines of commands, not braces. What comes first decides; a text that shows neither is read as commands."""
    start = _BLANKS.match(text)
    first = start.end() if start is not None else 0
    if first == len(text):
        return "/*" not in text and "//" not in text
    if _SET_LINE.match(text, text.rfind("\n", 0, first) + 1):
        return True
    if _OPENING.match(text, first):
        return False
    if _SET_LINE.search(text):
        return True
    return not any(mark in text for mark in "{}")


def unreadable(text: str) -> Iterator[Tuple[int, str]]:
    """Place and character of each that cannot be part of a configuration."""
    for found in _UNREADABLE.finditer(text):
        yield (found.start(), found.group())
