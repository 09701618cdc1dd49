"""Where the configuration lies that this router is to have, and how one is read."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from typing import IO

#: What nat64.service applies.
BOOT_FILE = "/etc/nat64/nat64.config"
#: What VyOS has committed last, where `nat64` and `nat46` are part of its own configuration: the package vyos-nat64 writes it.
VYOS_FILE = "/run/nat64/vyos.config"

#: Bytes. A million lines; without a bound the router's memory would be it.
LARGEST = 64 << 20

#: What is open already: pipes and terminals may be given there, and are waited for.
_OPEN_ALREADY = ("/dev/stdin", "/dev/fd/", "/proc/self/fd/")


def is_open_already(path: str) -> bool:
    """`-` is standard input."""
    return path == "-" or path.startswith(_OPEN_ALREADY)


def default_file() -> str:
    return VYOS_FILE if os.path.exists(VYOS_FILE) else BOOT_FILE


def read_configuration(path: str, to_apply: bool = False) -> bytes:
    """`-` is standard input. `to_apply`: not a file that somebody could change who may not change the router. @raises OSError"""
    if path == "-":
        return _read(sys.stdin.buffer, path)
    if path.startswith(_OPEN_ALREADY):
        with open(path, "rb") as file:
            return _read(file, path)
    # Links are followed, and what counts is whose file it is at their end. O_NONBLOCK: a FIFO would wait for a writer.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _expect_readable(os.fstat(descriptor), path, to_apply)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return _read(file, path)
    finally:
        os.close(descriptor)


def _read(file: IO[bytes], path: str) -> bytes:
    data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(errno.EFBIG, "more than %d MiB, which is no configuration" % (LARGEST >> 20), path)
    return data


def _expect_readable(found: os.stat_result, path: str, to_apply: bool) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if stat.S_ISREG(found.st_mode):
        if to_apply:
            _expect_trusted(found, path)
    # What says nothing takes everything away, and is used for that.
    elif not (stat.S_ISCHR(found.st_mode) and found.st_rdev == os.stat(os.devnull).st_rdev):
        raise OSError(errno.EINVAL, "this is no file; `-` reads standard input", path)


def _expect_trusted(found: os.stat_result, path: str) -> None:
    """Whoever may write it decides what root does. A group that may is somebody's decision; everybody is an oversight."""
    if found.st_uid not in (0, os.geteuid(), _sudo_user()):
        raise PermissionError(errno.EPERM, "not applied, since it belongs to the user %d: `chown root` it" % found.st_uid, path)
    if found.st_mode & stat.S_IWOTH:
        raise PermissionError(errno.EPERM, "not applied, since everybody may write it: `chmod o-w` it", path)


def _sudo_user() -> int:
    """Who became root for this command; -1: nobody."""
    user = os.environ.get("SUDO_UID", "")
    return int(user) if re.match(r"[0-9]{1,10}\Z", user) else -1
