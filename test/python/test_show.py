"""`show`: exact tables and JSON of a router that translates."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from typing import Any, List, Optional, Sequence, Tuple
from unittest import mock

from observed_router import CLIENT_100, SERVER, ConfigurationFile, instance, nat64ctl, observed_router

from nat64ctl.engines import jool
from nat64ctl.observe.printing import print_table
from nat64ctl.running import running_state
from nat64ctl.system import Process, Result, Unreadable

NOW = 1_800_000_000
OTHER = """set nat64 source rule 7 engine tayga
set nat64 source rule 7 source prefix 2001:db8:7::/96
set nat64 source rule 7 translation pool 1 address 100.65.0.0/24
"""
SESSION_HEADER = (
    "Protocol,IPv6 Remote Address,IPv6 Remote L4-ID,IPv6 Local Address,IPv6 Local L4-ID,IPv4 Local Address,IPv4 Local L4-ID,"
    "IPv4 Remote Address,IPv4 Remote L4-ID,Expires in,State"
)
RECORDED_JOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "support", "recorded_jool.py")


class Show(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = ConfigurationFile(self, folder.name).path
        self.router = observed_router(NOW)

    def show(self, *words: str) -> str:
        status, out, errors = nat64ctl(self.router, NOW, "show", *words, "--file", self.file)
        self.assertEqual((status, errors), (0, ""))
        self.assertEqual(self.router.changes, 0, "whoever looks changes nothing")
        return out

    def json(self, *words: str) -> Any:
        return json.loads(self.show(*words, "--json"))

    def test_rules(self) -> None:
        self.assertEqual(
            self.show("rules"),
            "Rule       Engine  Mode      Prefix              IPv4             State    Description\n"
            "---------  ------  --------  ------------------  ---------------  -------  -----------\n"
            "nat64-100  jool    inline    64:ff9b::/96        192.0.2.10       running  Customers\n"
            "nat64-200  jool    inline    64:ff9b::/96        192.0.2.11       running\n"
            "nat64-300  jool    isolated  2001:db8:3::/96     192.0.2.12       paused\n"
            "nat64-400  tayga             2001:db8:4::/96     100.64.0.0/24    running\n"
            "nat46-5    jool    inline    2001:db8:46::/96    203.0.113.16/28  running\n"
            "(mine)     jool    iptables  2001:db8:ffff::/96                   foreign\n",
        )
        self.assertEqual(self.show(), self.show("rules"))
        self.assertEqual(
            self.json("rules")[0],
            {
                "rule": "nat64-100",
                "engine": "jool",
                "mode": "inline",
                "prefix": "64:ff9b::/96",
                "addresses": ["192.0.2.10"],
                "state": "running",
                "description": "Customers",
                "instance": "instance-100",
            },
        )

    def test_rules_without_a_configuration_and_with_another(self) -> None:
        status, out, errors = nat64ctl(self.router, NOW, "show", "rules", "--json", "--file", "/nonexistent/file")
        self.assertEqual((status, errors), (0, ""))
        states = {row["rule"]: row["state"] for row in json.loads(out)}
        self.assertEqual(
            states,
            {"nat64-100": "running", "nat64-200": "running", "nat64-300": "paused", "nat64-400": "running", "nat46-5": "running", None: "foreign"},
        )
        self.file = ConfigurationFile(self, self.folder, OTHER).path
        states = {row["rule"]: row["state"] for row in self.json("rules")}
        self.assertEqual((states["nat64-7"], states["nat64-100"]), ("not running", "not configured"))

    def test_translations(self) -> None:
        self.assertEqual(
            self.show("translations"),
            "Rule       Type        Protocol  Inside                 Outside          Destination       State        Expires\n"
            "---------  ----------  --------  ---------------------  ---------------  ----------------  -----------  -------\n"
            "nat64-100  session     tcp       [2001:db8::a]:6400     192.0.2.10:6400  198.51.100.7:443  ESTABLISHED  1:59:59\n"
            "nat64-100  session     tcp       [2001:db8::1]:80       192.0.2.10:8080  198.51.100.7:443  V4_INIT      0:03:57\n"
            "nat64-200  session     udp       [2001:db8::b]:53       192.0.2.11:5353  198.51.100.7:443               0:04:51\n"
            "nat46-5    static map            2001:db8:beef::10/124  203.0.113.16/28\n"
            "nat64-400  static map            2001:db8::9            203.0.113.9\n"
            "nat64-400  map                   2001:db8::7            100.64.0.7                                      1:56:40\n"
            "nat64-400  map                   2001:db8::8            100.64.0.8                                      0:07:20\n",
        )

    def test_a_session_as_json(self) -> None:
        self.assertEqual(
            self.json("translations", "--rule", "nat64-200"),
            [
                {
                    "type": "session",
                    "engine": "jool",
                    "rule": "nat64-200",
                    "instance": "instance-100",
                    "foreign": False,
                    "protocol": "udp",
                    "inside": {"address": "2001:db8::b", "port": 53},
                    "inside_destination": {"address": "64:ff9b::c633:6407", "port": 443},
                    "outside": {"address": "192.0.2.11", "port": 5353},
                    "destination": {"address": "198.51.100.7", "port": 443},
                    "state": None,
                    "expires_seconds": 291.148,
                }
            ],
        )

    def inside(self, *words: str) -> List[str]:
        return [row["inside"]["address"] for row in self.json("translations", *words)]

    def test_filters(self) -> None:
        self.assertEqual(self.inside("--address", "198.51.100.7"), ["2001:db8::a", "2001:db8::1", "2001:db8::b"])
        self.assertEqual(self.inside("--address", "2001:DB8:0::A"), ["2001:db8::a"])
        self.assertEqual(self.inside("--address", "100.64.0.8"), ["2001:db8::8"])
        self.assertEqual(self.inside("--protocol", "udp"), ["2001:db8::b"])
        self.assertEqual(self.inside("--port", "8080"), ["2001:db8::1"])
        self.assertEqual(self.inside("--rule", "400"), ["2001:db8::9", "2001:db8::7", "2001:db8::8"])
        self.assertEqual(self.inside("--rule", "nat46-5"), ["2001:db8:beef::10/124"])
        self.assertEqual(self.inside("--rule", "5", "--address", "192.0.2.1"), [])

    def test_bindings(self) -> None:
        found = self.json("translations", "--bindings", "--rule", "100")
        self.assertEqual([(row["type"], row["outside"]["port"]) for row in found], [("static binding", 8080), ("binding", 6400)])
        self.assertEqual([row["destination"] for row in found], [None, None])

    def test_pools_and_how_much_of_them_is_taken(self) -> None:
        found = self.json("pools")
        self.assertEqual(
            found[0],
            {
                "rule": "nat64-100",
                "engine": "jool",
                "instance": "instance-100",
                "foreign": False,
                "protocol": "tcp",
                "address": "192.0.2.10",
                "ports": {"first": 1024, "last": 65535},
                "mark": 0,
                "size": 64512,
                "used": 2,
            },
        )
        rows = [(row["rule"], row["protocol"], row["used"]) for row in found if row["used"]]
        self.assertEqual(rows, [("nat64-100", "tcp", 2), ("nat64-200", "udp", 1), ("nat64-400", None, 2)])
        self.assertEqual([row["address"] for row in self.json("pools", "--address", "192.0.2.12", "--protocol", "tcp")], ["192.0.2.12"])
        self.assertEqual(self.json("pools", "--rule", "300", "--port", "1024"), [])

    def test_timeouts(self) -> None:
        self.assertEqual(
            self.show("timeouts"),
            "Rule                  Engine  UDP      TCP established  TCP transitory  ICMP     Map\n"
            "--------------------  ------  -------  ---------------  --------------  -------  -------\n"
            "nat64-100, nat64-200  jool    0:05:00  2:00:00          0:04:00         0:01:00\n"
            "nat64-300             jool    0:03:00  2:00:00          0:04:00         0:01:00\n"
            "(foreign) mine        jool    0:05:00  2:00:00          0:04:00         0:01:00\n"
            "nat64-400             tayga                                                      2:04:00\n",
        )
        self.assertEqual(
            self.json("timeouts", "--rule", "200")[0]["seconds"], {"udp": 300, "tcp-established": 7200, "tcp-transitory": 240, "icmp": 60}
        )

    def test_status(self) -> None:
        told = self.json("status")
        self.assertEqual(told["translators"], {"running": 4, "foreign": 1})
        self.assertEqual(told["configuration"], {"file": self.file, "state": "applied", "pending": 0, "remark": ""})
        self.assertEqual(told["modules"][0], {"name": "jool", "module": "4.1.13.0", "tools": "4.1.13.0", "fits": True})
        instance(self.router).options["udp-timeout"] = "0:10:00"
        self.assertEqual(self.json("status")["configuration"]["pending"], 1)
        self.router.tool_version = "4.1.12.0"
        told = self.json("status")
        self.assertEqual((told["modules"][0]["fits"], told["configuration"]["state"]), (False, "unknown"))
        self.assertEqual(
            json.loads(nat64ctl(self.router, NOW, "show", "status", "--json", "--file", "/none")[1])["configuration"]["state"], "unknown"
        )

    def test_a_router_on_which_nothing_of_this_runs(self) -> None:
        self.router.modules.clear()
        self.router.running.clear()
        self.assertEqual(
            self.show("translations"),
            "Rule  Type  Protocol  Inside  Outside  Destination  State  Expires\n"
            "----  ----  --------  ------  -------  -----------  -----  -------\n",
        )
        self.assertEqual(self.show("translations", "--json"), "[]\n")
        self.assertEqual({row["state"] for row in self.json("rules")}, {"not running", "disabled"})

    def test_wrong_filters_are_wrong_usage(self) -> None:
        for words, said in (
            (("--address", "nonsense"), "nonsense is no address"),
            (("--protocol", "sctp"), "--protocol is one of tcp, udp, icmp, not sctp"),
            (("--port", "65536"), "--port is a number from 0 to 65535, not 65536"),
            (("--port", "²"), "--port is a number from 0 to 65535, not ²"),
            (("--port", "8" * 5000), "--port is a number from 0 to 65535, not " + "8" * 5000),
            (("--address", "\udcff"), "\udcff is no address"),
            (("--rule", "²"), "--rule is a number, or nat64-100, nat46-100 or nat46-clat, not ²"),
            (("--rule", "first"), "--rule is a number, or nat64-100, nat46-100 or nat46-clat, not first"),
        ):
            self.assertEqual(nat64ctl(self.router, NOW, "show", "translations", *words), (64, "", "nat64ctl: %s\n" % said))

    def test_a_tool_that_fails_is_an_error_with_its_words(self) -> None:
        run = self.router.run

        def refuse(argv: Any, stdin: Any = None) -> Result:
            if "session" in argv:
                return Result(tuple(argv), 1, "", "Error: The kernel module returned error 1: Operation not permitted\n")
            return run(argv, stdin)

        self.router.run = refuse  # type: ignore[assignment]
        status, out, errors = nat64ctl(self.router, NOW, "show", "translations", "--json")
        self.assertEqual((status, out), (69, ""))
        self.assertEqual(
            errors,
            "nat64ctl: cannot read what runs: `jool -i instance-100 session display --csv --numeric --tcp` failed\n"
            "  Error: The kernel module returned error 1: Operation not permitted\n  (exit status 1)\n",
        )

    def test_a_program_of_a_user_neither_counts_as_ours_nor_speaks_to_the_terminal(self) -> None:
        self.router.running.pop("nat64-tayga@nat64-400.service")
        file = "/run/nat64/nat64-tayga/nat64-400.running"
        self.router.others = [Process(("/tmp/tayga", file), ""), Process(("/tmp/tayga", file, "\x1b[2J\nnat64-1"), "other.service")]
        lines = self.show("rules").splitlines()
        self.assertRegex(lines[5], "^nat64-400 +tayga .* not running$")
        self.assertEqual([line.split("  ")[0] for line in lines[7:]], ["(mine)", "(%s)" % file, "(%s ?[2J?nat64-1)" % file])
        self.assertNotIn(("nat64-tayga", "nat64-400"), running_state(self.router).daemons)

    def test_names_of_others_with_digits_that_are_none(self) -> None:
        self.router.others = [Process(("tayga", "a-²"), ""), Process(("tayga", "b-" + "9" * 5000), "")]
        lines = self.show("rules").splitlines()
        self.assertEqual([line[:5] for line in lines[8:]], ["(a-²)", "(b-99"])

    def test_a_cell_of_several_lines_is_one_row(self) -> None:
        out = io.StringIO()
        print_table(("A", "B"), [("one\ntwo\x1b[2J", "x"), ("é…", "y")], out)
        self.assertEqual(out.getvalue(), "A            B\n-----------  -\none?two?[2J  x\né…           y\n")

    def test_a_foreign_instance_in_a_namespace_that_is_not_ours_is_named_and_not_looked_at(self) -> None:
        self.router.namespaces["theirs"] = type(self.router.namespaces[""])()
        self.router.instances["theirs", "jool", "other"] = self.router.instances.pop(("", "jool", "mine"))
        row = self.json("rules")[-1]
        self.assertEqual((row["instance"], row["state"], row["description"]), ("other", "foreign", "in a namespace that is not nat64ctl's"))
        self.assertFalse([argv for argv in self.router.log if "theirs" in argv])

    def test_jool_is_asked_only_where_an_instance_is(self) -> None:
        # It complains in the kernel log of any other question.
        told: List[Result] = []
        run = self.router.run

        def noted(argv: Sequence[str], stdin: Optional[str] = None) -> Result:
            told.append(run(argv, stdin))
            return told[-1]

        with mock.patch.object(self.router, "run", noted):
            self.show("rules")
            running_state(self.router)
        isolated = [result.argv for result in told if "netns" in result.argv and "global" in result.argv]
        self.assertGreater(len(isolated), 1)
        self.assertEqual([result.argv for result in told if jool.no_such_instance(result.stderr)], [])

    def test_a_rule_that_nobody_can_tell_is_null(self) -> None:
        main = instance(self.router)
        stranger = ("TCP", "2001:db8::c#1", "192.0.2.99#1")
        main.bib[stranger], main.sessions[stranger] = False, [SERVER + ("0:04:00,TRANS",)]
        self.assertEqual([row["rule"] for row in self.json("translations", "--address", "192.0.2.99")], [None])

    def test_the_first_rows_come_before_the_last_are_read(self) -> None:
        """What streams cannot have read the failing end before it has written the beginning."""
        lines = self.router.lines

        def fail_later(argv: Any) -> Any:
            if "session" not in argv:
                return lines(argv)
            return self.endless(CLIENT_100)

        self.router.lines = fail_later  # type: ignore[assignment]
        status, out, _ = nat64ctl(self.router, NOW, "show", "translations", "--json")
        self.assertEqual(status, 69)
        self.assertEqual(out.count("\n"), 500)

    @staticmethod
    def endless(client: Any) -> Any:
        yield SESSION_HEADER
        for _ in range(500):
            yield ",".join((client[0], client[1], SERVER[0], client[2], SERVER[1], "0:04:00,TRANS")).replace("#", ",")
        raise Unreadable(Result(("jool",), 1, "", "Error"))


class Memory(unittest.TestCase):
    """On this machine's own processes: a program prints 100,000 sessions."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    @staticmethod
    def run_python(*words: str) -> Tuple[int, str, str]:
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8")
        out, errors = process.communicate(timeout=120)
        return process.returncode, out, errors

    def nat64ctl(self, *words: str) -> Tuple[int, str, str]:
        return self.run_python(sys.executable, "-B", RECORDED_JOOL, *words)

    def test_a_hundred_thousand_sessions_in_40_mb(self) -> None:
        self.nat64ctl("make", self.folder, "100000")
        status, out, errors = self.nat64ctl("run", self.folder, "show", "translations", "--json", "--file", "/nonexistent/file")
        self.assertEqual(status, 0, errors)
        self.assertEqual(len(json.loads(out)), 100000)
        self.assertLess(int(errors), 40_000)

    def test_a_reader_that_has_seen_enough_ends_it_without_a_word(self) -> None:
        self.nat64ctl("make", self.folder, "20000")
        script = '"$0" -B "$1" run "$2" show translations --file /nonexistent/file | head -n 3; exit ${PIPESTATUS[0]}'
        status, out, errors = self.run_python("bash", "-c", script, sys.executable, RECORDED_JOOL, self.folder)
        self.assertEqual((status, out.count("\n")), (0, 3))
        self.assertRegex(errors, r"\A[0-9]+\n\Z")


if __name__ == "__main__":
    unittest.main()
