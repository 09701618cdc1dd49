"""What a plan is made of: operations, each with what undoes it. Data only; `apply` carries them out."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import List, Optional, Tuple, Union


@dataclass(frozen=True)
class Run:
    """A program with its exact arguments; `stdin` is what it reads, from a file that can be sought in."""

    argv: Tuple[str, ...]
    stdin: Optional[str] = None

    def __str__(self) -> str:
        words = " ".join(shlex.quote(word) for word in self.argv)
        return words if self.stdin is None else "%s <<'EOF'\n%s\nEOF" % (words, self.stdin.rstrip("\n"))


@dataclass(frozen=True)
class WriteFile:
    """A file, whole or not at all; its folder is made if need be."""

    path: str
    text: str

    def __str__(self) -> str:
        return "write %s <<'EOF'\n%s\nEOF" % (self.path, self.text.rstrip("\n"))


@dataclass(frozen=True)
class RemoveFile:
    """A file that may be gone already."""

    path: str

    def __str__(self) -> str:
        return "rm -f %s" % shlex.quote(self.path)


@dataclass(frozen=True)
class RenameFile:
    """A file takes another one's place, whole and at once."""

    path: str
    to: str

    def __str__(self) -> str:
        return "mv %s %s" % (shlex.quote(self.path), shlex.quote(self.to))


Command = Union[Run, WriteFile, RemoveFile, RenameFile]


@dataclass(frozen=True)
class Operation:
    """One step. Where `do` has several commands and a later one fails, `undo` puts right what the earlier ones did."""

    #: For people: "instance-100: add 192.0.2.1 61001-65535 for TCP".
    what: str
    do: Tuple[Command, ...]
    #: In the order to run them.
    undo: Tuple[Command, ...]
    #: Why sessions end here; "": none does.
    drops_sessions: str = ""


Plan = Tuple[Operation, ...]


class ApplyFailed(Exception):
    """An operation failed and what was done has been undone; `remains` says what could not be, if anything."""

    def __init__(self, operation: str, command: str, words: str, remains: List[str]) -> None:
        super().__init__(operation)
        self.operation = operation
        self.command = command
        self.words = words.strip()
        self.remains = remains


def operation_json(operation: Operation) -> object:
    """As `diff --json` prints it."""
    return {
        "what": operation.what,
        "do": [command_json(command) for command in operation.do],
        "undo": [command_json(command) for command in operation.undo],
        "drops sessions": operation.drops_sessions or None,
    }


def command_json(command: Command) -> object:
    if isinstance(command, Run):
        words: object = list(command.argv)
        return {"run": words} if command.stdin is None else {"run": words, "stdin": command.stdin}
    if isinstance(command, WriteFile):
        return {"write": command.path, "text": command.text}
    if isinstance(command, RenameFile):
        return {"rename": command.path, "to": command.to}
    return {"remove": command.path}


def plan_text(plan: Plan) -> str:
    """As `diff` prints it: what happens, and the commands below it."""
    lines: List[str] = []
    for operation in plan:
        lines.append(operation.what)
        if operation.drops_sessions:
            lines.append("  ! sessions end: " + operation.drops_sessions)
        for command in operation.do:
            lines.extend("    " + line for line in _shortened(str(command)))
    return "".join(line + "\n" for line in lines)


def _shortened(text: str, most: int = 40) -> List[str]:
    lines = text.split("\n")
    return lines if len(lines) <= most else lines[: most - 1] + ["… %d more lines" % (len(lines) - most + 1)]
