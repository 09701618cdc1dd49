"""VyOS's own `nat64`: what it accepts is accepted here, and means the same."""
from __future__ import annotations

import unittest
from ipaddress import IPv4Network, IPv6Network

from support.checking import FIREWALL, result_of, valid

from nat64ctl.model import Configuration, Engine, Mode, Pool, PortRange, Protocol, SourceRule

BASE = "set nat64 source rule 100 "
EVERY = (Protocol.TCP, Protocol.UDP, Protocol.ICMP)


class VyosNat64(unittest.TestCase):
    def test_every_node_of_its_tree_has_its_meaning(self) -> None:
        text = "".join(BASE + line + "\n" for line in (
            "description 'to the Internet'", "disable", "match mark '2147483647'", "source prefix '64:ff9b::/96'",
            "translation pool 10 address '192.0.2.10'",
            "translation pool 10 port '1-65535'", "translation pool 20 address '198.51.100.0/24'", "translation pool 20 description 'more'",
            "translation pool 20 port '5000'", "translation pool 20 protocol tcp", "translation pool 20 protocol icmp",
            "translation pool 30 address '203.0.113.1'",
            "translation pool 30 disable", "translation pool 30 port '1-2'",
        ))
        self.assertEqual(valid(text), Configuration((SourceRule(
            number=100, engine=Engine.JOOL, mode=Mode.INLINE, prefix=IPv6Network("64:ff9b::/96"),
            pools=(
                Pool(10, IPv4Network("192.0.2.10/32"), PortRange(1, 65535), EVERY),
                Pool(20, IPv4Network("198.51.100.0/24"), PortRange(5000, 5000), (Protocol.TCP, Protocol.ICMP), None, "more"),
            ),
            disabled=True, mark=2147483647, description="to the Internet",
        ),)))

    def test_the_configuration_of_its_smoke_test_has_no_other_warning_than_the_firewalls(self) -> None:
        text = BASE + "source prefix 64:ff9b::/96\n" + BASE + "translation pool 10 address 192.0.2.10\n" + BASE + "translation pool 10 port 1-65535\n"
        result = result_of(text)
        self.assertIsNotNone(result.configuration)
        self.assertEqual([problem.message for problem in result.problems], [FIREWALL])

    def test_a_rule_without_pools_is_accepted_with_a_warning(self) -> None:
        configuration = valid(BASE + "source prefix 64:ff9b::/96\n")
        self.assertEqual((configuration.source_rules[0].pools, configuration.source_rules[0].mode), ((), Mode.INLINE))

    def test_pools_may_overlap_and_be_private(self) -> None:
        text = BASE + "source prefix 64:ff9b::/96\n" + "".join(
            BASE + f"translation pool {number} address 10.0.0.1\n" + BASE + f"translation pool {number} port 1-65535\n" for number in (1, 2)
        )
        self.assertEqual([pool.number for pool in valid(text).source_rules[0].pools], [1, 2])

    def test_the_form_of_config_boot_means_the_same(self) -> None:
        text = """nat64 {
    source {
        rule 100 {
            description "to the Internet"
            disable
            match {
                mark "77"
            }
            source {
                prefix "64:ff9b::/96"
            }
            translation {
                pool 10 {
                    address "192.0.2.10"
                    port "1-65535"
                    protocol {
                        tcp
                        udp
                    }
                }
            }
        }
    }
}
"""
        lines = "".join(BASE + line + "\n" for line in (
            "description 'to the Internet'", "disable", "match mark 77", "source prefix 64:ff9b::/96", "translation pool 10 address 192.0.2.10",
            "translation pool 10 port 1-65535", "translation pool 10 protocol udp", "translation pool 10 protocol tcp",
        ))
        self.assertEqual(valid(text), valid(lines))


if __name__ == "__main__":
    unittest.main()
