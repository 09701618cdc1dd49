"""nat64 source rules, one by itself: what is refused, what is said, and what passes in silence."""
from __future__ import annotations

import copy
import unittest
from typing import List, Tuple

from support.checking import heads, result_of
from support.lines import source, static
from support.sample_tree import DOCUMENT

from nat64ctl import tree
from nat64ctl.check import check_text
from nat64ctl.problems import Severity

SHARING = "rules share it if they have the same prefix and options, told apart by marks."
ONCE = "This is said once, and holds for all rules in this mode."


class SourceRules(unittest.TestCase):
    """Each case: what it is about, the text, and the first lines of all problems."""

    def check(self, *cases: Tuple[str, str, List[str]]) -> None:
        for title, text, expected in cases:
            with self.subTest(title):
                self.assertEqual(heads(text), expected)

    def test_prefixes_follow_rfc_6052(self) -> None:
        self.check(
            ("valid", source(), []),
            ("missing", source(prefix=""), [
                "1:23: nat64 source rule 10 source prefix: missing",
            ]),
            ("length 32", source(prefix="2001:db8::/32"), []),
            ("length 40", source(prefix="2001:db8::/40"), []),
            ("length 48", source(prefix="2001:db8::/48"), []),
            ("length 56", source(prefix="2001:db8::/56"), []),
            ("length 64", source(prefix="2001:db8::/64"), []),
            ("a length that RFC 6052 does not have", source(prefix="2001:db8:64::/95"), [
                "1:40: nat64 source rule 10 source prefix: a length of 95 is not valid here",
            ]),
            ("the zero octet", source(prefix="2001:db8:64:0:ff00::/96"), [
                "1:40: nat64 source rule 10 source prefix: bits 64 to 71 are not zero in 2001:db8:64:0:ff00::/96",
            ]),
            ("the octet behind it may be anything", source(prefix="2001:db8:64:0:00ff::/96"), []),
            ("bits beyond the length", source(prefix="2001:db8:64::1/96"), [
                '1:40: nat64 source rule 10 source prefix: "2001:db8:64::1/96" has bits beyond its length',
            ]),
            ("no length", source(prefix="2001:db8:64::"), [
                '1:40: nat64 source rule 10 source prefix: "2001:db8:64::" is not an IPv6 network',
            ]),
            ("multicast", source(prefix="ff0e:db8::/32"), [
                "1:40: nat64 source rule 10 source prefix: ff0e:db8::/32 cannot be used",
            ]),
            ("link-local", source(prefix="fe80::/64"), [
                "1:40: nat64 source rule 10 source prefix: fe80::/64 cannot be used",
            ]),
            ("IPv4-mapped", source(prefix="::ffff:0:0/96"), [
                "1:40: nat64 source rule 10 source prefix: ::ffff:0:0/96 cannot be used",
            ]),
            *((f"the well-known prefix with length {length}", source(prefix=f"64:ff9b::/{length}"), [
                f"1:40: nat64 source rule 10 source prefix: 64:ff9b::/{length} cannot be used",
            ]) for length in (32, 40, 48, 56, 64)),
            ("beside the well-known prefix", source(prefix="64:ff9b:1::/48"), []),
            ("zero", source(prefix="::/96"), [
                "1:40: nat64 source rule 10 source prefix: ::/96 cannot be used",
            ]),
            ("an IPv4 network", source(prefix="192.0.2.0/24"), [
                '1:40: nat64 source rule 10 source prefix: "192.0.2.0/24" is not an IPv6 network',
            ]),
        )

    def test_a_pool_fits_into_memory(self) -> None:
        self.check(
            ("a /14", source(pool="16.0.0.0/14"), []),
            ("a /13", source(pool="16.0.0.0/13"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 524288 addresses for tcp are too many",
            ]),
            ("a /6", source("mode isolated", pool="16.0.0.0/6"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 67108864 addresses for tcp are too many",
            ]),
            ("two", source("translation pool 2 address 17.0.0.0/15", "translation pool 2 port 1024", pool="16.0.0.0/14"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 393216 addresses for tcp are too many",
            ]),
            ("two of the same", source("translation pool 2 address 16.0.0.0/14", "translation pool 2 port 80", pool="16.0.0.0/14"), []),
            ("two protocols", source(
                "translation pool 1 protocol tcp", "translation pool 2 address 20.0.0.0/14", "translation pool 2 port 80",
                "translation pool 2 protocol udp", pool="16.0.0.0/14",
            ), []),
            ("TAYGA has a list of what is free", source("engine tayga", pool="16.0.0.0/8", port=""), []),
        )

    def test_private_pools_do_not_go_with_the_well_known_prefix(self) -> None:
        self.check(
            ("public", source(prefix="64:ff9b::/96"), []),
            ("10/8", source(prefix="64:ff9b::/96", pool="10.0.0.0/24"), [
                "2:53: warning: nat64 source rule 10 translation pool 1 address: 10.0.0.0/24 is private, and the prefix is the well-known one",
            ]),
            ("shared space", source(prefix="64:ff9b::/96", pool="100.64.1.1"), [
                "2:53: warning: nat64 source rule 10 translation pool 1 address: 100.64.1.1 is private, and the prefix is the well-known one",
            ]),
            ("local-use prefix of RFC 8215", source(prefix="64:ff9b:1::/96", pool="10.0.0.0/24"), []),
            ("behind masquerade nobody sees it", source("mode isolated", "masquerade", prefix="64:ff9b::/96", pool="10.0.0.0/24"), []),
        )

    def test_pools_of_one_rule_may_overlap_as_in_vyos_but_it_is_said(self) -> None:
        self.check(
            ("nested, ports overlap", source("translation pool 2 address 192.0.2.7", "translation pool 2 port 4000-5000"), [
                "4:43: warning: nat64 source rule 10 translation pool 2: overlaps pool 1",
            ]),
            ("nested, written first", source("translation pool 2 address 192.0.0.0/16", "translation pool 2 port 4000-5000"), [
                "4:43: warning: nat64 source rule 10 translation pool 2: overlaps pool 1",
            ]),
            ("the same", source("translation pool 2 address 192.0.2.0/24", "translation pool 2 port 1024-4095"), [
                "4:43: warning: nat64 source rule 10 translation pool 2: overlaps pool 1",
            ]),
            ("ports apart", source("translation pool 2 address 192.0.2.7", "translation pool 2 port 4096-5001"), []),
            (
                "protocols apart",
                source(
                    "translation pool 1 protocol tcp", "translation pool 2 address 192.0.2.7", "translation pool 2 port 4000-5000",
                    "translation pool 2 protocol udp",
                ),
                [],
            ),
            (
                "one is disabled",
                source("translation pool 2 address 192.0.2.7", "translation pool 2 port 4000-5000", "translation pool 2 disable"),
                [],
            ),
            ("without ports Jool takes 61001 to 65535", source("translation pool 2 address 192.0.2.7", port="61000-61001"), [
                "4:43: warning: nat64 source rule 10 translation pool 2: overlaps pool 1",
            ]),
            ("just below", source("translation pool 2 address 192.0.2.7", "translation pool 2 protocol tcp", port="60999-61000"), []),
        )

    def test_addresses_of_pools_are_such_that_hosts_can_have(self) -> None:
        self.check(
            ("bits beyond the length, as VyOS refuses them", source(pool="192.0.2.1/24"), [
                '2:53: nat64 source rule 10 translation pool 1 address: "192.0.2.1/24" has bits beyond its length',
            ]),
            ("/32", source(pool="192.0.2.1/32"), []),
            ("multicast", source(pool="224.0.0.0/24"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 224.0.0.0/24 cannot be used",
            ]),
            ("loopback", source(pool="127.0.0.1"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 127.0.0.1 cannot be used",
            ]),
            ("everything", source(pool="0.0.0.0/0"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 0.0.0.0/0 cannot be used",
            ]),
            ("broadcast", source(pool="255.255.255.255"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 255.255.255.255 cannot be used",
            ]),
            ("leading zeros", source(pool="192.0.02.1"), [
                '2:53: nat64 source rule 10 translation pool 1 address: "192.0.02.1" is not valid here',
            ]),
            ("three numbers", source(pool="192.0.2/24"), [
                '2:53: nat64 source rule 10 translation pool 1 address: "192.0.2/24" is not valid here',
            ]),
            ("a length of 33", source(pool="192.0.2.0/33"), [
                '2:53: nat64 source rule 10 translation pool 1 address: "192.0.2.0/33" has no valid length',
            ]),
            ("IPv6", source(pool="2001:db8::1"), [
                '2:53: nat64 source rule 10 translation pool 1 address: "2001:db8::1" is not valid here',
            ]),
            ("missing", source(pool=""), [
                "2:43: nat64 source rule 10 translation pool 1 address: missing",
            ]),
        )

    def test_ports_of_pools(self) -> None:
        self.check(
            ("port 0 of all protocols", source(port="0"), [
                "3:50: warning: nat64 source rule 10 translation pool 1 port: port 0 is never used",
            ]),
            ("a range from 0", source(port="0-10"), [
                "3:50: warning: nat64 source rule 10 translation pool 1 port: port 0 is never used",
            ]),
            ("port 0 of TCP", source("translation pool 1 protocol tcp", port="0"), [
                "3:50: nat64 source rule 10 translation pool 1 port: port 0 cannot be used",
            ]),
            ("identifier 0 of ICMP", source("translation pool 1 protocol icmp", port="0"), []),
            ("one", source(port="5000"), []),
            ("all", source(port="1-65535"), []),
            ("backwards", source(port="20-10"), [
                '3:50: nat64 source rule 10 translation pool 1 port: "20-10" ends before it begins',
            ]),
            ("too high", source(port="1-70000"), [
                '3:50: nat64 source rule 10 translation pool 1 port: "1-70000" has a port above 65535',
            ]),
            ("a word", source(port="http"), [
                '3:50: nat64 source rule 10 translation pool 1 port: "http" is not valid here',
            ]),
            ("an open range", source(port="1024-"), [
                '3:50: nat64 source rule 10 translation pool 1 port: "1024-" is not valid here',
            ]),
            ("none", source(port=""), []),
            (
                "a number of iterations for each protocol",
                source("translation pool 1 max-iterations 5", "translation pool 2 address 198.51.100.1", "translation pool 2 max-iterations auto"),
                [
                    "6:60: nat64 source rule 10 translation pool 2 max-iterations: pool 1 has 5",
                ],
            ),
            (
                "the same number",
                source("translation pool 1 max-iterations 5", "translation pool 2 address 198.51.100.1", "translation pool 2 max-iterations 5"),
                [],
            ),
        )

    def test_a_rule_never_takes_all_addresses_because_its_pools_are_disabled(self) -> None:
        self.check(
            ("every pool disabled", source("translation pool 1 disable"), [
                "2:38: nat64 source rule 10 translation pool: every pool is disabled",
            ]),
            ("in isolated mode", source("mode isolated", "translation pool 1 disable"), [
                "2:38: nat64 source rule 10 translation pool: every pool is disabled",
            ]),
            ("the rule too", source("disable", "translation pool 1 disable"), [
                "2:38: warning: nat64 source rule 10 translation pool: every pool is disabled",
            ]),
            ("no pool, which VyOS accepts", source(pool="", port=""), [
                "1:23: warning: nat64 source rule 10 translation pool: no pool",
            ]),
            ("no pool in isolated mode", source("mode isolated", pool="", port=""), [
                "1:23: nat64 source rule 10 translation pool: missing",
            ]),
            ("no pool but masquerade", source("mode isolated", "masquerade", pool="", port=""), []),
            ("TAYGA", source("engine tayga", pool="", port=""), [
                "1:23: nat64 source rule 10 translation pool: missing",
            ]),
            ("TAYGA with masquerade", source("engine tayga", "masquerade", pool="", port=""), []),
            ("TAYGA with maps", source("engine tayga", *static(1, protocol="", port="", to=""), pool="", port=""), []),
        )

    def test_what_an_engine_or_a_mode_has_not_is_refused(self) -> None:
        self.check(
            (
                "TAYGA",
                source(
                    "engine tayga", "match mark 7", "timeout udp 300", "translation pool 1 protocol tcp", "option f-args 10", "mode iptables",
                    "log session", "match source-address 2001:db8::/64",
                ),
                [
                    "3:45: nat64 source rule 10 translation pool 1 port: not for the engine tayga",
                    "5:32: nat64 source rule 10 match mark: not for the engine tayga",
                    "6:26: nat64 source rule 10 timeout: not for the engine tayga",
                    "7:45: nat64 source rule 10 translation pool 1 protocol: not for the engine tayga",
                    "8:26: nat64 source rule 10 option: not for the engine tayga",
                    "9:26: nat64 source rule 10 mode: iptables is not for the engine tayga",
                    "10:26: nat64 source rule 10 log: not for the engine tayga",
                    "11:32: nat64 source rule 10 match source-address: not for the engine tayga",
                ],
            ),
            ("ports of a map of TAYGA", source("engine tayga", *static(1), port=""), [
                "4:35: nat64 source rule 10 static 1 protocol: not for the engine tayga",
                "6:42: nat64 source rule 10 static 1 inside port: not for the engine tayga",
                "8:43: nat64 source rule 10 static 1 outside port: not for the engine tayga",
            ]),
            ("one address for TAYGA", source("engine tayga", pool="192.0.2.1", port=""), [
                "2:53: nat64 source rule 10 translation pool 1 address: one address is too few",
            ]),
            ("two networks for TAYGA", source("engine tayga", "translation pool 2 address 192.0.4.0/24", port=""), [
                "4:43: nat64 source rule 10 translation pool 2: a pool too many",
            ]),
            ("two networks that are one", source("engine tayga", "translation pool 2 address 192.0.3.0/24", port=""), []),
            (
                "TAYGA with all it has",
                source("engine tayga", "persistent", "masquerade", "mode isolated", *static(1, protocol="", port="", to=""), port=""),
                [],
            ),
            ("inline", source("masquerade", "persistent", "match source-address 2001:db8::/64", "match inbound-interface eth0"), [
                "4:26: nat64 source rule 10 masquerade: not for the mode inline",
                "5:26: nat64 source rule 10 persistent: not for the engine jool",
                "6:32: nat64 source rule 10 match source-address: not for the mode inline",
                "7:32: nat64 source rule 10 match inbound-interface: not for the mode inline",
            ]),
            ("everybody", source("mode isolated", "match source-address ::/0"), [
                "5:47: nat64 source rule 10 match source-address: ::/0 is every address",
            ]),
            ("iptables", source("mode iptables", "match source-address 2001:db8::/64", "match inbound-interface eth0.7", "match mark 1"), []),
            ("masquerade with iptables", source("mode iptables", "masquerade"), [
                "5:26: nat64 source rule 10 masquerade: not for the mode iptables",
            ]),
            ("an unknown engine", source("engine joule"), [
                '4:33: nat64 source rule 10 engine: "joule" is not valid here; did you mean "jool"?',
            ]),
        )

    def test_values_are_in_their_ranges(self) -> None:
        self.check(
            ("mark", source("match mark 2147483648"), [
                '4:37: nat64 source rule 10 match mark: "2147483648" is out of range',
            ]),
            ("mark 0", source("match mark 0"), [
                '4:37: nat64 source rule 10 match mark: "0" is out of range',
            ]),
            ("a long name", source("mode isolated", "match inbound-interface abcdefghijklmnop"), [
                '5:50: nat64 source rule 10 match inbound-interface: "abcdefghijklmnop" is not the name of an interface',
            ]),
            *((f"the name {name}", source("mode iptables", f"match inbound-interface '{name}'"), [
                f'5:50: nat64 source rule 10 match inbound-interface: "{name}" is not the name of an interface',
            ]) for name in ("é" * 15, "eth+", "!eth0", "-i", "eth%d", "..", "a'b".replace("'", "*"))),
            ("other names", source("mode iptables", "match inbound-interface br-lan.7@~_"), []),
            ("timeouts below the minima", source("timeout udp 119", "timeout tcp-established 7199", "timeout tcp-transitory 239"), [
                '4:38: nat64 source rule 10 timeout udp: "119" is out of range',
                '5:50: nat64 source rule 10 timeout tcp-established: "7199" is out of range',
                '6:49: nat64 source rule 10 timeout tcp-transitory: "239" is out of range',
            ]),
            ("timeouts at the minima", source("timeout udp 120", "timeout tcp-established 7200", "timeout tcp-transitory 240", "timeout icmp 0"), []),
            ("timeouts beyond 32 bits of milliseconds", source("timeout icmp 4294968"), [
                '4:39: nat64 source rule 10 timeout icmp: "4294968" is out of range',
            ]),
            ("a minimum MTU", source("option lowest-ipv6-mtu 1279"), [
                '4:49: nat64 source rule 10 option lowest-ipv6-mtu: "1279" is out of range',
            ]),
            ("f-args", source("option f-args 16"), [
                '4:40: nat64 source rule 10 option f-args: "16" is out of range',
            ]),
            ("a plateau of 0, which Jool leaves out", source("option mtu-plateaus 0", "option mtu-plateaus 1500"), [
                '4:46: nat64 source rule 10 option mtu-plateaus: "0" is out of range',
            ]),
            ("64 plateaus", source(*(f"option mtu-plateaus {number}" for number in range(100, 164))), []),
            ("65 plateaus", source(*(f"option mtu-plateaus {number}" for number in range(100, 165))), [
                "68:46: nat64 source rule 10 option mtu-plateaus: 65 are too many",
            ]),
            ("a description", source("description " + "x" * 255), []),
            ("a long description", source("description " + "x" * 256), [
                "4:38: nat64 source rule 10 description: a text of 256 characters is too long",
            ]),
        )

    def test_static_mappings_are_in_a_pool_and_one_to_one(self) -> None:
        self.check(
            ("valid", source(*static(1)), []),
            ("another address", source(*static(1, outside="192.0.3.1")), [
                "7:51: nat64 source rule 10 static 1 outside address: tcp port 1080 of 192.0.3.1 is in no pool of this rule",
            ]),
            ("another port", source(*static(1, to="80")), [
                "8:48: nat64 source rule 10 static 1 outside port: tcp port 80 of 192.0.2.1 is in no pool of this rule",
            ]),
            ("another protocol", source("translation pool 1 protocol udp", *static(1)), [
                "9:48: nat64 source rule 10 static 1 outside port: tcp port 1080 of 192.0.2.1 is in no pool of this rule",
            ]),
            (
                "in a disabled pool",
                source("translation pool 2 address 198.51.100.1", "translation pool 2 disable", *static(1, outside="198.51.100.1")),
                [
                    "9:51: nat64 source rule 10 static 1 outside address: tcp port 1080 of 198.51.100.1 is in no pool of this rule",
                ],
            ),
            ("the same outside", source(*static(1), *static(2, inside="2001:db8::2")), [
                "9:33: nat64 source rule 10 static 2: the same outside address, port and protocol as static 1",
            ]),
            ("the same inside", source(*static(1), *static(2, to="1081")), [
                "9:33: nat64 source rule 10 static 2: the same inside address, port and protocol as static 1",
            ]),
            ("doubled", source(*static(1), *static(2)), [
                "9:33: nat64 source rule 10 static 2: the same outside address, port and protocol as static 1",
            ]),
            ("another protocol of the same ports", source(*static(1), *static(2, protocol="udp")), []),
            (
                "addresses that no host has",
                source(*static(1, inside="fe80::1"), *static(2, inside="ff02::1", to="1081"), *static(3, inside="2001:db8:64::1", to="1082")),
                [
                    "5:50: nat64 source rule 10 static 1 inside address: fe80::1 cannot be used",
                    "10:50: nat64 source rule 10 static 2 inside address: ff02::1 cannot be used",
                    "15:50: nat64 source rule 10 static 3 inside address: 2001:db8:64::1 is in the rule's own prefix",
                ],
            ),
            ("port 0", source(*static(1, port="0")), [
                "6:47: nat64 source rule 10 static 1 inside port: port 0 cannot be used",
            ]),
            ("identifier 0", source(*static(1, protocol="icmp", port="0")), []),
            ("without ports a pool has identifiers 61001 to 65535, too", source(*static(1, protocol="icmp"), port=""), [
                "7:48: nat64 source rule 10 static 1 outside port: icmp port 1080 of 192.0.2.1 is in no pool of this rule",
            ]),
            ("and there it is", source(*static(1, protocol="icmp", to="61001"), port=""), []),
            ("half of it", source("static 1 protocol tcp", "static 1 inside address 2001:db8::1"), [
                "4:33: nat64 source rule 10 static 1 outside address: missing",
                "4:33: nat64 source rule 10 static 1 inside port: missing",
                "4:33: nat64 source rule 10 static 1 outside port: missing",
            ]),
            ("two protocols", source(*static(1), "static 1 protocol udp"), [
                "4:35: nat64 source rule 10 static 1 protocol: more than one protocol",
            ]),
            ("without a pool", source(*static(1), pool="", port=""), [
                "1:23: warning: nat64 source rule 10 translation pool: no pool",
                "6:48: nat64 source rule 10 static 1 outside port: port 1080 is in no pool",
            ]),
            ("without a pool, in its default ports", source(*static(1, to="61001"), pool="", port=""), [
                "1:23: warning: nat64 source rule 10 translation pool: no pool",
            ]),
            ("without a pool, in isolated mode", source("mode isolated", "masquerade", *static(1), pool="", port=""), [
                "4:33: nat64 source rule 10 static 1: no pool holds this mapping",
            ]),
        )

    def test_tayga_has_addresses_that_it_does_not_take(self) -> None:
        def mapped(outside: str = "198.51.100.1", inside: str = "2001:db8::1", pool: str = "192.0.2.0/24", prefix: str = "2001:db8:64::/96") -> str:
            return source(
                "engine tayga", f"static 1 outside address {outside}", f"static 1 inside address {inside}", port="", pool=pool, prefix=prefix,
            )
        self.check(
            ("valid", mapped(), []),
            ("in its pool", mapped("192.0.2.1"), []),
            ("its own address", mapped("192.0.2.0"), [
                "4:51: nat64 source rule 10 static 1 outside address: 192.0.2.0 is the first address of the pool",
            ]),
            ("link-local", mapped("169.254.1.1"), ["4:51: nat64 source rule 10 static 1 outside address: 169.254.1.1 cannot be used"]),
            ("reserved", mapped("240.0.0.1"), ["4:51: nat64 source rule 10 static 1 outside address: 240.0.0.1 cannot be used"]),
            ("a pool that is link-local", mapped(pool="169.254.7.0/24"), [
                "2:53: nat64 source rule 10 translation pool 1 address: 169.254.7.0/24 cannot be used",
            ]),
            ("which Jool takes", source(pool="169.254.7.0/24"), []),
            ("the first bits of the well-known prefix", mapped(inside="64:ff9b:1::1"), [
                "5:50: nat64 source rule 10 static 1 inside address: 64:ff9b:1::1 cannot be used",
            ]),
            ("::/8", mapped(inside="64::1"), ["5:50: nat64 source rule 10 static 1 inside address: 64::1 cannot be used"]),
            ("which Jool takes as well", source(*static(1, inside="64::1")), []),
            ("a prefix of ::/8", mapped(prefix="64:1::/96"), ["1:40: nat64 source rule 10 source prefix: 64:1::/96 cannot be used"]),
            ("the local-use prefix", mapped(prefix="64:ff9b:1::/96"), ["1:40: nat64 source rule 10 source prefix: 64:ff9b:1::/96 cannot be used"]),
            ("the well-known one", mapped(prefix="64:ff9b::/96"), []),
        )

    def test_mistakes_do_not_hide_or_beget_others(self) -> None:
        self.check(
            ("a typing error is not a missing prefix", "set nat64 source rule 10 source prefx 64:ff9b::/96\n" + source(prefix=""), [
                '1:33: nat64 source rule 10 source: unknown node "prefx"; did you mean "prefix"?',
            ]),
            ("one of another kind beside a missing prefix", source("match mark 0", prefix=""), [
                "1:23: nat64 source rule 10 source prefix: missing",
                '3:37: nat64 source rule 10 match mark: "0" is out of range',
            ]),
            ("a pool with a wrong address is not a missing pool", source(pool="192.0.2"), [
                '2:53: nat64 source rule 10 translation pool 1 address: "192.0.2" is not valid here',
            ]),
            ("a wrong number of a pool is not a missing pool", source("mode isolated", "translation pool x address 192.0.2.1", pool="", port=""), [
                '3:43: nat64 source rule 10 translation pool: "x" is not a number',
            ]),
            ("a line that cannot be read may be the prefix", source(prefix="") + "set nat64 source rule 10 source prefix '64:ff9b::/96\n", [
                "3:40: the closing ' is missing",
            ]),
        )

    def test_an_engine_that_is_not_known_has_no_other_error_in_its_train(self) -> None:
        self.check(
            ("persistent", source("engine taiga", "persistent", "masquerade", port=""), [
                '3:33: nat64 source rule 10 engine: "taiga" is not valid here; did you mean "tayga"?',
            ]),
            ("and no prefix", source("mode isolate", prefix=""), [
                "1:23: nat64 source rule 10 source prefix: missing",
                '3:31: nat64 source rule 10 mode: "isolate" is not valid here; did you mean "isolated"?',
            ]),
        )

    def test_names_on_the_router_fit(self) -> None:
        """With the tree's numbers they always do; a tree that allowed more would be found out."""
        document = copy.deepcopy(DOCUMENT)
        document["roots"]["nat64"]["children"]["source"]["children"]["rule"]["value"][0]["max"] = 9999999
        result = check_text(source(number=1000000).encode(), "f", None, tree.parse(document))
        self.assertEqual([str(problem).split("\n")[0] for problem in result.problems if problem.severity is Severity.ERROR], [
            "f:1:23: nat64 source rule 1000000: the name instance-1000000 is too long",
        ])

    def test_errors_have_their_reason_and_what_would_be_valid(self) -> None:
        for text, expected in (
            (source(prefix="2001:db8:64:0:ff00::/96"), [
                "f:1:40: nat64 source rule 10 source prefix: bits 64 to 71 are not zero in 2001:db8:64:0:ff00::/96",
                "    RFC 6052 section 2.2 keeps this octet for the interface identifiers of RFC 4291.", "    2001:db8:64::/96 would be valid",
            ]),
            (source("translation pool 1 disable"), [
                "f:2:38: nat64 source rule 10 translation pool: every pool is disabled",
                "    Jool would take ports 61001 to 65535 of every global address of the router.", "    disable the rule, or leave one pool enabled",
            ]),
            (source(*static(1, to="80")), [
                "f:8:48: nat64 source rule 10 static 1 outside port: tcp port 80 of 192.0.2.1 is in no pool of this rule",
                "    A static mapping lies in a pool.", "    valid is 1024-4095",
            ]),
            (source() + source("match mark 5", number=20, prefix="2001:db8:65::/96", pool="198.51.100.0/24"), [
                "f:4:23: nat64 source rule 20: cannot be in one instance with nat64 source rule 10: another prefix",
                "    Jool has at most one netfilter instance of NAT64 in a network namespace; " + SHARING,
                "    the same prefix, or mode isolated or iptables",
            ]),
            (source(), [
                "f:1:23: warning: nat64 source rule 10: the forward firewall does not see what is translated in mode inline",
                "    Jool's netfilter hook takes packets before the firewall's forward rules, zones and MSS clamp. " + ONCE,
                "    mode isolated",
            ]),
        ):
            with self.subTest(expected[0]):
                self.assertIn("\n".join(expected), [str(problem) for problem in result_of(text).problems])


if __name__ == "__main__":
    unittest.main()
