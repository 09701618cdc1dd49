"""What is wrong with a configuration: where, what, why, and what would be valid.

Whoever finds something tells a Collector; nothing is thrown, so that one run names all mistakes and not the first.
"""
from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import Enum
from typing import Callable, Dict, Iterable, List, Optional, Tuple, Union


class Severity(Enum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One mistake, or one thing that a person should know.

    `line` and `column` count characters from 1; 0 where a problem is of the file as a whole. `str()` gives the lines that a
    person reads: `FILE:LINE:COLUMN: path: message`, below it the reason and what would be valid, each indented.
    """

    severity: Severity
    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    path: Tuple[str, ...] = ()
    reason: str = ""
    #: What would be valid, or what to do.
    remedy: str = ""

    def __str__(self) -> str:
        place = self.file + (f":{self.line}:{self.column}" if self.line else "")
        head = ": ".join(part for part in (place, "warning" if self.severity is Severity.WARNING else "", " ".join(self.path), self.message) if part)
        return "\n".join([head] + ["    " + text for text in (self.reason, self.remedy) if text])

    def to_json(self) -> Dict[str, Union[str, int, List[str]]]:
        return {
            "severity": self.severity.value, "file": self.file, "line": self.line, "column": self.column, "path": list(self.path),
            "message": self.message, "reason": self.reason, "remedy": self.remedy,
        }


class Problems(Exception):
    """A configuration that cannot be used; at least one of its problems is an error."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: Tuple[Problem, ...] = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Collector:
    """Gathers problems. Beyond `limit` of either severity it only counts: nobody reads ten thousand, and rubbish of 10 MB must stay cheap."""

    def __init__(self, file_name: str, locate: Callable[[int], Tuple[int, int]], limit: int = 500) -> None:
        """`locate` turns a position, as the parser gave it, into line and column."""
        self._file = file_name
        self._locate = locate
        self._limit = limit
        self._kept: Dict[Severity, List[Problem]] = {Severity.ERROR: [], Severity.WARNING: []}
        self._count: Dict[Severity, int] = {Severity.ERROR: 0, Severity.WARNING: 0}
        #: Something could not be read at all, so what seems to be missing may only be unread.
        self.unreadable = False

    @property
    def failed(self) -> bool:
        return self._count[Severity.ERROR] > 0

    @property
    def wants_errors(self) -> bool:
        """Whether another error would be kept; whoever would look long for a suggestion asks first."""
        return len(self._kept[Severity.ERROR]) < self._limit

    def line(self, position: int) -> int:
        return self._locate(position)[0]

    def error(self, position: int, path: Tuple[str, ...], message: str, reason: str = "", remedy: str = "") -> None:
        self._add(Severity.ERROR, position, path, message, reason, remedy)

    def warning(self, position: int, path: Tuple[str, ...], message: str, reason: str = "", remedy: str = "") -> None:
        self._add(Severity.WARNING, position, path, message, reason, remedy)

    def syntax_error(self, line: int, column: int, message: str, reason: str = "", remedy: str = "") -> None:
        """What the parser cannot make anything of; `line` and `column` from 1."""
        self.unreadable = True
        self._keep(Problem(Severity.ERROR, message, self._file, line, column, (), reason, remedy))

    def syntax_error_at(self, position: int, message: str, reason: str = "", remedy: str = "") -> None:
        self.unreadable = True
        self._add(Severity.ERROR, position, (), message, reason, remedy)

    def finish(self) -> Tuple[Problem, ...]:
        """All that was kept, in the order of the file, and a last line for what was only counted."""
        found = sorted((problem for kept in self._kept.values() for problem in kept), key=lambda problem: (problem.line, problem.column))
        for severity, kept in self._kept.items():
            more = self._count[severity] - len(kept)
            if more:
                found.append(Problem(severity, f"{more} more {severity.value}s are not shown", self._file))
        return tuple(found)

    def _add(self, severity: Severity, position: int, path: Tuple[str, ...], message: str, reason: str, remedy: str) -> None:
        if len(self._kept[severity]) >= self._limit:
            self._count[severity] += 1
            return
        line, column = self._locate(position)
        self._keep(Problem(severity, message, self._file, line, column, tuple(shortened(word) for word in path), reason, remedy))

    def _keep(self, problem: Problem) -> None:
        self._count[problem.severity] += 1
        if len(self._kept[problem.severity]) < self._limit:
            self._kept[problem.severity].append(problem)


def shortened(text: str, length: int = 60) -> str:
    """Foreign text for a message: printable, on one line, not longer than `length`."""
    clean = "".join(character if character.isprintable() else "?" for character in text[:length + 1])
    return clean if len(clean) <= length else clean[:length - 1] + "…"


def quoted(text: str) -> str:
    return f'"{shortened(text)}"'


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean "prefix"?`, or nothing when no known word is near."""
    nearest = nearest_word(word, known)
    return "" if nearest is None else f'; did you mean "{nearest}"?'


def nearest_word(word: str, known: Iterable[str]) -> Optional[str]:
    # The matcher's time grows with the square of the length.
    if not 1 <= len(word) <= 40:
        return None
    found = difflib.get_close_matches(word.lower(), list(known), 1, 0.6)
    return found[0] if found else None


def listed(words: Iterable[str], joint: str = "or") -> str:
    """`a, b or c`."""
    items = list(words)
    if len(items) < 2:
        return "".join(items)
    return "{} {} {}".format(", ".join(items[:-1]), joint, items[-1])
