"""`monitor`: what comes and goes, as a stream that ends when it is interrupted."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from typing import Any, Callable, List, Tuple
from unittest import mock

from observed_router import CLIENT_100, SERVER, ConfigurationFile, instance, nat64ctl, observed_router
from test_kernel_log import ADDED, MAPPED

from nat64ctl.kernel_log import KernelLog
from nat64ctl.observe.translations import Translation
from nat64ctl.observe.watching import Watch

NOW = 1_800_000_000
STAMP = "2027-01-15T08:00:00Z"
RECORDED_JOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "support", "recorded_jool.py")


def row(name: str, **more: Any) -> Translation:
    empty = Translation("session", "", None, "a", "", name, "", "", "", "", "", "", "", "", None, False)
    return empty._replace(**more)


class Watching(unittest.TestCase):
    def test_what_was_there_before_is_no_change_and_the_rest_is(self) -> None:
        watch = Watch()
        self.assertEqual(list(watch.look([row("1"), row("2")])), [])
        found = [
            (change.what, change.translation.inside_address) for change in watch.look([row("2", state="TRANS", expires=1.0), row("3"), row("4")])
        ]
        self.assertEqual(found, [("added", "3"), ("added", "4"), ("removed", "1")])
        self.assertEqual(list(watch.look([row("4"), row("3"), row("2")])), [])

    def test_a_removed_one_is_what_it_was_without_its_state(self) -> None:
        watch = Watch()
        one = row(
            "2001:db8::a", rule="nat64-1", protocol="TCP", inside_port="1", outside_address="192.0.2.1", outside_port="2", foreign=True, state="X"
        )
        list(watch.look([one]))
        ((what, gone),) = watch.look([])
        self.assertEqual((what, gone), ("removed", one._replace(state="")))


class Monitor(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = ConfigurationFile(self, folder.name).path
        self.router = observed_router(NOW)
        self.kernel, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        reader.setblocking(False)
        self.addCleanup(self.kernel.close)
        self.addCleanup(reader.close)
        self.log = KernelLog(reader.fileno())

    def monitor(self, steps: List[Callable[[], None]], *words: str) -> Tuple[int, str, str]:
        """Each wait is a step; after the last comes Ctrl-C."""
        clock = [0.0]
        coming = iter(steps)

        def wait(*_: object) -> None:
            clock[0] += 60.0
            step = next(coming, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        with mock.patch("nat64ctl.commands.monitor.open_kernel_log", lambda: self.log), mock.patch(
            "nat64ctl.commands.monitor.wait_for_input", wait
        ), mock.patch("time.sleep", wait), mock.patch("time.monotonic", lambda: clock[0]):
            return nat64ctl(self.router, NOW, "monitor", *words, "--file", self.file)

    def end_a_session(self) -> None:
        del instance(self.router).sessions[CLIENT_100]

    def begin_a_session(self) -> None:
        instance(self.router).bib["TCP", "2001:db8::c#1", "192.0.2.11#2222"] = False
        instance(self.router).sessions["TCP", "2001:db8::c#1", "192.0.2.11#2222"] = [SERVER + ("0:04:00,V6_INIT",)]

    def test_translations(self) -> None:
        self.assertEqual(
            self.monitor([lambda: None, self.begin_a_session, self.end_a_session], "translations"),
            (
                0,
                STAMP
                + " nat64-200 session added: tcp [2001:db8::c]:1 is 192.0.2.11:2222 with 198.51.100.7:443\n"
                + STAMP
                + " nat64-100 session removed: tcp [2001:db8::a]:6400 is 192.0.2.10:6400 with 198.51.100.7:443\n",
                "",
            ),
        )

    def test_the_log(self) -> None:
        def say() -> None:
            for number, text in ((1, "eth0: link up"), (2, MAPPED), (5, ADDED)):
                self.kernel.send(("6,%d,1,-;%s\n" % (number, text)).encode())

        status, out, errors = self.monitor([say], "log")
        self.assertEqual((status, errors), (0, "2 lines of the kernel's log were overwritten before they could be read\n"))
        self.assertEqual(
            out,
            "2026-01-05T04:03:02Z log instance-100: binding added: tcp [2001:db8::a]:6400 is 203.0.113.65:6401\n"
            "2026-11-25T23:09:27Z log nat46-7: session added: tcp [2001:db8::a]:6400 is 203.0.113.65:6401, with 203.0.113.130:7100\n",
        )

    def test_both_as_json_an_object_a_line(self) -> None:
        def say() -> None:
            self.kernel.send(("6,1,1,-;%s\n" % MAPPED).encode())
            self.end_a_session()

        status, out, _ = self.monitor([say], "--json")
        self.assertEqual(status, 0)
        told = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([(each["source"], each["event"]) for each in told], [("log", "binding-added"), ("table", "removed")])
        self.assertEqual(
            told[0],
            {
                "time": "2026-01-05T04:03:02Z",
                "source": "log",
                "event": "binding-added",
                "instance": "instance-100",
                "protocol": "tcp",
                "inside": {"address": "2001:db8::a", "port": 6400},
                "inside_destination": None,
                "outside": {"address": "203.0.113.65", "port": 6401},
                "destination": None,
            },
        )
        self.assertEqual(told[1]["translation"]["outside"], {"address": "192.0.2.10", "port": 6400})

    def test_filters(self) -> None:
        def say() -> None:
            for number, text in ((1, MAPPED), (2, ADDED)):
                self.kernel.send(("6,%d,1,-;%s\n" % (number, text)).encode())

        for words, count in ((("--port", "7100"), 1), (("--rule", "100"), 1), (("--address", "203.0.113.65"), 2), (("--protocol", "udp"), 0)):
            self.assertEqual(self.monitor([say], "log", *words)[1].count("\n"), count, words)

    def test_a_wrong_interval(self) -> None:
        for text in ("0", "x", "nan", "4000"):
            said = "nat64ctl: --interval is a number of seconds from 0.1 to 3600, not %s\n" % text
            self.assertEqual(self.monitor([], "translations", "--interval", text), (64, "", said))


class Ending(unittest.TestCase):
    """A process of its own, and what a terminal or a pipe does to it."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        subprocess.check_call([sys.executable, "-B", RECORDED_JOOL, "make", self.folder, "30"])
        words = ["run", self.folder, "monitor", "translations", "--interval", "0.1", "--file", "/nonexistent/file"]
        self.process = subprocess.Popen([sys.executable, "-B", RECORDED_JOOL, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.process.kill)

    def shorten_until(self, seen: Callable[[], bool]) -> None:
        """A session less, so that it has something to say; and another one, where it had not looked yet."""
        for _ in range(28):
            time.sleep(0.8)
            self.shorten()
            time.sleep(0.2)
            if seen():
                return
        self.fail("it says nothing")

    def shorten(self) -> None:
        path = os.path.join(self.folder, "session-tcp.csv")
        with open(path, encoding="utf-8") as file:
            lines = file.readlines()
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.writelines(lines[:-1])
        os.replace(path + ".new", path)

    def test_ctrl_c(self) -> None:
        assert self.process.stdout is not None
        self.shorten_until(lambda: bool(select.select([self.process.stdout], [], [], 0)[0]))
        self.assertIn(b" session removed: tcp ", self.process.stdout.readline())
        self.process.send_signal(signal.SIGINT)
        out, errors = self.process.communicate(timeout=20)
        self.assertEqual((self.process.returncode, out), (0, b""))
        self.assertRegex(errors, rb"\A[0-9]+\n\Z")

    def test_a_reader_that_goes_away(self) -> None:
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        self.shorten_until(lambda: self.process.poll() is not None)
        self.assertRegex(self.process.stderr.read(), rb"\A[0-9]+\n\Z")
        self.assertEqual(self.process.wait(20), 0)
        self.process.stderr.close()


if __name__ == "__main__":
    unittest.main()
