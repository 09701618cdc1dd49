"""Which rules an instance works for."""

from __future__ import annotations

import unittest
from typing import List

from configurations import configuration, destination, source

from nat64ctl.model import Configuration, Mode, PortRange, Protocol
from nat64ctl.observe.owners import owner_of, sharing_rules
from nat64ctl.observe.translators import JoolInstance
from nat64ctl.state import MAIN, Framework, InstanceKey, Kind

PREFIX = "2001:db8:46::/96"


def instance(kind: Kind, name: str, framework: Framework) -> JoolInstance:
    return JoolInstance(InstanceKey(MAIN, kind, name), framework, True, options={"pool6": PREFIX})


class Sharing(unittest.TestCase):
    def rules(self, mode: Mode) -> Configuration:
        def port(number: int) -> PortRange:
            return PortRange(number, number)

        return configuration(
            source(1, mode=mode),
            destination(3, "203.0.113.3", "2001:db8::3", mode=mode),
            destination(4, "203.0.113.4", "2001:db8::4", mode=mode),
            destination(5, "203.0.113.5", "2001:db8::5", mode=mode, disabled=True),
            destination(6, "203.0.113.6", "2001:db8::6", mode=mode, ports=port(80), protocols=(Protocol.TCP,)),
            destination(7, "203.0.113.6", "2001:db8::7", mode=mode, ports=port(81), protocols=(Protocol.TCP,)),
            destination(8, "203.0.113.8", "2001:db8::8", mode=Mode.ISOLATED),
            destination(9, "203.0.113.9", "2001:db8::9", mode=Mode.IPTABLES, prefix="2001:db8:47::/96"),
        )

    def shares(self, mode: Mode, framework: Framework, kind: Kind, name: str) -> List[str]:
        return sharing_rules(instance(kind, name, framework), {}, self.rules(mode))

    def test_rules_of_the_same_mode_and_kind(self) -> None:
        for mode, framework in ((Mode.INLINE, Framework.NETFILTER), (Mode.IPTABLES, Framework.IPTABLES)):
            with self.subTest(mode):
                self.assertEqual(self.shares(mode, framework, Kind.SIIT, "nat46-3"), ["nat46-3", "nat46-4"])
                self.assertEqual(self.shares(mode, framework, Kind.NAT64, "nat46-6"), ["nat46-6", "nat46-7"])

    def test_by_iptables_a_nat64_rule_has_its_own(self) -> None:
        self.assertEqual(self.shares(Mode.IPTABLES, Framework.IPTABLES, Kind.NAT64, "instance-1"), ["nat64-1"])

    def test_the_port_outside_tells(self) -> None:
        owner = owner_of(instance(Kind.NAT64, "nat46-6", Framework.IPTABLES), {}, self.rules(Mode.IPTABLES))
        self.assertEqual([owner("TCP", "203.0.113.6", port) for port in ("80", "81", "82")], ["nat46-6", "nat46-7", None])


if __name__ == "__main__":
    unittest.main()
