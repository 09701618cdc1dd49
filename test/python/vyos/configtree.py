"""Stand-in for vyos.configtree: no more of it than the migration scripts here use. A configuration is JSON."""
from __future__ import annotations

import json
from typing import Any, Dict, List


class ConfigTree:
    def __init__(self, config_string: str) -> None:
        self._root: Dict[str, Any] = json.loads(config_string)

    def _at(self, path: List[str]) -> Any:
        found: Any = self._root
        for name in path:
            found = found[name] if isinstance(found, dict) and name in found else None
        return found

    def exists(self, path: List[str]) -> bool:
        return self._at(path) is not None

    def list_nodes(self, path: List[str]) -> List[str]:
        return list(self._at(path))

    def rename(self, path: List[str], new_name: str) -> None:
        assert not self.exists([*path[:-1], new_name]), "VyOS refuses a name that is there"
        above = self._at(path[:-1])
        above[new_name] = above.pop(path[-1])

    def to_string(self) -> str:
        return json.dumps(self._root)
