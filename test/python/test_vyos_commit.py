"""A commit on VyOS: its dictionaries become nat64ctl's configuration, and a refusal names everything."""
from __future__ import annotations

import json
import os
import stat
import unittest
from contextlib import ExitStack
from random import Random
from typing import Callable, ClassVar, Dict, List, Sequence, Tuple
from unittest import mock

from fake_router import FakeRouter, Refused
from support.checking import FIREWALL, valid
from support.random_configuration import random_configuration
from support.vyos_scripts import by_configd, committed, dictionary, executed, on, script
from test_apply_failures import snapshot
from vyos.config import Config

from nat64ctl.configuration_file import VYOS_FILE
from nat64ctl.render import set_text
from vyos_nat64 import commit
from vyos_nat64.configuration import set_lines

RULE = "set nat64 source rule 100 "
GOOD = RULE + "source prefix 64:ff9b::/96\n" + RULE + "translation pool 10 address 192.0.2.10\n" + RULE + "translation pool 10 port 1-65535\n"
#: Nothing is said of it.
QUIET = GOOD.replace("port 1-65535", "port 61001-65535") + RULE + "mode isolated\n"
MAP = "set nat46 destination rule 5 "
NAT46 = "".join(MAP + line + "\n" for line in (
    "destination address 203.0.113.9", "translation address 2001:db8::9", "source prefix 2001:db8:46::/96", "mode isolated",
))


class Dictionaries(unittest.TestCase):
    def test_a_dictionary_of_vyos_becomes_set_lines(self) -> None:
        trees = {
            "nat46": {"clat": {}},
            "nat64": {"source": {"rule": {"10": {"description": "it's \"x\"", "disable": {}, "option": {"mtu-plateaus": ["1500", "1280"]}}}}},
        }
        self.assertEqual(set_lines(trees), "".join(line + "\n" for line in (
            'set nat64 source rule 10 description "it\'s \\"x\\""', "set nat64 source rule 10 disable",
            "set nat64 source rule 10 option mtu-plateaus '1500'",
            "set nat64 source rule 10 option mtu-plateaus '1280'", "set nat46 clat",
        )))

    def test_roots_that_are_empty_or_not_there_are_no_lines(self) -> None:
        self.assertEqual(set_lines({"nat64": {}}), "")

    def test_a_name_that_nobody_should_type_stays_one_word(self) -> None:
        self.assertEqual(set_lines({"nat64": {"source": {"rule": {"1 2": {}}}}}), "set nat64 source rule '1 2'\n")

    def test_configurations_by_chance_come_through(self) -> None:
        for seed in range(60):
            configuration = random_configuration(Random(seed))
            with self.subTest(seed):
                self.assertEqual(valid(set_lines(dictionary(set_text(configuration)))), configuration)


class Commit(unittest.TestCase):
    def setUp(self) -> None:
        self.router = FakeRouter()
        context = on(self.router)
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def names(self) -> List[str]:
        return sorted(name for _, _, name in self.router.instances)

    def test_a_rule_is_made_changed_and_deleted(self) -> None:
        self.assertEqual(committed(QUIET, "nat64"), (True, [""]))
        self.assertEqual(self.names(), ["instance-100"])
        self.assertEqual(json.loads(self.router.files["/run/jool/instance-100.json"])["instance"], "instance-100")
        self.assertEqual(committed(QUIET + RULE + "translation pool 20 address 192.0.2.11\n", "nat64")[0], True)
        self.assertEqual(self.router.files[VYOS_FILE].count("\n"), 5)
        self.assertEqual(committed("", "nat64"), (True, [""]))
        self.assertEqual((self.names(), VYOS_FILE in self.router.files, "/run/jool/instance-100.json" in self.router.files), ([], False, False))

    def test_the_same_when_the_script_is_executed(self) -> None:
        self.assertEqual(executed("nat64", dictionary(QUIET)), (True, ""))
        self.assertEqual(self.names(), ["instance-100"])
        success, said = executed("nat64", dictionary(QUIET.replace("::/96", "::/95")))
        self.assertEqual((success, self.names()), (False, ["instance-100"]))
        self.assertTrue(said.startswith("nat64 source rule 100 source prefix: "), said)

    def test_both_roots_are_applied_by_the_first_script_and_the_second_does_nothing(self) -> None:
        self.assertEqual(by_configd("nat64", dictionary(QUIET + NAT46)), (True, ""))
        self.assertEqual(self.names(), ["instance-100", "nat46-5"])
        changes = self.router.changes
        self.assertEqual(by_configd("nat46", dictionary(QUIET + NAT46)), (True, ""))
        # But for the note that it is at work, which goes again.
        self.assertEqual((self.router.changes, [name for name in self.router.files if "committing" in name]), (changes + 2, []))
        self.assertEqual(committed(NAT46, "nat64"), (True, [""]))
        self.assertEqual(self.names(), ["nat46-5"])

    def test_a_refusal_names_everything_that_is_wrong_a_line_each(self) -> None:
        lines = (
            RULE + "source prefix 64:ff9b::/95\n" + RULE + "translation pool 10 port 1-65535\n" + "set nat64 source rule 200 disable\n"
            + MAP + "destination address 203.0.113.9\n"
        )
        before = dict(self.router.files)
        for name in ("nat64", "nat46"):
            success, said = by_configd(name, dictionary(lines))
            self.assertFalse(success)
            heads = [line.split(": ")[0] for line in said.split("\n") if not line.startswith(" ")]
            self.assertEqual(heads, [
                "nat64 source rule 100 source prefix", "nat64 source rule 100 translation pool 10 address", "nat64 source rule 200 source prefix",
                "nat46 destination rule 5 translation address", "nat46 destination rule 5 source prefix",
            ])
            self.assertIn("\n    RFC 6052 section 2.2 has 32, 40, 48, 56, 64 and 96.\n", said)
        # Nor a note of a script that is at work.
        self.assertEqual((self.names(), self.router.files), ([], before))

    def test_a_warning_is_told_once_by_the_script_of_its_root(self) -> None:
        text = GOOD.replace("port 1-65535", "port 61001-65535")
        success, said = by_configd("nat64", dictionary(text + NAT46))
        self.assertEqual((success, said.split("\n")[0]), (True, "WARNING: nat64 source rule 100: " + FIREWALL))
        self.assertEqual(by_configd("nat46", dictionary(text + NAT46)), (True, ""))

    def test_what_only_the_router_knows_is_asked_for(self) -> None:
        self.router.files["/proc/sys/net/ipv4/ip_local_port_range"] = "32768\t60999\n"
        self.assertIn("overlaps the router's ephemeral ports 32768-60999", by_configd("nat64", dictionary(GOOD))[1])
        self.router.files["/usr/share/vyos/version.json"] = '{"version": "1.5-rolling-202606010000"}'
        success, said = by_configd("nat64", dictionary(GOOD))
        self.assertEqual((success, "VyOS refuses this since" in said), (False, True))

    def test_a_translator_that_refuses_has_its_words_in_the_refusal_and_all_is_as_before(self) -> None:
        self.assertTrue(committed(QUIET, "nat64")[0])
        before = dict(self.router.files)
        before_commit = self.router.changes

        def refuse(number: int) -> None:
            # The first are files: that the script is at work, and what is to be.
            if number == before_commit + 3:
                self.router.before_change = lambda _: None
                raise Refused("Error: no such luck")
        self.router.before_change = refuse
        success, said = by_configd("nat64", dictionary(QUIET + NAT46))
        # The script of nat46 finds a note that this one has failed.
        files = {name: text for name, text in self.router.files.items() if "committing" not in name}
        self.assertEqual((success, self.names(), files, len(self.router.files)), (False, ["instance-100"], before, len(before) + 1))
        self.assertTrue(said.startswith("failed: "), said)
        self.assertIn("\nError: no such luck\n", said)
        self.assertTrue(said.endswith("\neverything is as it was before"), said)

    def test_a_full_disk_at_each_point_of_a_commit_leaves_what_was_before(self) -> None:
        for title, before, after in (("made", "", QUIET), ("changed", QUIET, QUIET.replace("192.0.2.10", "192.0.2.11")), ("deleted", QUIET, "")):
            router = self.router_after(before)
            start = router.changes
            self.assertTrue(committed(after, "nat64")[0])
            for change in range(start + 1, router.changes + 1):
                with self.subTest(title, change=change):
                    router = self.router_after(before)
                    as_before = snapshot(router)

                    def refuse(at: int, change: int = change) -> None:
                        if at == change:
                            raise Refused("Error: no such luck")
                    router.before_change = refuse
                    success, said = by_configd("nat64", dictionary(after))
                    self.assertEqual((success, snapshot(router)), (False, as_before))
                    self.assertRegex(said, "no such luck|No space left on device|Read-only file system")
                    # There again when there is room again.
                    self.assertTrue(by_configd("nat64", dictionary(after))[0])
                    self.assertEqual(router.files.get(VYOS_FILE, "").count("\n"), after.count("\n"))

    def router_after(self, lines: str) -> FakeRouter:
        self.router.__init__()  # type: ignore[misc]
        self.assertTrue(committed(lines, "nat64")[0])
        return self.router

    def test_a_module_that_does_not_load_is_refused_with_the_engine_that_needs_none(self) -> None:
        self.router.modprobe_error = "modprobe: ERROR: could not insert 'jool': Key was rejected by service"
        success, said = by_configd("nat64", dictionary(QUIET))
        self.assertEqual((success, self.names()), (False, []))
        self.assertIn("engine tayga", said)

    def test_nothing_is_applied_that_was_not_verified(self) -> None:
        with self.assertRaisesRegex(commit.Refused, "not verified"):
            commit.apply(commit.Proposal("nat64", {"nat64": QUIET, "nat46": ""}, {"nat64": "", "nat46": ""}), self.router)


class TwoScripts(unittest.TestCase):
    """VyOS runs both, and holds the root of each as committed whose script did not fail; the router must have that and no more."""

    ROOTS: ClassVar[Dict[str, str]] = {"nat64": QUIET, "nat46": NAT46}
    INSTANCES: ClassVar[Dict[str, str]] = {"nat64": "instance-100", "nat46": "nat46-5"}

    def setUp(self) -> None:
        self.router = FakeRouter()
        context = on(self.router)
        context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.running: Dict[str, str] = {"nat64": "", "nat46": ""}

    def new_router(self) -> None:
        self.router.__init__()  # type: ignore[misc]
        self.running = {"nat64": "", "nat46": ""}

    def commit(self, wanted: Dict[str, str], order: Sequence[str], before: Callable[[str], object] = lambda _: None) -> Dict[str, Tuple[bool, str]]:
        """What VyOS does: each script whose root has changed, in this order; the second even where the first fails."""
        results: Dict[str, Tuple[bool, str]] = {}
        with mock.patch.object(Config, "running", dictionary("".join(self.running.values()))):
            for name in order:
                if wanted[name] != self.running[name]:
                    before(name)
                    results[name] = by_configd(name, dictionary("".join(wanted.values())))
        self.running.update((name, wanted[name]) for name, (success, _) in results.items() if success)
        return results

    def expect_what_vyos_holds(self) -> None:
        names = sorted(name for _, _, name in self.router.instances)
        self.assertEqual(names, sorted(self.INSTANCES[name] for name, lines in self.running.items() if lines))
        self.assertEqual(self.router.files.get(VYOS_FILE, "").count("\n"), sum(lines.count("\n") for lines in self.running.values()))

    def refuse_at(self, change: int) -> None:
        def refuse(at: int) -> None:
            if at == change:
                raise Refused("Error: no such luck")
        self.router.before_change = refuse

    def test_when_the_first_fails_the_second_applies_its_own_root_alone(self) -> None:
        for order in (("nat46", "nat64"), ("nat64", "nat46")):
            first, second = order
            self.new_router()
            self.commit(self.ROOTS, order[:1])
            for change in range(1, self.router.changes + 1):
                with self.subTest(first=first, change=change):
                    self.new_router()
                    self.refuse_at(change)
                    results = self.commit(self.ROOTS, order)
                    if results[first][0]:
                        continue
                    self.assertEqual(results[second][0], True, results[second][1])
                    self.expect_what_vyos_holds()
                    # What was refused is tried again, and nothing is left of the first time.
                    self.assertEqual(list(self.commit(self.ROOTS, order)), [first])
                    self.expect_what_vyos_holds()
                    self.assertEqual([name for name in self.router.files if "committing" in name], [])

    def test_a_root_that_had_something_keeps_that(self) -> None:
        self.commit(self.ROOTS, ("nat46", "nat64"))
        changed = {"nat64": QUIET.replace("192.0.2.10", "192.0.2.11"), "nat46": NAT46.replace("203.0.113.9", "203.0.113.8")}
        results = self.commit(changed, ("nat46", "nat64"), lambda name: self.refuse_at(self.router.changes + 3 if name == "nat46" else 0))
        self.assertEqual((results["nat46"][0], results["nat64"][0]), (False, True))
        self.assertIn("WARNING: nat46 stays as it was, since its part of this commit failed", results["nat64"][1])
        self.expect_what_vyos_holds()
        self.assertIn("203.0.113.9", self.router.files[VYOS_FILE])
        self.assertIn("192.0.2.11", self.router.files[VYOS_FILE])

    def test_when_the_second_fails_what_the_first_did_of_its_root_is_taken_back(self) -> None:
        def unreadable(_system: object) -> None:
            raise OSError(12, "Cannot allocate memory", "ip")
        for order in (("nat46", "nat64"), ("nat64", "nat46")):
            with self.subTest(order):
                self.new_router()
                with ExitStack() as stack:
                    def fail(name: str, stack: ExitStack = stack, second: str = order[1]) -> None:
                        if name == second:
                            stack.enter_context(mock.patch("vyos_nat64.commit.router_facts", unreadable))
                    results = self.commit(self.ROOTS, order, fail)
                self.assertEqual([results[name][0] for name in order], [True, False])
                self.assertIn("Cannot allocate memory", results[order[1]][1])
                self.expect_what_vyos_holds()
                self.commit(self.ROOTS, order)
                self.expect_what_vyos_holds()

    def test_what_cannot_be_taken_back_is_said(self) -> None:
        def never(_number: int) -> None:
            raise Refused("Error: no such luck")

        def unreadable(_system: object) -> None:
            self.router.before_change = never
            raise OSError(12, "Cannot allocate memory", "ip")
        self.commit(self.ROOTS, ("nat46", "nat64"))
        with mock.patch("vyos_nat64.commit.router_facts", unreadable), mock.patch.object(Config, "running", dictionary(NAT46)):
            success, said = by_configd("nat64", dictionary(QUIET + NAT46))
        self.assertFalse(success)
        self.assertIn("nat64 runs as in this commit all the same", said)

    def test_a_commit_that_failed_whole_is_applied_whole_when_it_is_tried_again(self) -> None:
        self.router.modprobe_error = "modprobe: ERROR: could not insert 'jool'"
        results = self.commit(self.ROOTS, ("nat46", "nat64"))
        self.assertEqual([success for success, _ in results.values()], [False, False])
        self.expect_what_vyos_holds()
        self.router.modprobe_error = ""

        def expect_whole(name: str) -> None:
            if name == "nat64":
                self.assertEqual(sorted(each for _, _, each in self.router.instances), ["instance-100", "nat46-5"])
        self.commit(self.ROOTS, ("nat46", "nat64"), expect_whole)
        self.expect_what_vyos_holds()


class Scripts(unittest.TestCase):
    def test_can_be_executed(self) -> None:
        for kind, name in (("conf_mode", "nat64"), ("conf_mode", "nat46")):
            self.assertTrue(os.stat(script(kind, name)).st_mode & stat.S_IXUSR, name)


if __name__ == "__main__":
    unittest.main()
