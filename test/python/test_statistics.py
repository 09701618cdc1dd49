"""Statistics since they were reset."""

from __future__ import annotations

import json
import tempfile
import unittest
from typing import Any, Dict

from fake_router import Refused
from observed_router import ConfigurationFile, instance, nat64ctl, observed_router

from nat64ctl.observe.statistics import BASELINE_FILE

NOW = 1_800_000_000


class Counting(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.file = ConfigurationFile(self, folder.name).path
        self.router = observed_router(NOW)

    def counters(self, which: str = "instance-100", errors: str = "") -> Dict[str, Any]:
        status, out, said = nat64ctl(self.router, NOW + 60, "show", "statistics", "--json", "--file", self.file)
        self.assertEqual((status, said), (0, errors))
        return next(dict(each) for each in json.loads(out) if each["instance"] == which)

    def reset(self) -> None:
        said = "from now on statistics count from zero for instance-100, instance-300, nat46-5, nat64-400\n"
        self.assertEqual(nat64ctl(self.router, NOW, "reset", "statistics"), (0, said, ""))

    def test_before_a_reset_they_are_the_translator_s_own(self) -> None:
        self.assertEqual(
            self.counters(),
            {
                "rules": ["nat64-100", "nat64-200"],
                "engine": "jool",
                "instance": "instance-100",
                "foreign": False,
                "since": None,
                "recreated": False,
                "counters": {
                    "JSTAT_RECEIVED6": 100,
                    "JSTAT_RECEIVED4": 90,
                    "JSTAT_SUCCESS": 180,
                    "JSTAT_SESSIONS": 3,
                    "JSTAT_HDR6": 0,
                    "JSTAT64_TTL": 4,
                },
            },
        )

    def test_after_a_reset_they_count_from_there_but_for_what_there_is_now(self) -> None:
        self.reset()
        instance(self.router).counters.update(JSTAT_RECEIVED6=107, JSTAT_SESSIONS=2)
        self.router.files["/sys/class/net/nat64-400/statistics/rx_packets"] = "15\n"
        told = self.counters()
        self.assertEqual((told["since"], told["recreated"]), (NOW, False))
        self.assertEqual(told["counters"]["JSTAT_RECEIVED6"], 7)
        self.assertEqual(told["counters"]["JSTAT_SUCCESS"], 0)
        self.assertEqual(told["counters"]["JSTAT_SESSIONS"], 2)
        self.assertEqual(self.counters("nat64-400")["counters"], {"tx_packets": 0, "tx_bytes": 0, "tx_dropped": 0, "rx_packets": 4, "rx_bytes": 0})

    def test_a_counter_of_a_newer_jool_counts_from_zero(self) -> None:
        self.reset()
        instance(self.router).counters["JSTAT_NEW"] = 5
        self.assertEqual(self.counters()["counters"]["JSTAT_NEW"], 5)

    def test_an_instance_that_was_made_anew_is_noticed(self) -> None:
        self.reset()
        instance(self.router).counters.update(JSTAT_RECEIVED6=3, JSTAT_RECEIVED4=500, JSTAT_SUCCESS=3)
        note = "instance-100 was made anew since the last reset of the statistics; its counters are since then\n"
        told = self.counters(errors=note)
        self.assertEqual(
            (told["since"], told["recreated"], told["counters"]["JSTAT_RECEIVED6"], told["counters"]["JSTAT_RECEIVED4"]), (None, True, 3, 500)
        )

    def test_fewer_sessions_than_at_the_reset_are_no_new_instance(self) -> None:
        self.reset()
        instance(self.router).counters["JSTAT_SESSIONS"] = 0
        self.assertFalse(self.counters()["recreated"])

    def test_what_is_foreign_has_no_baseline_of_ours(self) -> None:
        self.reset()
        kept = json.loads(self.router.files[BASELINE_FILE])
        self.assertEqual(sorted(kept["counters"]), ["jool - instance-100", "jool nat64-300 instance-300", "jool_siit - nat46-5", "tayga - nat64-400"])
        self.assertEqual(self.counters("mine")["since"], None)

    def test_a_table_has_what_is_not_zero_or_all(self) -> None:
        _, out, _ = nat64ctl(self.router, NOW, "show", "statistics", "--rule", "100", "--file", self.file)
        self.assertEqual(
            out,
            "nat64-100, nat64-200\n"
            "Counter          Value  Meaning\n"
            "---------------  -----  ----------------------------\n"
            "JSTAT_RECEIVED6  100    What JSTAT_RECEIVED6 counts.\n"
            "JSTAT_RECEIVED4  90     What JSTAT_RECEIVED4 counts.\n"
            "JSTAT_SUCCESS    180    What JSTAT_SUCCESS counts.\n"
            "JSTAT_SESSIONS   3      What JSTAT_SESSIONS counts.\n"
            "JSTAT64_TTL      4      What JSTAT64_TTL counts.\n",
        )
        self.assertIn("JSTAT_HDR6       0 ", nat64ctl(self.router, NOW, "show", "statistics", "--all", "--file", self.file)[1])

    def test_a_file_that_is_not_as_it_was_written_is_an_error_that_says_how_to_go_on(self) -> None:
        for text in ("", "[]", "{}", '{"version": 2, "taken": 1, "counters": {}}', '{"version": 1, "taken": 1, "counters": {"a": {"b": "x"}}}'):
            self.router.files[BASELINE_FILE] = text
            status, out, errors = nat64ctl(self.router, NOW, "show", "statistics")
            self.assertEqual((status, out), (69, ""), text)
            self.assertTrue(errors.startswith("nat64ctl: %s: " % BASELINE_FILE), errors)
            self.assertIn("`nat64ctl reset statistics` writes it anew", errors)
        self.reset()
        self.assertEqual(nat64ctl(self.router, NOW, "show", "statistics")[0], 0)

    def test_a_disk_that_is_full(self) -> None:
        def refuse(_: int) -> None:

            raise Refused("")

        self.router.before_change = refuse
        status, out, errors = nat64ctl(self.router, NOW, "reset", "statistics")
        self.assertEqual((status, out, errors), (69, "", "nat64ctl: %s: No space left on device\n" % BASELINE_FILE))


if __name__ == "__main__":
    unittest.main()
