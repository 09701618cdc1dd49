"""Exact plans: what changes, in which order, by which commands, and which sessions it costs."""

from __future__ import annotations

import dataclasses
import json
import re
import unittest
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from typing import List, Set

from configurations import configuration, destination, pool, source, static

from nat64ctl.desired import desired_state
from nat64ctl.difference import difference
from nat64ctl.engines import jool
from nat64ctl.model import Configuration, Engine, Mode, PortRange, Protocol, StaticMapping
from nat64ctl.operations import Plan, RemoveFile, Run, WriteFile
from nat64ctl.state import InstanceKey, Kind, State


def plan(before: Configuration, after: Configuration) -> Plan:
    return difference(desired_state(before), desired_state(after))


#: What makes stray packets unreachable: of every plan of rules in the router's own namespace, and looked at in a class of its own.
STRAYS = re.compile(r"table 6410000|lookup 6410000|priority 6465|policy rule: .*64(?:65|66)")


def puts(operations: Plan) -> Plan:
    """Those that put pools."""
    return tuple(operation for operation in operations if "put the pools" in operation.what)


def removals(row: str) -> List[str]:
    return ["jool -i instance-1 pool4 remove %s --%s --mark 0" % (row, protocol) for protocol in ("icmp", "tcp", "udp")]


def pool_of(put: object) -> Set[str]:
    """The port ranges in a configuration that Jool is given as a whole."""
    assert isinstance(put, Run) and put.argv[:3] == ("jool", "file", "handle"), put
    return {row["port range"] for row in json.loads(put.stdin or "")["pool4"]}


def commands(operations: Plan) -> List[str]:
    """Without those about stray packets."""
    return [command for command in every_command(operations) if not STRAYS.search(command)]


def every_command(operations: Plan) -> List[str]:
    return [command if isinstance(command, str) else str(command).split(" <<")[0] for operation in operations for command in operation.do]


def inverses(operations: Plan) -> List[str]:
    """Likewise."""
    every = [str(command).split(" <<")[0] for operation in operations for command in operation.undo]
    return [command for command in every if not STRAYS.search(command)]


class LiveInstance(unittest.TestCase):
    """Nothing here may recreate an instance: its sessions are people's downloads."""

    base = configuration(source(1, pool("192.0.2.1", (1024, 65535))))

    def changed(self, *pools: object, **more: object) -> Plan:
        operations = plan(self.base, configuration(source(1, *pools, **more)))  # type: ignore[arg-type]
        self.assertFalse([operation for operation in operations if "instance remove" in str(operation.do[0])])
        return tuple(operation for operation in operations if not isinstance(operation.do[0], WriteFile))

    def test_an_address_more_is_added_and_nothing_else_is_touched(self) -> None:
        operations = self.changed(pool("192.0.2.1"), pool("192.0.2.2", protocols=(Protocol.UDP,)))
        self.assertEqual(commands(operations), ["jool -i instance-1 pool4 add 192.0.2.2 1024-65535 --udp --mark 0"])
        self.assertEqual(inverses(operations), ["jool -i instance-1 pool4 remove 192.0.2.2 1024-65535 --udp --mark 0"])
        self.assertEqual({operation.drops_sessions for operation in operations}, {""})

    def test_ports_that_go_take_only_their_own_sessions(self) -> None:
        (operation,) = self.changed(pool("192.0.2.1", (2000, 65535)))
        self.assertEqual(
            operation.what, "instance-1: put the pools, without " + ", ".join("192.0.2.1 1024-1999 for %s" % each for each in ("ICMP", "TCP", "UDP"))
        )
        put, *ended = operation.do
        self.assertEqual(pool_of(put), {"2000-65535"})
        self.assertEqual([str(each) for each in ended], removals("192.0.2.1 1024-1999"))
        self.assertEqual([pool_of(each) for each in operation.undo], [{"1024-65535"}])
        self.assertEqual(operation.drops_sessions, "those that use these addresses")

    def test_ports_that_come_beside_others_are_put_with_them_and_end_no_session(self) -> None:
        base = configuration(source(1, pool("192.0.2.1", (2000, 3000))))
        (operation,) = puts(plan(base, configuration(source(1, pool("192.0.2.1", (2000, 4000))))))
        self.assertEqual([pool_of(each) for each in operation.do], [{"2000-4000"}])
        self.assertEqual(pool_of(operation.undo[0]), {"2000-3000"})
        self.assertEqual([str(each) for each in operation.undo[1:]], removals("192.0.2.1 3001-4000"))
        self.assertEqual(operation.drops_sessions, "")

    def test_ports_that_move_are_both_there_for_a_moment(self) -> None:
        base = configuration(source(1, pool("192.0.2.1", (2000, 3000))))
        come, go = puts(plan(base, configuration(source(1, pool("192.0.2.1", (2500, 4000))))))
        self.assertEqual([pool_of(come.do[0]), pool_of(come.undo[0])], [{"2000-4000"}, {"2000-3000"}])
        self.assertEqual([pool_of(go.do[0]), pool_of(go.undo[0])], [{"2500-4000"}, {"2000-4000"}])

    def test_addresses_that_another_mark_still_allows_keep_their_bindings(self) -> None:
        both = configuration(source(1, pool("192.0.2.1", protocols=(Protocol.TCP,))), source(2, pool("192.0.2.1", protocols=(Protocol.TCP,)), mark=5))
        operations = plan(both, configuration(source(1, pool("192.0.2.1", protocols=(Protocol.TCP,)))))
        # Put as a whole: removed by itself, it would go from what packets from IPv4 are looked for in, too.
        self.assertEqual(commands(operations), ["jool file handle /dev/stdin", "rm -f /run/jool/instance-2.json"])
        self.assertEqual(len(operations[0].do), 1)
        self.assertEqual({operation.drops_sessions for operation in operations}, {""})

    def test_max_iterations_alone_are_put_by_adding_what_is_there(self) -> None:
        operations = self.changed(
            pool("192.0.2.1", protocols=(Protocol.TCP,), max_iterations=2000), pool("192.0.2.1", protocols=(Protocol.UDP, Protocol.ICMP), number=2)
        )
        self.assertEqual(commands(operations), ["jool -i instance-1 pool4 add 192.0.2.1 1024-65535 --tcp --mark 0 --max-iterations 2000"])
        self.assertEqual(inverses(operations), ["jool -i instance-1 pool4 add 192.0.2.1 1024-65535 --tcp --mark 0 --max-iterations auto"])

    def test_options_go_back_to_their_defaults_when_they_are_no_longer_written(self) -> None:
        before = configuration(source(1, pool("192.0.2.1"), options={"tos": 8, "f-args": 10}, timeouts={"udp": 600}))
        operations = plan(before, self.base)
        self.assertEqual(
            commands(operations),
            [
                "jool -i instance-1 global update f-args 11",
                "jool -i instance-1 global update override-tos FALSE",
                "jool -i instance-1 global update tos 0",
                "jool -i instance-1 global update udp-timeout 0:05:00",
            ],
        )
        self.assertEqual(
            inverses(operations),
            [
                "jool -i instance-1 global update f-args 10",
                "jool -i instance-1 global update override-tos TRUE",
                "jool -i instance-1 global update tos 8",
                "jool -i instance-1 global update udp-timeout 0:10:00",
            ],
        )

    def test_disabling_pauses(self) -> None:
        operations = self.changed(pool("192.0.2.1"), disabled=True)
        self.assertEqual(commands(operations), ["jool -i instance-1 global update manually-enabled FALSE"])

    def test_a_static_entry_that_moves_is_removed_before_it_is_added(self) -> None:
        before = configuration(source(1, pool("192.0.2.1"), statics=(static(1, "2001:db8::1", 80, "192.0.2.1", 8080),)))
        after = configuration(source(1, pool("192.0.2.1"), statics=(static(1, "2001:db8::2", 80, "192.0.2.1", 8080),)))
        operations = plan(before, after)
        self.assertEqual(
            commands(operations),
            [
                "jool -i instance-1 bib remove '2001:db8::1#80' '192.0.2.1#8080' --tcp",
                "jool -i instance-1 bib add '2001:db8::2#80' '192.0.2.1#8080' --tcp",
            ],
        )
        self.assertEqual([operation.drops_sessions for operation in operations], ["those of this entry", ""])

    def test_a_dynamic_entry_in_the_way_of_a_static_one_is_removed(self) -> None:
        running = desired_state(self.base)
        key = InstanceKey("", Kind.NAT64, "instance-1")
        instance = dataclasses.replace(running.instances[key], dynamic=("TCP,2001:db8::9,4000,192.0.2.1,8080", "UDP,2001:db8::9,4000,192.0.2.1,8080"))
        wanted = desired_state(configuration(source(1, pool("192.0.2.1"), statics=(static(1, "2001:db8::1", 80, "192.0.2.1", 8080),))))
        self.assertEqual(
            commands(difference(dataclasses.replace(running, instances={key: instance}), wanted)),
            [
                "jool -i instance-1 bib remove '2001:db8::9#4000' '192.0.2.1#8080' --tcp",
                "jool -i instance-1 bib add '2001:db8::1#80' '192.0.2.1#8080' --tcp",
            ],
        )

    def test_one_of_ten_thousand_mappings_is_two_commands(self) -> None:
        def mappings(changed: int) -> Configuration:
            return configuration(
                source(
                    1,
                    pool("192.0.2.1"),
                    statics=tuple(static(n, "2001:db8:%d::%x" % (n == changed, n), 80, "192.0.2.1", 2000 + n) for n in range(1, 10001)),
                )
            )

        self.assertEqual(
            commands(plan(mappings(0), mappings(77))),
            [
                "jool -i instance-1 bib remove '2001:db8::4d#80' '192.0.2.1#2077' --tcp",
                "jool -i instance-1 bib add '2001:db8:1::4d#80' '192.0.2.1#2077' --tcp",
            ],
        )

    def test_many_entries_are_one_process_for_250(self) -> None:
        def forward(last: int) -> Configuration:
            ports = PortRange(1, last)
            both = (Protocol.TCP, Protocol.UDP)
            return configuration(destination(7, "203.0.113.1", "2001:db8::1", mode=Mode.ISOLATED, ports=ports, protocols=both))

        grown = plan(forward(100), forward(400))
        program = "ip netns exec nat46-7 xargs -r -n 3 jool -i nat46-7 bib add"
        runs = [command for operation in grown for command in operation.do if isinstance(command, Run) and "xargs" in command.argv]
        self.assertEqual([" ".join(run.argv) for run in runs], [program] * 3)
        lines = [line for run in runs for line in (run.stdin or "").splitlines()]
        self.assertEqual(sorted(lines), sorted(
            "--%s 2001:db8::1#%d 203.0.113.1#%d" % (protocol, port, port) for protocol in ("tcp", "udp") for port in range(101, 401)
        ))
        self.assertEqual([command for operation in grown for command in operation.do if "bib add" in str(command).split(" <<")[0]], runs)
        back = plan(forward(400), forward(100))
        removing = [operation for operation in back if "static entries" in operation.what]
        self.assertEqual([operation.drops_sessions for operation in removing], ["those of these entries"] * 3)
        undone = [operation.undo[0] for operation in grown if "static entries" in operation.what]
        self.assertEqual([operation.do[0] for operation in removing], undone)
        self.assertEqual(
            removing[0].what,
            "nat46-7 in namespace nat46-7: remove 250 static entries, TCP 203.0.113.1#101 to 2001:db8::1#101 to "
            "TCP 203.0.113.1#350 to 2001:db8::1#350",
        )

    def test_dynamic_entries_in_the_way_of_many_static_ones_go_first(self) -> None:
        running = desired_state(self.base)
        key = InstanceKey("", Kind.NAT64, "instance-1")
        instance = dataclasses.replace(running.instances[key], dynamic=("TCP,2001:db8::9,4000,192.0.2.1,2017",))
        statics = tuple(static(n, "2001:db8::%x" % n, 80, "192.0.2.1", 2000 + n) for n in range(1, 18))
        wanted = desired_state(configuration(source(1, pool("192.0.2.1"), statics=statics)))
        self.assertEqual(
            commands(difference(dataclasses.replace(running, instances={key: instance}), wanted)),
            ["jool -i instance-1 bib remove '2001:db8::9#4000' '192.0.2.1#2017' --tcp", "xargs -r -n 3 jool -i instance-1 bib add"],
        )


class Recreation(unittest.TestCase):
    def test_another_prefix_costs_the_sessions_and_says_so(self) -> None:
        operations = plan(configuration(source(1, pool("192.0.2.1"))), configuration(source(1, pool("192.0.2.1"), prefix="2001:db8:64::/96")))
        self.assertEqual(commands(operations), ["jool instance remove instance-1", "jool file handle /dev/stdin", "write /run/jool/instance-1.json"])
        self.assertEqual(operations[0].drops_sessions, "Jool cannot change the prefix of a live instance, from 64:ff9b::/96 to 2001:db8:64::/96")
        # Undone, the old one is made again with all that it had.
        undo = operations[0].undo[0]
        assert isinstance(undo, Run) and undo.stdin is not None
        self.assertEqual(undo.argv, ("jool", "file", "handle", "/dev/stdin"))
        self.assertIn('"pool6": "64:ff9b::/96"', undo.stdin)

    def test_another_framework_costs_the_sessions_and_says_so(self) -> None:
        operations = plan(configuration(source(1, pool("192.0.2.1"))), configuration(source(1, pool("192.0.2.1"), mode=Mode.IPTABLES)))
        self.assertEqual(
            [operation.drops_sessions for operation in operations if operation.drops_sessions],
            ["Jool cannot move a live instance from netfilter to iptables"],
        )

    def test_the_place_of_the_one_netfilter_instance_is_freed_first(self) -> None:
        operations = plan(configuration(source(1, pool("192.0.2.1"))), configuration(source(2, pool("192.0.2.1"), prefix="2001:db8::/96")))
        self.assertEqual([operation.what for operation in operations][:2], ["instance-1: remove", "instance-2: create"])

    def test_a_merged_instance_keeps_its_name_and_its_sessions_when_the_rule_that_it_is_called_after_goes(self) -> None:
        both = configuration(
            source(1, pool("192.0.2.1", protocols=(Protocol.TCP,)), mark=1), source(2, pool("192.0.2.2", protocols=(Protocol.TCP,)), mark=2)
        )
        self.assertEqual(
            commands(plan(both, configuration(both.source_rules[1]))),
            ["jool -i instance-1 pool4 remove 192.0.2.1 1024-65535 --tcp --mark 1", "rm -f /run/jool/instance-1.json"],
        )
        # A lower one that comes does not rename it either.
        self.assertEqual(
            commands(plan(configuration(both.source_rules[1]), both)),
            ["jool -i instance-2 pool4 add 192.0.2.1 1024-65535 --tcp --mark 1", "write /run/jool/instance-1.json"],
        )

    def test_an_instance_that_needs_no_place_goes_last(self) -> None:
        operations = plan(
            configuration(source(1, pool("192.0.2.1"), mode=Mode.IPTABLES)),
            configuration(source(2, pool("192.0.2.1"), mode=Mode.IPTABLES, prefix="2001:db8::/96")),
        )
        self.assertEqual(
            [operation.what for operation in operations if not STRAYS.search(operation.what)],
            [
                "instance-2: create",
                "iptables: 3 rules for instances of Jool",
                "ip6tables: 1 rules for instances of Jool",
                "write /run/jool/instance-2.json",
                "instance-1: remove",
                "remove /run/jool/instance-1.json",
            ],
        )


class Tayga(unittest.TestCase):
    def ended(self, **after: object) -> List[str]:
        fixed = StaticMapping(9, None, IPv6Address("2001:db8::9"), None, IPv4Address("203.0.113.9"), None)
        before = source(1, pool("100.64.0.0/24", None), engine=Engine.TAYGA, statics=(fixed,))
        operations = plan(configuration(before), configuration(dataclasses.replace(before, **after)))
        return [operation.drops_sessions for operation in operations if operation.drops_sessions]

    def test_what_a_new_start_ends_is_said(self) -> None:
        self.assertEqual(self.ended(persistent=True), ["those of dynamic maps, since its new folder has none (`persistent`)"])
        self.assertEqual(self.ended(pools=(pool("100.65.0.0/24", None),)), ["those of dynamic maps whose address is not in the new pool"])
        self.assertEqual(self.ended(prefix=IPv6Network("2001:db8:64::/96")), ["all, since the prefix is another one"])
        self.assertEqual(self.ended(statics=()), ["those of a static map"])

    def test_where_all_maps_are_read_again_nothing_ends(self) -> None:
        more = tuple(
            StaticMapping(number, None, IPv6Address("2001:db8::%d" % number), None, IPv4Address("203.0.113.%d" % number), None) for number in (9, 10)
        )
        self.assertEqual(self.ended(statics=more), [])


class Strays(unittest.TestCase):
    first = (
        "ip -4 route add unreachable 192.0.2.1 table 641000000 protocol kernel",
        "ip -6 route add unreachable 64:ff9b::/96 table 641000000 protocol kernel",
        "ip -4 rule add priority 6465 not from all iif lo lookup local protocol kernel",
        "ip -6 rule add priority 6465 not from all iif lo lookup local protocol kernel",
        "ip -4 rule add priority 6466 not from all iif lo lookup 641000000 protocol kernel",
        "ip -6 rule add priority 6466 not from all iif lo lookup 641000000 protocol kernel",
    )

    def test_an_address_is_unreachable_once_it_is_translated_and_no_longer(self) -> None:
        rule = configuration(source(1, pool("192.0.2.1")))
        self.assertEqual(every_command(plan(configuration(), rule)), ["jool file handle /dev/stdin", *self.first, "write /run/jool/instance-1.json"])
        self.assertEqual(
            every_command(plan(rule, configuration())),
            [
                "ip -4 route delete unreachable 192.0.2.1 table 641000000",
                "ip -6 route delete unreachable 64:ff9b::/96 table 641000000",
                # The router's own addresses are excepted to the last.
                "ip -6 rule delete priority 6466 not from all iif lo lookup 641000000",
                "ip -4 rule delete priority 6466 not from all iif lo lookup 641000000",
                "ip -6 rule delete priority 6465 not from all iif lo lookup local",
                "ip -4 rule delete priority 6465 not from all iif lo lookup local",
                "jool instance remove instance-1",
                "rm -f /run/jool/instance-1.json",
            ],
        )

    def test_one_more_address_is_one_more_route(self) -> None:
        one = configuration(source(1, pool("192.0.2.1")))
        two = configuration(source(1, pool("192.0.2.1"), pool("192.0.2.9", protocols=(Protocol.TCP,))))
        self.assertEqual(
            every_command(plan(one, two))[:-1],
            [
                "jool -i instance-1 pool4 add 192.0.2.9 1024-65535 --tcp --mark 0",
                "ip -4 route add unreachable 192.0.2.9 table 641000000 protocol kernel",
            ],
        )


class Maps(unittest.TestCase):
    network, host = ("203.0.113.0/28", "2001:db8:beef::/124"), ("203.0.113.3", "2001:db8:cafe::3/128")

    def test_maps_that_overlap_are_meant(self) -> None:
        one = configuration(destination(1, *self.network))
        both = configuration(destination(1, *self.network), destination(2, *self.host))
        self.assertEqual(commands(plan(one, both)), ["jool_siit -i nat46-1 eamt add 2001:db8:cafe::3/128 203.0.113.3/32 --force"])
        self.assertEqual(commands(plan(both, one)), ["jool_siit -i nat46-1 eamt remove 2001:db8:cafe::3/128 203.0.113.3/32"])
        self.assertEqual(inverses(plan(both, one)), ["jool_siit -i nat46-1 eamt add 2001:db8:cafe::3/128 203.0.113.3/32 --force"])
        self.assertEqual(commands(plan(configuration(), both)), ["jool_siit file handle /dev/stdin --force"])

    def test_what_does_not_overlap_is_not_forced(self) -> None:
        apart = configuration(destination(1, *self.network), destination(2, "203.0.113.16", "2001:db8:cafe::3/128"))
        self.assertEqual(commands(plan(configuration(), apart)), ["jool_siit file handle /dev/stdin"])

    def test_overlap_is_seen_on_either_side_and_whatever_stands_between(self) -> None:
        apart = [("2001:db8:%x::/124" % number, "203.0.113.%d/32" % number) for number in range(1, 9)]
        self.assertFalse(jool.overlapping(apart))
        self.assertTrue(jool.overlapping([*apart, ("2001:db8:ff::/64", "203.0.113.0/30")]))
        self.assertTrue(jool.overlapping([*apart, ("2001:db8::/44", "198.51.100.1/32")]))
        self.assertTrue(jool.overlapping([("2001:db8::/32", "198.51.100.1/32"), *apart]))


class Whole(unittest.TestCase):
    def test_an_isolated_translator_from_nothing(self) -> None:
        operations = difference(State(), desired_state(configuration(source(100, pool("192.0.2.0/28"), mode=Mode.ISOLATED))))
        exec_ = "ip netns exec nat64-100 "
        self.assertEqual(
            [command for command in every_command(operations) if "sysctl" not in command],
            [
                "ip netns add nat64-100",
                (
                    "ip link add nat64-100 address 02:64:00:00:00:01 mtu 9216 type veth "
                    "peer name router netns nat64-100 address 02:64:00:00:00:02 mtu 9216"
                ),
                "ip address add 198.19.0.200/31 dev nat64-100",
                "ip -n nat64-100 address add 198.19.0.201/31 dev router",
                "ip -n nat64-100 address add fd64:6464:6464::c613:c9/128 dev router",
                "ip link set dev nat64-100 up",
                "ip -n nat64-100 link set dev router up",
                exec_ + "jool file handle /dev/stdin",
                "ip -n nat64-100 -4 route add unreachable default table 641000001",
                "ip -n nat64-100 -4 route add default via 198.19.0.200 dev router",
                "ip -n nat64-100 -6 route add unreachable default table 641000001",
                "ip -n nat64-100 -6 route add default via fe80::64:ff:fe00:1 dev router",
                "ip -n nat64-100 -4 rule add priority 6466 from all iif router lookup 641000001",
                "ip -n nat64-100 -6 rule add priority 6466 from all iif router lookup 641000001",
                "ip -4 route add 192.0.2.0/28 via 198.19.0.201 dev nat64-100",
                "ip -6 route add 64:ff9b::/96 via fe80::64:ff:fe00:2 dev nat64-100",
                "ip -6 route add fd64:6464:6464::c613:c9 via fe80::64:ff:fe00:2 dev nat64-100",
                "write /run/jool/instance-100.json",
            ],
        )

    def test_tayga_behind_the_router_s_address_from_nothing(self) -> None:
        operations = difference(
            State(), desired_state(configuration(source(7, engine=Engine.TAYGA, masquerade=True, persistent=True, prefix="2001:db8:64::/96")))
        )
        self.assertEqual(
            commands(operations),
            [
                "ip tuntap add dev nat64-7 mode tun",
                "sysctl -q -w net.ipv6.conf.nat64-7.disable_ipv6=0",
                "ip link set dev nat64-7 up",
                "write /run/nat64/nat64-tayga/nat64-7.conf",
                "systemctl restart nat64-tayga@nat64-7.service",
                "ip -4 route add 198.18.112.0/20 dev nat64-7",
                "ip -6 route add 2001:db8:64::/96 dev nat64-7",
                "nft -f -",
            ],
        )
        start = next(operation for operation in operations if operation.what == "nat64-tayga@nat64-7.service: start")
        assert isinstance(start.do[0], WriteFile)
        self.assertEqual(
            start.do[0].text,
            ("tun-device nat64-7\nipv4-addr 198.18.112.0\nprefix 2001:db8:64::/96\ndynamic-pool 198.18.112.0/20\ndata-dir /var/lib/nat64/nat64-7\n"),
        )
        self.assertEqual(
            start.undo,
            (
                Run(("systemctl", "stop", "nat64-tayga@nat64-7.service")),
                RemoveFile("/run/nat64/nat64-tayga/nat64-7.conf"),
                RemoveFile("/run/nat64/nat64-tayga/nat64-7.running"),
            ),
        )

    def test_packets_are_led_away_before_a_translator_stops(self) -> None:
        for rule in (
            source(1, pool("192.0.2.1"), mode=Mode.ISOLATED, source_address=IPv6Network("2001:db8::/48")),
            source(1, engine=Engine.TAYGA, masquerade=True),
        ):
            with self.subTest(mode=rule.mode, engine=rule.engine):
                whats = [operation.what for operation in plan(configuration(rule), configuration())]
                last_route = max(index for index, what in enumerate(whats) if "route" in what or "policy" in what or "masquerade" in what)
                first_stop = min(index for index, what in enumerate(whats) if "instance" in what or ".service" in what or "interface" in what)
                self.assertLess(last_route, first_stop)

    def test_what_is_equal_is_no_plan(self) -> None:
        state = desired_state(configuration(source(1, pool("192.0.2.1")), source(2, pool("192.0.2.2"), mode=Mode.ISOLATED, prefix="2001:db8::/96")))
        self.assertEqual(difference(state, state), ())


if __name__ == "__main__":
    unittest.main()
