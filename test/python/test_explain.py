"""What becomes of an address, by the configuration alone."""

from __future__ import annotations

import unittest
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import List, Optional, Tuple

from configurations import configuration, destination, pool, source, static

from nat64ctl.explain import CLIENT_IN_SIX, SERVER_IN_FOUR, Answer, BadQuestion, Question, answers, read_question
from nat64ctl.model import Clat, Configuration, Engine, Mode, PortRange, Protocol

RULES = configuration(
    source(
        100,
        pool("192.0.2.0/24", (1024, 65535), (Protocol.TCP,)),
        prefix="2001:db8:64::/48",
        statics=(static(1, "2001:db8::1", 80, "192.0.2.10", 8080),),
    ),
    destination(5, "203.0.113.16/28", "2001:db8:beef::10/124"),
)


def ask(rules: Configuration, text: str, protocol: Optional[str] = None) -> List[Answer]:
    return answers(rules, read_question(text, protocol))


def short(found: List[Answer]) -> List[Tuple[str, str, str, str]]:
    return [(each.rule, each.mapping, each.ipv6, each.ipv4) for each in found]


class Questions(unittest.TestCase):
    def test_forms_of_an_address(self) -> None:
        four, six = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")
        self.assertEqual(read_question("192.0.2.1", None), Question(four, None, None))
        self.assertEqual(read_question("192.0.2.1:80", "TCP"), Question(four, 80, Protocol.TCP))
        self.assertEqual(read_question("192.0.2.1#0", None), Question(four, 0, None))
        self.assertEqual(read_question("2001:db8::1", "icmp"), Question(six, None, Protocol.ICMP))
        self.assertEqual(read_question("[2001:db8::1]:443", None), Question(six, 443, None))
        self.assertEqual(read_question("2001:db8::1#443", None), Question(six, 443, None))
        self.assertEqual(read_question("[2001:db8::1]", None), Question(six, None, None))

    def test_what_is_no_address(self) -> None:
        for text in ("", "example.org", "192.0.2.300", "192.0.2.1:99999", "[2001:db8::1]80", "2001:db8::1#x", "10.0.0.0/8", "[192.0.2.1"):
            with self.assertRaises(BadQuestion, msg=text):
                read_question(text, None)
        # What Python takes for digits, and numbers and zones that it takes or not by its version.
        for text in ("192.0.2.1:²", "192.0.2.1:٣", "192.0.2.1:" + "9" * 5000, "2001:db8::1%eth0", "[fe80::1%2]:80", "\udcff"):
            with self.assertRaises(BadQuestion, msg=text):
                read_question(text, None)
        with self.assertRaises(BadQuestion):
            read_question("192.0.2.1", "sctp")


class Answers(unittest.TestCase):
    def test_of_maps_that_overlap_the_longest_has_an_address(self) -> None:
        rules = configuration(
            destination(5, "203.0.113.16/28", "2001:db8:beef::10/124"),
            destination(6, "203.0.113.17", "2001:db8:cafe::17"),
            destination(7, "203.0.113.17", "2001:db8:cafe::18", disabled=True),
        )
        self.assertEqual(
            [(each.rule, each.ipv6, each.note) for each in ask(rules, "203.0.113.17")],
            [
                ("nat46-5", "2001:db8:beef::11", "a longer map wins"),
                ("nat46-6", "2001:db8:cafe::17", ""),
                ("nat46-7", "2001:db8:cafe::18", "the rule is disabled"),
            ],
        )
        self.assertEqual([(each.rule, each.note) for each in ask(rules, "203.0.113.18") if each.mapping == "explicit map"], [("nat46-5", "")])
        self.assertEqual([(each.rule, each.ipv4, each.note) for each in ask(rules, "2001:db8:beef::11")], [("nat46-5", "203.0.113.17", "")])

    def test_a_server_in_the_prefix_and_the_same_from_the_other_side(self) -> None:
        expected = ("nat64-100", "RFC 6052", "2001:db8:64:c633:64:700::", "198.51.100.7")
        self.assertEqual(short(ask(RULES, "2001:db8:64:c633:64:700::")), [expected])
        found = ask(RULES, "198.51.100.7:443")
        self.assertEqual(short(found), [expected, ("nat46-5", "RFC 6052", "2001:db8:46::c633:6407", "198.51.100.7")])
        self.assertEqual([(each.ways, each.ipv6_port, each.ipv4_port) for each in found], [(SERVER_IN_FOUR, 443, 443)] * 2)

    def test_an_address_in_the_prefix_that_has_no_ipv4_address_in_it(self) -> None:
        (found,) = ask(RULES, "2001:db8:64:c633:164:700::")
        self.assertEqual((found.mapping, found.ipv4), ("none", ""))
        self.assertIn("bits 64 to 71", found.note)

    def test_a_static_mapping_both_ways_and_ports_that_are_not_its(self) -> None:
        mapped = Answer("nat64-100", "jool", "static", "tcp", "2001:db8::1", 80, "192.0.2.10", 8080, CLIENT_IN_SIX, "static 1")
        self.assertEqual(ask(RULES, "192.0.2.10:8080")[0], mapped)
        self.assertEqual(ask(RULES, "[2001:db8::1]:80"), [mapped])
        self.assertEqual([each.mapping for each in ask(RULES, "2001:db8::1")], ["static", "pool"])
        self.assertEqual([each.mapping for each in ask(RULES, "[2001:db8::1]:81")], ["pool"])
        self.assertEqual([each.mapping for each in ask(RULES, "192.0.2.10:8081") if each.rule == "nat64-100"], ["pool"])
        self.assertEqual([each.mapping for each in ask(RULES, "192.0.2.10:80") if each.rule == "nat64-100"], ["none"])
        self.assertEqual([each.mapping for each in ask(RULES, "192.0.2.10:8081", "udp") if each.rule == "nat64-100"], ["none"])

    def test_an_explicit_map_both_ways(self) -> None:
        expected = Answer("nat46-5", "jool", "explicit map", "", "2001:db8:beef::13", None, "203.0.113.19", None, CLIENT_IN_SIX)
        self.assertIn(expected, ask(RULES, "203.0.113.19"))
        self.assertIn(expected, ask(RULES, "2001:db8:beef::13"))

    def test_ports_of_a_stateful_rule(self) -> None:
        rules = configuration(
            destination(
                7, "203.0.113.1", "2001:db8:beef::7", ports=PortRange(8000, 8010), protocols=(Protocol.TCP, Protocol.UDP), translation_port=80
            )
        )
        found = ask(rules, "203.0.113.1:8003", "udp")
        self.assertEqual(found, [Answer("nat46-7", "jool", "static", "udp", "2001:db8:beef::7", 83, "203.0.113.1", 8003, CLIENT_IN_SIX)])
        self.assertEqual(ask(rules, "[2001:db8:beef::7]:83", "udp"), found)
        self.assertEqual(ask(rules, "203.0.113.1:8011"), [])
        self.assertEqual([each.note for each in ask(rules, "203.0.113.1")], ["ports 8000-8010 become 80-90"] * 2)

    def test_what_a_rule_asks_of_packets_and_that_it_is_disabled(self) -> None:
        network = IPv6Network("2001:db8:1::/48")
        rules = configuration(
            source(1, pool("192.0.2.1"), mode=Mode.ISOLATED, source_address=network, inbound_interface="eth1", mark=5, disabled=True)
        )
        (found,) = ask(rules, "64:ff9b::c633:6407")
        self.assertEqual(found.note, "the rule is disabled; only packets from 2001:db8:1::/48 that come in by eth1 with mark 5")
        self.assertEqual(ask(rules, "2001:db8:2::1"), [])
        self.assertEqual([each.protocol for each in ask(rules, "2001:db8:1::1")], ["tcp", "udp", "icmp"])

    def test_tayga_gives_whole_addresses_and_none_that_are_private_under_the_well_known_prefix(self) -> None:
        rules = configuration(source(8, pool("100.64.0.0/24", None), engine=Engine.TAYGA, statics=(static(1, "2001:db8::9", 1, "192.0.2.9", 1),)))
        self.assertEqual(short(ask(rules, "2001:db8::9")), [("nat64-8", "static", "2001:db8::9", "192.0.2.9")])
        self.assertEqual(short(ask(rules, "2001:db8::8")), [("nat64-8", "pool", "2001:db8::8", "100.64.0.0/24")])
        self.assertEqual([(each.mapping, each.note) for each in ask(rules, "100.64.0.0")], [("none", "TAYGA's own address")])
        self.assertIn("TAYGA translates no private address", ask(rules, "64:ff9b::a00:1")[0].note)
        self.assertEqual(ask(rules, "64:ff9b::c633:6407")[0].note, "")

    def test_a_rule_without_pools(self) -> None:
        self.assertEqual(
            [each.note for each in ask(configuration(source(1)), "2001:db8::8")], ["any global address of the router, ports 61001-65535"]
        )
        isolated = configuration(source(1, mode=Mode.ISOLATED, masquerade=True))
        self.assertEqual([each.note for each in ask(isolated, "2001:db8::8")], ["the router's own address (masquerade)"])

    def test_464xlat(self) -> None:
        clat = Clat(Engine.JOOL, Mode.INLINE, IPv6Network("64:ff9b::/96"), IPv4Network("192.168.7.0/24"), IPv6Network("2001:db8:c1a7::/120"))
        rules = configuration(clat=clat)
        self.assertEqual(short(ask(rules, "192.168.7.9")), [("nat46-clat", "explicit map", "2001:db8:c1a7::9", "192.168.7.9")])
        self.assertEqual(short(ask(rules, "2001:db8:c1a7::9")), [("nat46-clat", "explicit map", "2001:db8:c1a7::9", "192.168.7.9")])
        self.assertEqual(short(ask(rules, "198.51.100.7")), [("nat46-clat", "RFC 6052", "64:ff9b::c633:6407", "198.51.100.7")])
        self.assertEqual(short(ask(rules, "64:ff9b::c633:6407")), [("nat46-clat", "RFC 6052", "64:ff9b::c633:6407", "198.51.100.7")])


if __name__ == "__main__":
    unittest.main()
