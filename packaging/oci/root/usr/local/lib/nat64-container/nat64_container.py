#!/usr/bin/python3
"""The program of the container: brings the network to what the configuration says, keeps it so, and takes all of it away at the end, however it ends.

    nat64_container.py [FILE]      FILE is nat64ctl's configuration; default /etc/nat64/nat64.config

SIGTERM and SIGINT end it, SIGHUP has it read FILE again. Exit statuses are nat64ctl's; 1 also when a translator has died: whoever started the
container starts it anew. `first` starts this, and takes away what is left where this is killed.
All words go to standard error, and so do TAYGA's, which has a syslog here for them.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import Dict, List, Optional

DEFAULT_FILE = "/etc/nat64/nat64.config"
TUN = "/dev/net/tun"
SYSLOG = "/dev/log"
#: What nat64ctl and `systemctl` write of the TAYGAs: NAME.conf, NAME.running, NAME.pid.
FOLDER = "/run/nat64/nat64-tayga"
#: Belongs to the network that the container is in, not to its files: of two in one network, each would take what the other makes for its own.
LOCK = "\0nat64-container"

FAILED, BAD_CONFIGURATION, MISSING = 1, 65, 69

_CAP_NET_ADMIN = 12
_PR_SET_CHILD_SUBREAPER = 36
_ENDING = (signal.SIGTERM, signal.SIGINT)
_HEARD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}


class Refused(Exception):
    """What the container lacks, and what to do about it."""

    def __init__(self, status: int, *lines: str) -> None:
        super().__init__("\n  ".join(lines))
        self.status = status


def say(text: str) -> None:
    print("nat64-container: " + text, file=sys.stderr, flush=True)


def expect_rights() -> None:
    """@raises Refused"""
    if os.geteuid() != 0:
        raise Refused(
            MISSING, "the container runs as user %d, who has none of root's rights" % os.geteuid(),
            "VyOS: delete container name NAME uid, and gid; podman: without --user",
        )
    with open("/proc/self/status", encoding="ascii") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    if not effective >> _CAP_NET_ADMIN & 1:
        raise Refused(
            MISSING, "the container may not configure the network: it lacks the capability NET_ADMIN",
            "VyOS: set container name NAME capability net-admin; podman: --cap-add NET_ADMIN",
        )


def expect_alone() -> socket.socket:
    """Keep what it returns. @raises Refused"""
    lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        lock.bind(LOCK)
    except OSError as error:
        raise Refused(
            MISSING, "another container of this kind has this network (%s)" % error.strerror,
            "one of them can have the rules of both; or give each a network of its own",
        ) from None
    return lock


def expect_device() -> None:
    """@raises Refused"""
    try:
        os.close(os.open(TUN, os.O_RDWR | os.O_CLOEXEC))
    except OSError as error:
        raise Refused(
            MISSING, "the container has no %s that can be opened (%s), and TAYGA needs it" % (TUN, error.strerror),
            "VyOS: set container name NAME device tun source %s, and destination %s; podman: --device %s" % (TUN, TUN, TUN),
            "where the router itself has none: its kernel has no module tun",
        ) from None


def expect_configuration(path: str) -> None:
    """@raises Refused"""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as error:
        raise Refused(BAD_CONFIGURATION, "%s: %s" % (path, error.strerror), _MOUNT) from None
    if not re.search(rb"(?m)^[ \t]*[^#\s]", text):
        raise Refused(BAD_CONFIGURATION, "%s says nothing" % path, _MOUNT)


_MOUNT = "mount the folder of the configuration there. VyOS: set container name NAME volume nat64 source /config/nat64, and destination /etc/nat64"


class Signals:
    """What has asked this program to end, and what it waits for meanwhile."""

    def __init__(self) -> None:
        self.ended_by: Optional[int] = None
        self._waits_for: Optional[subprocess.Popen[bytes]] = None
        # A byte for each signal. They are not blocked, or TAYGA would not hear its own.
        self._heard, told = os.pipe()
        os.set_blocking(told, False)
        signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        for number in _HEARD:
            signal.signal(number, self._hear)

    def _hear(self, number: int, _frame: Optional[FrameType]) -> None:
        if number in _ENDING:
            self.ended_by = number
            self._interrupt()

    def _interrupt(self) -> None:
        # It undoes what it has done so far, and so do not wait for all the rest.
        if self._waits_for is not None and self.ended_by is not None:
            self._waits_for.send_signal(signal.SIGTERM)

    def next(self) -> int:
        return os.read(self._heard, 1)[0]

    def interruptible(self, *words: str) -> int:
        """The exit status of nat64ctl, which is asked to end when this program is."""
        if self.ended_by is not None:
            return FAILED
        with _nat64ctl(*words) as process:
            self._waits_for = process
            self._interrupt()
            try:
                return process.wait()
            finally:
                self._waits_for = None


def _nat64ctl(*words: str) -> subprocess.Popen[bytes]:
    """What it prints is for people."""
    return subprocess.Popen(["/usr/sbin/nat64ctl", *words], stdin=subprocess.DEVNULL, stdout=sys.stderr)


def bring_about(path: str, signals: Signals) -> int:
    """nat64ctl's exit status; where it is not 0, the network is as it was."""
    try:
        expect_configuration(path)
    except Refused as refusal:
        say(str(refusal))
        return refusal.status
    # What this container cannot do, Jool above all, is said with what it can.
    return signals.interruptible("check", "--on-this-router", path) or signals.interruptible("apply", path)


def take_away() -> int:
    """Whatever of this container's is in the network, of this start or of one that was killed. nat64ctl's exit status."""
    # All at once, and not a rule after the other: time is short.
    for pid in translators():
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + 1
    while translators() and time.monotonic() < until:
        time.sleep(0.01)
        reap()
    with _nat64ctl("apply", "/dev/null") as process:
        status = process.wait()
    forget()
    return status


def forget() -> None:
    """Of TAYGAs that do not run any more."""
    alive = set(translators().values())
    for name in os.listdir(FOLDER) if os.path.isdir(FOLDER) else []:
        if name.rpartition(".")[0] not in alive:
            os.unlink(os.path.join(FOLDER, name))


def wanted() -> List[str]:
    """The interfaces on which a TAYGA was started, and not stopped."""
    return sorted(name[: -len(".running")] for name in (os.listdir(FOLDER) if os.path.isdir(FOLDER) else []) if name.endswith(".running"))


def translators() -> Dict[int, str]:
    """Process to interface, of what runs. Not by the files that say a process's number, which are another's after a start in new processes."""
    found: Dict[int, str] = {}
    for entry in os.listdir("/proc"):
        # A process may end while it is looked at; who shares the router's processes may not look at all of them.
        with suppress(OSError):
            if not entry.isdigit() or os.readlink("/proc/%s/ns/net" % entry) != os.readlink("/proc/self/ns/net"):
                continue
            with open("/proc/%s/comm" % entry, "rb") as comm, open("/proc/%s/cmdline" % entry, "rb") as cmdline:
                program, words = comm.read().strip(), cmdline.read().decode("utf-8", "replace").split("\0")
            for word in words:
                folder, _, name = word.rpartition("/")
                if program == b"tayga" and folder == FOLDER and name.endswith(".running"):
                    found[int(entry)] = name[: -len(".running")]
    return found


def reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            continue


def hear_syslog() -> None:
    """A daemon's words have no other way out. Without it they are lost, and nothing else is."""
    try:
        with suppress(FileNotFoundError):
            os.unlink(SYSLOG)
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard.bind(SYSLOG)
    except OSError as error:
        say("%s: %s: what TAYGA says will not be heard" % (SYSLOG, error.strerror))
        return

    def listen() -> None:
        while True:
            text = heard.recv(8192).decode("utf-8", "replace")
            # Facility and severity, a time, and the program's name, which says it all.
            print(re.sub(r"^<\d+>(?:\w{3} [ \d]\d [\d:]{8} )?", "", text).rstrip("\n\0"), file=sys.stderr, flush=True)

    threading.Thread(target=listen, daemon=True).start()


def serve(path: str, signals: Signals) -> int:
    """Until there is a reason to end. @raises Refused"""
    expect_device()
    # Of a start that was killed: there is no TAYGA any more, and its number may be another's.
    forget()
    status = bring_about(path, signals)
    if status == 0:
        say("%s is in force: %s" % (path, ", ".join(wanted()) or "nothing that translates"))
    elif signals.ended_by is None:
        return status
    while signals.ended_by is None:
        number = signals.next()
        if number == signal.SIGHUP:
            if bring_about(path, signals) == 0:
                say("%s is in force" % path)
            elif signals.ended_by is None:
                say("what ran before goes on")
        reap()
        dead = sorted(set(wanted()) - set(translators().values()))
        if dead and signals.ended_by is None:
            say("TAYGA on %s has died: everything is taken away" % ", ".join(dead))
            return FAILED
    say("ended by %s: everything is taken away" % signal.Signals(signals.ended_by).name)
    return 0


def run(path: str, signals: Signals) -> int:
    """@raises Refused, where nothing can be done, nor taken away"""
    expect_rights()
    lock = expect_alone()
    # Also where the container shares the router's processes: TAYGA, which leaves its parent, stays this program's to wait for.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    hear_syslog()
    try:
        status = serve(path, signals)
    except Refused as refusal:
        say(str(refusal))
        status = refusal.status
    finally:
        # Also after an error of this program: nobody else would.
        taken = take_away()
        lock.close()
    return status or taken


def main(words: List[str]) -> int:
    if len(words) > 1 or words[:1] in (["-h"], ["--help"]):
        print(__doc__, file=sys.stderr)
        return 0 if len(words) == 1 else 64
    try:
        return run(words[0] if words else DEFAULT_FILE, Signals())
    except Refused as refusal:
        say(str(refusal))
        return refusal.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
