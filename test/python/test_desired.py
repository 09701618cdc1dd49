from __future__ import annotations

import json
import unittest
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Set, Tuple

from configurations import configuration, destination, pool, source, static
from fake_router import FakeRouter

from nat64ctl import isolated
from nat64ctl.apply import apply
from nat64ctl.desired import Unplannable, desired_state
from nat64ctl.engines import jool
from nat64ctl.model import Clat, Configuration, Engine, Mode, PortRange, Protocol, Synchronization
from nat64ctl.pool4 import Run
from nat64ctl.state import MAIN, Framework, InstanceKey, Kind, Masquerade, PolicyRule, Route, RouteKey, State

INSTANCE_1 = InstanceKey(MAIN, Kind.NAT64, "instance-1")


def refused(what: Configuration) -> Tuple[Tuple[str, ...], str]:
    try:
        desired_state(what)
    except Unplannable as error:
        return error.rules, error.message
    raise AssertionError("it was not refused")


def in_main(state: State) -> Set[PolicyRule]:
    return {rule for rule in state.policy_rules if rule.namespace == MAIN}


class RuleFiles(unittest.TestCase):
    def test_a_rule_s_file_is_what_vyos_writes_to_the_byte(self) -> None:
        state = desired_state(configuration(source(100, pool("192.0.2.10", (1, 65535)), description="to the Internet", mark=13)))
        self.assertEqual(list(state.files), ["/run/jool/instance-100.json"])
        vyos = {
            "instance": "instance-100",
            "framework": "netfilter",
            "global": {"pool6": "64:ff9b::/96", "manually-enabled": True},
            "comment": "to the Internet",
            "pool4": [{"protocol": each, "prefix": "192.0.2.10", "port range": "1-65535", "mark": 13} for each in ("TCP", "UDP", "ICMP")],
        }
        self.assertEqual(state.files["/run/jool/instance-100.json"], json.dumps(vyos, indent=2))

    def test_rules_that_share_an_instance_have_a_file_each(self) -> None:
        state = desired_state(configuration(source(1, pool("192.0.2.1")), source(2, pool("192.0.2.2"), mark=2, disabled=True)))
        self.assertEqual(sorted(state.files), ["/run/jool/instance-1.json", "/run/jool/instance-2.json"])
        self.assertEqual(json.loads(state.files["/run/jool/instance-2.json"])["global"]["manually-enabled"], False)


class Merging(unittest.TestCase):
    def test_rules_of_one_prefix_are_one_instance_with_a_table_for_each_mark(self) -> None:
        state = desired_state(
            configuration(
                source(1, pool("192.0.2.1", protocols=(Protocol.TCP,))),
                source(2, pool("192.0.2.2", protocols=(Protocol.TCP,)), mark=7, timeouts={"udp": 600}),
            )
        )
        self.assertEqual(list(state.instances), [INSTANCE_1])
        instance = state.instances[INSTANCE_1]
        self.assertEqual(
            {table: each.runs for table, each in instance.pool4.tables.items()},
            {
                (0, "TCP"): (Run(int(IPv4Address("192.0.2.1")), int(IPv4Address("192.0.2.1")), ((1024, 65535),)),),
                (7, "TCP"): (Run(int(IPv4Address("192.0.2.2")), int(IPv4Address("192.0.2.2")), ((1024, 65535),)),),
            },
        )
        self.assertEqual(instance.globals["udp-timeout"], "0:10:00")
        self.assertEqual(instance.globals["tcp-est-timeout"], "2:00:00")

    def test_a_disabled_rule_leaves_its_share_out_and_alone_pauses_the_instance(self) -> None:
        both = desired_state(configuration(source(1, pool("192.0.2.1")), source(2, pool("192.0.2.2"), mark=7, disabled=True))).instances[INSTANCE_1]
        self.assertEqual(({mark for mark, _ in both.pool4.tables}, both.globals["manually-enabled"]), ({0}, "TRUE"))
        alone = desired_state(configuration(source(1, pool("192.0.2.1"), disabled=True))).instances[INSTANCE_1]
        self.assertEqual(({mark for mark, _ in alone.pool4.tables}, alone.globals["manually-enabled"]), ({0}, "FALSE"))

    def test_another_prefix_cannot_be_merged_and_the_mode_that_can_is_named(self) -> None:
        rules, message = refused(configuration(source(1, pool("192.0.2.1")), source(2, pool("192.0.2.2"), prefix="2001:db8::/96")))
        self.assertEqual(rules, ("nat64 source rule 1", "nat64 source rule 2"))
        self.assertEqual(
            message,
            (
                "Jool takes one inline NAT64 instance, which has one prefix, and these have 64:ff9b::/96 and "
                "2001:db8::/96; give one of them `mode isolated`, which can"
            ),
        )

    def test_options_that_contradict_each_other_are_refused(self) -> None:
        rules, message = refused(
            configuration(source(1, pool("192.0.2.1"), options={"f-args": 10}), source(2, pool("192.0.2.2"), mark=2, options={"f-args": 11}))
        )
        self.assertEqual(
            (rules, message),
            (
                ("nat64 source rule 1", "nat64 source rule 2"),
                ("they share an instance of Jool, and set f-args to 10 and 11; give one of them `mode isolated`"),
            ),
        )

    def test_two_max_iterations_of_a_mark_are_refused(self) -> None:
        rules, message = refused(
            configuration(source(1, pool("192.0.2.1", max_iterations=5)), source(2, pool("192.0.2.2", max_iterations="infinity")))
        )
        self.assertEqual(
            (rules, message),
            (("nat64 source rule 1", "nat64 source rule 2"), "Jool has one max-iterations a mark and protocol, and these have 5 and infinity"),
        )

    def test_stateless_nat46_and_clat_of_one_prefix_are_one_instance(self) -> None:
        state = desired_state(
            configuration(
                destination(
                    5,
                    "203.0.113.0/28",
                    "2001:db8:beef::/124",
                    prefix="2001:db8:46::/96",
                    options={"eam-hairpin": "none", "rfc6791 address": "192.0.2.9"},
                ),
                clat=Clat(
                    Engine.JOOL, Mode.INLINE, IPv6Network("2001:db8:46::/96"), IPv4Network("192.168.7.0/24"), IPv6Network("2001:db8:c1a7::/120")
                ),
            )
        )
        instance = state.instances[InstanceKey(MAIN, Kind.SIIT, "nat46-5")]
        self.assertEqual(instance.eamt, {("2001:db8:beef::/124", "203.0.113.0/28"), ("2001:db8:c1a7::/120", "192.168.7.0/24")})
        self.assertEqual(
            (instance.pool6, instance.globals["eam-hairpin-mode"], instance.globals["rfc6791v4-prefix"]), ("2001:db8:46::/96", "off", "192.0.2.9/32")
        )

    def test_a_stateful_nat46_rule_joins_the_inline_nat64_of_its_prefix(self) -> None:
        state = desired_state(
            configuration(
                source(1, pool("192.0.2.1", protocols=(Protocol.TCP,))),
                destination(
                    9, "203.0.113.9", "2001:db8::5", prefix="64:ff9b::/96", ports=PortRange(80, 81), protocols=(Protocol.TCP,), translation_port=8080
                ),
            )
        )
        self.assertEqual(state.instances[INSTANCE_1].bib, {"TCP,2001:db8::5,8080,203.0.113.9,80", "TCP,2001:db8::5,8081,203.0.113.9,81"})
        self.assertEqual(list(state.instances), [INSTANCE_1])


class Isolated(unittest.TestCase):
    def test_masquerade_without_a_pool_translates_to_the_inner_address(self) -> None:
        state = desired_state(configuration(source(100, mode=Mode.ISOLATED, masquerade=True)))
        key = InstanceKey("nat64-100", Kind.NAT64, "instance-100")
        address = int(IPv4Address("198.19.0.201"))
        self.assertEqual(
            {table: each.runs for table, each in state.instances[key].pool4.tables.items()},
            {
                (0, "TCP"): (Run(address, address, ((1024, 65535),)),),
                (0, "UDP"): (Run(address, address, ((1024, 65535),)),),
                (0, "ICMP"): (Run(address, address, ((0, 65535),)),),
            },
        )
        self.assertEqual(state.masquerades, {Masquerade("198.19.0.201", "nat64-100")})

    def test_match_looks_before_packets_go_to_the_translator(self) -> None:
        state = desired_state(
            configuration(
                source(100, pool("192.0.2.1"), mode=Mode.ISOLATED, source_address=IPv6Network("2001:db8:a::/48"), inbound_interface="eth1", mark=7)
            )
        )
        self.assertEqual(in_main(state), {PolicyRule(6, 6464, "640000100", "2001:db8:a::/48", "64:ff9b::/96", "eth1", 7)})
        self.assertEqual(state.routes[RouteKey(MAIN, 6, "640000100", "64:ff9b::/96")], Route("nat64-100", "fe80::64:ff:fe00:2"))
        self.assertNotIn(RouteKey(MAIN, 6, "main", "64:ff9b::/96"), state.routes)
        # The mark does not come along into the namespace.
        self.assertEqual({mark for mark, _ in state.instances[InstanceKey("nat64-100", Kind.NAT64, "instance-100")].pool4.tables}, {0})

    def test_two_rules_that_would_be_led_the_same_way_are_refused(self) -> None:
        rules, message = refused(configuration(source(1, pool("192.0.2.1"), mode=Mode.ISOLATED), source(2, pool("192.0.2.2"), mode=Mode.ISOLATED)))
        self.assertEqual(
            (rules, message),
            (("nat64 source rule 2",), "64:ff9b::/96 is routed to nat64-1 already, by another rule; add `match`, or take another prefix"),
        )

    def test_a_disabled_rule_gets_no_packets(self) -> None:
        state = desired_state(configuration(source(100, pool("192.0.2.1"), mode=Mode.ISOLATED, disabled=True)))
        self.assertEqual([key for key in state.routes if key.namespace == MAIN], [])

    def test_nat46_rules_of_one_prefix_share_a_namespace_called_after_the_lowest(self) -> None:
        state = desired_state(
            configuration(
                destination(5, "198.51.100.5", "2001:db8::5/128", mode=Mode.ISOLATED),
                destination(6, "198.51.100.6", "2001:db8::6/128", mode=Mode.ISOLATED),
                destination(7, "198.51.100.7", "2001:db8::7/128", mode=Mode.ISOLATED, disabled=True),
                destination(8, "198.51.100.8", "2001:db8::8/128", mode=Mode.ISOLATED, prefix="2001:db8:47::/96"),
            )
        )
        self.assertEqual({key.name: sorted(four for _, four in each.eamt) for key, each in state.instances.items()}, {
            "nat46-5": ["198.51.100.5/32", "198.51.100.6/32"], "nat46-8": ["198.51.100.8/32"],
        })
        self.assertEqual(state.namespaces, {"nat46-5", "nat46-8"})
        self.assertEqual(
            sorted((key.destination, route.device) for key, route in state.routes.items() if key.namespace == MAIN),
            [
                ("198.51.100.5", "nat46-5"), ("198.51.100.6", "nat46-5"), ("198.51.100.8", "nat46-8"), ("2001:db8:46::/96", "nat46-5"),
                ("2001:db8:47::/96", "nat46-8"), ("fd64:6464:6464::c613:ffef", "nat46-8"), ("fd64:6464:6464::c613:fff5", "nat46-5"),
            ],
        )

    def test_links_keep_their_addresses_when_other_rules_come(self) -> None:
        few = isolated.pairs(["nat64-100", "nat46-100", "nat46-clat"])
        many = isolated.pairs(["nat64-%d" % number for number in range(1, 900)] + ["nat46-%d" % number for number in range(1, 900)] + ["nat46-clat"])
        self.assertEqual({name: many[name] for name in few}, few)
        self.assertEqual(len({pair.inner for pair in many.values()}), len(many))

    def test_numbers_that_collide_get_addresses_of_their_own(self) -> None:
        pairs = isolated.pairs(["nat64-1", "nat64-32769", "nat64-65537"])
        self.assertEqual([str(pairs[name].outer) for name in ("nat64-1", "nat64-32769", "nat64-65537")], ["198.19.0.2", "198.19.0.4", "198.19.0.6"])

    def test_synchronization_cannot_leave_a_namespace(self) -> None:
        what = configuration(
            source(1, pool("192.0.2.1"), mode=Mode.ISOLATED), nat64_synchronization=Synchronization("eth2", IPv6Address("ff08::1"), 6400)
        )
        self.assertEqual(
            refused(what)[1], "joold cannot reach eth2 from the namespace of an isolated translator; take `mode inline` or `mode iptables`"
        )


class Iptables(unittest.TestCase):
    def test_only_what_a_rule_names_is_given_to_jool_and_errors_find_back(self) -> None:
        state = desired_state(
            configuration(
                source(
                    4,
                    pool("192.0.2.4", (61001, 65535)),
                    pool("192.0.2.5", (1, 65535), (Protocol.TCP,)),
                    mode=Mode.IPTABLES,
                    source_address=IPv6Network("2001:db8:b::/48"),
                    mark=9,
                )
            )
        )
        target = "-j JOOL --instance instance-4"
        self.assertEqual(
            state.iptables,
            {
                6: ("-s 2001:db8:b::/48 -d 64:ff9b::/96 -m mark --mark 0x9 " + target,),
                4: (
                    "-d 192.0.2.4/32 -p tcp -m tcp --dport 61001:65535 " + target,
                    "-d 192.0.2.4/32 -p udp -m udp --dport 61001:65535 " + target,
                    "-d 192.0.2.5/32 -p tcp " + target,
                    "-d 192.0.2.4/31 -p icmp " + target,
                ),
            },
        )
        self.assertEqual(state.instances[InstanceKey(MAIN, Kind.NAT64, "instance-4")].framework, Framework.IPTABLES)

    def test_what_a_match_names_comes_before_what_the_rest_is_for(self) -> None:
        rest, marked = source(1, pool("192.0.2.1"), mode=Mode.IPTABLES), source(2, pool("192.0.2.2"), mode=Mode.IPTABLES, mark=5)
        state = desired_state(configuration(rest, marked))
        self.assertEqual(
            state.iptables[6], ("-d 64:ff9b::/96 -m mark --mark 0x5 -j JOOL --instance instance-2", "-d 64:ff9b::/96 -j JOOL --instance instance-1")
        )

    def test_nat46_rules_of_one_prefix_are_one_instance_to_which_errors_from_anywhere_find(self) -> None:
        rules = (
            destination(3, "203.0.113.0/28", "2001:db8:beef::/124", mode=Mode.IPTABLES),
            destination(4, "203.0.113.3", "2001:db8:cafe::3", mode=Mode.IPTABLES),
            destination(5, "203.0.113.64", "2001:db8:cafe::5", mode=Mode.IPTABLES, disabled=True),
            destination(6, "203.0.113.65", "2001:db8:cafe::6", prefix="2001:db8:47::/96", mode=Mode.IPTABLES),
        )
        state = desired_state(configuration(*rules))
        self.assertEqual(
            {key.name: (each.framework, each.pool6, each.eamt) for key, each in state.instances.items()},
            {
                "nat46-3": (
                    Framework.IPTABLES,
                    "2001:db8:46::/96",
                    {("2001:db8:beef::/124", "203.0.113.0/28"), ("2001:db8:cafe::3/128", "203.0.113.3/32")},
                ),
                "nat46-6": (Framework.IPTABLES, "2001:db8:47::/96", {("2001:db8:cafe::6/128", "203.0.113.65/32")}),
            },
        )
        self.assertEqual(
            state.iptables,
            {
                6: ("-d 2001:db8:46::/96 -j JOOL_SIIT --instance nat46-3", "-d 2001:db8:47::/96 -j JOOL_SIIT --instance nat46-6"),
                4: (
                    "-d 203.0.113.0/28 -j JOOL_SIIT --instance nat46-3",
                    "-d 203.0.113.3/32 -j JOOL_SIIT --instance nat46-3",
                    "-d 203.0.113.65/32 -j JOOL_SIIT --instance nat46-6",
                ),
            },
        )

    def test_a_clat_takes_all_that_comes_to_its_hosts(self) -> None:
        clat = Clat(Engine.JOOL, Mode.IPTABLES, IPv6Network("64:ff9b::/96"), IPv4Network("192.168.7.0/24"), IPv6Network("2001:db8:c1a7::/120"))
        self.assertEqual(
            desired_state(configuration(clat=clat)).iptables,
            {
                6: ("-d 2001:db8:c1a7::/120 -j JOOL_SIIT --instance nat46-clat",),
                4: ("-s 192.168.7.0/24 ! -d 192.168.7.0/24 -j JOOL_SIIT --instance nat46-clat",),
            },
        )

    def test_a_disabled_rule_gives_jool_nothing_since_it_would_drop_it(self) -> None:
        self.assertEqual(desired_state(configuration(source(4, pool("192.0.2.4"), mode=Mode.IPTABLES, disabled=True))).iptables, {})


class Strays(unittest.TestCase):
    own = frozenset(PolicyRule(family, 6465, "local", inbound="lo", inverted=True) for family in (4, 6))
    leads_nowhere = frozenset(PolicyRule(family, 6466, "641000000", inbound="lo", inverted=True) for family in (4, 6))

    def nowhere(self, what: Configuration) -> Set[str]:
        return {"%s in %s" % (key.destination, key.table) for key, route in desired_state(what).routes.items() if route == Route("")}

    def test_addresses_of_a_translator_in_the_router_s_own_namespace_have_no_other_way(self) -> None:
        for mode in (Mode.INLINE, Mode.IPTABLES):
            with self.subTest(mode):
                rule = source(1, pool("192.0.2.0/31"), pool("192.0.2.2/31"), mode=mode)
                what = configuration(rule, destination(2, "203.0.113.0/28", "2001:db8:beef::/124", mode=mode))
                self.assertEqual(
                    self.nowhere(what),
                    {each + " in 641000000" for each in ("192.0.2.0/30", "64:ff9b::/96", "203.0.113.0/28", "2001:db8:46::/96")},
                )
                self.assertEqual(desired_state(what).policy_rules, self.own | self.leads_nowhere)

    def test_the_router_s_own_pools_and_those_of_others_are_none(self) -> None:
        self.assertEqual(self.nowhere(configuration(source(1))), {"64:ff9b::/96 in 641000000"})
        for rule in (source(1, pool("192.0.2.1"), disabled=True), source(1, pool("192.0.2.0/24", None), engine=Engine.TAYGA)):
            self.assertEqual((self.nowhere(configuration(rule)), desired_state(configuration(rule)).policy_rules), (set(), frozenset()))
        isolated_rule = configuration(source(1, pool("192.0.2.1"), mode=Mode.ISOLATED))
        self.assertEqual([key for key in desired_state(isolated_rule).routes if key.table.startswith("641") and key.namespace == MAIN], [])

    def test_what_a_match_leaves_to_others_is_theirs(self) -> None:
        rule = source(1, pool("192.0.2.1"), mode=Mode.IPTABLES, mark=5, inbound_interface="eth1", source_address=IPv6Network("2001:db8::/48"))
        state = desired_state(configuration(rule))
        self.assertEqual(self.nowhere(configuration(rule)), {"192.0.2.1 in 641000000", "default in 641000001"})
        self.assertEqual(
            {each for each in state.policy_rules if each.family == 6}, {PolicyRule(6, 6466, "641000001", "2001:db8::/48", "64:ff9b::/96", "eth1", 5)}
        )

    def test_other_ports_of_a_forwarded_address_are_a_host_s(self) -> None:
        rule = destination(1, "203.0.113.9", "2001:db8::5", ports=PortRange(80, 80), protocols=(Protocol.TCP,))
        self.assertEqual(self.nowhere(configuration(rule)), {"2001:db8:46::/96 in 641000000"})

    def test_a_clat_s_hosts_and_its_provider_are_reached(self) -> None:
        plat = IPv6Network("2001:db8:46::/96")
        clat = Clat(Engine.JOOL, Mode.INLINE, plat, IPv4Network("192.168.7.9/32"), IPv6Network("2001:db8:c1a7::9/128"))
        self.assertEqual(self.nowhere(configuration(clat=clat)), {"2001:db8:c1a7::9 in 641000000"})
        beside = configuration(destination(2, "203.0.113.0/28", "2001:db8:beef::/124"), clat=clat)
        self.assertEqual(self.nowhere(beside), {"2001:db8:c1a7::9 in 641000000", "203.0.113.0/28 in 641000000"})


class Tayga(unittest.TestCase):
    def text(self, **more: Any) -> str:
        return desired_state(configuration(source(7, *more.pop("pools", ()), engine=Engine.TAYGA, **more))).daemons["nat64-tayga", "nat64-7"]

    def test_the_well_known_prefix_needs_an_address_of_tayga_s_own(self) -> None:
        self.assertEqual(
            self.text(pools=(pool("192.168.255.0/24", None),), statics=(static(1, "2001:db8::1", 0, "192.168.255.9", 0),)),
            (
                "tun-device nat64-7\nipv4-addr 192.168.255.0\nipv6-addr fd64:6464:6464::c0a8:ff00\nprefix 64:ff9b::/96\n"
                "dynamic-pool 192.168.255.0/24\n"
                "map 192.168.255.9 2001:db8::1\ndata-dir /run/nat64/tayga-data/nat64-7\n"
            ),
        )

    def test_a_single_address_is_no_pool(self) -> None:
        self.assertEqual(
            refused(configuration(source(7, pool("192.0.2.1", None), engine=Engine.TAYGA)))[1],
            (
                "TAYGA gives each client an address of its own, so its pool is at least a /31, not 192.0.2.1/32; for many clients behind one address "
                "leave the pool out and set `masquerade`"
            ),
        )

    def test_pools_are_one_network_or_refused(self) -> None:
        self.assertIn("dynamic-pool 192.0.2.0/24\n", self.text(pools=(pool("192.0.2.0/25", None), pool("192.0.2.128/25", None))))
        self.assertEqual(
            refused(configuration(source(7, pool("192.0.2.0/25", None), pool("198.51.100.0/25", None), engine=Engine.TAYGA)))[1],
            ("TAYGA has one pool, and 192.0.2.0/25, 198.51.100.0/25 are not one network"),
        )

    def test_nat46_rules_of_one_prefix_are_one_tayga(self) -> None:
        state = desired_state(
            configuration(
                destination(4, "198.51.100.4", "2001:db8::4/128", engine=Engine.TAYGA, disabled=True),
                destination(5, "198.51.100.5", "2001:db8::5/128", engine=Engine.TAYGA),
                destination(6, "198.51.100.6", "2001:db8::6/128", engine=Engine.TAYGA),
            )
        )
        self.assertEqual(list(state.daemons), [("nat64-tayga", "nat46-5")])
        self.assertIn("map 198.51.100.5 2001:db8::5\nmap 198.51.100.6 2001:db8::6\n", state.daemons["nat64-tayga", "nat46-5"])
        self.assertEqual(
            sorted(key.destination for key in state.routes), ["198.19.255.245", "198.51.100.5", "198.51.100.6", "2001:db8:46::/96"],
        )

    def test_ports_are_refused(self) -> None:
        self.assertEqual(
            refused(
                configuration(destination(1, "203.0.113.1", "2001:db8::1", engine=Engine.TAYGA, ports=PortRange(80, 80), protocols=(Protocol.TCP,)))
            )[1],
            ("TAYGA knows no ports; take `engine jool`, or leave `destination port` out"),
        )


class Clats(unittest.TestCase):
    def test_only_what_has_no_route_of_its_own_goes_to_the_translator(self) -> None:
        state = desired_state(
            configuration(
                clat=Clat(Engine.JOOL, Mode.ISOLATED, IPv6Network("64:ff9b::/96"), IPv4Network("192.168.7.0/24"), IPv6Network("2001:db8:c1a7::/120"))
            )
        )
        self.assertEqual(
            in_main(state),
            {PolicyRule(4, 6463, "main", "192.168.7.0/24", suppress_prefix_length=0), PolicyRule(4, 6464, "465000000", "192.168.7.0/24")},
        )
        self.assertEqual(
            {key: route for key, route in state.routes.items() if key.namespace == MAIN},
            {
                RouteKey(MAIN, 4, "465000000", "default"): Route("nat46-clat", "198.19.255.255"),
                RouteKey(MAIN, 6, "main", "2001:db8:c1a7::/120"): Route("nat46-clat", "fe80::64:ff:fe00:2"),
                RouteKey(MAIN, 6, "main", "fd64:6464:6464::c613:ffff"): Route("nat46-clat", "fe80::64:ff:fe00:2"),
            },
        )

    def test_a_single_host_s_routes_are_as_the_kernel_prints_them(self) -> None:
        host = (IPv6Network("64:ff9b::/96"), IPv4Network("192.168.7.9/32"), IPv6Network("2001:db8:c1a7::9/128"))
        for engine, mode in ((Engine.JOOL, Mode.ISOLATED), (Engine.TAYGA, Mode.INLINE)):
            state = desired_state(configuration(clat=Clat(engine, mode, *host)))
            routes = {key.destination for key in state.routes if key.family == 6 and key.namespace == MAIN}
            self.assertEqual(routes - {"fd64:6464:6464::c613:ffff"}, {"2001:db8:c1a7::9"})


class Synchronizations(unittest.TestCase):
    def test_each_instance_has_a_joold_and_a_port_of_its_own(self) -> None:
        state = desired_state(
            configuration(
                source(1, pool("192.0.2.1")),
                source(20, pool("192.0.2.2"), mode=Mode.IPTABLES, prefix="2001:db8::/96"),
                nat64_synchronization=Synchronization("eth2", IPv6Address("ff08::db8:64"), 6400, flush_deadline=500),
            )
        )
        self.assertEqual(
            {name: json.loads(text) for name, text in state.daemons.items()},
            {
                ("nat64-joold", name): {
                    "instance": name,
                    "multicast address": "ff08::db8:64",
                    "multicast port": port,
                    "in interface": "eth2",
                    "out interface": "eth2",
                    "ttl": 1,
                }
                for name, port in (("instance-1", "6400"), ("instance-20", "6401"))
            },
        )
        self.assertEqual(
            {key.name: (each.globals["ss-enabled"], each.globals["ss-flush-deadline"]) for key, each in state.instances.items()},
            {"instance-1": ("TRUE", "500"), "instance-20": ("TRUE", "500")},
        )


class JoolFiles(unittest.TestCase):
    def test_only_what_is_not_a_default_is_written(self) -> None:
        state = desired_state(
            configuration(
                source(
                    1,
                    pool("192.0.2.1", (1024, 2000), (Protocol.TCP,), max_iterations="infinity"),
                    statics=(static(1, "2001:db8::1", 80, "192.0.2.1", 1080),),
                    options={"mtu-plateaus": (1500, 1280), "source-icmpv6-errors-better": False, "tos": 0},
                    log=("binding",),
                    timeouts={"icmp": 30},
                )
            )
        )
        self.assertEqual(
            json.loads(jool.file_text(INSTANCE_1, state.instances[INSTANCE_1])),
            {
                "instance": "instance-1",
                "framework": "netfilter",
                "global": {
                    "pool6": "64:ff9b::/96",
                    "mtu-plateaus": [1500, 1280],
                    "source-icmpv6-errors-better": False,
                    "override-tos": True,
                    "logging-bib": True,
                    "icmp-timeout": "0:00:30",
                },
                # The number goes with the one row that makes the table: see engines/jool.py.
                "pool4": [
                    {"mark": 0, "protocol": "TCP", "prefix": "192.0.2.1", "port range": "1024-2000", "max-iterations": "infinity"},
                    {"mark": 0, "protocol": "TCP", "prefix": "192.0.2.1", "port range": "1024-2000"},
                ],
                "bib": [{"protocol": "TCP", "ipv6 address": "2001:db8::1#80", "ipv4 address": "192.0.2.1#1080"}],
            },
        )


class Logging(unittest.TestCase):
    def test_bindings_or_sessions_that_are_logged_come_to_the_journal_by_one_daemon(self) -> None:
        daemon = {("nat64-log", "kernel"): '{"burst": 20000, "rate": 1000}\n'}
        for log in (("binding",), ("session",), ("binding", "session")):
            rules = configuration(source(1, pool("192.0.2.1"), log=log), source(2, pool("192.0.2.2"), mode=Mode.ISOLATED, log=log))
            self.assertEqual(desired_state(rules).daemons, daemon, log)

    def test_apply_starts_it_once_and_ends_it_with_the_last_rule_that_logs(self) -> None:
        router, unit = FakeRouter(), "nat64-log@kernel.service"
        logging = configuration(source(1, pool("192.0.2.1"), log=("binding",)))
        apply(router, logging)
        self.assertIn(unit, router.running)
        self.assertEqual(apply(router, logging), ())
        apply(router, configuration(source(1, pool("192.0.2.1"))))
        self.assertEqual(router.running, {})

    def test_without_them_or_with_jool_s_own_debugging_there_is_none(self) -> None:
        self.assertEqual(desired_state(configuration(source(1, pool("192.0.2.1"), log=("debug",)))).daemons, {})


if __name__ == "__main__":
    unittest.main()
