"""The smoke test that the package brings for VyOS passes: here with stand-ins for VyOS, on a router that is none."""
from __future__ import annotations

import importlib
import json
import os
import sys
import unittest
from typing import Any, List, Optional
from unittest import mock

from fake_router import FakeRouter
from support.vyos_scripts import on, script

from vyos_nat64 import operational

sys.path.insert(0, os.path.dirname(script("tests/smoke/cli", "test_nat64_nat46")))
smoke: Any = importlib.import_module("test_nat64_nat46")


class Smoke(unittest.TestCase):
    def run_smoke(self) -> unittest.TestResult:
        router = FakeRouter()

        def instances() -> List[str]:
            return sorted(name for _, _, name in router.instances if name.startswith("instance-"))

        def instance_file() -> Optional[Any]:
            text = router.files.get("/run/jool/instance-100.json")
            return None if text is None else json.loads(text)

        def shown(command: str) -> Any:
            return getattr(operational, command)(True, "nat64")

        case = smoke.TestVyOSNAT64
        with on(router), mock.patch("vyos_nat64.operational.LocalSystem", lambda: router), mock.patch.multiple(
            case, instances=staticmethod(instances), instance_file=staticmethod(instance_file), shown=staticmethod(shown),
        ):
            result = unittest.TestResult()
            unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
        return result

    def test_it_passes(self) -> None:
        result = self.run_smoke()
        self.assertEqual([text for _, text in (*result.failures, *result.errors)], [])
        self.assertEqual(result.testsRun, 4)

    def test_it_fails_where_a_commit_does_nothing(self) -> None:
        with mock.patch("vyos_nat64.commit.apply", lambda *_: None):
            result = self.run_smoke()
        self.assertEqual(len(result.failures) + len(result.errors), 4)


if __name__ == "__main__":
    unittest.main()
