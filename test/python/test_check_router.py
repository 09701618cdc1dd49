"""A configuration against a router: only with facts, and only what they tell."""
from __future__ import annotations

import unittest
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

from support.checking import heads, result_of
from support.lines import clat, destination, source, static

from nat64ctl.check import RouterFacts
from nat64ctl.model import PortRange
from nat64ctl.needs import Lack, Need

LINUX = RouterFacts(ephemeral_ports=PortRange(32768, 60999), jool_version=(4, 1, 13))
OVERLAP = "3:50: {}nat64 source rule 10 translation pool 1 port: 1-65535 overlaps the router's ephemeral ports 32768-60999"
_STATEFUL = destination("destination port 80", number=11, address="198.51.100.9", prefix="2001:db8:64::/96")


class EphemeralPorts(unittest.TestCase):
    def test_without_facts_nothing_is_said_of_the_router(self) -> None:
        self.assertEqual(heads(source(port="1-65535")), [])
        self.assertEqual(heads(source("mode isolated", "match inbound-interface nosuch", port="2-65535"), RouterFacts()), [])

    def test_older_jool_and_vyos_are_warned_newer_ones_refuse(self) -> None:
        cases = (
            (LINUX, "warning: "), (replace(LINUX, jool_version=(4, 1, 14)), "warning: "), (replace(LINUX, jool_version=(4, 1, 15)), ""),
            (replace(LINUX, jool_version=(4, 2)), ""),
            (replace(LINUX, jool_version=None), "warning: "), (replace(LINUX, vyos_year=2025), "warning: "), (replace(LINUX, vyos_year=2026), ""),
        )
        for facts, severity in cases:
            with self.subTest(facts):
                self.assertEqual(heads(source(port="1-65535"), facts), [OVERLAP.format(severity)])

    def test_what_would_be_valid_is_said(self) -> None:
        problem = next(problem for problem in result_of(source(port="1-65535"), LINUX).problems if "ephemeral" in problem.message)
        self.assertEqual(problem.remedy, "valid is 1-32767 or 61000-65535; or change net.ipv4.ip_local_port_range")

    def test_ports_beside_the_range_and_other_namespaces_are_no_matter(self) -> None:
        for text in (
            source(port="1-32767"), source(port="61000-65535"), source(port=""), source("mode isolated", port="1-65535"),
            source("engine tayga", port=""), destination(), source("translation pool 1 protocol icmp", port="1-65535"),
            source("translation pool 1 disable", "translation pool 2 address 192.0.2.1", port="1-65535"),
            destination("mode isolated", "destination port 40000"),
        ):
            with self.subTest(text):
                self.assertEqual(heads(text, LINUX), [])

    def test_ports_of_nat46_and_the_default_ports_count_too(self) -> None:
        self.assertEqual(heads(destination("destination port 40000"), LINUX), [
            "4:48: warning: nat46 destination rule 10 destination port: 40000 overlaps the router's ephemeral ports 32768-60999",
        ])
        self.assertEqual(heads(source(port=""), replace(LINUX, ephemeral_ports=PortRange(1024, 65000))), [
            "2:53: warning: nat64 source rule 10 translation pool 1 address: 61001-65535 overlaps the router's ephemeral ports 1024-65000",
        ])


    def test_without_a_pool_the_default_ports_of_the_router_count(self) -> None:
        facts = replace(LINUX, ephemeral_ports=PortRange(1024, 65535))
        no_pool = "1:23: warning: nat64 source rule 10 translation pool: no pool"
        overlap = "1:23: warning: nat64 source rule 10: 61001-65535 overlaps the router's ephemeral ports 1024-65535"
        self.assertEqual(heads(source(pool="", port=""), facts), [no_pool, overlap])
        self.assertEqual(heads(source(pool="", port=""), replace(facts, jool_version=(4, 1, 15))), [no_pool, overlap])
        self.assertEqual(heads(source(pool="", port=""), LINUX), [no_pool])
        self.assertNotIn(overlap, heads(source("mode isolated", pool="", port=""), facts))

    def test_port_1_of_an_isolated_pool_is_its_namespaces_own(self) -> None:
        pool = "4:50: {}nat64 source rule 10 translation pool 1 port: port 1 is the namespace's own"
        forward = "5:48: {}nat46 destination rule 10 destination port: port 1 is the namespace's own"
        isolated = "set nat64 source rule 10 mode isolated\n"
        for ports in ("1-65535", "0-65535", "1"):
            text = isolated + source("translation pool 1 protocol tcp", port=ports)
            zero = ["4:50: warning: nat64 source rule 10 translation pool 1 port: port 0 is never used"] if ports[0] == "0" else []
            for facts, severity in ((None, "warning: "), (RouterFacts(), "warning: "), (replace(LINUX, jool_version=(4, 1, 15)), "")):
                with self.subTest(ports, facts=facts):
                    self.assertEqual(sorted(heads(text, facts)), sorted([*zero, pool.format(severity)]))
            self.assertEqual(heads(text, LINUX), zero)
        text = destination("destination port 1", "mode isolated")
        self.assertEqual(heads(text), [forward.format("warning: ").replace("5:", "4:", 1)])
        for text in (isolated + source(port="2-65535"), source(port="1"), isolated + source("translation pool 1 protocol icmp", port="0-65535")):
            self.assertEqual(heads(text), [])

    def test_a_mapping_without_a_pool_is_of_an_address_of_the_router(self) -> None:
        facts = RouterFacts(interfaces=frozenset(("eth0",)), addresses=frozenset((IPv4Address("192.0.2.1"),)))
        no_pool = "1:23: warning: nat64 source rule 10 translation pool: no pool"
        ours, other = (source(*static(1, outside=address, to="61001"), pool="", port="") for address in ("192.0.2.1", "192.0.2.2"))
        self.assertEqual(heads(ours, facts), [no_pool])
        self.assertEqual(heads(other, facts), [
            no_pool, "5:51: nat64 source rule 10 static 1 outside address: 192.0.2.2 is no address of this router",
        ])
        self.assertEqual(heads(other, RouterFacts()), [no_pool])

    def test_addresses_of_links_are_not_the_routers(self) -> None:
        for address, expected in (
            # 198.19.0.0 and twice the rule's number.
            ("198.19.0.20", "1:23: nat64 source rule 10: 198.19.0.20, of its link, is an address of this router"),
            ("198.19.0.21", "1:23: nat64 source rule 10: 198.19.0.21, of its link, is an address of this router"),
            ("198.19.0.22", "1:23: warning: nat64 source rule 10: 198.19.0.22 is an address of this router"),
            ("198.18.0.1", "1:23: warning: nat64 source rule 10: 198.18.0.1 is an address of this router"),
            ("fd64:6464:6464::1", "1:23: warning: nat64 source rule 10: fd64:6464:6464::1 is an address of this router"),
        ):
            facts = RouterFacts(addresses=frozenset((ip_address(address),)))
            with self.subTest(address):
                self.assertEqual(heads(source("mode isolated"), facts), [expected])
                self.assertEqual(heads(source(), facts), [])
        masquerade = source("engine tayga", "masquerade", pool="", port="")
        # The eleventh /20 of 198.18.0.0/16.
        facts = RouterFacts(addresses=frozenset((IPv4Address("198.18.160.1"),)))
        self.assertEqual(heads(masquerade, facts), ["1:23: nat64 source rule 10: 198.18.160.1, of its link, is an address of this router"])


class WhatIsThere(unittest.TestCase):
    def test_what_is_not_there_is_told_where_it_is_asked_for(self) -> None:
        lack = Lack("the module jool does not load", "`engine tayga`", "one line\nanother")
        result = result_of(source() + destination("engine tayga") + _STATEFUL, RouterFacts(lacks={Need.NAT64: lack}))
        self.assertEqual([str(problem) for problem in result.problems if problem.message == lack.message], [
            "f:%s: the module jool does not load\n    one line; another\n    `engine tayga`" % place
            for place in ("1:23: nat64 source rule 10", "8:28: nat46 destination rule 11")
        ])

    def test_each_rule_is_told_of_what_it_needs_and_of_nothing_else(self) -> None:
        isolated = source("mode isolated", "masquerade", pool="", port="")
        synchronized = source() + "set nat64 synchronization interface eth1\n"
        for text, needs in (
            (source(), {Need.FITTING_TOOLS: "1:23", Need.NAT64: "1:23", Need.NAT64_HOOK: "1:23"}),
            (source("mode iptables"), {Need.FITTING_TOOLS: "1:23", Need.NAT64: "1:23", Need.IPTABLES: "4:26", Need.NAT64_TARGET: "4:26"}),
            (isolated, {Need.FITTING_TOOLS: "1:23", Need.NAT64: "1:23", Need.NFTABLES: "3:26"}),
            (source("engine tayga", port=""), {Need.FITTING_TOOLS: "3:26", Need.TAYGA: "3:26"}),
            (source("engine tayga", "disable", "masquerade", port=""), {Need.FITTING_TOOLS: "3:26"}),
            (isolated + "set nat64 source rule 10 disable\n", {Need.FITTING_TOOLS: "1:23", Need.NAT64: "1:23"}),
            (clat(), {Need.FITTING_TOOLS: "1:11", Need.SIIT: "1:11", Need.SIIT_HOOK: "1:11"}),
            (destination("mode iptables"), {Need.FITTING_TOOLS: "1:28", Need.SIIT: "1:28", Need.IPTABLES: "4:31", Need.SIIT_TARGET: "4:31"}),
            (synchronized, {Need.FITTING_TOOLS: "1:23", Need.NAT64: "1:23", Need.NAT64_HOOK: "1:23", Need.JOOLD: "4:11"}),
        ):
            for need in Need:
                problems = result_of(text, RouterFacts(lacks={need: Lack("it is not there", "")})).problems
                found = {"%d:%d" % (problem.line, problem.column) for problem in problems if problem.message == "it is not there"}
                with self.subTest(text, need=need):
                    self.assertEqual(found, {needs[need]} if need in needs else set())

    def test_an_interface_that_is_not_there_is_a_warning_since_it_may_come(self) -> None:
        facts = RouterFacts(interfaces=frozenset(("eth0",)))
        text = source("mode iptables", "match inbound-interface eth0") + "set nat64 synchronization interface eth1\n"
        self.assertEqual(heads(text, facts), ["6:37: warning: nat64 synchronization interface: there is no interface eth1 on this router now"])
        self.assertEqual(
            heads(text.replace("eth0", "ppp0"), facts)[0],
            "5:50: warning: nat64 source rule 10 match inbound-interface: there is no interface ppp0 on this router now",
        )
        words = [problem.reason for problem in result_of(text.replace("eth0", "ppp0"), facts).problems if "there is no interface" in problem.message]
        self.assertEqual(words, ["Until it is there, nothing matches.", "Until it is there, no session is told to another router."])

    def test_addresses_of_a_translator_with_an_interface_are_not_the_routers(self) -> None:
        facts = RouterFacts(addresses=frozenset((IPv4Address("192.0.2.9"), IPv4Address("10.0.0.1"), IPv6Address("2001:db8::1"))))
        refused = "2:53: nat64 source rule 10 translation pool 1 address: 192.0.2.9 is an address of this router"
        for text, expected in (
            (source(), []), (source("mode iptables"), []), (source("mode isolated"), [refused]), (source("engine tayga", port=""), [refused]),
            (source("mode isolated", pool="192.0.2.0/29"), []),
            (
                destination("mode isolated", address="10.0.0.1"),
                ["1:51: nat46 destination rule 10 destination address: 10.0.0.1 is an address of this router"],
            ),
        ):
            with self.subTest(text):
                self.assertEqual(heads(text, facts), expected)


if __name__ == "__main__":
    unittest.main()
