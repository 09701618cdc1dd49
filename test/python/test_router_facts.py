"""What `check --on-this-router` knows of what apply would find missing."""

from __future__ import annotations

import unittest

from configurations import configuration, pool, source
from fake_router import FakeRouter

from nat64ctl.apply import apply
from nat64ctl.model import Engine
from nat64ctl.requirements import Missing
from nat64ctl.router_facts import router_facts


class UnavailableEngines(unittest.TestCase):
    def test_a_router_that_has_everything(self) -> None:
        router = FakeRouter()
        self.assertEqual(router_facts(router).unavailable_engines, {})
        router.devices = []
        # It loads when it is needed.
        self.assertEqual(router_facts(router).unavailable_engines, {})

    def test_no_tun_device(self) -> None:
        router = FakeRouter()
        router.modules |= {"jool", "jool_siit"}
        router.devices, router.modprobe_error = [], "modprobe: FATAL: Module tun not found"
        self.assertEqual(router_facts(router).unavailable_engines, {Engine.TAYGA: "This kernel has no TUN device, which TAYGA needs."})
        with self.assertRaises(Missing):
            apply(router, configuration(source(1, pool("100.64.0.0/24", None), engine=Engine.TAYGA)))

    def test_modules_and_tools_of_two_versions(self) -> None:
        router = FakeRouter()
        router.modules.add("jool")
        router.tool_version = "4.1.15.0"
        self.assertEqual(
            router_facts(router).unavailable_engines,
            {Engine.JOOL: "The module jool that is loaded is of version 4.1.13.0, and its tool of version 4.1.15.0; after a reboot they may fit."},
        )
        with self.assertRaises(Missing):
            apply(router, configuration(source(1, pool("192.0.2.1"))))


if __name__ == "__main__":
    unittest.main()
