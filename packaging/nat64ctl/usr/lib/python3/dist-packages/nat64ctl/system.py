"""The only door to the router: programs are run, files are read and written here and nowhere else.

Everything above takes a System, so that tests can give it a router that is a model.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Dict, Iterator, List, Optional, Sequence, Tuple

LOCK_FILE = "/run/nat64/lock"

#: Seconds. The longest honest run is `jool file handle` with ten thousand entries on a slow router.
DEADLINE = 60


@dataclass(frozen=True)
class Result:
    """What a program said. `status` is negative for a signal, 127 for a program that is not there, 124 past its deadline."""

    argv: Tuple[str, ...]
    status: int
    stdout: str
    stderr: str


class System:
    """What the rest of nat64ctl may ask of a router."""

    def run(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        """Runs a program to its end. Never raises for what the program does."""
        raise NotImplementedError

    def read_file(self, path: str) -> Optional[str]:
        """None when there is no such file, or when it is no file (a symbolic link, a folder). Raises OSError for the rest."""
        raise NotImplementedError

    def write_file(self, path: str, text: str) -> None:
        """The whole file or none of it; for root alone to write. Raises OSError."""
        raise NotImplementedError

    def remove_file(self, path: str) -> None:
        """A file that is not there is gone. Raises OSError."""
        raise NotImplementedError

    def list_folder(self, path: str) -> List[str]:
        """Sorted names; none when there is no such folder."""
        raise NotImplementedError

    def find_program(self, name: str) -> bool:
        raise NotImplementedError

    def processes(self, name: str) -> List[Tuple[str, ...]]:
        """The arguments of every process whose program has that name."""
        raise NotImplementedError


class LocalSystem(System):
    """The router that this runs on."""

    def run(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        words = tuple(argv)
        try:
            # A file and not a pipe: `jool file handle` seeks in what it reads. Without a name, so nothing is left behind.
            with tempfile.TemporaryFile("w+", encoding="utf-8") as source:
                if stdin is not None:
                    source.write(stdin)
                    source.seek(0)
                # A session of its own: Ctrl-C is for nat64ctl, which then undoes what was done.
                process = subprocess.Popen(
                    words,
                    stdin=source if stdin is not None else subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=_environment(),
                    start_new_session=True,
                    encoding="utf-8",
                    errors="replace",
                )
                try:
                    stdout, stderr = process.communicate(timeout=DEADLINE)
                except subprocess.TimeoutExpired:
                    _kill_group(process.pid)
                    stdout, stderr = process.communicate()
                    return Result(words, 124, stdout, stderr + "\nno answer within %d seconds" % DEADLINE)
                except BaseException:
                    _kill_group(process.pid)
                    process.wait()
                    raise
                return Result(words, process.returncode, stdout, stderr)
        except FileNotFoundError:
            return Result(words, 127, "", "%s: no such program" % words[0])
        except PermissionError as error:
            return Result(words, 126, "", "%s: %s" % (words[0], error.strerror))

    def read_file(self, path: str) -> Optional[str]:
        try:
            # O_NONBLOCK: a FIFO of that name would wait for a writer.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, encoding="utf-8", errors="replace") as file:
            return file.read()

    def write_file(self, path: str, text: str) -> None:
        folder = os.path.dirname(path)
        os.makedirs(folder, mode=0o755, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(prefix=".", suffix=".new", dir=folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), 0o644)
                os.fsync(file.fileno())
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise

    def remove_file(self, path: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(path)

    def list_folder(self, path: str) -> List[str]:
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def find_program(self, name: str) -> bool:
        return shutil.which(name, path=_environment()["PATH"]) is not None

    def processes(self, name: str) -> List[Tuple[str, ...]]:
        found: List[Tuple[str, ...]] = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open("/proc/%s/comm" % entry, encoding="utf-8", errors="replace") as file:
                    if file.read().rstrip("\n") != name:
                        continue
                with open("/proc/%s/cmdline" % entry, encoding="utf-8", errors="replace") as file:
                    words = file.read().split("\0")[:-1]
            except OSError:
                # It has ended meanwhile.
                continue
            if words:
                found.append(tuple(words))
        return sorted(found)


@contextmanager
def locked(path: str = LOCK_FILE) -> Iterator[None]:
    """One nat64ctl at a time changes the router. The kernel frees the lock of whoever is killed. @raises OSError"""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another nat64ctl to end", file=sys.stderr, flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _environment() -> Dict[str, str]:
    """The same for everyone: what tools print must not depend on who asks."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
