"""`reset translations`: dynamic ones end, and nothing else changes."""

from __future__ import annotations

import json
import random
import tempfile
import unittest
from ipaddress import IPv4Address, IPv4Network
from typing import Any, List

from observed_router import CLIENT_100, CLIENT_200, SERVER, STATIC_100, ConfigurationFile, instance, nat64ctl, observed_router

from nat64ctl.engines.jool_tables import Binding
from nat64ctl.reset import spans_between
from nat64ctl.running import running_state
from nat64ctl.system import Result

NOW = 1_800_000_000
MAPS_FILE = "/run/nat64/tayga-data/nat64-400/dynamic.map"


def binding(address: str, port: int, static: str = "0") -> Binding:
    return Binding("TCP", "2001:db8::1", "1", address, str(port), static)


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

    def test_many_go_by_few_commands_and_the_static_one_among_them_stays(self) -> None:
        self.many(4000)
        before = running_state(self.router)
        self.assertIn("instance-100: removed 4002 dynamic bindings", self.reset())
        self.assertEqual(list(self.main.bib), [STATIC_100])
        self.assertEqual(list(self.main.sessions), [STATIC_100])
        self.assertEqual(running_state(self.router), before)
        changing = [argv for argv in self.router.log if argv[3:5] in (("pool4", "remove"), ("bib", "remove"))]
        self.assertEqual(
            changing,
            [
                ("jool", "-i", "instance-100", "pool4", "remove", "192.0.2.10/32", "4081-8079", "--tcp", "--mark", "4294967295"),
                ("jool", "-i", "instance-100", "pool4", "remove", "192.0.2.10/32", "8081-12079", "--tcp", "--mark", "4294967295"),
                ("jool", "-i", "instance-100", "bib", "remove", "2001:db8::b#53", "192.0.2.11#5353", "--udp"),
            ],
        )

    def test_a_jool_that_leaves_them_loses_them_one_by_one(self) -> None:
        self.many(40)
        run = self.router.run

        def refuse(argv: Any, stdin: Any = None) -> Result:
            return Result(tuple(argv), 1, "", "Error: no such entry\n") if "pool4" in argv and "remove" in argv else run(argv, stdin)

        self.router.run = refuse  # type: ignore[assignment]
        self.reset()
        self.assertEqual(list(self.main.bib), [STATIC_100])

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

    def test_nothing_to_reset(self) -> None:
        self.router.modules.clear()
        self.router.running.clear()
        self.assertEqual(self.reset(), "nothing translates with a state that could be reset\n")


class Spans(unittest.TestCase):
    def test_free_addresses_are_networks_and_others_ranges_of_ports(self) -> None:
        dynamic = [binding("192.0.2.%d" % last, 5) for last in (4, 5, 6, 7)] + [binding("192.0.2.9", port) for port in (1, 2, 80, 443)]
        found = [(span.prefix, span.low, span.high) for span in spans_between(dynamic, [binding("192.0.2.9", port, "1") for port in (22, 443, 444)])]
        self.assertEqual(found, [("192.0.2.4/30", 0, 65535), ("192.0.2.9/32", 1, 2), ("192.0.2.9/32", 80, 443)])

    def test_random_tables_are_covered_and_no_static_mapping_is_hit(self) -> None:
        chance = random.Random(64)
        for _ in range(300):
            ends = {("192.0.2.%d" % chance.randrange(8), chance.randrange(1, 40)) for _ in range(chance.randrange(1, 120))}
            static = {end for end in ends if chance.random() < 0.2}
            spans = spans_between([binding(*end) for end in ends - static], [binding(*end, static="1") for end in static])

            def hit(end: Any, spans: List[Any] = spans) -> bool:
                return any(IPv4Address(end[0]) in IPv4Network(span.prefix) and span.low <= end[1] <= span.high for span in spans)

            self.assertTrue(all(hit(end) for end in ends - static))
            self.assertFalse(any(hit(end) for end in static))


if __name__ == "__main__":
    unittest.main()
