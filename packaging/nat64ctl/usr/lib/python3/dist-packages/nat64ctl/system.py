"""The only door to the router: programs are run, files are read and written here and nowhere else.

Everything above takes a System, so that tests can give it a router that is a model.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple, Union

#: There where systemd runs.
SYSTEMD = "/run/systemd/system"
_RUNNING = re.compile(r"/run/nat64/([a-z0-9-]+)/([^/]+)\.running")
LOCK_FILE = "/run/nat64/lock"

#: Seconds. The longest honest run is `jool file handle` with ten thousand entries on a slow router.
DEADLINE = 60

#: Of the lock, while it is held. Programs have them too: one that outlives a killed nat64ctl goes on changing the router, and so keeps the lock.
_lock_descriptors: List[int] = []


@dataclass(frozen=True)
class Result:
    """What a program said. `status` is negative for a signal, 127 for a program that is not there, 124 past its deadline."""

    argv: Tuple[str, ...]
    status: int
    stdout: str
    stderr: str


def said(result: Result) -> str:
    """A program's own words: what it printed as an error, or at least its exit status."""
    return (result.stderr.strip() or result.stdout.strip()) + "\n(exit status %d)" % result.status


class Process(NamedTuple):
    words: Tuple[str, ...]
    #: The system's unit that started it; "" for any other process.
    unit: str


class Unreadable(Exception):
    """A program that should say what runs, and does not. `result` has its words."""

    def __init__(self, result: Result) -> None:
        super().__init__("%s: %s" % (" ".join(result.argv), result.stderr.strip() or "exit status %d" % result.status))
        self.result = result


class System:
    """What the rest of nat64ctl may ask of a router."""

    def run(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        """Runs a program to its end. Never raises for what the program does."""
        raise NotImplementedError

    def lines(self, argv: Sequence[str]) -> Iterator[str]:
        """What a program prints, line by line while it prints, without line ends: for tables that need not fit into memory.

        @raises Unreadable after the last line, when the program failed
        """
        result = self.run(argv)
        yield from result.stdout.splitlines()
        if result.status != 0:
            raise Unreadable(result)

    def sample(self, argv: Sequence[str], seconds: float, size: int) -> Result:
        """Runs a program for at most `seconds`, and keeps at most the first `size` bytes. The status is 124 for too long, -9 for too much."""
        del seconds
        result = self.run(argv)
        return Result(result.argv, result.status, result.stdout[:size], result.stderr[:size])

    def read_file(self, path: str) -> Optional[str]:
        """None when there is no such file, or when it is no file (a symbolic link, a folder). Raises OSError for the rest."""
        raise NotImplementedError

    def write_file(self, path: str, text: str) -> None:
        """The whole file or none of it; for root alone to write. Raises OSError."""
        raise NotImplementedError

    def remove_file(self, path: str) -> None:
        """A file that is not there is gone. Raises OSError."""
        raise NotImplementedError

    def rename_file(self, path: str, to: str) -> None:
        """In place of a file that may be there. Raises OSError."""
        raise NotImplementedError

    def list_folder(self, path: str) -> List[str]:
        """Sorted names; none when there is no such folder."""
        raise NotImplementedError

    def find_program(self, name: str) -> bool:
        raise NotImplementedError

    def processes(self, name: str) -> List[Process]:
        """Every process whose program has that name. Names and arguments are whatever its user wants."""
        raise NotImplementedError


class LocalSystem(System):
    """The router that this runs on."""

    def run(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        words = tuple(argv)
        try:
            with _standard_input(stdin) as source:
                # A session of its own: Ctrl-C is for nat64ctl, which then undoes what was done.
                process = subprocess.Popen(
                    words,
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=_environment(),
                    start_new_session=True,
                    # What outlives nat64ctl keeps the lock. But not daemons: where systemctl starts them itself, in a container, they would for ever.
                    pass_fds=() if words[0] == "systemctl" else _lock_descriptors,
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

    def lines(self, argv: Sequence[str]) -> Iterator[str]:
        words = tuple(argv)
        with _child(words) as child:
            if isinstance(child, Result):
                raise Unreadable(child)
            rest = b""
            while True:
                chunk = child.read(DEADLINE)
                if chunk is None:
                    raise Unreadable(Result(words, 124, "", child.words() + "\nnothing printed for %d seconds" % DEADLINE))
                if not chunk:
                    break
                pieces = (rest + chunk).split(b"\n")
                rest = pieces.pop()
                for piece in pieces:
                    yield piece.decode("utf-8", "replace")
            if rest:
                yield rest.decode("utf-8", "replace")
            status = child.end(DEADLINE)
            if status != 0:
                raise Unreadable(Result(words, status, "", child.words()))

    def sample(self, argv: Sequence[str], seconds: float, size: int) -> Result:
        words = tuple(argv)
        until = time.monotonic() + seconds
        with _child(words) as child:
            if isinstance(child, Result):
                return child
            kept = b""
            chunk: Optional[bytes] = b""
            while len(kept) < size:
                chunk = child.read(max(0.0, until - time.monotonic()))
                if not chunk:
                    break
                kept += chunk
            text = kept[:size].decode("utf-8", "replace")
            if chunk is None:
                return Result(words, 124, text, child.words()[:size])
            return Result(words, -signal.SIGKILL if chunk else child.end(max(0.1, until - time.monotonic())), text, child.words()[:size])

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

    def rename_file(self, path: str, to: str) -> None:
        os.replace(path, to)

    def list_folder(self, path: str) -> List[str]:
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def find_program(self, name: str) -> bool:
        return shutil.which(name, path=_environment()["PATH"]) is not None

    def processes(self, name: str) -> List[Process]:
        found: List[Process] = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit():
                continue
            try:
                with open("/proc/%s/comm" % entry, encoding="utf-8", errors="replace") as file:
                    if file.read().rstrip("\n") != name:
                        continue
                with open("/proc/%s/cmdline" % entry, encoding="utf-8", errors="replace") as file:
                    words = file.read().split("\0")[:-1]
                if os.path.isdir(SYSTEMD):
                    with open("/proc/%s/cgroup" % entry, encoding="utf-8", errors="replace") as file:
                        unit = unit_of(file.read())
                else:
                    unit = unit_by_words(words, os.stat("/proc/" + entry).st_uid)
            except OSError:
                # It has ended meanwhile.
                continue
            if words:
                found.append(Process(tuple(words), unit))
        return sorted(found)


def unit_of(cgroups: str) -> str:
    """The system's unit that a process is of, as /proc/PID/cgroup says; "" where it is of none, or of a user's, who may name units at will."""
    paths: Dict[str, str] = {}
    for line in cgroups.splitlines():
        _, controllers, path = (line.split(":", 2) + ["", ""])[:3]
        paths[controllers] = path
    parts = paths.get("name=systemd", paths.get("", "")).split("/")
    return parts[-1] if not any(part == "user.slice" or part.startswith("user@") for part in parts) else ""


def unit_by_words(words: Sequence[str], user: int) -> str:
    """The same where there is no systemd, in a container: the one whose file root's process was given."""
    matches = (_RUNNING.fullmatch(word) for word in words)
    return next(("%s@%s.service" % match.groups() for match in matches if match is not None and user == 0), "")


@contextmanager
def locked(path: str = LOCK_FILE) -> Iterator[None]:
    """One nat64ctl at a time changes the router. The kernel frees the lock of whoever is killed, once the program that it ran has ended.

    @raises OSError
    """
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another nat64ctl to end", file=sys.stderr, flush=True)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        _lock_descriptors.append(descriptor)
        try:
            yield
        finally:
            _lock_descriptors.remove(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def hearing_signals() -> Iterator[List[int]]:
    """Requests to end do not end this program meanwhile; they are in the list."""
    heard: List[int] = []
    if threading.current_thread() is not threading.main_thread():
        # Signals are the main thread's: whoever runs this in another one has to wait for it.
        yield heard
        return
    # What is ignored, as SIGHUP is under nohup, stays so.
    known = [number for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if signal.getsignal(number) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, lambda number, _frame: heard.append(number)) for number in known}
    try:
        yield heard
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """What must not be left half-done; a request to end that came meanwhile is obeyed afterwards."""
    with hearing_signals() as heard:
        yield
    if heard:
        os.kill(os.getpid(), heard[0])


def write_new_file(path: str, data: bytes) -> None:
    """For its owner alone to read; nothing is left of a file that could not be written whole. @raises OSError, also when it is there"""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except BaseException:
        os.unlink(path)
        raise


def wait_for_input(descriptor: int, seconds: float) -> None:
    """Until there is something to read, or for so long."""
    select.select([descriptor], [], [], max(0.0, seconds))


def _environment() -> Dict[str, str]:
    """The same for everyone: what tools print must not depend on who asks."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


@contextmanager
def _standard_input(text: Optional[str]) -> Iterator[Union[int, IO[str]]]:
    """A file and not a pipe: `jool file handle` seeks in what it reads. Without a name, so nothing is left behind."""
    if text is None:
        # To look needs no file, and so no room on a disk.
        yield subprocess.DEVNULL
        return
    with tempfile.TemporaryFile("w+", encoding="utf-8") as source:
        source.write(text)
        source.seek(0)
        yield source


class _Child:
    """A program whose output is read while it runs."""

    def __init__(self, process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
        self._process = process
        self._errors = errors
        assert process.stdout is not None
        self._output = process.stdout.fileno()

    def read(self, seconds: float) -> Optional[bytes]:
        """Nothing at its end; None when nothing comes for so long."""
        if not select.select([self._output], [], [], seconds)[0]:
            return None
        return os.read(self._output, 1 << 16)

    def end(self, seconds: float) -> int:
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return 124

    def words(self) -> str:
        # Not all that a program may have written there: people read it.
        self._errors.seek(0)
        return self._errors.read(1 << 16).decode("utf-8", "replace")


@contextmanager
def _child(words: Tuple[str, ...]) -> Iterator[Union[_Child, Result]]:
    """Whatever it is, it has ended afterwards. A program that does not start is a Result."""
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=_environment(), start_new_session=True
            )
        except FileNotFoundError:
            yield Result(words, 127, "", "%s: no such program" % words[0])
            return
        except PermissionError as error:
            yield Result(words, 126, "", "%s: %s" % (words[0], error.strerror))
            return
        try:
            yield _Child(process, errors)
        finally:
            if process.poll() is None:
                _kill_group(process.pid)
                process.wait()
            if process.stdout is not None:
                process.stdout.close()
