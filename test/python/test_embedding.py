"""RFC 6052's own examples (section 2.4), and explicit address maps."""

from __future__ import annotations

import random
import unittest
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from nat64ctl.embedding import NotEmbedded, embed, extract, map_to_four, map_to_six

ADDRESS = IPv4Address("192.0.2.33")
EXAMPLES = (
    ("2001:db8::/32", "2001:db8:c000:221::"),
    ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
    ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
    ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
    ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
    ("2001:db8:122:344::/96", "2001:db8:122:344::192.0.2.33"),
    ("64:ff9b::/96", "64:ff9b::192.0.2.33"),
)


class Embedding(unittest.TestCase):
    def test_examples_of_all_six_lengths_both_ways(self) -> None:
        for prefix, embedded in EXAMPLES:
            self.assertEqual(embed(IPv6Network(prefix), ADDRESS), IPv6Address(embedded), prefix)
            self.assertEqual(extract(IPv6Network(prefix), IPv6Address(embedded)), ADDRESS, prefix)

    def test_what_is_embedded_comes_out_again(self) -> None:
        chance = random.Random(6052)
        for prefix, _ in EXAMPLES:
            for _ in range(200):
                four = IPv4Address(chance.getrandbits(32))
                six = embed(IPv6Network(prefix), four)
                self.assertEqual(extract(IPv6Network(prefix), six), four)
                self.assertEqual(int(six) >> 56 & 0xFF, 0, "the octet that RFC 6052 reserves")

    def test_bits_after_the_address_are_ignored_and_the_reserved_octet_is_not(self) -> None:
        prefix = IPv6Network("2001:db8::/32")
        self.assertEqual(extract(prefix, IPv6Address("2001:db8:c000:221:0:1:2:3")), ADDRESS)
        with self.assertRaises(NotEmbedded):
            extract(prefix, IPv6Address("2001:db8:c000:221:100::"))
        self.assertIsNone(extract(prefix, IPv6Address("2001:db9::1")))

    def test_other_lengths_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            embed(IPv6Network("2001:db8::/80"), ADDRESS)

    def test_explicit_maps_copy_the_bits_after_the_prefixes(self) -> None:
        four, six = IPv4Network("192.0.2.16/28"), IPv6Network("2001:db8:cccc::/124")
        self.assertEqual(map_to_six(four, six, IPv4Address("192.0.2.21")), IPv6Address("2001:db8:cccc::5"))
        self.assertEqual(map_to_four(four, six, IPv6Address("2001:db8:cccc::5")), IPv4Address("192.0.2.21"))
        four26, six62 = IPv4Network("192.0.2.64/26"), IPv6Network("2001:db8:eeee:8::/62")
        # 93 - 64 is 011101 in binary: 01 up to bit 64, and 1101.
        self.assertEqual(map_to_six(four26, six62, IPv4Address("192.0.2.93")), IPv6Address("2001:db8:eeee:9:d000::"))
        self.assertEqual(map_to_four(four26, six62, IPv6Address("2001:db8:eeee:9:d000::7")), IPv4Address("192.0.2.93"))
        self.assertIsNone(map_to_six(four, six, IPv4Address("192.0.2.32")))
        self.assertIsNone(map_to_four(four, six, IPv6Address("2001:db8::1")))


if __name__ == "__main__":
    unittest.main()
