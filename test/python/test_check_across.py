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

    def test_mappings_of_tayga_are_addresses_of_its_own(self) -> None:
        def mapped(outside: str, number: int = 20) -> str:
            lines = (f"static 1 outside address {outside}", f"static 1 inside address 2001:db8::{number}")
            return source("engine tayga", *lines, number=number, prefix=f"2001:db8:{number}::/96", pool="", port="")
        self.check(
            ("apart", source() + mapped("198.51.100.1"), []),
            ("in a pool", source() + mapped("192.0.2.1"), [
                "6:33: nat64 source rule 20 static 1: overlaps the addresses of nat64 source rule 10",
            ]),
            ("in another TAYGA's mapping", mapped("192.0.2.1", 20) + mapped("192.0.2.1", 30), [
                "7:33: nat64 source rule 30 static 1: overlaps the addresses of nat64 source rule 20",
            ]),
            ("in a map", mapped("198.51.100.7") + destination(), [
                "5:43: nat46 destination rule 10 destination address: overlaps the addresses of nat64 source rule 20",
            ]),
            ("in its own pool", source(
                "engine tayga", "static 1 outside address 192.0.2.1", "static 1 inside address 2001:db8::1", port="",
            ), []),
        )

    def test_maps_of_one_tayga_are_apart_on_the_ipv6_side(self) -> None:
        def maps(engine: str, first: str = "2001:db8:5::/120", second: str = "2001:db8:5::5") -> str:
            return destination(engine, address="198.51.100.0/24", target=first) + destination(engine, address="203.0.113.1", target=second, number=20)
        self.check(
            ("apart", maps("engine tayga", second="2001:db8:6::5"), []),
            ("nested", maps("engine tayga"), [
                "6:43: nat46 destination rule 20 translation address: 2001:db8:5::5 overlaps 2001:db8:5::/120 of nat46 destination rule 10",
            ]),
            ("which Jool takes", maps("mode isolated"), []),
            ("nested on the IPv4 side", destination("engine tayga", address="198.51.100.0/24", target="2001:db8:5::/120") + destination(
                "engine tayga", address="198.51.100.1", target="2001:db8:6::1", number=20,
            ), []),
        )

    def test_addresses_of_links_are_kept(self) -> None:
        link = source("mode isolated", number=10)
        self.check(
            ("of an isolated rule", source("mode isolated", pool="198.19.0.20/31"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 198.19.0.20/31 is of 198.18.0.0/15",
            ]),
            ("of an inline rule beside one", link + source(number=20, prefix="2001:db8:65::/96", pool="198.18.0.0/24"), [
                "6:53: nat64 source rule 20 translation pool 1 address: 198.18.0.0/24 is of 198.18.0.0/15",
            ]),
            ("of an inline rule without one, as VyOS has it", source(pool="198.18.0.0/24"), []),
            ("around it", source("mode isolated", pool="198.16.0.0/14"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 198.16.0.0/14 has 198.18.0.0/15 in it",
            ]),
            ("of a map", link + destination(address="198.19.255.1"), [
                "5:51: nat46 destination rule 10 destination address: 198.19.255.1 is of 198.18.0.0/15",
            ]),
            ("a prefix", source("mode isolated", prefix="fd64:6464:6464::/96"), [
                "1:40: nat64 source rule 10 source prefix: fd64:6464:6464::/96 is of fd64:6464:6464::/96",
            ]),
            ("a mapping", source(*static(1, inside="fd64:6464:6464::1"), "mode isolated"), [
                "5:50: nat64 source rule 10 static 1 inside address: fd64:6464:6464::1 is of fd64:6464:6464::/96",
            ]),
            ("hosts behind a CLAT", link + clat("198.18.1.0/24", "fd64:6464:6464::/120", "2001:db8:ff::/96", "engine tayga"), [
                "6:29: nat46 clat ipv4 address: 198.18.1.0/24 is of 198.18.0.0/15",
                "7:28: nat46 clat ipv6 prefix: fd64:6464:6464::/120 is of fd64:6464:6464::/96",
            ]),
        )

    def test_no_packet_matches_two_rules_of_one_prefix(self) -> None:
        def two(first: Tuple[str, ...], second: Tuple[str, ...], one: str = "isolated", other: str = "isolated") -> str:
            return source(f"mode {one}", *first) + source(f"mode {other}", *second, number=20, pool="198.51.100.0/24")
        wide, near, far = (f"match source-address {network}" for network in ("2001:db8::/32", "2001:db8:1::/48", "2001:db9::/48"))
        east, west, mark, other_mark = "match inbound-interface eth1", "match inbound-interface eth2", "match mark 1", "match mark 2"
        for first, second in (
            ((wide,), (near,)), ((near,), (wide,)), ((wide,), (east,)), ((east,), (mark,)), ((mark,), (wide,)), ((east,), (east, mark)),
            ((wide, east), (near,)), ((wide, east), (near, mark)), ((wide, mark, east), (mark,)),
        ):
            for modes in (("isolated", "isolated"), ("iptables", "iptables"), ("isolated", "iptables"), ("iptables", "isolated")):
                with self.subTest(f"{first} {second} {modes}"):
                    text = two(first, second, *modes)
                    column = len("set nat64 source rule 20 ") + 1
                    line = 9 + len(first)
                    self.assertEqual(heads(text)[-1:], [
                        f"{line}:{column}: nat64 source rule 20 match: packets to 2001:db8:64::/96 may match nat64 source rule 10 as well",
                    ])
        for first, second in (
            ((near,), (far,)), ((east,), (west,)), ((mark,), (other_mark,)), ((wide, east), (near, west)), ((wide, mark), (near, other_mark)),
            ((wide, mark, east), (near, mark, west)), ((), (near,)), ((near, east, mark), ()),
        ):
            with self.subTest(f"{first} {second}"):
                self.assertEqual(heads(two(first, second)), [])
        self.check(
            ("iptables takes all before", two((), (near,), "iptables"), [
                "9:26: nat64 source rule 20 match: nat64 source rule 10 takes all packets to 2001:db8:64::/96",
            ]),
            ("iptables takes some before", two((), (near,), "isolated", "iptables"), []),
            ("another prefix", source("mode isolated", wide) + source(
                "mode isolated", near, number=20, prefix="2001:db8:65::/96", pool="198.51.100.0/24",
            ), []),
            ("disabled", two((wide,), (near, "disable")), []),
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


class RulesWithoutPools(unittest.TestCase):
    """In one instance of Jool with rules that have some: it would have no address for them."""

    REFUSED = "%d:23: nat64 source rule %d: no pool, and in one instance with %s, which has addresses"

    def told(self, text: str) -> List[str]:
        return [head for head in heads(text) if "warning" not in head]

    def test_beside_rules_that_have_addresses_they_are_refused(self) -> None:
        other = source("match mark 5", number=20, pool="", port="")
        mapping = source("match mark 5", *static(1, to="61001"), number=20, pool="", port="")
        forward = destination("destination port 80", prefix="2001:db8:64::/96")
        first = "nat64 source rule 10"
        self.assertEqual(self.told(source() + other), [self.REFUSED % (4, 20, first)])
        self.assertEqual(self.told(source() + mapping), [self.REFUSED % (4, 20, first)])
        self.assertEqual(self.told(source(pool="", port="") + forward), [self.REFUSED % (1, 10, "nat46 destination rule 10")])
        # All are paused, and so in one instance as well.
        disabled = source("disable") + mapping + "set nat64 source rule 20 disable\n"
        self.assertEqual(self.told(disabled), [self.REFUSED % (5, 20, first)])

    def test_alone_or_among_their_like_they_are_not(self) -> None:
        other = source("match mark 5", *static(1, to="61001"), number=20, pool="", port="")
        for text in (
            source(pool="", port="") + other, source("disable") + other, source("mode isolated", prefix="2001:db8:65::/96") + other,
            source() + source("match mark 5", "disable", number=20, pool="", port=""),
            source(pool="", port="") + destination(prefix="2001:db8:46::/96"),
        ):
            with self.subTest(text):
                self.assertEqual(self.told(text), [])


if __name__ == "__main__":
    unittest.main()
