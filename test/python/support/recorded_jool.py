"""`jool` with a recorded table: for what is measured on a table of 100,000 sessions.

    recorded_jool.py make FOLDER SESSIONS     writes FOLDER/jool and the tables that it prints
    recorded_jool.py run FOLDER WORDS...      nat64ctl with these words, on that jool; on standard error its peak memory, in kB

The rows are those that Jool 4.1.13 printed (recorded/), repeated with other clients and ports.
"""

from __future__ import annotations

import os
import sys
from typing import Iterator, List, Optional

from nat64ctl import cli, system
from nat64ctl.commands import monitor, show
from nat64ctl.system import LocalSystem

_RECORDED = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "recorded")
_BINDING_HEADER = "Protocol,IPv6 Address,IPv6 L4-ID,IPv4 Address,IPv4 L4-ID,Static?"

_SCRIPT = """#!/bin/sh
here=${0%%/*}
mode=; table=
for word in "$@"; do
    case $word in
    --tcp) table=$mode-tcp ;;
    --udp) table=$mode-udp ;;
    --icmp) table=$mode-icmp ;;
    instance|global|session|bib|pool4) [ -n "$mode" ] || mode=$word; table=$mode ;;
    esac
done
exec cat "$here/$table.csv"
"""


def make(folder: str, count: int) -> None:
    os.makedirs(folder, exist_ok=True)
    script = os.path.join(folder, "jool")
    with open(script, "w", encoding="utf-8") as file:
        file.write(_SCRIPT.replace("%%", "%"))
    os.chmod(script, 0o755)
    tables = {
        "instance": ["Namespace,Name,Framework", "0xffffffff9c5b3a40,instance-100,netfilter"],
        "global": ["Field,Value", "manually-enabled,TRUE", "pool6,64:ff9b::/96", "lowest-ipv6-mtu,1280"],
    }
    for name, lines in tables.items():
        _write(folder, name, iter(lines))
    udp = count // 3
    for protocol, rows in (("tcp", range(udp, count)), ("udp", range(udp)), ("icmp", range(0))):
        _write(folder, "session-" + protocol, _sessions(protocol.upper(), rows))
        _write(folder, "bib-" + protocol, _bindings(protocol.upper(), rows))


def _write(folder: str, name: str, lines: Iterator[str]) -> None:
    with open(os.path.join(folder, name + ".csv"), "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in lines)


def _sessions(protocol: str, rows: range) -> Iterator[str]:
    """The recorded rows, over and over, with another client and another port each time."""
    with open(os.path.join(_RECORDED, "session-%s.csv" % protocol.lower()), encoding="utf-8") as file:
        header, *recorded = file.read().splitlines()
    yield header
    for number in rows:
        fields = recorded[number % len(recorded)].split(",")
        fields[1:3] = [_client(number), str(1024 + number % 64000)]
        fields[5:7] = [_pool(number), str(_port(number))]
        yield ",".join(fields)


def _bindings(protocol: str, rows: range) -> Iterator[str]:
    yield _BINDING_HEADER
    for number in rows:
        yield "%s,%s,%d,%s,%d,0" % (protocol, _client(number), 1024 + number % 64000, _pool(number), _port(number))


def _client(number: int) -> str:
    return "2001:db8:%x:%x:a8bb:ccff:fe%02x:%04x" % (number % 200 + 1, number % 7 + 1, number % 255 + 1, number % 65521 + 1)


def _pool(number: int) -> str:
    return "192.0.2.%d" % (number // 64000)


def _port(number: int) -> int:
    return 1024 + number % 64000


class _Recorded(LocalSystem):
    """This machine, with Jool's module, and without whatever of ours may run on it."""

    def read_file(self, path: str) -> Optional[str]:
        return "live\n" if path == "/sys/module/jool/initstate" else None if path.startswith("/sys/module/") else super().read_file(path)

    def list_folder(self, path: str) -> List[str]:
        return []


def run(folder: str, words: List[str]) -> int:
    system._environment = lambda: {"PATH": "%s:/usr/bin:/bin" % folder, "LC_ALL": "C.UTF-8"}
    show.LocalSystem = monitor.LocalSystem = _Recorded  # type: ignore[attr-defined]
    status = cli.main(words)
    print(_peak(), file=sys.stderr)
    return status


def _peak() -> int:
    """Not getrusage's: that of a child begins with what its parent had."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:"))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]))
    else:
        sys.exit(run(sys.argv[2], sys.argv[3:]))
