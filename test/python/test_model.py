"""What a checked configuration says of itself."""
from __future__ import annotations

import unittest
from ipaddress import IPv4Network, IPv6Network

from nat64ctl.model import DestinationRule, Engine, Mode, PortRange, Protocol


def destination_rule(ports: PortRange | None, *protocols: Protocol) -> DestinationRule:
    return DestinationRule(
        number=10, engine=Engine.JOOL, mode=Mode.INLINE, address=IPv4Network("198.51.100.80/32"), ports=ports, protocols=protocols,
        translation_address=IPv6Network("2001:db8::80/128"), translation_port=None, source_prefix=IPv6Network("64:ff9b::/96"),
    )


class DestinationRuleTest(unittest.TestCase):
    def test_a_rule_without_ports_is_stateless_and_one_with_ports_is_not(self) -> None:
        self.assertFalse(destination_rule(None).stateful)
        self.assertTrue(destination_rule(PortRange(80, 80), Protocol.TCP).stateful)


class PortRangeTest(unittest.TestCase):
    def test_ranges_are_ordered_by_their_first_port_and_then_by_their_last(self) -> None:
        shuffled = [PortRange(200, 300), PortRange(100, 900), PortRange(100, 200)]
        self.assertEqual(sorted(shuffled), [PortRange(100, 200), PortRange(100, 900), PortRange(200, 300)])


if __name__ == "__main__":
    unittest.main()
