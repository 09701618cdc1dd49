"""VyOS's own `nat64` runs, and then this package is installed: what translates is shown, and goes on when the same is committed."""
from __future__ import annotations

import json
import unittest
from contextlib import ExitStack
from typing import Any, Dict, List
from unittest import mock

from fake_router import FakeInstance, FakeRouter
from support.shipped_nat64 import told_to_jool
from support.vyos_scripts import by_configd, dictionary, on
from vyos.config import Config
from vyos.opmode import UnconfiguredSubsystem

from nat64ctl.apply import plan_for
from nat64ctl.check import check_text
from nat64ctl.configuration_file import VYOS_FILE
from vyos_nat64 import operational

RULE = "set nat64 source rule 100 "
LINES = "".join(RULE + line + "\n" for line in (
    "description 'to the Internet'", "source prefix 64:ff9b::/96", "match mark 7", "translation pool 10 address 192.0.2.10",
    "translation pool 10 port 1024-30000", "translation pool 20 address 198.51.100.0/30", "translation pool 20 port 5000",
    "translation pool 20 protocol tcp", "translation pool 30 address 192.0.2.99", "translation pool 30 port 1-65535", "translation pool 30 disable",
))
CLIENT = ("TCP", "2001:db8::a#6400", "192.0.2.10#6400")


class Adoption(unittest.TestCase):
    def setUp(self) -> None:
        self.router = FakeRouter()
        self.router.files["/proc/sys/net/ipv4/ip_local_port_range"] = "32768\t60999\n"
        self.configuration = dictionary(LINES)
        # What VyOS's own script does: module, file, instance.
        self.router.modules.add("jool")
        told = told_to_jool("100", self.configuration["nat64"]["source"]["rule"]["100"])
        ranges = [{**each, "port range": each["port range"] if "-" in each["port range"] else "%s-%s" % (2 * (each["port range"],))}
                  for each in told["pool4"]]
        self.router.files["/run/jool/instance-100.json"] = json.dumps(told, indent=2)
        result = self.router.run(("jool", "file", "handle", "/dev/stdin"), json.dumps({**told, "pool4": ranges}))
        self.assertEqual(result.status, 0, result.stderr)
        self.shipped().bib[CLIENT] = False
        self.shipped().sessions[CLIENT] = [("64:ff9b::c633:6407#443", "198.51.100.7#443", "1:59:59.696,ESTABLISHED")]
        self.router.changes = 0
        context = ExitStack()
        context.enter_context(on(self.router))
        context.enter_context(mock.patch("vyos_nat64.operational.LocalSystem", lambda: self.router))
        context.enter_context(mock.patch.object(Config, "running", self.configuration))
        context.enter_context(mock.patch.object(Config, "session", {}))
        self.addCleanup(context.close)

    def shipped(self) -> FakeInstance:
        return self.router.instances["", "jool", "instance-100"]

    def test_what_runs_is_shown_before_any_commit(self) -> None:
        rows: Any = operational.show_rules(True, "nat64")
        self.assertEqual([(row["rule"], row["prefix"], row["description"], row["instance"]) for row in rows], [
            ("nat64-100", "64:ff9b::/96", "to the Internet", "instance-100"),
        ])
        translations: Any = operational.show_translations(True, "nat64")
        self.assertEqual([row["rule"] for row in translations], ["nat64-100"])
        pools: Any = operational.show_pools(True, "nat64")
        self.assertEqual({row["rule"] for row in pools}, {"nat64-100"})
        self.assertIn("an apply would do", str(operational.show_status(False, "nat64")))
        self.assertEqual(self.router.changes, 0)

    def test_what_is_proposed_and_not_committed_is_not_shown(self) -> None:
        proposed = mock.patch.object(Config, "session", self.configuration)
        with mock.patch.object(Config, "running", {}), proposed, self.assertRaisesRegex(UnconfiguredSubsystem, "NAT64 is not configured"):
            operational.show_rules(True, "nat64")
        with self.assertRaisesRegex(UnconfiguredSubsystem, "NAT46 is not configured"):
            operational.show_rules(True, "nat46")

    def test_a_commit_of_the_same_ends_no_session(self) -> None:
        configuration = check_text(LINES.encode(), "").configuration
        assert configuration is not None
        self.assertEqual([each.drops_sessions for each in plan_for(self.router, configuration) if each.drops_sessions], [])
        instance, serial = self.state(), self.shipped().serial
        self.assertEqual(by_configd("nat64", self.configuration)[0], True)
        self.assertEqual((self.state(), self.shipped().serial), (instance, serial))
        self.assertEqual(self.jool_was_told(), [])
        self.assertEqual(self.router.files[VYOS_FILE].count("\n"), LINES.count("\n"))
        # And from then on there is nothing to do.
        self.assertIn("what runs is what it says", str(operational.show_status(False, "nat64")))

    def test_a_restart_of_it_makes_it_anew(self) -> None:
        with mock.patch("vyos_nat64.operational.locked", ExitStack):
            operational.restart_translators("nat64")
        self.assertEqual((self.shipped().bib, self.shipped().options["pool6"]), ({}, "64:ff9b::/96"))

    def state(self) -> Dict[str, Any]:
        shipped = self.shipped()
        pools = {key: table.rows for key, table in shipped.pool4.items()}
        return {"options": dict(shipped.options), "pools": pools, "sessions": dict(shipped.sessions)}

    def jool_was_told(self) -> List[str]:
        """All but questions."""
        words = (" ".join(each) for each in self.router.log[1:] if each[0] == "jool")
        return [each for each in words if " display" not in each and each != "jool --version"]


if __name__ == "__main__":
    unittest.main()
