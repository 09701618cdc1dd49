"""`reset translations`: dynamic ones end, and nothing else changes."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import unittest
from typing import Any

from observed_router import CLIENT_100, CLIENT_200, SERVER, STATIC_100, ConfigurationFile, instance, nat64ctl, observed_router

from nat64ctl.running import running_state
from nat64ctl.system import Result

NOW = 1_800_000_000
MAPS_FILE = "/run/nat64/tayga-data/nat64-400/dynamic.map"


class Reset(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = ConfigurationFile(self, folder.name).path
        self.router = observed_router(NOW)
        self.main = instance(self.router)

    def reset(self, *words: str) -> str:
        status, out, errors = nat64ctl(self.router, NOW, "reset", "translations", *words, "--file", self.file)
        self.assertEqual((status, errors), (0, ""))
        return out

    def many(self, count: int) -> None:
        for number in range(count):
            entry = ("TCP", "2001:db8:1::%x#1" % number, "192.0.2.10#%d" % (8081 - count + 2 * number))
            if entry[2] != STATIC_100[2]:
                self.main.bib[entry], self.main.sessions[entry] = False, [SERVER + ("0:04:00,TRANS",)]

    def test_in_words_and_the_configuration_is_as_before(self) -> None:
        before = running_state(self.router)
        self.assertEqual(
            self.reset(),
            "instance-100: removed 2 dynamic bindings with their sessions; 1 static mapping left alone\n"
            "instance-300: removed 0 dynamic bindings with their sessions\n"
            "nat64-400: removed 2 dynamic maps; TAYGA was restarted for it; 1 static map left alone\n",
        )
        self.assertEqual(list(self.main.bib), [STATIC_100])
        self.assertEqual(list(self.main.sessions), [STATIC_100])
        self.assertNotIn(MAPS_FILE, self.router.files)
        self.assertEqual(running_state(self.router), before)

    def test_many_go_one_by_one_and_the_static_one_among_them_and_the_pool_stay(self) -> None:
        self.many(1200)
        before = running_state(self.router)
        status, out, errors = nat64ctl(self.router, NOW, "reset", "translations", "--file", self.file)
        self.assertEqual((status, errors), (0, "instance-100: removing 1201 TCP bindings, one by one\n"))
        self.assertIn("instance-100: removed 1202 dynamic bindings", out)
        self.assertEqual(list(self.main.bib), [STATIC_100])
        self.assertEqual(list(self.main.sessions), [STATIC_100])
        self.assertEqual(running_state(self.router), before)
        self.assertFalse([argv for argv in self.router.log if argv[3:5] == ("pool4", "remove")])

    def test_a_binding_that_has_ended_by_itself_is_no_error_and_a_refusal_is(self) -> None:
        run = self.router.run
        words = "Error: The kernel module returned error 3: The entry wasn't in the database.\n"

        def answer(argv: Any, stdin: Any = None) -> Result:
            return Result(tuple(argv), 1, "", words) if "remove" in argv else run(argv, stdin)

        self.router.run = answer  # type: ignore[assignment]
        self.reset("--rule", "100")
        words = "Error: The kernel module returned error 1: Operation not permitted\n"
        self.assertEqual(nat64ctl(self.router, NOW, "reset", "translations", "--rule", "100", "--file", self.file)[0], 69)

    def test_only_what_a_filter_lets_through(self) -> None:
        self.assertEqual(
            self.reset("--rule", "200"),
            "instance-100: removed 1 dynamic binding with its sessions\n",
        )
        self.assertEqual(sorted(self.main.bib), sorted([STATIC_100, CLIENT_100]))
        self.reset("--address", "2001:db8::8")
        self.assertIn(CLIENT_100, self.main.bib)
        self.assertEqual(self.router.files[MAPS_FILE], "100.64.0.7\t2001:db8::7\t%d\n" % (NOW - 440))
        self.reset("--protocol", "udp")
        self.assertIn(CLIENT_100, self.main.bib)
        self.reset("--port", "6400")
        self.assertEqual(list(self.main.bib), [STATIC_100])
        self.assertIn(MAPS_FILE, self.router.files)

    def test_sessions_of_static_mappings_where_it_is_asked_for(self) -> None:
        out = self.reset("--static", "--rule", "100")
        self.assertEqual(out, "instance-100: removed 1 dynamic binding with its sessions; ended the sessions of 1 static mapping\n")
        self.assertEqual(self.main.bib, {CLIENT_200: False, STATIC_100: True})
        self.assertEqual(list(self.main.sessions), [CLIENT_200])

    def test_what_is_foreign_stays(self) -> None:
        foreign = self.router.instances["", "jool", "mine"]
        foreign.bib[CLIENT_100] = False
        self.reset()
        self.assertEqual(list(foreign.bib), [CLIENT_100])
        self.assertFalse([argv for argv in self.router.log if "mine" in argv and "remove" in argv])

    def test_as_json(self) -> None:
        told = json.loads(self.reset("--json"))
        self.assertEqual(told[0], {"name": "instance-100", "removed": 2, "static": 1, "renewed": 0, "engine": "jool"})

    def test_tayga_runs_again_also_when_its_maps_cannot_be_removed(self) -> None:
        def refuse(path: str) -> None:
            raise OSError(30, "Read-only file system", path)

        self.router.remove_file = refuse  # type: ignore[assignment]
        status, _, errors = nat64ctl(self.router, NOW, "reset", "translations", "--file", self.file)
        self.assertEqual((status, errors), (69, "nat64ctl: %s: Read-only file system\n" % MAPS_FILE))
        self.assertIn("nat64-tayga@nat64-400.service", self.router.running)

    def test_an_interruption_leaves_no_static_mapping_removed_and_no_tayga_stopped(self) -> None:
        before = running_state(self.router)
        for words in (("--static", "--rule", "100", "--protocol", "tcp"), ("--rule", "400")):
            for number in (1, 2):
                with self.subTest(words=words, change=number):
                    # Rule 100 has a dynamic binding too, which goes first.
                    self.router.changes = -1 if words[0] == "--static" and CLIENT_100 in self.main.bib else 0

                    def interrupt(at: int, number: int = number) -> None:
                        if at == number:
                            os.kill(os.getpid(), signal.SIGINT)

                    self.main.sessions[STATIC_100] = [SERVER + ("0:03:57,V4_INIT",)]
                    self.router.after_change = interrupt
                    status, _, errors = nat64ctl(self.router, NOW, "reset", "translations", *words, "--file", self.file)
                    self.router.after_change = lambda at: None
                    self.assertEqual((status, errors), (130, ""))
                    self.assertEqual(running_state(self.router), before)

    def test_nothing_to_reset(self) -> None:
        self.router.modules.clear()
        self.router.running.clear()
        self.assertEqual(self.reset(), "nothing translates with a state that could be reset\n")


if __name__ == "__main__":
    unittest.main()
