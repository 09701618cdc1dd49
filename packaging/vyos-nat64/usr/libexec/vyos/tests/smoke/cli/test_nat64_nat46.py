#!/usr/bin/env python3
"""VyOS's smoke test of what vyos-nat64 adds: `vyos-smoketest` runs it beside VyOS's own, on a router, against its real configuration.

What VyOS's own `nat64` promises, its own test_nat64.py holds against this package as well.
"""

from __future__ import annotations

import json
import os
import subprocess
import unittest
from typing import Any, List

from base_vyostest_shim import VyOSUnitTestSHIM
from vyos.configsession import ConfigSessionError

RULE = ["nat64", "source", "rule", "100"]
MAP = ["nat46", "destination", "rule", "5"]


class TestVyOSNAT64(VyOSUnitTestSHIM.TestCase):
    def tearDown(self) -> None:
        self.cli_delete(["nat64"])
        self.cli_delete(["nat46"])
        self.cli_commit()
        self.assertEqual(self.instances(), [])

    def set_all(self, *lines: List[str]) -> None:
        for line in lines:
            self.cli_set(line)

    def rule(self, *more: List[str]) -> None:
        pool = [*RULE, "translation", "pool", "10"]
        self.set_all([*RULE, "source", "prefix", "64:ff9b::/96"], [*pool, "address", "192.0.2.10"], [*pool, "port", "1024-32767"])
        self.set_all(*(RULE + words for words in more))

    @staticmethod
    def instances() -> List[str]:
        """Jool's instances that VyOS's rules have, in the router's own namespace."""
        shown = subprocess.check_output(["sudo", "jool", "instance", "display", "--csv", "--no-headers"], text=True)
        return sorted(line.split(",")[1] for line in shown.splitlines() if ",instance-" in line)

    @staticmethod
    def instance_file() -> Any:
        """What VyOS's own nat64 writes of rule 100."""
        if not os.path.exists("/run/jool/instance-100.json"):
            return None
        with open("/run/jool/instance-100.json", encoding="utf-8") as file:
            return json.load(file)

    @staticmethod
    def shown(command: str) -> Any:
        return json.loads(subprocess.check_output(["sudo", "/usr/libexec/vyos/op_mode/nat64_nat46.py", command, "--family", "nat64", "--raw"]))

    def test_a_rule_is_what_vyos_makes_of_it(self) -> None:
        self.rule()
        self.cli_commit()
        self.assertEqual(self.instances(), ["instance-100"])
        self.assertEqual(self.instance_file()["global"]["pool6"], "64:ff9b::/96")

    def test_a_live_rule_can_be_changed_and_deleted(self) -> None:
        self.rule()
        self.cli_commit()
        self.cli_set([*RULE, "translation", "pool", "10", "port", "1024-2047"])
        self.cli_commit()
        self.assertEqual(self.instances(), ["instance-100"])
        self.cli_delete(RULE)
        self.cli_commit()
        self.assertEqual(self.instances(), [])
        self.assertIsNone(self.instance_file())

    def test_a_refused_commit_names_everything_and_changes_nothing(self) -> None:
        self.rule()
        self.cli_commit()
        self.set_all([*RULE, "source", "prefix", "2001:db8::/80"], [*MAP, "destination", "address", "203.0.113.9"])
        with self.assertRaises(ConfigSessionError) as refused:
            self.cli_commit()
        self.assertIn("nat64 source rule 100 source prefix", str(refused.exception))
        self.assertIn("nat46 destination rule 5", str(refused.exception))
        self.assertEqual(self.instances(), ["instance-100"])
        self.cli_discard()

    def test_an_address_map_and_a_rule_run_beside_each_other(self) -> None:
        self.rule(["mode", "isolated"])
        self.set_all(
            [*MAP, "mode", "isolated"], [*MAP, "destination", "address", "203.0.113.9"], [*MAP, "translation", "address", "2001:db8::9"],
            [*MAP, "source", "prefix", "2001:db8:46::/96"])
        self.cli_commit()
        self.assertEqual([rule["rule"] for rule in self.shown("show_rules")], ["nat64-100"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
