"""nat46: destination rules, the CLAT and session synchronization, one by itself."""
from __future__ import annotations

import unittest
from typing import List, Tuple

from support.checking import heads
from support.lines import clat, destination, source


class Nat46(unittest.TestCase):
    """Each case: what it is about, the text, and the first lines of all problems."""

    def check(self, *cases: Tuple[str, str, List[str]]) -> None:
        for title, text, expected in cases:
            with self.subTest(title):
                self.assertEqual(heads(text), expected)

    def test_stateless_rules_map_addresses_that_fit(self) -> None:
        self.check(
            ("an address", destination(), []),
            ("networks", destination(address="198.51.100.0/24", target="2001:db8::/120"), []),
            ("a larger network", destination(address="198.51.100.0/24", target="2001:db8::/64"), []),
            ("a larger network with TAYGA", destination("engine tayga", address="198.51.100.0/24", target="2001:db8::/64"), [
                "2:51: nat46 destination rule 10 translation address: 2001:db8::/64 is larger than 198.51.100.0/24",
            ]),
            ("too small", destination(address="198.51.100.0/24"), [
                "2:51: nat46 destination rule 10 translation address: 2001:db8::7 is too small for 198.51.100.0/24",
            ]),
            ("too small by a bit", destination(address="198.51.100.0/24", target="2001:db8::/121"), [
                "2:51: nat46 destination rule 10 translation address: 2001:db8::/121 is too small for 198.51.100.0/24",
            ]),
            ("ports and protocols", destination("protocol tcp", "translation port 80"), [
                "4:31: nat46 destination rule 10 protocol: not without a destination port",
                "5:43: nat46 destination rule 10 translation port: not without a destination port",
            ]),
            ("into the rule's own prefix", destination(target="2001:db8:46::5"), [
                "2:51: nat46 destination rule 10 translation address: 2001:db8:46::5 and the source prefix overlap",
            ]),
            ("to a multicast group", destination(target="ff02::1"), [
                "2:51: nat46 destination rule 10 translation address: ff02::1 cannot be used",
            ]),
            ("from loopback", destination(address="127.0.0.1"), [
                "1:51: nat46 destination rule 10 destination address: 127.0.0.1 cannot be used",
            ]),
            ("link-local with TAYGA", destination("engine tayga", address="169.254.1.1"), [
                "1:51: nat46 destination rule 10 destination address: 169.254.1.1 cannot be used",
            ]),
            ("::/8 with TAYGA", destination("engine tayga", target="64:ff9b:1::1"), [
                "2:51: nat46 destination rule 10 translation address: 64:ff9b:1::1 cannot be used",
            ]),
            *((f"errors from {address}", destination(f"option rfc6791 address {address}"), [
                f"4:54: nat46 destination rule 10 option rfc6791 address: {address} cannot be used",
            ]) for address in ("0.0.0.0/8", "127.0.0.1", "169.254.0.0/16", "224.0.0.1", "255.255.255.255", "160.0.0.0/4")),
            ("errors from addresses of the network", destination("option rfc6791 address 198.51.100.0/24"), []),
            ("missing", destination(target="", prefix=""), [
                "1:28: nat46 destination rule 10 translation address: missing",
                "1:28: nat46 destination rule 10 source prefix: missing",
            ]),
        )

    def test_rules_with_ports_are_bindings_of_one_address(self) -> None:
        self.check(
            ("a port", destination("destination port 80", "translation port 8080"), []),
            ("a range", destination("destination port 80-90", "protocol tcp", "protocol udp", "protocol icmp"), []),
            ("networks", destination("destination port 80", address="198.51.100.0/24", target="2001:db8::/120"), [
                "1:51: nat46 destination rule 10 destination address: 198.51.100.0/24 is a network, and the rule has ports",
                "2:51: nat46 destination rule 10 translation address: 2001:db8::/120 is a network, and the rule has ports",
            ]),
            ("ports that do not fit", destination("destination port 80-90", "translation port 65526"), [
                "5:48: nat46 destination rule 10 translation port: 11 ports do not fit behind port 65526",
            ]),
            ("ports that just fit", destination("destination port 80-90", "translation port 65525"), []),
            ("port 0", destination("destination port 80", "translation port 0"), [
                "5:48: nat46 destination rule 10 translation port: port 0 cannot be used",
            ]),
            ("identifier 0", destination("destination port 0-1", "translation port 0", "protocol icmp"), []),
            ("TAYGA", destination("destination port 80", "engine tayga"), [
                "4:43: nat46 destination rule 10 destination port: not for the engine tayga",
            ]),
            (
                "options of stateless Jool",
                destination("destination port 80", "option eam-hairpin none", "option rfc6791 address 192.0.2.0/24", "option tos 4"),
                [
                    "5:38: nat46 destination rule 10 option eam-hairpin: not with a destination port",
                    "6:38: nat46 destination rule 10 option rfc6791: not with a destination port",
                ],
            ),
        )

    def test_private_addresses_do_not_go_with_the_well_known_prefix(self) -> None:
        self.check(
            ("Jool", destination(prefix="64:ff9b::/96", address="10.0.0.1"), [
                "3:45: warning: nat46 destination rule 10 source prefix: the well-known prefix, and 10.0.0.1 is private",
            ]),
            ("TAYGA, which drops them", destination("engine tayga", prefix="64:ff9b::/96", address="10.0.0.1"), [
                "3:45: nat46 destination rule 10 source prefix: the well-known prefix, and 10.0.0.1 is private",
            ]),
            ("public", destination(prefix="64:ff9b::/96"), []),
        )

    def test_the_clat_maps_its_hosts(self) -> None:
        self.check(
            ("valid", clat(), []),
            ("link-local with TAYGA", "set nat46 clat engine tayga\n" + clat(ipv4="169.254.0.0/24"), [
                "3:29: nat46 clat ipv4 address: 169.254.0.0/24 cannot be used",
            ]),
            ("a length of RFC 6052", clat(ipv6="2001:db8:c::/96"), []),
            ("too small", clat(ipv6="2001:db8:c::/121"), [
                "3:28: nat46 clat ipv6 prefix: 2001:db8:c::/121 is too small for 192.168.0.0/24",
            ]),
            ("inside the provider's prefix", clat(plat="2001:db8::/96", ipv6="2001:db8::/120"), [
                "3:28: nat46 clat ipv6 prefix: 2001:db8::/120 and the PLAT's prefix overlap",
            ]),
            ("missing", clat(ipv4="", ipv6=""), [
                "1:11: nat46 clat ipv4 address: missing",
                "1:11: nat46 clat ipv6 prefix: missing",
            ]),
            ("prefix of the provider", clat(plat="64:ff9b::/95"), [
                "1:28: nat46 clat plat-prefix: a length of 95 is not valid here",
            ]),
        )

    @staticmethod
    def two_rules(mode: str, port: int) -> str:
        rules = source(mode, "match mark 1") + source(mode, "match mark 2", number=20, pool="198.51.100.0/24")
        return rules + f"set nat64 synchronization interface eth1\nset nat64 synchronization port {port}\n"

    def test_synchronization_needs_sessions_and_a_group(self) -> None:
        self.check(
            ("valid", source() + "set nat64 synchronization interface eth1\n", []),
            (
                "no group",
                source() + "set nat64 synchronization interface eth1\n"
                "set nat64 synchronization multicast-address 2001:db8::1\nset nat64 synchronization port 0\n",
                [
                    "5:45: nat64 synchronization multicast-address: 2001:db8::1 is not a multicast address",
                    "6:32: nat64 synchronization port: port 0 cannot be used",
                ],
            ),
            ("an IPv4 group, for which joold wants an address and no interface", source() + "set nat64 synchronization interface eth1\n"
             "set nat64 synchronization multicast-address 239.64.64.64\n", [
                '5:45: nat64 synchronization multicast-address: "239.64.64.64" is not an IPv6 address',
            ]),
            ("the last port, for one instance of two rules", self.two_rules("mode inline", 65535), []),
            ("the last but one, for two instances", self.two_rules("mode iptables", 65534), []),
            ("the last, for two instances", self.two_rules("mode iptables", 65535), [
                "12:32: nat64 synchronization port: 2 instances do not fit behind port 65535",
            ]),
            ("two kinds on one port", source("mode iptables") + destination("destination port 80", "mode iptables") + "".join(
                f"set {root} synchronization interface eth1\nset {root} synchronization port 65535\n" for root in ("nat64", "nat46")
            ), [
                "11:32: nat64 synchronization port: 2 instances do not fit behind port 65535",
                "13:32: nat46 synchronization port: 2 instances do not fit behind port 65535",
            ]),
            ("no rule", "set nat64 synchronization interface eth1\n", [
                "1:11: nat64 synchronization: there are no sessions to synchronize",
            ]),
            ("no interface", source() + "set nat64 synchronization port 5\n", [
                "4:11: nat64 synchronization interface: missing",
            ]),
            ("isolated", source("mode isolated") + "set nat64 synchronization interface eth1\n", [
                "4:31: nat64 source rule 10 mode: not with synchronization",
            ]),
            ("stateless", destination() + "set nat46 synchronization interface eth1\n", [
                "4:11: nat46 synchronization: there are no sessions to synchronize",
            ]),
            ("TAYGA", source("engine tayga", port="") + "set nat64 synchronization interface eth1\n", [
                "4:11: nat64 synchronization: there are no sessions to synchronize",
            ]),
            ("with ports", destination("destination port 80") + "set nat46 synchronization interface eth1\n", []),
        )


if __name__ == "__main__":
    unittest.main()
