"""`set` lines: one command a line, words parted by blanks, quotes as VyOS writes them.

Read are `set …` and `comment …` (which says nothing to a router); `#` begins a comment where a word could begin. A leaf that is
set twice has its last value, as in VyOS.
"""
from __future__ import annotations

import re
from typing import Container, Iterator, List, Match, Optional, Union

from .problems import Collector, nearest_word, quoted, shortened
from .statement import WORDS_AT_MOST, Statement

#: VyOS's own, in quotes; any other character after a backslash stays with it, so that a shell's '\d' is what it looks like.
_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PIECE = re.compile(r"""
    (?P<blank>[ \t\r]+)
  | (?P<plain>[^\ \t\r'"\\\#]+)
  | '(?P<single>[^'\\]*(?:\\.[^'\\]*)*)'
  | "(?P<double>[^"\\]*(?:\\.[^"\\]*)*)"
  | \\(?P<escaped>.)
  | (?P<hash>\#)
""", re.VERBOSE)
_ESCAPE = re.compile(r"\\(.)")
# What the short way through a line cannot see.
_SPECIAL = re.compile('["\\\\#]').search

#: Commands of VyOS's shell that may stand around `set` lines, with what to do instead.
_NO_PART = {
    "delete": "leave out the line that set it: the file says what there is, not how to change it",
    "edit": "write whole paths from the top",
    "configure": "leave it out", "commit": "leave it out", "save": "leave it out", "exit": "leave it out", "run": "leave it out",
}


def statements(text: str, roots: Container[str], collector: Collector) -> Iterator[Statement]:
    """Statements below the top-level nodes in `roots`; others are read over.

    The words of a statement include `set`, so that word i is at `base + i`; the path begins with word 1.
    """
    # str.split knows more blanks than VyOS does, all of them outside ASCII or refused as unreadable.
    simple = text.isascii() and not _SPECIAL(text)
    for index, line in enumerate(text.split("\n")):
        words: Optional[List[str]] = None
        if simple or not (_SPECIAL(line) or not line.isascii()):
            quotes = line.count("'")
            words = line.split()
            if not words:
                continue
            if quotes:
                last = words[-1]
                if quotes == 2 and last[0] == "'" and last[-1] == "'" and len(last) > 1:
                    words[-1] = last[1:-1]
                else:
                    words = None
        if words is None:
            read = _words(line)
            if isinstance(read, _Unread):
                collector.syntax_error(index + 1, read.column, read.message, read.reason, read.remedy)
                continue
            words = read
            if not words:
                continue
        if words[0] != "set":
            if words[0] != "comment":
                _not_set(words, index, line, collector)
            continue
        if len(words) == 1:
            collector.syntax_error(index + 1, columns_of_words(line)[0], "a path is missing after set", "", "set nat64 source rule 10 …")
            continue
        if words[1] not in roots:
            yield Statement(words[:2], None, index * WORDS_AT_MOST, False)
            continue
        if len(words) >= WORDS_AT_MOST:
            words = words[:WORDS_AT_MOST - 1]
        yield Statement(words, None, index * WORDS_AT_MOST, False)


def columns_of_words(line: str) -> List[int]:
    """Column of each word, from 1. In a line that cannot be read, those before the fault."""
    columns: List[int] = []
    inside = False
    for found in _pieces(line):
        if found.lastgroup == "blank":
            inside = False
        elif found.lastgroup == "hash" and not inside:
            break
        elif not inside:
            columns.append(found.start() + 1)
            inside = True
    return columns


class _Unread:
    def __init__(self, column: int, message: str, reason: str, remedy: str) -> None:
        self.column, self.message, self.reason, self.remedy = column, message, reason, remedy


def _pieces(line: str) -> Iterator[Match[str]]:
    place = 0
    while place < len(line):
        found = _PIECE.match(line, place)
        if found is None:
            return
        yield found
        place = found.end()


def _words(line: str) -> Union[List[str], _Unread]:
    words: List[str] = []
    parts: List[str] = []
    inside = False
    place = 0
    for found in _pieces(line):
        kind = found.lastgroup
        if kind == "hash" and not inside:
            place = len(line)
            break
        place = found.end()
        if kind == "blank":
            if inside:
                words.append("".join(parts))
                parts, inside = [], False
            continue
        inside = True
        if kind == "single":
            parts.append(_unescaped(found.group("single"), ""))
        elif kind == "double":
            parts.append(_unescaped(found.group("double"), "$`"))
        elif kind == "escaped":
            parts.append(found.group("escaped"))
        else:
            parts.append(found.group())
    if place < len(line):
        if line[place] == "\\":
            return _Unread(place + 1, "a backslash at the end of the line", "A command is one line.", "join the lines")
        return _Unread(
            place + 1, f"the closing {line[place]} is missing", "A quoted text ends in the line in which it begins.",
            f"a quote inside is written \\{line[place]}",
        )
    if inside:
        words.append("".join(parts))
    return words


def _unescaped(text: str, also: str) -> str:
    if "\\" not in text:
        return text

    def one(found: Match[str]) -> str:
        character = found.group(1)
        return _ESCAPES.get(character, character if character in also else found.group())
    return _ESCAPE.sub(one, text)


def _not_set(words: List[str], index: int, line: str, collector: Collector) -> None:
    column = columns_of_words(line)[0] if collector.wants_errors else 1
    word = words[0]
    if word in _NO_PART:
        collector.syntax_error(index + 1, column, f"{word} is not a part of a configuration", "A file has lines that begin with set.", _NO_PART[word])
        return
    near = nearest_word(word, ["set", "comment", *_NO_PART]) if collector.wants_errors else None
    if near in ("set", "comment"):
        collector.syntax_error(index + 1, column, f'unknown command {quoted(word)}; did you mean "{near}"?')
        return
    if any(mark in line for mark in "{}"):
        collector.syntax_error(
            index + 1, column, "braces among set lines", "A file has one form, set lines or braces, and its first line decided for set lines.", ""
        )
        return
    collector.syntax_error(
        index + 1, column, f"unknown command {quoted(word)}", "A file has lines that begin with set.", f"set {shortened(line.strip())}",
    )


def render_word(text: str) -> str:
    """A value as `set` lines have it: in single quotes as VyOS writes it, in double ones where it has a quote, a backslash or a control character.

    VyOS's shell and this parser read the same from it, but for control characters, which a shell's line cannot hold.
    """
    if not any(character in "'\\\n\r\t\b\f" for character in text):
        return f"'{text}'"
    for character, letter in (("\\", "\\"), ('"', '"'), ("$", "$"), ("`", "`"), ("\n", "n"), ("\r", "r"), ("\t", "t"), ("\b", "b"), ("\f", "f")):
        text = text.replace(character, "\\" + letter)
    return f'"{text}"'
