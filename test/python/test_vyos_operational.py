"""Operational commands on VyOS: through its wrapper as its templates call them, plain and raw."""
from __future__ import annotations

import inspect
import io
import json
import os
import re
import runpy
import shutil
import signal
import sys
import tempfile
import threading
import unittest
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from ipaddress import IPv4Address
from typing import Any, Callable, Dict, Iterator, List, Tuple
from unittest import mock

from fake_router import Refused
from observed_router import CLIENT_100, CLIENT_200, CONFIGURATION, instance, observed_router
from support.vyos_scripts import script
from test_apply_failures import snapshot

from nat64ctl.configuration_file import VYOS_FILE
from nat64ctl.system import LocalSystem, Result
from vyos_nat64 import log, operational

NOW = 1_800_000_000


def journal(*entries: Dict[str, Any]) -> str:
    return "".join(json.dumps({"__REALTIME_TIMESTAMP": "1800000000000000", **entry}) + "\n" for entry in entries)


def without_sessions(found: Dict[str, Any]) -> Dict[str, Any]:
    for each in found["instances"].values():
        each.sessions, each.counters = {}, {}
        each.bib = {binding: static for binding, static in each.bib.items() if static}
    return found


class Operational(unittest.TestCase):
    def setUp(self) -> None:
        self.router = observed_router(NOW)
        self.router.files[VYOS_FILE] = CONFIGURATION
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.while_waiting: Callable[[], object] = lambda: None

    def run_command(self, *words: str) -> Tuple[int, str]:
        """Exit status and what a person reads."""
        out = io.StringIO()
        with ExitStack() as stack:
            stack.enter_context(mock.patch("vyos_nat64.operational.LocalSystem", lambda: self.router))
            stack.enter_context(mock.patch("vyos_nat64.operational.locked", self.lock))
            stack.enter_context(mock.patch("vyos_nat64.operational._ARCHIVES", self.folder))
            stack.enter_context(mock.patch("time.time", lambda: NOW))
            stack.enter_context(mock.patch.object(sys, "argv", ["nat64_nat46.py", *words]))
            stack.enter_context(redirect_stdout(out))
            try:
                runpy.run_path(script("op_mode", "nat64_nat46"), run_name="__main__")
            except SystemExit as end:
                return int(end.code or 0), out.getvalue()
        return 0, out.getvalue()

    @contextmanager
    def lock(self) -> Iterator[None]:
        self.while_waiting()
        yield

    def show(self, *words: str) -> str:
        status, out = self.run_command(*words)
        self.assertEqual((status, self.router.changes), (0, 0), out)
        return out

    def raw(self, *words: str) -> Any:
        return json.loads(self.show(*words, "--raw"))

    def test_rules_of_either_family(self) -> None:
        self.assertEqual(self.show("show_rules", "--family", "nat46"), (
            "Rule     Engine  Mode    Prefix            IPv4             State    Description\n"
            "-------  ------  ------  ----------------  ---------------  -------  -----------\n"
            "nat46-5  jool    inline  2001:db8:46::/96  203.0.113.16/28  running\n"
        ))
        rows = self.raw("show_rules", "--family", "nat64")
        self.assertEqual([row["rule"] for row in rows], ["nat64-100", "nat64-200", "nat64-300", "nat64-400", None])
        self.assertEqual(rows[0], {
            "rule": "nat64-100", "engine": "jool", "mode": "inline", "prefix": "64:ff9b::/96", "addresses": ["192.0.2.10"], "state": "running",
            "description": "Customers", "instance": "instance-100",
        })

    def test_translations_and_what_is_left_of_them_with_each_option(self) -> None:
        self.assertEqual(self.show("show_translations", "--family", "nat64", "--rule", "200"), (
            "Rule       Type     Protocol  Inside            Outside          Destination       State  Expires\n"
            "---------  -------  --------  ----------------  ---------------  ----------------  -----  -------\n"
            "nat64-200  session  udp       [2001:db8::b]:53  192.0.2.11:5353  198.51.100.7:443         0:04:51\n"
        ))

        def rules(*words: str) -> List[str]:
            return [row["rule"] for row in self.raw("show_translations", *words)]
        self.assertEqual(rules("--family", "nat64"), ["nat64-100", "nat64-100", "nat64-200", "nat64-400", "nat64-400", "nat64-400"])
        self.assertEqual(rules("--family", "nat64", "--address", "2001:DB8::a"), ["nat64-100"])
        self.assertEqual(rules("--family", "nat64", "--protocol", "udp"), ["nat64-200"])
        self.assertEqual(rules("--family", "nat64", "--port", "8080"), ["nat64-100"])
        self.assertEqual(rules("--family", "nat46"), ["nat46-5"])

    def test_bindings_without_maps(self) -> None:
        rows = self.raw("show_bib", "--family", "nat64")
        self.assertEqual([(row["rule"], row["type"]) for row in rows], [
            ("nat64-100", "static binding"), ("nat64-100", "binding"), ("nat64-200", "binding"),
        ])
        self.assertEqual(self.raw("show_bib", "--family", "nat46"), [])

    def test_pools_timeouts_and_counters(self) -> None:
        pools = self.raw("show_pools", "--family", "nat64")
        self.assertEqual({row["rule"] for row in pools}, {"nat64-100", "nat64-200", "nat64-300", "nat64-400"})
        self.assertEqual(self.raw("show_timeouts", "--family", "nat64")[0]["seconds"]["tcp_established"], 7200)
        plain = self.show("show_statistics", "--family", "nat64").split("\n")
        self.assertEqual(plain[0], "nat64-100, nat64-200")
        self.assertEqual(self.raw("show_statistics", "--family", "nat64")[0]["counters"]["jstat_received6"], 100)

    def test_status_also_where_nothing_is_configured(self) -> None:
        self.assertEqual(self.raw("show_status", "--family", "nat64")["configuration"], {
            "file": VYOS_FILE, "state": "applied", "pending": 0, "remark": "",
        })
        del self.router.files[VYOS_FILE]
        self.assertIn("there is no such file", self.show("show_status", "--family", "nat64"))

    def test_synchronization(self) -> None:
        self.assertEqual(self.run_command("show_synchronization", "--family", "nat64"), (1, "NAT64 synchronization is not configured\n"))
        self.router.files[VYOS_FILE] += "set nat64 synchronization interface eth7\n"
        # That no isolated rule has one is the check's business: this one it refuses.
        self.router.files[VYOS_FILE] = "".join(
            line for line in self.router.files[VYOS_FILE].splitlines(True) if " rule 300 " not in line
        )
        self.router.running["nat64-joold@instance-100.service"] = ""
        self.assertEqual(self.raw("show_synchronization", "--family", "nat64"), {
            "interface": "eth7", "multicast_address": "ff08::db8:64:64", "port": 6464, "flush_deadline": None, "capacity": None,
            "max_sessions_per_packet": None, "instances": ["instance-100"],
        })
        self.assertIn("joold runs for     instance-100\n", self.show("show_synchronization", "--family", "nat64"))

    def test_what_is_not_configured_and_wrong_values_are_said_in_a_line(self) -> None:
        self.router.files[VYOS_FILE] = "set nat46 clat plat-prefix 64:ff9b::/96\n"
        self.assertEqual(self.run_command("show_rules", "--family", "nat64"), (1, "NAT64 is not configured\n"))
        del self.router.files[VYOS_FILE]
        self.assertEqual(self.run_command("reset_translations", "--family", "nat64"), (1, "NAT64 or NAT46 is not configured\n"))
        self.router.files[VYOS_FILE] = CONFIGURATION
        self.assertEqual(self.run_command("show_rules", "--family", "nat66"), (1, "the family is nat64 or nat46, not nat66\n"))
        self.assertEqual(self.run_command("show_bib", "--family", "nat64", "--address", "x"), (1, "x is no address\n"))
        self.assertEqual(self.run_command("show_bib", "--family", "nat64", "--port", "70000"), (1, "port is a number from 0 to 65535, not 70000\n"))

    def test_a_translator_that_cannot_be_read_is_said_with_its_words(self) -> None:
        with mock.patch.object(self.router, "_jool", side_effect=Refused("Error: no permission")):
            status, out = self.run_command("show_rules", "--family", "nat64")
        self.assertEqual(status, 1)
        self.assertIn("cannot read what runs", out)
        self.assertIn("Error: no permission", out)

    def test_resets(self) -> None:
        main = instance(self.router)
        status, out = self.run_command("reset_rule", "--family", "nat64", "--rule", "200")
        self.assertEqual((status, out, CLIENT_100 in main.bib, CLIENT_200 in main.bib), (
            0, "instance-100: removed 1 dynamic binding with its sessions\n", True, False,
        ))
        self.assertEqual(self.run_command("reset_translations", "--family", "nat64", "--address", "2001:db8::a")[0], 0)
        self.assertNotIn(CLIENT_100, main.bib)
        told = self.run_command("reset_statistics", "--family", "nat64")[1]
        self.assertTrue(told.startswith("from now on statistics count from zero for instance-100, "), told)

    def test_a_restart_makes_everything_anew(self) -> None:
        main = instance(self.router)
        self.assertEqual(self.run_command("restart_translators", "--family", "nat64"), (0, ""))
        self.assertIsNot(instance(self.router), main)
        self.assertNotIn(CLIENT_100, instance(self.router).bib)
        self.assertIn(("", "jool", "mine"), self.router.instances)

    def test_a_restart_makes_what_was_committed_while_it_waited(self) -> None:
        changed = CONFIGURATION.replace("192.0.2.12", "192.0.2.99")
        self.while_waiting = lambda: self.router.files.update({VYOS_FILE: changed})
        self.assertEqual(self.run_command("restart_translators", "--family", "nat64"), (0, ""))
        pools = self.router.instances["nat64-300", "jool", "instance-300"].pool4
        self.assertEqual({str(IPv4Address(address)) for table in pools.values() for address in table.rows}, {"192.0.2.99"})

    def test_a_restart_in_a_thread_as_those_of_the_api(self) -> None:
        main = instance(self.router)
        ends: List[Tuple[int, str]] = []
        thread = threading.Thread(target=lambda: ends.append(self.run_command("restart_translators", "--family", "nat64")))
        thread.start()
        thread.join(60)
        self.assertEqual(ends, [(0, "")])
        self.assertIsNot(instance(self.router), main)

    def restart_where(self, happens: Callable[[int], None]) -> Tuple[Dict[str, Any], int, str]:
        """What there was before, exit status and words of a restart during whose n-th change something happens."""
        self.router = observed_router(NOW)
        self.router.files[VYOS_FILE] = CONFIGURATION
        self.router.before_change = happens
        before = snapshot(self.router)
        return (before, *self.run_command("restart_translators", "--family", "nat64"))

    def restarted(self) -> Dict[str, Any]:
        """What a restart of which nothing went wrong leaves."""
        self.run_command("restart_translators", "--family", "nat64")
        return snapshot(self.router)

    def test_a_failure_at_each_change_of_a_restart_leaves_all_translators(self) -> None:
        restarted = self.restarted()
        changes = self.router.changes
        self.assertGreater(changes, 60)
        words: List[str] = []
        for number in range(1, changes + 1):
            with self.subTest(change=number):
                def refuse(at: int, number: int = number) -> None:
                    if at == number:
                        raise Refused("Error: no such luck")
                before, status, out = self.restart_where(refuse)
                self.assertEqual(status, 1)
                self.assertRegex(out, "^failed: (?s:.*)(no such luck|No space left on device|Read-only file system)")
                words.append(out.strip().split("\n")[-1])
                # The first half is undone as any apply is; of the second, what ran before is made again.
                without_sessions(before)
                after = without_sessions(snapshot(self.router))
                self.assertIn(after, (before, without_sessions(restarted)))
        self.assertEqual(set(words), {"everything is as it was before", "what ran before was made again instead; its sessions have ended"})

    def test_a_signal_at_each_change_of_a_restart_is_obeyed_when_all_runs_again(self) -> None:
        restarted = self.restarted()
        changes = self.router.changes
        heard: List[int] = []
        for number in (signal.SIGINT, signal.SIGHUP):
            self.addCleanup(signal.signal, number, signal.signal(number, lambda number, _: heard.append(number)))
            for change in range(1, changes + 1):
                with self.subTest(number, change=change):
                    heard.clear()

                    def interrupt(at: int, number: int = number, change: int = change) -> None:
                        if at == change:
                            os.kill(os.getpid(), number)
                            self.assertEqual(heard, [])
                    _, status, out = self.restart_where(interrupt)
                    self.assertEqual((status, out, heard), (0, "", [number]))
                    self.assertEqual(snapshot(self.router), restarted)

    def test_a_restart_that_can_make_nothing_again_says_what_is_down(self) -> None:
        self.restarted()
        # From a change in the middle of either half on, nothing can be changed any more.
        for first in (self.router.changes // 2 - 4, self.router.changes // 2 + 4):
            with self.subTest(first):
                def refuse(number: int, first: int = first) -> None:
                    if number >= first:
                        raise Refused("Error: Cannot allocate memory")
                _, status, out = self.restart_where(refuse)
                self.assertEqual(status, 1)
                self.assertIn("\nnot as before: instance-100: create\n", out)
                self.assertIn("\ndown: instance-100, instance-300, nat46-5, nat64-tayga@nat64-400\n", out)
                self.assertNotIn("as it was before", out)
                self.router.before_change = lambda _: None
                self.assertEqual(self.run_command("restart_translators", "--family", "nat64"), (0, ""))
                self.assertEqual(len(self.router.instances), 4)

    def test_a_restart_of_what_this_router_can_no_longer_make_is_refused_before_anything(self) -> None:
        self.router.tool_version = "4.1.15.0"
        status, out = self.run_command("restart_translators", "--family", "nat64")
        self.assertEqual((status, self.router.changes, out.split("\n")[0]), (1, 0, "nothing was restarted: this router could not make it anew"))
        self.assertIn("of version 4.1.13.0, and its tool of version 4.1.15.0", out)

    def test_an_archive_is_for_whoever_asked(self) -> None:
        given: List[Tuple[str, int, int]] = []
        with ExitStack() as stack:
            stack.enter_context(mock.patch.dict(os.environ, {"SUDO_UID": "1000", "SUDO_GID": "100"}))
            stack.enter_context(mock.patch("os.chown", lambda path, user, group: given.append((path, user, group))))
            stack.enter_context(mock.patch.object(self.router, "sample", lambda argv, seconds, size: Result(tuple(argv), 0, "", "")))
            out = self.run_command("generate_debug_archive", "--raw")[1]
        told = json.loads(out)
        self.assertEqual(given, [(told["archive"], 1000, 100)])
        self.assertEqual((os.path.dirname(told["archive"]), os.stat(told["archive"]).st_mode & 0o777), (self.folder, 0o600))


class Templates(unittest.TestCase):
    def test_call_functions_that_there_are_with_options_that_they_take(self) -> None:
        golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/vyos-nat64/operational-templates.txt")
        with open(golden, encoding="utf-8") as file:
            calls = re.findall(r"^run: sudo \$\{vyos_op_scripts_dir\}/nat64_nat46\.py (\S+)(.*)$", file.read(), re.MULTILINE)
        self.assertGreater(len(calls), 30)
        for name, options in calls:
            with self.subTest(name, options=options):
                parameters = inspect.signature(getattr(operational, name)).parameters
                given = {option.replace("-", "_") for option in re.findall(r"--(\S+)", options)}
                needed = {each for each, parameter in parameters.items() if parameter.default is parameter.empty}
                self.assertLessEqual(needed - {"raw"}, given)
                self.assertLessEqual(given, set(parameters))

    def test_run_programs_that_operators_may_run_and_that_there_are(self) -> None:
        # VyOS's sudoers has its operators run what is in op_mode, by any arguments, and none of nat64ctl.
        golden = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../golden/vyos-nat64/operational-templates.txt")
        with open(golden, encoding="utf-8") as file:
            commands = re.findall(r"^run: (.*)$", file.read(), re.MULTILINE)
        self.assertGreater(len(commands), 30)
        for command in commands:
            with self.subTest(command):
                match = re.match(r"sudo \$\{vyos_op_scripts_dir\}/(\w+)\.py ", command)
                assert match is not None
                self.assertTrue(os.access(script("op_mode", match.group(1)), os.X_OK))


class Monitor(unittest.TestCase):
    """The program that operators may run as root, as `monitor`."""

    def run_command(self, *words: str) -> Tuple[int, List[Tuple[str, List[str]]]]:
        """Exit status, and what it became."""
        became: List[Tuple[str, List[str]]] = []
        with ExitStack() as stack:
            stack.enter_context(mock.patch("os.execv", lambda path, argv: became.append((path, argv))))
            stack.enter_context(mock.patch.object(sys, "argv", ["nat64_nat46_monitor.py", *words]))
            stack.enter_context(redirect_stderr(io.StringIO()))
            try:
                runpy.run_path(script("op_mode", "nat64_nat46_monitor"), run_name="__main__")
            except SystemExit as end:
                return int(end.code or 0), became
        return 0, became

    def test_becomes_nat64ctl(self) -> None:
        for what in ("translations", "log"):
            self.assertEqual(self.run_command(what), (0, [("/usr/sbin/nat64ctl", ["nat64ctl", "monitor", what])]))

    def test_does_nothing_else_for_an_operator(self) -> None:
        for words in ((), ("translations", "log"), ("log", "--file", "/etc/shadow"), ("apply",), ("--help",), ("translations log",)):
            with self.subTest(words):
                self.assertEqual(self.run_command(*words), (2, []))


class Log(unittest.TestCase):
    ENTRIES = journal(
        {"SYSLOG_IDENTIFIER": "nat64", "MESSAGE": "instance-100: added", "NAT64_INSTANCE": "instance-100", "NAT64_EVENT": "binding-added"},
        {"SYSLOG_IDENTIFIER": "nat64", "MESSAGE": "nat46-5: added", "NAT64_INSTANCE": "nat46-5", "_SYSTEMD_UNIT": "nat64-log@kernel.service"},
        {"SYSLOG_IDENTIFIER": "tayga", "MESSAGE": [116, 117, 110, 255], "_SYSTEMD_UNIT": "nat64-tayga@nat46-clat.service"},
        {"SYSLOG_IDENTIFIER": "systemd", "MESSAGE": "Started", "UNIT": "nat64-tayga@nat64-400.service", "_SYSTEMD_UNIT": "init.scope"},
        {"SYSLOG_IDENTIFIER": "nat64", "MESSAGE": "7 events were left out", "NAT64_EVENT": "left-out", "_SYSTEMD_UNIT": "nat64-log@kernel.service"},
    )

    def messages(self, family: str) -> List[str]:
        router = observed_router(NOW)
        with mock.patch.object(router, "run", lambda argv, stdin=None: Result(tuple(argv), 0, self.ENTRIES, "")):
            found = log.entries(router, family)
        return [str(log.entry_json(entry)["message"]) for entry in found]

    def test_is_of_one_family_and_of_what_was_left_out(self) -> None:
        self.assertEqual(self.messages("nat64"), ["instance-100: added", "Started", "7 events were left out"])
        self.assertEqual(self.messages("nat46"), ["nat46-5: added", "tun\ufffd", "7 events were left out"])

    @unittest.skipUnless(shutil.which("journalctl"), "no journalctl here")
    def test_of_a_journal_with_nothing_of_ours_is_empty_and_no_error(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            here = [word for word in log.COMMAND if not word.startswith(("--namespace", "--boot"))]
            result = LocalSystem().run([*here, "--directory=" + folder])
        self.assertEqual((result.status, result.stdout), (0, ""), result.stderr)
        with mock.patch.object(LocalSystem, "run", lambda self, argv, stdin=None: result):
            self.assertEqual(operational.show_log(False, "nat64"), "-- No entries --")
            self.assertEqual(operational.show_log(True, "nat64"), [])

    def test_is_a_line_an_entry_and_raw_its_fields(self) -> None:
        entry = json.loads(self.ENTRIES.split("\n")[0])
        self.assertTrue(log.entry_line(entry).endswith(" nat64: instance-100: added"))
        self.assertEqual(log.entry_json(entry), {
            "time": NOW, "unit": None, "message": "instance-100: added", "instance": "instance-100", "event": "binding-added",
        })


if __name__ == "__main__":
    unittest.main()
