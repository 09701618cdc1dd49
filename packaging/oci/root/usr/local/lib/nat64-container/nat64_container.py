#!/usr/bin/python3
"""The first program of the container: brings the network to what the configuration says, keeps it so, and takes all of it away at the end.

    nat64_container.py [FILE]      FILE is nat64ctl's configuration; default /etc/nat64/nat64.config

SIGTERM and SIGINT end it, SIGHUP has it read FILE again. Exit statuses are nat64ctl's; 1 also when a translator has died: whoever started the
container starts it anew. All words go to standard error, and so do TAYGA's, which has a syslog here for them.
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
from contextlib import suppress
from typing import Dict, List

DEFAULT_FILE = "/etc/nat64/nat64.config"
TUN = "/dev/net/tun"
SYSLOG = "/dev/log"
PID_FILES = "/run/nat64/nat64-tayga"

FAILED, BAD_CONFIGURATION, MISSING = 1, 65, 69

_CAP_NET_ADMIN = 12
_PR_SET_CHILD_SUBREAPER = 36
_HEARD = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD}


class Refused(Exception):
    """What the container lacks, and what to do about it."""

    def __init__(self, status: int, *lines: str) -> None:
        super().__init__("\n  ".join(lines))
        self.status = status


def say(text: str) -> None:
    print("nat64-container: " + text, file=sys.stderr, flush=True)


def expect_container() -> None:
    """@raises Refused"""
    with open("/proc/self/status", encoding="ascii") as file:
        effective = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    if not effective >> _CAP_NET_ADMIN & 1:
        raise Refused(
            MISSING, "the container may not configure the network: it lacks the capability NET_ADMIN",
            "VyOS: set container name NAME capability net-admin; podman: --cap-add NET_ADMIN",
        )
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


def nat64ctl(*words: str) -> int:
    """Its exit status. What it prints is for people."""
    return subprocess.run(["/usr/sbin/nat64ctl", *words], stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode


def bring_about(path: str) -> int:
    """nat64ctl's exit status; where it is not 0, the network is as it was."""
    try:
        expect_configuration(path)
    except Refused as refusal:
        say(str(refusal))
        return refusal.status
    # What this container cannot do, Jool above all, is said with what it can.
    return nat64ctl("check", "--on-this-router", path) or nat64ctl("apply", path)


def translators() -> Dict[int, str]:
    """Process to interface, of what should run now."""
    found: Dict[int, str] = {}
    for name in sorted(os.listdir(PID_FILES) if os.path.isdir(PID_FILES) else []):
        interface, dot, kind = name.rpartition(".")
        if dot and kind == "pid":
            with open(os.path.join(PID_FILES, name), encoding="ascii") as file:
                found[int(file.read())] = interface
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


def hear_signals() -> int:
    """A descriptor with a byte for each signal. Not blocked, or TAYGA would not hear its own."""
    heard, told = os.pipe()
    os.set_blocking(told, False)
    signal.set_wakeup_fd(told, warn_on_full_buffer=False)
    for number in _HEARD:
        signal.signal(number, lambda _number, _frame: None)
    return heard


def run(path: str, heard: int) -> int:
    expect_container()
    # Also where the container shares the router's processes: TAYGA, which leaves its parent, stays this program's to wait for.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    hear_syslog()
    status = bring_about(path)
    if status != 0:
        return status
    say("%s is in force: %s" % (path, ", ".join(sorted(translators().values())) or "nothing that translates"))
    while True:
        number = os.read(heard, 1)[0]
        if number in (signal.SIGTERM, signal.SIGINT):
            say("ended by %s: everything is taken away" % signal.Signals(number).name)
            return nat64ctl("apply", "/dev/null")
        if number == signal.SIGHUP:
            if bring_about(path) == 0:
                say("%s is in force" % path)
            else:
                say("what ran before goes on")
        reap()
        dead: List[str] = sorted(name for pid, name in translators().items() if not os.path.isdir("/proc/%d" % pid))
        if dead:
            say("TAYGA on %s has died: everything is taken away" % ", ".join(dead))
            nat64ctl("apply", "/dev/null")
            return FAILED


def main(words: List[str]) -> int:
    if len(words) > 1 or words[:1] in (["-h"], ["--help"]):
        print(__doc__, file=sys.stderr)
        return 0 if len(words) == 1 else 64
    try:
        return run(words[0] if words else DEFAULT_FILE, hear_signals())
    except Refused as refusal:
        say(str(refusal))
        return refusal.status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
