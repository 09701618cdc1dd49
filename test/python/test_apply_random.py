"""Random configurations on the model of a router."""

from __future__ import annotations

import os
import unittest

from configurations import random_configuration
from fake_router import FakeRouter

from nat64ctl.apply import apply
from nat64ctl.desired import desired_state
from nat64ctl.difference import difference
from nat64ctl.names import keep_names
from nat64ctl.running import running_state
from nat64ctl.state import State

COUNT = int(os.environ.get("NAT64CTL_RANDOM", "2000"))


class RandomConfigurations(unittest.TestCase):
    def test_what_is_wanted_runs_whatever_ran_before_and_a_second_apply_does_nothing(self) -> None:
        router = FakeRouter()
        operations = 0
        for seed in range(COUNT):
            with self.subTest(seed=seed):
                configuration = random_configuration(seed)
                before = running_state(router)
                operations += len(apply(router, configuration))
                self.assertEqual(running_state(router), keep_names(before, desired_state(configuration)))
                changes = router.changes
                self.assertEqual(apply(router, configuration), ())
                self.assertEqual(router.changes, changes)
        self.assertGreater(operations, 20 * COUNT)

    def test_a_new_router_gets_the_same(self) -> None:
        for seed in range(0, COUNT, 5):
            with self.subTest(seed=seed):
                router = FakeRouter()
                apply(router, random_configuration(seed))
                self.assertEqual(running_state(router), desired_state(random_configuration(seed)))

    def test_there_is_a_plan_between_two_states_exactly_when_they_differ(self) -> None:
        for seed in range(0, COUNT, 4):
            with self.subTest(seed=seed):
                before, after = desired_state(random_configuration(seed)), desired_state(random_configuration(seed + 1))
                self.assertEqual(difference(before, before), ())
                self.assertEqual(difference(after, after), ())
                self.assertEqual(len(difference(before, after)) > 0, before != keep_names(before, after))

    def test_nothing_is_left_of_nothing(self) -> None:
        router = FakeRouter()
        empty = random_configuration(0).__class__()
        for seed in range(0, COUNT, 10):
            with self.subTest(seed=seed):
                apply(router, random_configuration(seed))
                apply(router, empty)
                self.assertEqual(running_state(router), State())
                self.assertEqual([path for path in router.files if not path.startswith("/proc")], [])


if __name__ == "__main__":
    unittest.main()
