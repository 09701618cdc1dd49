"""Names that VyOS's own nat64 takes and nat64ctl does not are the same rule's under both."""
from __future__ import annotations

import json
import os
import runpy
import sys
import tempfile
import unittest
from typing import Any, Dict
from unittest import mock

from vyos.configtree import ConfigTree

_PACKAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../packaging/vyos-nat64")
_SCRIPT = os.path.join(_PACKAGE, "opt/vyatta/etc/config-migrate/migrate/vyos-nat64/0-to-1")


def _rules(rules: Dict[str, Any]) -> str:
    return json.dumps({"nat64": {"source": {"rule": rules}}, "system": {}})


class Migration(unittest.TestCase):
    def imported(self, text: str) -> str:
        """As VyOS 1.5 does it, twice: an upgrade of an image has it done again."""
        migrate = runpy.run_path(_SCRIPT)["migrate"]
        tree = ConfigTree(text)
        migrate(tree)
        once = tree.to_string()
        migrate(tree)
        self.assertEqual(tree.to_string(), once)
        return once

    def test_leading_zeros_of_rules_and_pools_go(self) -> None:
        old = _rules({"0100": {"translation": {"pool": {"007": {"port": "1"}, "8": {}}}}, "20": {}})
        new = _rules({"20": {}, "100": {"translation": {"pool": {"8": {}, "7": {"port": "1"}}}}})
        self.assertEqual(json.loads(self.imported(old)), json.loads(new))

    def test_where_both_names_are_there_a_person_has_to_say_which(self) -> None:
        both = _rules({"010": {"a": {}}, "10": {"b": {}}})
        self.assertEqual(self.imported(both), both)

    def test_other_configurations_stay_as_they_are(self) -> None:
        for text in ('{"system": {}}', '{"nat64": {}}', _rules({"5": {}})):
            self.assertEqual(self.imported(text), text)

    def test_executed_with_a_file_as_earlier_versions_do(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "config.boot")
            with open(path, "w", encoding="utf-8") as file:
                file.write(_rules({"01": {}}))
            with mock.patch.object(sys, "argv", [_SCRIPT, path]):
                runpy.run_path(_SCRIPT, run_name="__main__")
            with open(path, encoding="utf-8") as file:
                self.assertEqual(file.read(), _rules({"1": {}}))


if __name__ == "__main__":
    unittest.main()
