"""As many rules as there may be, and more."""

from __future__ import annotations

import time
import unittest

from configurations import configuration, pool, source

from nat64ctl.applicable import check_applicable
from nat64ctl.desired import Unplannable, desired_state
from nat64ctl.model import Configuration, Mode


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

    def test_time_grows_with_the_rules_and_not_with_their_square(self) -> None:
        def seconds(count: int) -> float:
            rules = isolated_rules(count)
            spent = []
            for _ in range(2):
                start = time.process_time()
                desired_state(rules)
                spent.append(time.process_time() - start)
            return min(spent)

        # Where each rule copied what there is: 14 times as long.
        self.assertLess(seconds(4000) / seconds(1000), 8)


if __name__ == "__main__":
    unittest.main()
