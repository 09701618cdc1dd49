"""A route of somebody else where one to a translator has to be: foreseen, named, and left alone."""

from __future__ import annotations

import unittest
from typing import List, Optional

from configurations import configuration, destination, pool, source
from fake_router import FakeRouter
from support.checking import result_of
from support.lines import clat as clat_lines
from support.lines import destination as destination_lines
from support.lines import source as source_lines

from nat64ctl.apply import apply, plan_for
from nat64ctl.foreign_routes import in_the_way
from nat64ctl.model import Configuration, Engine, Mode
from nat64ctl.requirements import Missing
from nat64ctl.router_facts import router_facts

POOL = (4, "192.0.2.0/24")
PREFIX = (6, "64:ff9b::/96")
ISOLATED = configuration(source(10, pool("192.0.2.0/24"), mode=Mode.ISOLATED))


class InTheWay(unittest.TestCase):
    def found(self, line: str) -> List[str]:
        router = FakeRouter()
        router.foreign_routes[6 if "::" in line else 4].append(line)
        return [lack.message for lack in in_the_way(router, {POOL, PREFIX}).values()]

    def test_what_the_kernel_would_not_have_beside_ours_or_would_prefer(self) -> None:
        for line in (
            "blackhole 192.0.2.0/24", "unreachable 192.0.2.0/24", "192.0.2.0/24 via 10.0.0.2 dev eth0",
            "192.0.2.0/24 dev eth1 proto kernel scope link src 192.0.2.1", "192.0.2.0/24 proto static",
            "blackhole 64:ff9b::/96 dev lo metric 1024 pref medium", "64:ff9b::/96 dev eth0 proto kernel metric 256 pref medium",
        ):
            with self.subTest(line):
                self.assertEqual(self.found(line), ["the route `%s` is where the one to the translator has to be" % line])

    def test_what_is_elsewhere_or_comes_after_ours_is_no_matter(self) -> None:
        for line in (
            "blackhole 192.0.2.0/24 metric 20", "blackhole 192.0.2.0/25", "default via 10.0.0.2 dev eth0",
            "192.0.2.0/24 tos 0x10 via 10.0.0.2 dev eth0", "192.0.2.0/24 via 198.19.0.21 dev nat64-10",
            "\t192.0.2.0/24 via 10.0.0.2 dev eth0 weight 1", "", "blackhole 64:ff9b::/96 dev lo metric 4096 pref medium",
        ):
            with self.subTest(line):
                self.assertEqual(self.found(line), [])

    def test_a_blackhole_can_stay_with_a_metric(self) -> None:
        router = FakeRouter()
        router.foreign_routes[4] += ["blackhole 192.0.2.0/24", "10.0.0.0/8 via 10.0.0.2 dev eth0"]
        router.foreign_routes[6] += ["blackhole 64:ff9b::/96 dev lo metric 1024 pref medium"]
        found = in_the_way(router, {POOL, PREFIX, (4, "10.0.0.0/8")})
        self.assertEqual({where: lack.remedy for where, lack in found.items()}, {
            POOL: "give it a metric: `ip route delete blackhole 192.0.2.0/24`, `ip route add blackhole 192.0.2.0/24 metric 4096`",
            PREFIX: "give it a metric: `ip -6 route delete blackhole 64:ff9b::/96`, `ip -6 route add blackhole 64:ff9b::/96 metric 4096`",
            (4, "10.0.0.0/8"): "delete it, or have other addresses translated",
        })


class Foreseen(unittest.TestCase):
    def refused(self, what: Configuration, line: str, text: str) -> Optional[str]:
        """The head of the one problem that the check has, which has to be apply's."""
        router = FakeRouter()
        router.foreign_routes[6 if "::" in line else 4].append(line)
        with self.assertRaises(Missing) as raised:
            plan_for(router, what)
        with self.assertRaises(Missing) as again:
            apply(router, what)
        self.assertEqual(str(raised.exception), str(again.exception))
        self.assertEqual(router.changes, 0)
        problem, = (problem for problem in result_of(text, router_facts(router)).problems if "is where the one" in problem.message)
        self.assertEqual((problem.message, problem.remedy), (raised.exception.message, raised.exception.remedy))
        return str(problem).split(": the route")[0]

    def test_pools_addresses_and_prefixes_of_translators_with_an_interface(self) -> None:
        isolated = source_lines("mode isolated", pool="192.0.2.0/24")
        pool_leaf = "f:2:53: nat64 source rule 10 translation pool 1 address"
        self.assertEqual(self.refused(ISOLATED, "blackhole 192.0.2.0/24", isolated), pool_leaf)
        own = source_lines("mode isolated", prefix="64:ff9b::/96")
        self.assertEqual(self.refused(ISOLATED, "blackhole 64:ff9b::/96 dev lo metric 1024", own), "f:1:40: nat64 source rule 10 source prefix")
        two = source_lines("mode isolated", "translation pool 2 address 192.0.2.128/25", pool="192.0.2.0/25")
        halves = configuration(source(10, pool("192.0.2.0/25"), pool("192.0.2.128/25", number=2), mode=Mode.ISOLATED))
        self.assertEqual(self.refused(halves, "blackhole 192.0.2.0/24", two), pool_leaf)
        by_tayga = configuration(source(10, pool("192.0.2.0/24", None), engine=Engine.TAYGA))
        self.assertEqual(self.refused(by_tayga, "blackhole 192.0.2.0/24", source_lines("engine tayga", pool="192.0.2.0/24", port="")), pool_leaf)
        forward = configuration(destination(10, "203.0.113.0/28", "2001:db8:beef::/124", mode=Mode.ISOLATED))
        lines = destination_lines("mode isolated", address="203.0.113.0/28", target="2001:db8:beef::/124")
        self.assertEqual(self.refused(forward, "blackhole 203.0.113.0/28", lines), "f:1:51: nat46 destination rule 10 destination address")

    def test_where_no_route_is_wanted_it_is_welcome(self) -> None:
        router = FakeRouter()
        router.foreign_routes[4] += ["blackhole 192.0.2.0/24"]
        router.foreign_routes[6] += ["blackhole 64:ff9b::/96 dev lo metric 1024", "blackhole 2001:db8:c1a7::/120 dev lo metric 9"]
        self.assertEqual(apply(router, configuration(source(10, pool("192.0.2.0/24"))))[0].what, "instance-10: create")
        for text in (
            source_lines(pool="192.0.2.0/24"), source_lines("mode isolated", "match mark 5", prefix="64:ff9b::/96", pool="192.0.2.0/25"),
            clat_lines("192.168.0.0/24", "2001:db8:c1a7::/120", "64:ff9b::/96", "mode inline"),
        ):
            self.assertEqual([problem for problem in result_of(text, router_facts(router)).problems if "is where" in problem.message], [])

    def test_one_that_comes_when_ours_is_there_changes_nothing(self) -> None:
        router = FakeRouter()
        apply(router, ISOLATED)
        router.foreign_routes[4].append("blackhole 192.0.2.0/24 metric 4096")
        self.assertEqual(apply(router, ISOLATED), ())
        more = destination(1, "203.0.113.1", "2001:db8:beef::1", mode=Mode.ISOLATED)
        self.assertEqual(apply(router, configuration(*ISOLATED.source_rules, more))[0].what, "nat46-1: add network namespace")


if __name__ == "__main__":
    unittest.main()
