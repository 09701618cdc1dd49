"""A router that translates, for the commands that look at it: two rules on Jool, one on TAYGA, and something that is not ours."""

from __future__ import annotations

import io
import os
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from typing import Any, Tuple
from unittest import mock

from fake_router import FakeInstance, FakeRouter

from nat64ctl import cli
from nat64ctl.apply import apply
from nat64ctl.check import check_text

CONFIGURATION = """set nat64 source rule 100 description "Customers"
set nat64 source rule 100 source prefix 64:ff9b::/96
set nat64 source rule 100 translation pool 1 address 192.0.2.10
set nat64 source rule 100 translation pool 1 port 1024-65535
set nat64 source rule 100 static 1 protocol tcp
set nat64 source rule 100 static 1 inside address 2001:db8::1
set nat64 source rule 100 static 1 inside port 80
set nat64 source rule 100 static 1 outside address 192.0.2.10
set nat64 source rule 100 static 1 outside port 8080
set nat64 source rule 200 source prefix 64:ff9b::/96
set nat64 source rule 200 match mark 7
set nat64 source rule 200 translation pool 1 address 192.0.2.11
set nat64 source rule 200 translation pool 1 port 1024-65535
set nat64 source rule 300 source prefix 2001:db8:3::/96
set nat64 source rule 300 mode isolated
set nat64 source rule 300 disable
set nat64 source rule 300 translation pool 1 address 192.0.2.12
set nat64 source rule 300 timeout udp 180
set nat64 source rule 400 source prefix 2001:db8:4::/96
set nat64 source rule 400 engine tayga
set nat64 source rule 400 translation pool 1 address 100.64.0.0/24
set nat64 source rule 400 static 1 inside address 2001:db8::9
set nat64 source rule 400 static 1 outside address 203.0.113.9
set nat46 destination rule 5 destination address 203.0.113.16/28
set nat46 destination rule 5 translation address 2001:db8:beef::10/124
set nat46 destination rule 5 source prefix 2001:db8:46::/96
"""

SERVER = ("64:ff9b::c633:6407#443", "198.51.100.7#443")
CLIENT_100 = ("TCP", "2001:db8::a#6400", "192.0.2.10#6400")
CLIENT_200 = ("UDP", "2001:db8::b#53", "192.0.2.11#5353")
STATIC_100 = ("TCP", "2001:db8::1#80", "192.0.2.10#8080")
MAPS = "###\n### TAYGA dynamic map database\n###\n\n100.64.0.7\t2001:db8::7\t%d\n100.64.0.8\t2001:db8::8\t%d\n"


def observed_router(now: int) -> FakeRouter:
    result = check_text(CONFIGURATION.encode(), "nat64.config")
    assert result.configuration is not None, [str(problem) for problem in result.problems]
    router = FakeRouter()
    apply(router, result.configuration)
    main = instance(router)
    main.bib[CLIENT_100] = main.bib[CLIENT_200] = False
    main.sessions = {
        CLIENT_100: [SERVER + ("1:59:59.696,ESTABLISHED",)],
        CLIENT_200: [SERVER + ("0:04:51.148",)],
        STATIC_100: [SERVER + ("0:03:57,V4_INIT",)],
    }
    main.counters = {"JSTAT_RECEIVED6": 100, "JSTAT_RECEIVED4": 90, "JSTAT_SUCCESS": 180, "JSTAT_SESSIONS": 3, "JSTAT_HDR6": 0, "JSTAT64_TTL": 4}
    router.instances["", "jool", "mine"] = FakeInstance("iptables", {**main.options, "pool6": "2001:db8:ffff::/96"})
    router.files["/run/nat64/tayga-data/nat64-400/dynamic.map"] = MAPS % (now - 440, now - 7000)
    for name, value in (("tx_packets", 12), ("tx_bytes", 1200), ("tx_dropped", 1), ("rx_packets", 11), ("rx_bytes", 1100)):
        router.files["/sys/class/net/nat64-400/statistics/" + name] = "%d\n" % value
    router.changes = 0
    return router


def instance(router: FakeRouter) -> FakeInstance:
    """The inline one, of the rules 100 and 200."""
    return router.instances["", "jool", "instance-100"]


def nat64ctl(router: FakeRouter, now: float, *argv: str) -> Tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    out, errors = io.StringIO(), io.StringIO()
    with ExitStack() as stack:
        for verb in ("show", "reset", "explain", "monitor", "debug_archive"):
            stack.enter_context(mock.patch("nat64ctl.commands.%s.LocalSystem" % verb, lambda: router))
        stack.enter_context(mock.patch("nat64ctl.commands.reset.locked", lambda: redirect_stdout(out)))
        stack.enter_context(mock.patch("time.time", lambda: now))
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(errors))
        try:
            status = cli.main(list(argv))
        except SystemExit as end:
            status = int(end.code or 0)
    return status, out.getvalue(), errors.getvalue()


class ConfigurationFile:
    """The router's configuration in a file of its own, for `--file`."""

    def __init__(self, test: Any, folder: str, text: str = CONFIGURATION) -> None:
        self.path = os.path.join(folder, "nat64.config")
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(text)
