"""What `check --on-this-router` knows of what apply would find missing: the same, in the same words."""

from __future__ import annotations

import json
import unittest
from ipaddress import IPv6Address
from random import Random
from typing import Callable, Dict, List, Set, Tuple
from unittest import mock

from configurations import configuration, destination, pool, source
from fake_router import FakeRouter, Refused
from support.checking import result_of
from support.random_configuration import random_configuration
from support.sample_tree import TREE

from nat64ctl.apply import apply
from nat64ctl.desired import desired_state
from nat64ctl.model import Configuration, Engine, Mode, Synchronization
from nat64ctl.needs import Need
from nat64ctl.render import set_text
from nat64ctl.requirements import Missing, needs_of
from nat64ctl.router_facts import router_facts

NOT_FOUND = "modprobe: FATAL: Module %s not found in directory /lib/modules/6.1.0-40-amd64"


def without(*programs: str) -> FakeRouter:
    router = FakeRouter()
    router.programs -= set(programs)
    return router


def without_tun() -> FakeRouter:
    router = FakeRouter()
    router.modules |= {"jool", "jool_siit"}
    router.devices, router.modprobe_error = [], NOT_FOUND % "tun"
    return router


def without_modules() -> FakeRouter:
    router = FakeRouter()
    router.modprobe_error = NOT_FOUND % "jool"
    return router


def with_other_tools(*loaded: str) -> FakeRouter:
    router = FakeRouter()
    router.modules |= set(loaded)
    router.tool_version = "4.1.15.0"
    return router


def forcing_signatures(path: str, text: str) -> FakeRouter:
    router = FakeRouter()
    router.files[path] = text
    return router


def without_targets(*loaded: str) -> FakeRouter:
    router = FakeRouter()
    router.modules |= set(loaded)
    router.xtables = False
    return router


def with_a_stranger(tool: str) -> FakeRouter:
    router = FakeRouter()
    router.modules.add(tool)
    mine = {"instance": "mine", "framework": "netfilter", "global": {"pool6": "64:ff9b::/96"}}
    router.run((tool, "file", "handle", "/dev/stdin"), json.dumps(mine))
    router.changes = 0
    return router


ENFORCED = ("/sys/module/module/parameters/sig_enforce", "Y\n")
#: What a router has not, and what it lacks therefore.
ROUTERS: Tuple[Tuple[Callable[[], FakeRouter], Set[Need]], ...] = (
    (FakeRouter, set()),
    (lambda: without("jool"), {Need.NAT64}),
    (lambda: without("jool_siit"), {Need.SIIT}),
    (lambda: without("joold"), {Need.JOOLD}),
    (lambda: without("tayga"), {Need.TAYGA}),
    (lambda: without("nft"), {Need.NFTABLES}),
    (lambda: without("iptables-restore"), {Need.IPTABLES}),
    (lambda: without("ip6tables-restore"), {Need.IPTABLES}),
    (without_tun, {Need.TAYGA}),
    (without_modules, {Need.NAT64, Need.SIIT}),
    # On disk; loaded; one of them loaded, which nobody need want.
    (with_other_tools, {Need.NAT64, Need.SIIT}),
    (lambda: with_other_tools("jool", "jool_siit"), {Need.FITTING_TOOLS}),
    (lambda: with_other_tools("jool_siit"), {Need.FITTING_TOOLS, Need.NAT64}),
    (lambda: forcing_signatures(*ENFORCED), {Need.NAT64, Need.SIIT}),
    (lambda: forcing_signatures("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n"), {Need.NAT64, Need.SIIT}),
    (lambda: forcing_signatures("/sys/kernel/security/lockdown", "[none] integrity confidentiality\n"), set()),
    (without_targets, {Need.NAT64_TARGET, Need.SIIT_TARGET}),
    (lambda: without_targets("jool", "jool_siit"), {Need.NAT64_TARGET, Need.SIIT_TARGET}),
    (lambda: with_a_stranger("jool"), {Need.NAT64_HOOK}),
    (lambda: with_a_stranger("jool_siit"), {Need.SIIT_HOOK}),
)


class Lacks(unittest.TestCase):
    def test_what_each_router_lacks_is_found_by_looking(self) -> None:
        for number, (make, expected) in enumerate(ROUTERS):
            with self.subTest(number):
                router = make()
                self.assertEqual(set(router_facts(router).lacks), expected)
                self.assertEqual(router.changes, 0)
                self.assertEqual([words for words in router.log if words[0] == "modprobe" and "--dry-run" not in words], [])

    def test_whatever_apply_would_refuse_the_check_refuses_in_its_words(self) -> None:
        refused: Dict[int, int] = {}
        for seed in range(12):
            wanted = random_configuration(Random(seed))
            text = set_text(wanted, TREE)
            for number, (make, _) in enumerate(ROUTERS):
                router = make()
                facts = router_facts(router)
                messages = {each.message for each in facts.lacks.values()}
                problems = [problem for problem in result_of(text, facts).problems if problem.message in messages]
                words = {(problem.message, problem.remedy, problem.reason) for problem in problems}
                with self.subTest(seed=seed, router=number):
                    try:
                        apply(router, wanted)
                    except Missing as error:
                        refused[number] = refused.get(number, 0) + 1
                        self.assertIn((error.message, error.remedy, error.words), words)
                        self.assertEqual(router.changes, 0)
                        self.assertTrue(all(problem.line for problem in problems))
                    else:
                        self.assertEqual(words, set())
        # Each of them at least once, or nothing was compared.
        self.assertEqual(sorted(refused), [number for number, (_, expected) in enumerate(ROUTERS) if expected])

    def test_a_module_that_loads_when_it_is_needed_is_not_missing(self) -> None:
        router = FakeRouter()
        router.devices = []
        self.assertEqual(router_facts(router).lacks, {})
        router.signed = True
        router.files.update([ENFORCED])
        self.assertEqual(router_facts(router).lacks, {})


class Words(unittest.TestCase):
    def lack(self, router: FakeRouter, need: Need) -> List[str]:
        found = router_facts(router).lacks[need]
        return [found.message, found.remedy, found.words]

    def test_no_tun_device(self) -> None:
        self.assertEqual(self.lack(without_tun(), Need.TAYGA), [
            "this kernel has no TUN device, which TAYGA needs", "load the module tun; in a container, pass /dev/net/tun in", NOT_FOUND % "tun",
        ])

    def test_modules_and_tools_of_two_versions(self) -> None:
        message = "module jool is of version 4.1.13.0, and its tool of version 4.1.15.0"
        self.assertEqual(self.lack(with_other_tools(), Need.NAT64), [message, "install jool-modules and jool-tools of one version", ""])
        self.assertEqual(self.lack(with_other_tools("jool"), Need.FITTING_TOOLS)[0], message)

    def test_a_tool_that_does_not_answer_is_no_reason_to_end_what_translates(self) -> None:
        for words, status in (("no answer within 60 seconds", 124), ("jool: no such program", 127)):
            router = with_other_tools("jool")
            with mock.patch.object(router, "_jool", side_effect=Refused(words, status)):
                message, remedy, said = self.lack(router, Need.FITTING_TOOLS)
            self.assertEqual(message, "module jool is of version 4.1.13.0, and its tool does not say of which it is")
            self.assertEqual((said, "modprobe -r" in remedy), ("%s\n(exit status %d)" % (words, status), False))

    def test_an_unsigned_module_where_the_kernel_takes_none(self) -> None:
        self.assertEqual(self.lack(forcing_signatures(*ENFORCED), Need.NAT64), [
            "the module jool does not load into the kernel 6.1.0-40-amd64",
            "this kernel takes only modules signed by a key that it knows: use `engine tayga`, which needs none, or an image with signed modules",
            "The file of the module has no signature.",
        ])

    def test_a_file_that_is_not_what_it_says_is_found_once_it_is_loaded(self) -> None:
        router = FakeRouter()
        router.tool_version = router.file_version = "4.1.15.0"
        self.assertEqual(router_facts(router).lacks, {})
        with self.assertRaises(Missing) as raised:
            apply(router, configuration(source(1, pool("192.0.2.1"))))
        self.assertEqual(raised.exception.message, "module jool is of version 4.1.13.0, and its tool of version 4.1.15.0")
        self.assertEqual((router.instances, router.changes), ({}, 0))


class Needs(unittest.TestCase):
    def test_needs_come_in_the_order_to_look_for_them(self) -> None:
        what = configuration(
            source(1, pool("192.0.2.1")), source(2, mode=Mode.ISOLATED, prefix="2001:db8:2::/96", masquerade=True),
            source(3, pool("100.64.0.0/24", None), engine=Engine.TAYGA, prefix="2001:db8:3::/96"),
            destination(1, "203.0.113.1", "2001:db8:beef::1", mode=Mode.IPTABLES),
        )
        self.assertEqual(needs_of(desired_state(what)), [
            Need.FITTING_TOOLS, Need.NAT64, Need.SIIT, Need.IPTABLES, Need.SIIT_TARGET, Need.NAT64_HOOK, Need.TAYGA, Need.NFTABLES,
        ])
        self.assertEqual(needs_of(desired_state(Configuration())), [Need.FITTING_TOOLS])
        synchronized = configuration(source(1, pool("192.0.2.1")), nat64_synchronization=Synchronization("eth2", IPv6Address("ff08::db8:64"), 6400))
        self.assertEqual(needs_of(desired_state(synchronized)), [Need.FITTING_TOOLS, Need.NAT64, Need.NAT64_HOOK, Need.JOOLD])


class DynamicMaps(unittest.TestCase):
    """Of TAYGA: whatever the folder is, it has to be one that outlives the next image."""

    def folder(self, vyos: bool = False, persistent: bool = False) -> str:
        router = FakeRouter()
        if vyos:
            router.files["/usr/share/vyos/version.json"] = "{}"
        apply(router, configuration(source(7, pool("192.0.2.0/24", None), engine=Engine.TAYGA, prefix="2001:db8:64::/96", persistent=persistent)))
        return next(text for path, text in router.files.items() if path.endswith("nat64-7.conf")).split("data-dir ")[1].strip()

    def test_persistent_ones_are_where_a_router_keeps_what_outlives_its_image(self) -> None:
        self.assertEqual(self.folder(persistent=True), "/var/lib/nat64/nat64-7")
        self.assertEqual(self.folder(persistent=True, vyos=True), "/config/nat64/nat64-7")

    def test_others_end_with_the_boot(self) -> None:
        self.assertEqual(self.folder(vyos=True), "/run/nat64/tayga-data/nat64-7")


if __name__ == "__main__":
    unittest.main()
