"""Rules against each other: what one namespace cannot hold, and what would belong to two translators."""
from __future__ import annotations

import unittest
from typing import Any, Dict, List, Tuple

from support.checking import ALL_IPV4, heads, result_of
from support.lines import clat, destination, source, static

NETWORK = destination(address="198.51.100.0/24", target="2001:db8:5::/120")


class Across(unittest.TestCase):
    """Each case: what it is about, the text, and the first lines of all problems."""

    def check(self, *cases: Tuple[str, str, List[str]]) -> None:
        for title, text, expected in cases:
            with self.subTest(title):
                self.assertEqual(heads(text), expected)

    def test_inline_rules_of_one_prefix_are_one_instance_told_apart_by_marks(self) -> None:
        self.check(
            ("two marks and a shared pool", source() + source("match mark 5", number=20), []),
            ("three", source() + source("match mark 5", number=20) + source("match mark 6", number=30), []),
            ("no marks", source() + source(number=20, pool="198.51.100.0/24"), [
                "4:23: nat64 source rule 20: the same packets as for nat64 source rule 10: no mark, and the same prefix",
            ]),
            ("the same mark", source("match mark 5") + source("match mark 5", number=20, pool="198.51.100.0/24"), [
                "5:23: nat64 source rule 20: the same packets as for nat64 source rule 10: mark 5, and the same prefix",
            ]),
            ("another prefix", source() + source("match mark 5", number=20, prefix="2001:db8:65::/96"), [
                "4:23: nat64 source rule 20: cannot be in one instance with nat64 source rule 10: another prefix",
            ]),
            ("other options, timeouts and logs", source("option tos 5", "log session") + source("match mark 5", "timeout udp 300", number=20), [
                (
                    "6:23: nat64 source rule 20: cannot be in one instance with nat64 source rule 10: another set of options, "
                    "another set of timeouts and another log"
                ),
            ]),
            (
                "another prefix, in isolated mode",
                source() + source("mode isolated", number=20, prefix="2001:db8:65::/96", pool="198.51.100.0/24"),
                [],
            ),
            ("another prefix, with iptables", source() + source("mode iptables", number=20, prefix="2001:db8:65::/96", pool="198.51.100.0/24"), []),
            ("another prefix, TAYGA", source() + source("engine tayga", number=20, prefix="2001:db8:65::/96", pool="198.51.100.0/24", port=""), []),
            ("a disabled one is there as well", source() + source("disable", number=20, prefix="2001:db8:65::/96"), [
                "4:23: nat64 source rule 20: cannot be in one instance with nat64 source rule 10: another prefix",
            ]),
            ("mappings of two rules", source(*static(1)) + source("match mark 5", *static(7, inside="2001:db8::2"), number=20), [
                "13:33: nat64 source rule 20 static 7: the same outside address, port and protocol as static 1 of nat64 source rule 10",
            ]),
        )

    def test_nat46_rules_of_one_prefix_share_a_translator_in_every_mode(self) -> None:
        for way in ("mode isolated", "engine tayga"):
            second = destination(way, address="203.0.113.0/24", target="2001:db8:6::/120", number=20)
            self.check((way, destination(way, address="198.51.100.0/24", target="2001:db8:5::/120") + second, []))

    def test_two_translators_do_not_share_an_address_and_port(self) -> None:
        self.check(
            (
                "isolated takes whole addresses",
                source() + source("mode isolated", number=20, prefix="2001:db8:65::/96", pool="192.0.2.9", port="5000-6000"),
                [
                    "5:43: nat64 source rule 20 translation pool 1: overlaps the addresses of nat64 source rule 10",
                ],
            ),
            ("ports apart", source() + source("mode iptables", number=20, prefix="2001:db8:65::/96", pool="192.0.2.9", port="4096-6000"), []),
            ("ports overlap", source() + source("mode iptables", number=20, prefix="2001:db8:65::/96", pool="192.0.2.9", port="4095-6000"), [
                "5:43: nat64 source rule 20 translation pool 1: overlaps the addresses of nat64 source rule 10",
            ]),
            (
                "protocols apart",
                source("translation pool 1 protocol tcp") + source(
                    "mode iptables", "translation pool 1 protocol udp", number=20, prefix="2001:db8:65::/96",
                ),
                [],
            ),
            ("a larger network", source() + source("mode iptables", number=20, prefix="2001:db8:65::/96", pool="192.0.0.0/16"), [
                "5:43: nat64 source rule 20 translation pool 1: overlaps the addresses of nat64 source rule 10",
            ]),
            (
                "behind a rival of the same instance",
                source("mode iptables", number=5, prefix="2001:db8:65::/96", pool="192.0.0.0/16") + source() + source("match mark 7", number=20),
                [
                    "6:43: nat64 source rule 10 translation pool 1: overlaps the addresses of nat64 source rule 5",
                    "9:43: nat64 source rule 20 translation pool 1: overlaps the addresses of nat64 source rule 5",
                ],
            ),
            ("a disabled rule", source() + source("mode isolated", "disable", number=20, prefix="2001:db8:65::/96"), []),
            ("a map", source() + destination(address="192.0.2.7"), [
                "4:43: nat46 destination rule 10 destination address: overlaps the addresses of nat64 source rule 10",
            ]),
        )

    def test_an_ipv6_packet_belongs_to_one_translator(self) -> None:
        self.check(
            ("the same prefix", source("mode isolated") + source("mode isolated", number=20, pool="198.51.100.0/24"), [
                "5:33: nat64 source rule 20 source prefix: 2001:db8:64::/96 is also the prefix of nat64 source rule 10",
            ]),
            (
                "told apart by their sources",
                source("mode isolated") + source("mode isolated", "match source-address 2001:db8:1::/48", number=20, pool="198.51.100.0/24"),
                [],
            ),
            (
                "inline sees them first",
                source() + source("mode isolated", "match source-address 2001:db8:1::/48", number=20, pool="198.51.100.0/24"),
                [
                    "4:33: nat64 source rule 20 source prefix: 2001:db8:64::/96 is also the prefix of nat64 source rule 10",
                ],
            ),
            ("told apart by a mark", source() + source("mode isolated", "match mark 3", number=20, pool="198.51.100.0/24"), []),
            ("nested", source() + source("mode isolated", number=20, prefix="2001:db8::/32", pool="198.51.100.0/24"), [
                "4:33: nat64 source rule 20 source prefix: 2001:db8::/32 overlaps 2001:db8:64::/96 of nat64 source rule 10",
            ]),
            ("of both kinds", source() + destination(prefix="2001:db8:64::/96"), [
                "6:38: nat46 destination rule 10 source prefix: 2001:db8:64::/96 is also the prefix of nat64 source rule 10",
            ]),
            ("maps in two namespaces", destination() + destination("mode isolated", number=20, address="198.51.100.8", target="2001:db8::8"), [
                "6:38: nat46 destination rule 20 source prefix: 2001:db8:46::/96 is also the prefix of nat46 destination rule 10",
            ]),
        )

    def test_explicit_maps_are_one_to_one(self) -> None:
        self.check(
            ("two", destination() + destination(number=20, address="198.51.100.8", target="2001:db8::8"), []),
            ("overlapping, of which the longest prefix wins", NETWORK + destination(number=20, target="2001:db8:5::8"), []),
            ("overlapping, in mode iptables", "".join(
                each + "set nat46 destination rule %d mode iptables\n" % number for number, each in ((10, NETWORK), (20, destination(number=20)))
            ), []),
            ("overlapping, in two namespaces", NETWORK + destination("mode isolated", number=20, prefix="2001:db8:47::/96"), [
                "4:43: nat46 destination rule 20 destination address: overlaps the addresses of nat46 destination rule 10",
            ]),
            ("overlapping, one of them TAYGA", NETWORK + destination("engine tayga", number=20, prefix="2001:db8:47::/96"), [
                "4:43: nat46 destination rule 20 destination address: overlaps the addresses of nat46 destination rule 10",
            ]),
            ("the same IPv4 network", NETWORK + destination(number=20, address="198.51.100.0/24", target="2001:db8:6::/120"), [
                "4:43: nat46 destination rule 20 destination address: 198.51.100.0/24 is already mapped by nat46 destination rule 10",
            ]),
            ("the same, disabled", NETWORK + destination("disable", number=20, address="198.51.100.0/24", target="2001:db8:6::/120"), []),
            ("the same IPv6 address", destination() + destination(number=20, address="198.51.100.8"), [
                "5:43: nat46 destination rule 20 translation address: 2001:db8::7 is already mapped by nat46 destination rule 10",
            ]),
            ("another prefix", destination() + destination(number=20, address="198.51.100.8", target="2001:db8::8", prefix="2001:db8:47::/96"), [
                "4:28: nat46 destination rule 20: cannot be in one instance with nat46 destination rule 10: another prefix",
            ]),
            ("other options", destination("option tos 5") + destination(number=20, address="198.51.100.8", target="2001:db8::8"), [
                "5:28: nat46 destination rule 20: cannot be in one instance with nat46 destination rule 10: another set of options",
            ]),
            ("the CLAT with another prefix", destination() + clat(), [
                "4:11: nat46 clat: cannot be in one instance with nat46 destination rule 10: another prefix",
            ]),
            ("the CLAT with the same prefix", destination(prefix="64:ff9b::/96") + clat(), []),
            ("the CLAT with a map of one of its hosts", destination(prefix="64:ff9b::/96", address="192.168.0.7", target="2001:db8:c::7") + clat(), [
                "3:45: warning: nat46 destination rule 10 source prefix: the well-known prefix, and 192.168.0.7 is private",
            ]),
            ("the CLAT with a map of all of them", destination(prefix="64:ff9b::/96", address="192.168.0.0/24", target="2001:db8:c::/120") + clat(), [
                "3:45: warning: nat46 destination rule 10 source prefix: the well-known prefix, and 192.168.0.0/24 is private",
                "5:21: nat46 clat ipv4 address: 192.168.0.0/24 is already mapped by nat46 destination rule 10",
                "6:21: nat46 clat ipv6 prefix: 2001:db8:c::/120 is already mapped by nat46 destination rule 10",
            ]),
        )

    def test_nat46_rules_of_mode_iptables_share_an_instance_by_their_prefix(self) -> None:
        first = destination("mode iptables")
        other: Dict[str, Any] = {"number": 20, "address": "198.51.100.8", "target": "2001:db8::8"}
        self.check(
            ("the same", first + destination("mode iptables", **other), []),
            ("two", first + destination("mode iptables", "option tos 4", prefix="2001:db8:47::/96", **other), []),
            ("other options", first + destination("mode iptables", "option tos 4", **other), [
                "5:28: nat46 destination rule 20: cannot be in one instance with nat46 destination rule 10: another set of options",
            ]),
            ("of both kinds", first + destination("mode iptables", "destination port 80", **other), [
                "7:38: nat46 destination rule 20 source prefix: 2001:db8:46::/96 is also the prefix of nat46 destination rule 10",
            ]),
        )

    def test_both_sides_of_464xlat_on_one_router(self) -> None:
        provider, isolated = source(prefix="64:ff9b::/96"), "set nat46 clat mode isolated\n"
        self.check(
            ("the customer's apart", provider + clat() + isolated, []),
            ("the customer's by TAYGA", provider + clat() + "set nat46 clat engine tayga\n", []),
            ("the provider's apart", source("mode isolated", prefix="64:ff9b::/96") + clat(), []),
            ("neither", provider + clat(), ["4:16: nat46 clat plat-prefix: 64:ff9b::/96 is also the prefix of nat64 source rule 10"]),
            ("neither, by iptables", source("mode iptables", prefix="64:ff9b::/96") + clat() + "set nat46 clat mode iptables\n", [
                "5:16: nat46 clat plat-prefix: 64:ff9b::/96 is also the prefix of nat64 source rule 10",
            ]),
            ("a disabled one is none", source("disable", prefix="64:ff9b::/96") + clat(), []),
            ("a part of the provider's prefix", source(prefix="2001:db8:64::/64") + clat(plat="2001:db8:64::/96") + isolated, [
                "4:16: nat46 clat plat-prefix: 2001:db8:64::/96 overlaps 2001:db8:64::/64 of nat64 source rule 10",
            ]),
            ("the customer's hosts within the provider's prefix", source(prefix="2001:db8:c::/96") + clat() + isolated, [
                "6:21: nat46 clat ipv6 prefix: 2001:db8:c::/120 overlaps 2001:db8:c::/96 of nat64 source rule 10",
            ]),
            ("IPv4 clients in the provider's prefix", destination("mode isolated", prefix="64:ff9b::/96") + clat(), [
                "5:16: nat46 clat plat-prefix: 64:ff9b::/96 is also the prefix of nat46 destination rule 10",
            ]),
        )

    def test_that_stateless_jool_takes_all_ipv4_where_the_router_forwards_it_is_said_once(self) -> None:
        second = destination(number=20, address="198.51.100.8", target="2001:db8::8")
        for title, text, expected in (
            ("two maps", destination() + second, ["nat46 destination rule 10"]),
            ("the first one disabled", destination("disable") + second, ["nat46 destination rule 20"]),
            ("a CLAT", clat(), ["nat46 clat"]),
            ("isolated", destination("mode isolated"), []),
            ("by iptables", destination("mode iptables"), []),
            ("TAYGA", destination("engine tayga"), []),
            ("stateful", destination("destination port 80"), []),
        ):
            with self.subTest(title):
                self.assertEqual([" ".join(problem.path) for problem in result_of(text).problems if problem.message == ALL_IPV4], expected)

    def test_bindings_are_one_to_one(self) -> None:
        self.check(
            ("ports apart", destination("destination port 80-90") + destination("destination port 91", number=20, target="2001:db8::8"), []),
            ("ports overlap", destination("destination port 80-90") + destination("destination port 85", number=20, target="2001:db8::8"), [
                "5:43: nat46 destination rule 20 destination address: overlaps the addresses of nat46 destination rule 10",
            ]),
            ("the same server", destination("destination port 80-90") + destination("destination port 85", number=20, address="198.51.100.8"), [
                "5:28: nat46 destination rule 20: tcp ports of 2001:db8::7 are already those of nat46 destination rule 10",
            ]),
            (
                "the same server, other ports",
                destination("destination port 80-90") + destination("destination port 85", "translation port 91", number=20, address="198.51.100.8"),
                [],
            ),
            (
                "beside a NAT64 rule of the same prefix",
                source() + destination("destination port 80", address="192.0.2.1", prefix="2001:db8:64::/96"),
                [],
            ),
            ("in its pool", source() + destination("destination port 1080", address="192.0.2.1", prefix="2001:db8:64::/96"), [
                "4:43: nat46 destination rule 10 destination address: overlaps the addresses of nat64 source rule 10",
            ]),
            ("beside a NAT64 rule of another prefix", source() + destination("destination port 80"), [
                "4:28: nat46 destination rule 10: cannot be in one instance with nat64 source rule 10: another prefix",
            ]),
            (
                "beside a static mapping of the same server",
                source(*static(1)) + destination("destination port 80", target="2001:db8::1", prefix="2001:db8:64::/96"),
                [
                    "4:33: nat64 source rule 10 static 1: its inside address, port and protocol are already those of nat46 destination rule 10",
                ],
            ),
        )


if __name__ == "__main__":
    unittest.main()
