"""Files that others read of us."""

from __future__ import annotations

from ..operations import RemoveFile, WriteFile
from ..state import (
    State,
)
from .steps import FILE, REMOVE, Steps


def files(steps: Steps, running: State, wanted: State) -> None:
    for path, text in sorted(wanted.files.items()):
        before = running.files.get(path)
        if before != text:
            steps.add(FILE, "write %s" % path, WriteFile(path, text), RemoveFile(path) if before is None else WriteFile(path, before))
    for path, text in sorted(running.files.items()):
        if path not in wanted.files:
            steps.add(REMOVE, "remove %s" % path, RemoveFile(path), WriteFile(path, text))
