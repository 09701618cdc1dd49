"""A failure and a kill at each operation of a large plan."""

from __future__ import annotations

import copy
import json
import unittest
from ipaddress import IPv4Network, IPv6Address, IPv6Network
from typing import Any, Dict, List, Optional, Sequence

from configurations import configuration, destination, pool, source, static
from fake_router import FakeRouter, Killed, Refused

from nat64ctl.apply import apply
from nat64ctl.desired import desired_state
from nat64ctl.model import Clat, Configuration, Engine, Mode, Protocol, Synchronization
from nat64ctl.operations import ApplyFailed
from nat64ctl.requirements import Missing
from nat64ctl.running import running_state
from nat64ctl.system import Result

#: Every engine and mode, and something of each kind that changes, goes and comes on the way to AFTER.
BEFORE = configuration(
    source(1, pool("192.0.2.1"), statics=(static(1, "2001:db8::1", 80, "192.0.2.1", 8080), static(2, "2001:db8::2", 80, "192.0.2.1", 8081))),
    source(2, pool("192.0.2.64/28"), mode=Mode.ISOLATED, prefix="2001:db8:2::/96"),
    source(3, engine=Engine.TAYGA, prefix="2001:db8:3::/96", masquerade=True, persistent=True),
    source(4, pool("192.0.2.4"), mode=Mode.IPTABLES, prefix="2001:db8:4::/96", source_address=IPv6Network("2001:db8:b::/48")),
    source(5, pool("192.0.2.5"), mode=Mode.ISOLATED, prefix="2001:db8:5::/96"),
    destination(1, "203.0.113.1", "2001:db8:beef::1"),
    clat=Clat(Engine.JOOL, Mode.ISOLATED, IPv6Network("2001:db8:cafe::/96"), IPv4Network("192.168.7.0/24"), IPv6Network("2001:db8:c1a7::/120")),
)
AFTER = configuration(
    # A pool and a static entry change in a live instance, an option too.
    source(
        1,
        pool("192.0.2.1", (2000, 65535)),
        pool("192.0.2.9", protocols=(Protocol.UDP,)),
        statics=(static(1, "2001:db8::1", 80, "192.0.2.1", 8080), static(3, "2001:db8::3", 80, "192.0.2.1", 8081)),
        timeouts={"udp": 600},
    ),
    # From a veth to a tun of the same name, and the other way.
    source(2, pool("100.64.0.0/24", None), engine=Engine.TAYGA, prefix="2001:db8:2::/96"),
    source(3, mode=Mode.ISOLATED, masquerade=True, prefix="2001:db8:3::/96", inbound_interface="eth1"),
    # Another prefix: another instance.
    source(4, pool("192.0.2.4"), mode=Mode.IPTABLES, prefix="2001:db8:44::/96"),
    source(6, pool("192.0.2.6"), mode=Mode.ISOLATED, prefix="2001:db8:6::/96"),
    destination(1, "203.0.113.1", "2001:db8:beef::2"),
    destination(2, "203.0.113.2", "2001:db8:beef::3", engine=Engine.TAYGA, prefix="2001:db8:4602::/96"),
)


def snapshot(router: FakeRouter) -> Dict[str, Any]:
    """All that a router has, but for which life of an instance it is."""
    instances = copy.deepcopy(router.instances)
    for instance in instances.values():
        instance.serial = 0
    return {
        "files": dict(router.files),
        "namespaces": copy.deepcopy(router.namespaces),
        "broken": set(router.broken),
        "instances": instances,
        "policy": sorted(router.policy),
        "iptables": copy.deepcopy(router.iptables),
        "nft": sorted(router.nft),
        "running": dict(router.running),
    }


def router_with(*configurations: Configuration) -> FakeRouter:
    router = FakeRouter()
    for each in configurations:
        apply(router, each)
    return router


class FailingReads:
    """A router of which one read fails, the n-th after the last change."""

    def __init__(self, router: FakeRouter, number: int, kind: str) -> None:
        self.failed = False
        self._run = router.run
        self._router = router
        self._number = number
        self._kind = kind
        self._changes = router.changes
        self._seen = 0

    def has_json(self) -> bool:
        start = len(self._router.log)
        running_state(self._router)
        return "-j" in self._router.log[start + self._number]

    def run(self, argv: Sequence[str], stdin: Optional[str] = None) -> Result:
        changes = self._router.changes
        result = self._run(argv, stdin)
        if self._router.changes != changes or self._router.changes == self._changes or self.failed:
            return result
        self._seen += 1
        if self._seen <= self._number:
            return result
        self.failed = True
        if self._kind == "no memory":
            raise OSError(12, "Cannot allocate memory")
        if self._kind == "a bug":
            raise KeyError("dst")
        return Result(result.argv, 0, '[{"dst":', "") if self._kind == "cut short" else Result(result.argv, -9, "", "Killed")

    def words(self) -> str:
        return {
            "no memory": "Cannot allocate memory",
            "a bug": "a bug in nat64ctl:\n(?s:.*)KeyError: 'dst'",
            "cut short": "what it printed is no JSON",
            "killed": "Killed\n",
        }[self._kind]


class Failures(unittest.TestCase):
    def changes(self) -> int:
        router = router_with(BEFORE)
        before = router.changes
        apply(router, AFTER)
        return router.changes - before

    def test_a_failure_at_each_change_of_a_plan_leaves_what_was_before(self) -> None:
        plan = apply(router_with(BEFORE), AFTER)
        self.assertGreaterEqual(len(plan), 60)
        for number in range(1, self.changes() + 1):
            with self.subTest(change=number):
                router = router_with(BEFORE)
                before = snapshot(router)
                start = router.changes

                def refuse(at: int, number: int = number, start: int = start) -> None:
                    if at == start + number:
                        raise Refused("Error: The kernel module returned error 12: Cannot allocate memory")

                router.before_change = refuse
                steps: List[str] = []
                with self.assertRaises(ApplyFailed) as raised:
                    apply(router, AFTER, steps.append)
                self.assertEqual(raised.exception.remains, [])
                # The inverses alone do it; what a second look would repair is for programs that died half-way.
                self.assertEqual([step for step in steps if step.startswith("repair: ")], [])
                self.assertIn(raised.exception.operation, [operation.what for operation in plan])
                self.assertRegex(raised.exception.words, "Cannot allocate memory|No space left on device|Read-only file system")
                self.assertEqual(snapshot(router), before)
                router.before_change = lambda at: None
                apply(router, AFTER)
                self.assertEqual(running_state(router), desired_state(AFTER))

    def test_a_kill_before_or_after_each_change_is_repaired_by_the_next_apply(self) -> None:
        for number in range(1, self.changes() + 1):
            for moment in ("before_change", "after_change"):
                with self.subTest(change=number, moment=moment):
                    router = router_with(BEFORE)
                    start = router.changes

                    def kill(at: int, number: int = number, start: int = start) -> None:
                        if at == start + number:
                            raise Killed

                    setattr(router, moment, kill)
                    with self.assertRaises(Killed):
                        apply(router, AFTER)
                    setattr(router, moment, lambda at: None)
                    apply(router, AFTER)
                    self.assertEqual(running_state(router), desired_state(AFTER))
                    apply(router, BEFORE)
                    self.assertEqual(snapshot(router), snapshot(router_with(BEFORE)))

    def test_a_change_that_happened_though_its_program_died_is_undone_as_well(self) -> None:
        for number in range(1, self.changes() + 1):
            with self.subTest(change=number):
                router = router_with(BEFORE)
                before = snapshot(router)
                start = router.changes

                def die(at: int, number: int = number, start: int = start) -> None:
                    if at == start + number:
                        raise Refused("", -9)

                router.after_change = die
                with self.assertRaises(ApplyFailed) as raised:
                    apply(router, AFTER)
                self.assertEqual(raised.exception.remains, [])
                # Of a file there is no program that could die.
                if not isinstance(raised.exception.__cause__, Refused):
                    self.assertEqual(snapshot(router), before)

    def test_a_roll_back_that_is_killed_is_repaired_by_the_next_apply(self) -> None:
        for number in (10, 40, 60):
            for later in range(1, 12):
                with self.subTest(change=number, later=later):
                    router = router_with(BEFORE)
                    start = router.changes

                    def refuse_then_kill(at: int, number: int = number, start: int = start, later: int = later) -> None:
                        if at == start + number:
                            raise Refused("no")
                        if at == start + number + later:
                            raise Killed

                    router.before_change = refuse_then_kill
                    with self.assertRaises(Killed):
                        apply(router, AFTER)
                    router.before_change = lambda at: None
                    apply(router, BEFORE)
                    self.assertEqual(snapshot(router), snapshot(router_with(BEFORE)))

    def test_a_look_at_the_result_that_fails_undoes_everything(self) -> None:
        small = configuration(source(1, pool("192.0.2.1")), source(3, engine=Engine.TAYGA, prefix="2001:db8:3::/96", masquerade=True))
        router = router_with(small)
        reads = len(router.log)
        running_state(router)
        reads = len(router.log) - reads
        changed = copy.deepcopy(small)
        changed.source_rules[0].timeouts["udp"] = 600
        for number in range(reads):
            # One of the others for each: all would take long.
            for kind in ("cut short", ("no memory", "killed", "a bug")[number % 3]):
                with self.subTest(read=number, kind=kind):
                    router = router_with(small)
                    before = snapshot(router)
                    failing = FailingReads(router, number, kind)
                    router.run = failing.run  # type: ignore[assignment]
                    if kind == "cut short" and not failing.has_json():
                        continue
                    with self.assertRaises(ApplyFailed) as raised:
                        apply(router, changed)
                    self.assertTrue(failing.failed)
                    self.assertEqual(raised.exception.operation, "look at the result")
                    self.assertRegex(raised.exception.words, failing.words())
                    self.assertEqual(raised.exception.remains, [])
                    self.assertEqual(snapshot(router), before)

    def test_many_entries_of_which_one_is_refused_are_all_undone(self) -> None:
        before = configuration(source(1, pool("192.0.2.1")))
        router = router_with(before)
        was = snapshot(router)
        statics = tuple(static(n, "2001:db8::%x" % n, 80, "192.0.2.1", 2000 + n) for n in range(1, 301))
        start, log = router.changes, len(router.log)

        def refuse(at: int) -> None:
            if at == start + 270:
                raise Refused("Error: The kernel module returned error 17: Entry collides.")

        router.before_change = refuse
        with self.assertRaises(ApplyFailed) as raised:
            apply(router, configuration(source(1, pool("192.0.2.1"), statics=statics)))
        self.assertIn("add 50 static entries", raised.exception.operation)
        self.assertIn("Entry collides.\n(exit status 123)", raised.exception.words)
        self.assertEqual(raised.exception.remains, [])
        self.assertEqual(snapshot(router), was)
        # One for each part, and those that undo them.
        self.assertEqual(len([words for words in router.log[log:] if words[0] == "xargs"]), 4)

    def test_progress_that_nobody_hears_stops_nothing(self) -> None:
        def gone(_text: str) -> None:
            raise BrokenPipeError(32, "Broken pipe")

        router = router_with(BEFORE)
        apply(router, AFTER, gone)
        self.assertEqual(running_state(router), desired_state(AFTER))

    def test_a_namespace_that_was_cut_in_the_making_is_made_anew(self) -> None:
        router = FakeRouter()
        router.broken.add("nat64-2")
        apply(router, BEFORE)
        self.assertEqual(snapshot(router), snapshot(router_with(BEFORE)))

    def test_a_link_that_went_down_and_up_gets_its_routes_back(self) -> None:
        router = router_with(BEFORE)
        before = snapshot(router)
        router.link_down("", "nat64-2")
        apply(router, BEFORE)
        self.assertEqual(snapshot(router), before)

    def test_tables_that_rt_tables_names_are_known_by_their_numbers(self) -> None:
        for what in (BEFORE, AFTER):
            router = router_with(what)
            router.table_names.update({"640000003": "clients", "465000000": "clat", "641000000": "strays", "641000001": "nowhere", "254": "all"})
            self.assertEqual(apply(router, what), ())

    def test_systemd_networkd_that_configures_a_link_takes_nothing_of_ours(self) -> None:
        for each in (BEFORE, AFTER):
            router = router_with(each)
            before = snapshot(router)
            self.assertTrue(router.policy)
            router.networkd_configures_a_link()
            self.assertEqual(snapshot(router), before)

    def test_a_daemon_that_died_is_started_again(self) -> None:
        router = router_with(BEFORE)
        before = snapshot(router)
        router.running.clear()
        plan = apply(router, BEFORE)
        self.assertEqual([operation.what for operation in plan], ["nat64-tayga@nat64-3.service: start"])
        self.assertEqual(snapshot(router), before)

    def test_a_daemon_that_ends_just_after_its_start_is_shown_with_its_own_words(self) -> None:
        router = FakeRouter()
        router.dying.add("nat64-tayga@nat64-3.service")
        with self.assertRaises(ApplyFailed) as raised:
            apply(router, BEFORE)
        self.assertEqual(
            raised.exception.words,
            "everything was done, and yet this is not as it should be: nat64-tayga@nat64-3.service: start\nthe daemon's own words",
        )

    def test_joold_without_its_interface_takes_no_translation_away(self) -> None:
        rule = source(1, pool("192.0.2.1"))
        synchronized = configuration(rule, nat64_synchronization=Synchronization("eth9", IPv6Address("ff08::db8:64"), 6400))
        router = FakeRouter()
        router.joold_dies = True
        apply(router, synchronized)
        self.assertEqual([name for _, _, name in router.instances], ["instance-1"])
        self.assertEqual(router.retried, {"nat64-joold@instance-1.service"})
        self.assertEqual(apply(router, synchronized), ())
        # Another configuration is started nevertheless, and what somebody has stopped.
        other = configuration(rule, nat64_synchronization=Synchronization("eth9", IPv6Address("ff08::db8:64"), 6401))
        self.assertEqual([each.what for each in apply(router, other)], ["nat64-joold@instance-1.service: restart with another configuration"])
        self.assertEqual(apply(router, other), ())
        router.retried.clear()
        self.assertEqual([each.what for each in apply(router, other)], ["nat64-joold@instance-1.service: start"])
        apply(router, configuration(rule))
        self.assertEqual((router.retried, router.running), (set(), {}))


class Requirements(unittest.TestCase):
    def refused(self, router: FakeRouter, what: Configuration = BEFORE) -> Missing:
        before = snapshot(router)
        with self.assertRaises(Missing) as raised:
            apply(router, what)
        self.assertEqual(snapshot(router), before)
        return raised.exception

    def test_tools_of_another_version_are_refused_before_anything_is_read(self) -> None:
        router = router_with(BEFORE)
        router.tool_version = "4.1.15.0"
        error = self.refused(router, AFTER)
        self.assertEqual(error.message, "module jool is of version 4.1.13.0, and its tool of version 4.1.15.0")
        self.assertIn("reboot", error.remedy)

    def test_a_kernel_that_takes_only_its_own_modules_points_to_tayga(self) -> None:
        router = FakeRouter()
        router.modprobe_error = "modprobe: ERROR: could not insert 'jool': Key was rejected by service"
        error = self.refused(router)
        self.assertEqual(error.message, "the module jool does not load into the kernel 6.1.0-40-amd64")
        self.assertIn("`engine tayga`", error.remedy)
        self.assertEqual(error.words, "modprobe: ERROR: could not insert 'jool': Key was rejected by service")

    def test_a_missing_module_names_the_package_and_the_kernel(self) -> None:
        router = FakeRouter()
        router.modprobe_error = "modprobe: FATAL: Module jool not found in directory /lib/modules/6.1.0-40-amd64"
        self.assertEqual(self.refused(router).remedy, "install jool-modules for the kernel 6.1.0-40-amd64, or use `engine tayga`")

    def test_a_missing_program_names_its_package(self) -> None:
        for program, packages in (
            ("jool", "jool-tools; or use `engine tayga`"),
            ("tayga", "tayga"),
            ("nft", "nftables"),
            ("ip6tables-restore", "iptables"),
            ("jool_siit", "jool-tools; or use `engine tayga`"),
        ):
            with self.subTest(program=program):
                router = FakeRouter()
                router.programs.discard(program)
                error = self.refused(router)
                self.assertEqual((error.message, error.remedy), ("%s is not installed" % program, "install the package %s" % packages))

    def test_modules_without_targets_for_iptables_are_told_from_others(self) -> None:
        router = FakeRouter()
        router.xtables = False
        error = self.refused(router)
        self.assertEqual(error.message, "the module jool has no targets for iptables")
        self.assertIn("`mode isolated`", error.remedy)

    def test_an_instance_of_somebody_else_in_the_one_place_for_it_is_left_alone(self) -> None:
        router = FakeRouter()
        router.modules.add("jool")
        mine = {"instance": "nat64", "framework": "netfilter", "global": {"pool6": "64:ff9b::/96"}}
        router.run(("jool", "file", "handle", "/dev/stdin"), json.dumps(mine))
        error = self.refused(router)
        self.assertIn("netfilter instance `nat64` of jool already, which is not nat64ctl's", error.message)
        self.assertIn("`jool instance remove nat64`", error.remedy)
        # In another namespace, or in isolated mode, it is nobody's concern.
        apply(router, configuration(source(2, pool("192.0.2.64/28"), mode=Mode.ISOLATED)))
        self.assertIn(("", "jool", "nat64"), router.instances)

    def test_joold_is_needed_for_synchronization(self) -> None:
        router = FakeRouter()
        router.programs.discard("joold")
        what = configuration(source(1, pool("192.0.2.1")), nat64_synchronization=Synchronization("eth2", IPv6Address("ff08::db8:64"), 6400))
        self.assertEqual(self.refused(router, what).message, "joold is not installed")


if __name__ == "__main__":
    unittest.main()
