"""Stand-in for the base of VyOS's smoke tests: a session whose commit runs the scripts of this package, on whatever router they find."""
from __future__ import annotations

import shlex
import unittest
from typing import List

from support.vyos_scripts import committed
from vyos.configsession import ConfigSessionError


class VyOSUnitTestSHIM:
    class TestCase(unittest.TestCase):
        def setUp(self) -> None:
            self._active: List[List[str]] = []
            self._session: List[List[str]] = []

        def cli_set(self, path: List[str]) -> None:
            # A leaf of one value is set anew.
            self._session = [*(other for other in self._session if other[:-1] != path[:-1] or other == path), path]

        def cli_delete(self, path: List[str]) -> None:
            self._session = [other for other in self._session if other[:len(path)] != path]

        def cli_discard(self) -> None:
            self._session = list(self._active)

        def cli_commit(self) -> None:
            text = "".join("set %s\n" % " ".join(map(shlex.quote, path)) for path in self._session)
            success, said = committed(text, "nat64", "nat46")
            if not success:
                raise ConfigSessionError("".join(said))
            self._active = list(self._session)
