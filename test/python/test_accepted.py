"""What `check` accepts, a router can carry out: of configurations at the ends of what can be written."""

from __future__ import annotations

import os
import unittest
from ipaddress import ip_address
from random import Random
from typing import Tuple

from fake_router import FakeRouter
from support.checking import result_of
from support.edge_configuration import OWN_ADDRESSES, edge_configuration
from support.random_configuration import random_configuration

from nat64ctl.apply import apply
from nat64ctl.check import RouterFacts
from nat64ctl.desired import desired_state
from nat64ctl.model import PortRange
from nat64ctl.running import running_state

COUNT = int(os.environ.get("NAT64CTL_EDGES", "300"))


class Accepted(unittest.TestCase):
    def run_all(self, version: Tuple[int, ...]) -> None:
        facts = RouterFacts(
            ephemeral_ports=PortRange(32768, 60999), jool_version=version, interfaces=frozenset(("eth0",)),
            addresses=frozenset(ip_address(address) for address in OWN_ADDRESSES),
        )
        accepted = 0
        for seed in range(COUNT):
            text = edge_configuration(Random(seed))
            configuration = result_of(text, facts).configuration
            if configuration is None:
                continue
            accepted += 1
            with self.subTest(seed=seed, text=text):
                router = FakeRouter()
                router.module_version = router.tool_version = ".".join(str(part) for part in version) + ".0"
                router.own_addresses = set(OWN_ADDRESSES)
                apply(router, configuration)
                self.assertEqual(running_state(router), desired_state(configuration))
                self.assertEqual(apply(router, configuration), ())
        # Enough of each, or the edges are all on one side.
        self.assertGreater(accepted, COUNT // 10)
        self.assertLess(accepted, COUNT // 2)

    def test_valid_configurations_by_chance_run(self) -> None:
        for seed in range(COUNT // 15):
            configuration = random_configuration(Random(seed))
            with self.subTest(seed=seed):
                router = FakeRouter()
                apply(router, configuration)
                self.assertEqual(running_state(router), desired_state(configuration))

    def test_it_runs_on_jool_before_4_1_15(self) -> None:
        self.run_all((4, 1, 13))

    def test_it_runs_on_a_jool_that_looks_at_ephemeral_ports(self) -> None:
        self.run_all((4, 1, 15))


if __name__ == "__main__":
    unittest.main()
