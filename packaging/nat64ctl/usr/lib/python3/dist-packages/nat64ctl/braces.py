"""Braces, the form of /config/config.boot.

Beyond VyOS's own parser, which wants a line's end after each leaf, a closing brace or a comment ends one too. Top-level nodes that
are not ours are read over, but their braces and quotes must be right. Nothing here recurses: depth costs no stack.
"""
from __future__ import annotations

import re
from typing import Container, Iterator, List, Tuple

from .problems import Collector, shortened
from .statement import WORDS_AT_MOST, Statement

_TOKEN = re.compile(r"""
    (?P<blank>[ \t\r]+)
  | (?P<newline>\n)
  | (?P<comment>/\*)
  | (?P<footer>//[^\n]*)
  | (?P<open>\{)
  | (?P<close>\})
  | (?P<quote>["'])
  | (?P<word>[^ \t\r\n{}"']+)
""", re.VERBOSE)
_BODY = {quote: re.compile(rf"[^{quote}\\]*(?:\\.[^{quote}\\]*)*{quote}", re.DOTALL) for quote in "\"'"}
_BODY_IN_LINE = {quote: re.compile(rf"[^{quote}\\\n]*(?:\\[^\n][^{quote}\\\n]*)*{quote}") for quote in "\"'"}
_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def statements(text: str, roots: Container[str], collector: Collector) -> Iterator[Statement]:
    """Statements below the top-level nodes in `roots`, and one of a single word for each other top-level node."""
    return _Reader(text, roots, collector).run()


class _Reader:
    def __init__(self, text: str, roots: Container[str], collector: Collector) -> None:
        self.text, self.roots, self.error = text, roots, collector.syntax_error_at
        #: Words of the blocks that are open, their positions, and how many words each block added.
        self.path: List[str] = []
        self.positions: List[int] = []
        self.blocks: List[int] = []
        #: Where each block was opened.
        self.opened: List[int] = []
        #: Blocks open inside one that is read over.
        self.skipped = 0
        #: Words of the statement at hand.
        self.words: List[str] = []
        self.places: List[int] = []
        self.quoted: List[bool] = []
        #: Quotes of which no closing one is left in the text, so that looking for it stays cheap.
        self.hopeless: List[str] = []

    def run(self) -> Iterator[Statement]:
        text, place, end = self.text, 0, len(self.text)
        match = _TOKEN.match
        while place < end:
            found = match(text, place)
            assert found is not None  # every character begins a token
            kind, start, place = found.lastgroup, place, found.end()
            if kind == "blank":
                continue
            if kind == "word":
                self._word(found.group(), start, False)
            elif kind == "quote":
                place = self._string(found.group(), start)
            elif kind == "newline" or kind == "footer":
                yield from self._leaf()
            elif kind == "comment":
                yield from self._leaf()
                closing = text.find("*/", place)
                if closing < 0:
                    self.error(start, "this comment does not end", "", "*/ ends a comment")
                    place = end
                else:
                    place = closing + 2
            elif kind == "open":
                yield from self._open(start)
            else:
                yield from self._leaf()
                self._close(start)
        yield from self._leaf()
        for start in self.opened[:20]:
            self.error(start, "this brace is not closed", "", "} closes a block")

    def _word(self, word: str, place: int, is_quoted: bool) -> None:
        if self.skipped:
            return
        self.words.append(word)
        self.places.append(place)
        self.quoted.append(is_quoted)

    def _string(self, quote: str, start: int) -> int:
        """Where the string ends."""
        body = None if quote in self.hopeless else _BODY[quote].match(self.text, start + 1)
        if body is None:
            if quote not in self.hopeless:
                self.hopeless.append(quote)
            body = _BODY_IN_LINE[quote].match(self.text, start + 1)
        if body is None:
            self.error(start, f"the closing {quote} is missing", "", f"a quote inside is written \\{quote}")
            line_end = self.text.find("\n", start)
            return len(self.text) if line_end < 0 else line_end
        inner = body.group()[:-1]
        if "\\" in inner and not self.skipped:
            inner = self._unescaped(inner, start + 1)
        self._word(inner, start, True)
        return body.end()

    def _unescaped(self, text: str, start: int) -> str:
        for found in _ESCAPE.finditer(text):
            if found.group(1) not in _ESCAPES:
                self.error(
                    start + found.start(), f"unknown escape {shortened(found.group())}", "",
                    "VyOS has \\\\ \\\" \\' \\/ \\b \\f \\n \\r \\t; a backslash is \\\\",
                )
        return _ESCAPE.sub(lambda found: _ESCAPES.get(found.group(1), found.group()), text)

    def _take(self) -> Tuple[List[str], List[int], List[bool]]:
        taken = (self.words, self.places, self.quoted)
        self.words, self.places, self.quoted = [], [], []
        return taken

    def _leaf(self) -> Iterator[Statement]:
        if not self.words:
            return
        words, places, is_quoted = self._take()
        if is_quoted[0]:
            self.error(places[0], "a node's name is missing before this text")
            return
        if words[0].startswith("#"):
            self.error(places[0], "this form has no such comments", "", "write /* … */")
            return
        if len(words) > 2:
            quoted = f"{shortened(words[0])} \"{shortened(' '.join(words[1:20]))}\""
            remedy = f"a line has a node and one value; a value with blanks needs quotes: {quoted}"
            self.error(places[2], "too many words", "", remedy)
            return
        if not self.path and words[0] not in self.roots:
            yield Statement(words[:1], places[:1], 0, False)
            return
        yield Statement(self.path + words, self.positions + places, 0, False)

    def _open(self, brace: int) -> Iterator[Statement]:
        self.opened.append(brace)
        if self.skipped:
            self.skipped += 1
            return
        words, places, is_quoted = self._take()
        if not words or is_quoted[0]:
            self.error(brace, "a node's name is missing before this brace")
            self.skipped = 1
            return
        if len(words) > 2:
            self.error(
                places[2], "too many words before a brace", "A block is opened by a node, or by a node and its number or name.",
                f"{shortened(words[0])} {shortened(words[1])} {{",
            )
            self.skipped = 1
            return
        if not self.path and words[0] not in self.roots:
            self.skipped = 1
            yield Statement(words[:1], places[:1], 0, True)
            return
        if len(self.path) + len(words) >= WORDS_AT_MOST:
            self.error(brace, "too many blocks in one another")
            self.skipped = 1
            return
        self.path = self.path + words
        self.positions = self.positions + places
        self.blocks.append(len(words))
        yield Statement(self.path, self.positions, 0, True)

    def _close(self, brace: int) -> None:
        if not self.opened:
            self.error(brace, "this brace closes nothing")
            return
        self.opened.pop()
        if self.skipped:
            self.skipped -= 1
            return
        count = self.blocks.pop()
        self.path = self.path[:-count]
        self.positions = self.positions[:-count]
