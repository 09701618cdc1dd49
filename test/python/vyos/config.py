"""Stand-in for vyos.config: one configuration, that of the session."""
from __future__ import annotations

from copy import deepcopy
from typing import Any, ClassVar, Dict, List, Optional


class Config:
    #: What a script gets that makes a Config of its own, as it does where vyos-configd does not give it one.
    session: ClassVar[Dict[str, Any]] = {}
    #: What was committed last.
    running: ClassVar[Dict[str, Any]] = {}

    def __init__(self, session_env: Optional[Dict[str, str]] = None, config_source: Optional[Dict[str, Any]] = None) -> None:
        assert session_env is None
        self._root = deepcopy(Config.session if config_source is None else config_source)

    def get_config_dict(
        self, path: List[str], effective: bool = False, key_mangling: Optional[object] = None,
        get_first_key: bool = False, no_multi_convert: bool = False,
    ) -> Dict[str, Any]:
        """With get_first_key what is below the path, {} where there is nothing.

        With no_multi_convert a leaf of several values that has one is a text.
        """
        assert get_first_key and no_multi_convert and key_mangling is None, "the stand-in has no more than that"
        found: Any = Config.running if effective else self._root
        for name in path:
            found = found.get(name, {})
        assert isinstance(found, dict)
        return deepcopy(found)
