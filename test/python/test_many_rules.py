"""As many rules as there may be, and more."""

from __future__ import annotations

import unittest

from configurations import configuration, pool, source

from nat64ctl import isolated
from nat64ctl.applicable import check_applicable
from nat64ctl.desired import Unplannable, desired_state
from nat64ctl.desired.building import Building
from nat64ctl.model import Configuration, Mode
from nat64ctl.state import Masquerade


def isolated_rules(count: int) -> Configuration:
    return configuration(
        *(
            source(
                number,
                pool("%d.%d.%d.%d" % (100 + (number >> 24), number >> 16 & 255, number >> 8 & 255, number & 255)),
                mode=Mode.ISOLATED,
                prefix="2001:db8:%x:%x::/96" % (number >> 16, number & 0xFFFF),
            )
            for number in range(1, count + 1)
        )
    )


class ManyRules(unittest.TestCase):
    def test_there_are_addresses_for_so_many_translators_and_no_more(self) -> None:
        with self.assertRaises(Unplannable) as raised:
            desired_state(isolated_rules(32769))
        self.assertEqual(raised.exception.message, "more than 32768 rules in `mode isolated` or of TAYGA: each has two addresses of 198.19.0.0/16")

    def test_whoever_checks_is_told(self) -> None:
        # Of TAYGA, whose rules are the shortest to write.
        lines = []
        for number in range(1, 32770):
            path = "set nat64 source rule %d " % number
            lines += [path + "engine tayga", path + "source prefix 2001:db8:%x:%x::/96" % (number >> 16, number & 0xFFFF)]
            lines.append(path + "translation pool 1 address 100.%d.%d.0/30" % (64 + (number >> 8), number & 255))
        result = check_applicable("\n".join(lines).encode(), "many.config")
        self.assertEqual([problem.message[:21] for problem in result.problems], ["more than 32768 rules"])

    def test_what_grows_with_each_rule_grows_in_place(self) -> None:
        # A copy for each rule: time would grow with their square.
        building = Building()
        before = (building.namespaces, building.policy_rules, building.masquerades)
        building.namespaces |= {"nat64-1"}
        building.policy_rules |= isolated.inner_rules("nat64-1")
        building.masquerades |= {Masquerade("198.19.0.3", "nat64-1")}
        for one, other in zip(before, (building.namespaces, building.policy_rules, building.masquerades)):
            self.assertIs(one, other)


if __name__ == "__main__":
    unittest.main()
